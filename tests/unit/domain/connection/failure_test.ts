import assert from "node:assert/strict";
import {
  failureOfUpstream,
  FeedFailure,
  toFailure,
} from "../../../../src/domain/connection/failure.ts";

for (
  const [code, errorType] of [
    [402, "auth"],
    [409, "auth"],
    [411, "auth"],
    [406, "connection_limit"],
    [429, "rate_limited"],
    [407, "upstream_error"],
    [500, "upstream_error"],
  ] as const
) {
  Deno.test(`upstream error ${code} is ${errorType}`, () => {
    const failure = failureOfUpstream({ code, message: "its words" });
    assert.equal(failure.message, `its words (code ${code})`);
    assert.equal(failure.errorType, errorType);
  });
}

Deno.test("any error becomes a failure that keeps its cause", () => {
  const failure = new FeedFailure("known", { errorType: "closed" });
  assert.equal(toFailure(failure), failure);

  const cause = new TypeError("unknown");
  assert.equal(toFailure(cause).message, "unknown");
  assert.equal(toFailure(cause).cause, cause);
  assert.equal(toFailure("text").message, "text");
  assert.equal(toFailure(undefined).message, "undefined");
});

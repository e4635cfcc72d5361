import assert from "node:assert/strict";
import { TradeUpdatesSubscription } from "../../../../src/application/feeds/upstream_subscriptions.ts";
import {
  failureOfUpstream,
  FeedFailure,
  toFailure,
} from "../../../../src/application/feeds/feed_failure.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { ScriptedSession } from "./scripted_feed.ts";

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

Deno.test("trade updates are one subscription while their session is up", () => {
  const subscriptions = new TradeUpdatesSubscription();
  const session = new ScriptedSession(new ManualClock());
  assert.equal(subscriptions.subscriptionCount, 0);
  subscriptions.probe();
  subscriptions.attach(session);
  assert.equal(subscriptions.subscriptionCount, 1);
  subscriptions.probe();
  assert.deepEqual(session.requests, [{
    action: "subscribe",
    pairs: [],
    probe: true,
  }]);
  subscriptions.detach();
  subscriptions.probe();
  assert.equal(session.requests.length, 1);
  assert.equal(subscriptions.subscriptionCount, 0);
});

import assert from "node:assert/strict";
import { ResponseCache } from "../../../../src/infrastructure/grpc/unary_responses.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

Deno.test("a large response is cached for a second, a small one is not", async () => {
  const clock = new ManualClock();
  const answer = new ResponseCache(clock);
  let made = 0;
  const make = (bytes: number) => () => {
    made++;
    return new Uint8Array(bytes);
  };
  const small = answer.get(make(1_000));
  assert.notEqual(answer.get(make(1_000)), small);
  assert.equal(made, 2);
  const large = answer.get(make(300_000));
  await clock.advance(999);
  assert.equal(answer.get(make(300_000)), large);
  assert.equal(made, 3);
  await clock.advance(1);
  assert.notEqual(answer.get(make(300_000)), large);
  assert.equal(made, 4);
});

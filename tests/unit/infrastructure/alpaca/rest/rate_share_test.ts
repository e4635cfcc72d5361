import assert from "node:assert/strict";
import type { RestPurpose } from "../../../../../src/application/status/counters.ts";
import { RateShare } from "../../../../../src/infrastructure/alpaca/rest/rate_share.ts";
import { ManualClock } from "../../../../support/manual_clock.ts";

/** Counts what may be sent in two minutes if all purposes always have requests. */
async function sendAll(purposes: readonly RestPurpose[]): Promise<Map<RestPurpose, number>> {
  const clock = new ManualClock();
  const share = new RateShare(clock);
  const api = {};
  const sent = new Map<RestPurpose, number>();
  const sentAt: number[] = [];
  for (let second = 0; second < 120; second++) {
    for (const purpose of purposes) {
      if (share.earliest(purpose, api) > clock.monotonic()) continue;
      share.count(purpose, api);
      if (purpose === "snapshot" || purpose === "orders") continue;
      sent.set(purpose, (sent.get(purpose) ?? 0) + 1);
      sentAt.push(clock.monotonic());
    }
    await clock.advance(1_000);
  }
  for (const from of sentAt) {
    const inMinute = sentAt.filter((at) => at >= from && at < from + 60_000).length;
    assert.ok(inMinute <= 50, `${inMinute} in a minute`);
  }
  return sent;
}

Deno.test("prices, chains and first events stay within a quarter of the limit", async () => {
  const sent = await sendAll(["snapshot", "orders", "prices", "first_events", "catalog"]);
  assert.ok([...sent.values()].reduce((sum, count) => sum + count, 0) <= 100);
});

Deno.test("first events leave three quarters of their share to chains", async () => {
  const sent = await sendAll(["first_events", "catalog"]);
  assert.deepEqual([sent.get("first_events"), sent.get("catalog")], [20, 60]);
});

Deno.test("first events have a twentieth of the limit at most, also alone", async () => {
  assert.equal((await sendAll(["first_events"])).get("first_events"), 20);
});

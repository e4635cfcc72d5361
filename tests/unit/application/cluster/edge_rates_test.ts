/** An edge that floods its hub leaves the other edges their part. */
import assert from "node:assert/strict";
import { EdgeRates } from "../../../../src/application/cluster/edge_rates.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

/** How many of a number of requests are read. */
function taken(rates: EdgeRates, count: number, source: (i: number) => string): number {
  let read = 0;
  for (let i = 0; i < count; i++) if (rates.take(source(i))) read++;
  return read;
}

Deno.test("edges that flood the hub leave each other edge what it needs", async () => {
  const clock = new ManualClock();
  const rates = new EdgeRates(clock);
  const flooding = ["a", "b", "c", "d"];
  for (const source of [...flooding, "quiet"]) rates.admit(source);
  for (let second = 0; second < 60; second++) {
    for (const source of flooding) taken(rates, 10_000, () => source);
    assert.equal(taken(rates, 10, () => "quiet"), 10);
    await clock.advance(1_000);
  }
  assert.ok(taken(rates, 10_000, () => "a") <= 2_000 + 20, "one edge has less than the total");
});

Deno.test("sources without a session share a rate, and leave the others theirs", async () => {
  const clock = new ManualClock();
  const rates = new EdgeRates(clock);
  rates.admit("edge");
  assert.equal(taken(rates, 20_000, (i) => `invented${i}`), 5_000);
  assert.equal(taken(rates, 1_000, () => "edge"), 1_000);
  await clock.advance(1_000);
  assert.equal(taken(rates, 20_000, (i) => `invented${i}`), 500);
});

Deno.test("edges that send keep their part while others are remembered", () => {
  const rates = new EdgeRates(new ManualClock());
  rates.admit("edge");
  taken(rates, 20_000, (i) => `invented${i}`);
  for (let i = 0; i < 10_000; i++) {
    rates.admit(`invented${i}`);
    if (i % 1_000 === 0) assert.ok(rates.take("edge"));
  }
  assert.ok(rates.take("edge"));
});

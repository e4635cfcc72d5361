import assert from "node:assert/strict";
import fc from "fast-check";
import { RejectedTrades } from "../../../../src/domain/options/rejected_trades.ts";

const MINUTE_MS = 60_000;

/** Pauses before trades, in seconds, with what their price is above 100, in dimes. */
const trades = fc.array(
  fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 60 })),
  { minLength: 1, maxLength: 40 },
);

Deno.test("far from the options, five trades at one price over five minutes are taken", () => {
  let taken = 0;
  fc.assert(fc.property(trades, (steps) => {
    const rejected = new RejectedTrades();
    let now = 0;
    let series: { readonly at: number; readonly price: number }[] = [];
    for (const [seconds, dimes] of steps) {
      now += seconds * 1_000;
      const trade = { price: 100 + dimes / 10, at: now, receivedAt: now };
      const prices = [...series, trade].map(({ price }) => price);
      const isOnePrice = Math.max(...prices) <= Math.min(...prices) * 1.05;
      series = isOnePrice ? [...series, trade] : [trade];
      let countedAt = -Infinity;
      const apart = series.filter(({ at }) => {
        const isCounted = at - countedAt >= MINUTE_MS / 2;
        if (isCounted) countedAt = at;
        return isCounted;
      });
      const [{ at: since } = trade] = series;
      const expected = apart.length >= 5 && now - since >= 5 * MINUTE_MS;
      if (expected) taken++;
      rejected.noteTrade(trade);
      assert.equal(rejected.areConfirmedBy(trade, { price: 50, at: now }), expected);
      rejected.add(trade);
    }
  }));
  assert.ok(taken > 0);
});

Deno.test("trades are forgotten after half an hour without another one", () => {
  const rejected = new RejectedTrades();
  for (const minute of [0, 1, 2, 3]) {
    rejected.add({ price: 60, at: minute * MINUTE_MS, receivedAt: minute * MINUTE_MS });
  }
  assert.ok(rejected.areRepeated(18 * MINUTE_MS));
  assert.ok(!rejected.areRepeated(18 * MINUTE_MS + 1), "they do not go on");
  const late = { price: 60, at: 34 * MINUTE_MS, receivedAt: 34 * MINUTE_MS };
  rejected.noteTrade(late);
  assert.ok(!rejected.areConfirmedBy(late, undefined));
  rejected.add(late);
  assert.ok(!rejected.areRepeated(late.at));
});

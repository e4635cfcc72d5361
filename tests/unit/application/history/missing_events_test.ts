import assert from "node:assert/strict";
import * as fc from "fast-check";
import { IDENTITIES, missingEvents } from "../../../../src/application/history/missing_events.ts";
import type { OptionTrade } from "../../../../src/domain/market/option_events.ts";
import type { StockBar } from "../../../../src/domain/market/stock_events.ts";
import { tradeAt } from "./scripted_market_data.ts";

const RUNS = { numRuns: 1_000 };

/** Where an event of the ledger was seen. */
type Fate = "before" | "lost" | "after";

/** Few times and ids, so that they collide. */
const ledger = fc.array(
  fc.record({
    symbol: fc.constantFrom("A", "B"),
    exchange: fc.constantFrom("V", "Q"),
    time: fc.integer({ min: 0, max: 20 }),
    fate: fc.constantFrom<Fate>("before", "lost", "after"),
    /** Whether REST has it already: what was lost, it always has. */
    isFetched: fc.boolean(),
    /** Whether it is on two pages, because pages overlap. */
    isRepeated: fc.boolean(),
  }),
  { maxLength: 60 },
);

function isSorted(events: readonly { readonly timestamp: { seconds: number; nanos: number } }[]) {
  return events.every((event, i) => {
    const last = events[i - 1];
    if (!last) return true;
    const seconds = event.timestamp.seconds - last.timestamp.seconds;
    return seconds > 0 || (seconds === 0 && event.timestamp.nanos >= last.timestamp.nanos);
  });
}

Deno.test("every trade is received or missing, exactly once; the missing ones are in order", () => {
  fc.assert(
    fc.property(ledger, fc.nat(), (items, seed) => {
      const trades = items.map((item, i) => ({
        ...item,
        trade: tradeAt(item.symbol, item.time / 4, { exchange: item.exchange, tradeId: i >> 1 }),
      }));
      // Two trades of the same exchange, id and time would be one trade.
      const keys = new Set<string>();
      const unique = trades.filter(({ trade }) => {
        const key = IDENTITIES.stockTrades.keyOf(trade);
        if (keys.has(key)) return false;
        keys.add(key);
        return true;
      });
      const received = unique.filter(({ fate }) => fate !== "lost").map(({ trade }) => trade);
      const fetched = unique
        .filter(({ fate, isFetched }) => fate === "lost" || isFetched)
        .flatMap(({ trade, isRepeated }) => isRepeated ? [trade, { ...trade }] : [{ ...trade }])
        .sort(shuffledBy(seed));
      const missing = missingEvents(fetched, received, IDENTITIES.stockTrades);
      assert.deepEqual(
        [...received, ...missing].map(IDENTITIES.stockTrades.keyOf).sort(),
        unique.map(({ trade }) => IDENTITIES.stockTrades.keyOf(trade)).sort(),
      );
      assert.ok(isSorted(missing));
    }),
    RUNS,
  );
});

Deno.test("of equal option trades, as many are missing as were not received", () => {
  fc.assert(
    fc.property(ledger, fc.nat(), (items, seed) => {
      const trades = items.map(({ symbol, exchange, time, fate }) => ({
        fate,
        trade: optionTrade({ symbol, exchange, timestamp: { seconds: time >> 2, nanos: 0 } }),
      }));
      const received = trades.filter(({ fate }) => fate !== "lost").map(({ trade }) => trade);
      const fetched = trades.map(({ trade }) => ({ ...trade })).sort(shuffledBy(seed));
      const missing = missingEvents(fetched, received, IDENTITIES.optionTrades);
      assert.deepEqual(
        [...received, ...missing].map(IDENTITIES.optionTrades.keyOf).sort(),
        trades.map(({ trade }) => IDENTITIES.optionTrades.keyOf(trade)).sort(),
      );
      assert.ok(isSorted(missing));
    }),
    RUNS,
  );
});

Deno.test("a bar that was received is not missing if the history has an updated one", () => {
  const at = (seconds: number, close: number) => bar({ timestamp: { seconds, nanos: 0 }, close });
  const missing = missingEvents(
    [at(120, 3), at(0, 1), at(60, 2)],
    [at(0, 9)],
    IDENTITIES.stockBars,
  );
  assert.deepEqual(missing.map(({ close }) => close), [2, 3]);
});

Deno.test("trades of the same id on two exchanges or at two times are two trades", () => {
  const trade = tradeAt("A", 1_000.25, { tradeId: 2n ** 60n });
  const others = [
    { ...trade, exchange: "Q" },
    { ...trade, timestamp: { ...trade.timestamp, nanos: 1 } },
    { ...trade, symbol: "B" },
    { ...trade, tradeId: 2n ** 60n + 1n },
  ];
  assert.equal(missingEvents(others, [trade], IDENTITIES.stockTrades).length, 4);
  assert.equal(missingEvents([{ ...trade, price: 1 }], [trade], IDENTITIES.stockTrades).length, 0);
});

/** A comparison that makes an order from a seed. */
function shuffledBy(seed: number) {
  const rank = new Map<unknown, number>();
  let state = seed + 1;
  const rankOf = (item: unknown) => {
    const known = rank.get(item);
    if (known !== undefined) return known;
    state = (state * 48_271) % 2_147_483_647;
    rank.set(item, state);
    return state;
  };
  return (a: unknown, b: unknown) => rankOf(a) - rankOf(b);
}

function optionTrade(changes: Partial<OptionTrade>): OptionTrade {
  const timestamp = { seconds: 0, nanos: 0 };
  return { symbol: "A", timestamp, price: 1, size: 2, exchange: "V", condition: "", ...changes };
}

function bar(changes: Partial<StockBar>): StockBar {
  return {
    kind: "minute",
    symbol: "A",
    timestamp: { seconds: 0, nanos: 0 },
    open: 1,
    high: 1,
    low: 1,
    close: 1,
    volume: 1,
    vwap: 1,
    tradeCount: 1,
    ...changes,
  };
}

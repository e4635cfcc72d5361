import assert from "node:assert/strict";
import fc from "fast-check";
import { CHANNELS } from "../../../../src/domain/market/channels.ts";
import {
  CHANNEL_SOURCES,
  type Pair,
  takeChunk,
  UPSTREAM_CHANNELS,
} from "../../../../src/domain/subscription/pairs.ts";

const pairs: fc.Arbitrary<Pair[]> = fc.array(fc.record({
  channel: fc.constantFrom(...UPSTREAM_CHANNELS),
  symbol: fc.string({
    unit: fc.constantFrom("A", "B"),
    maxLength: 21,
    size: "max",
  }),
}));

Deno.test("a chunk is the longest prefix of the pairs that fits, and never empty", () => {
  const limits = fc.record({
    maxPairs: fc.integer({ min: 1, max: 10 }),
    maxBytes: fc.integer({ min: 1, max: 100 }),
  });
  const bytes = (chunk: readonly Pair[]) =>
    JSON.stringify(chunk.map(({ symbol }) => symbol)).length - 1;
  fc.assert(
    fc.property(pairs, limits, (pairs, limits) => {
      const chunk = takeChunk(pairs, limits);
      assert.deepEqual(chunk, pairs.slice(0, chunk.length));
      const fits = (some: readonly Pair[]) =>
        some.length <= limits.maxPairs && bytes(some) <= limits.maxBytes;
      assert.ok(chunk.length <= 1 || fits(chunk));
      if (chunk.length < pairs.length) {
        assert.ok(chunk.length > 0);
        assert.ok(!fits(pairs.slice(0, chunk.length + 1)));
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("a chunk reads one pair beyond its end at most", () => {
  let looked = 0;
  function* endless(): Generator<Pair> {
    for (;;) {
      looked++;
      yield { channel: "quotes", symbol: "AAPL" };
    }
  }
  assert.equal(
    takeChunk(endless(), { maxPairs: 5, maxBytes: 1_000 }).length,
    5,
  );
  assert.equal(looked, 6);
});

Deno.test("every channel has a route", () => {
  const described = CHANNELS.map((channel) => {
    const { feed, upstream } = CHANNEL_SOURCES[channel];
    return `${channel}: ${feed} ${upstream}`;
  });
  assert.deepEqual(described, [
    "stockQuotes: sip quotes",
    "stockTrades: sip trades",
    "stockBars: sip bars",
    "stockUpdatedBars: sip updatedBars",
    "stockDailyBars: sip dailyBars",
    "tradingStatuses: sip statuses",
    "priceBands: sip lulds",
    "tradeCorrections: sip trades",
    "imbalances: sip imbalances",
    "optionQuotes: opra quotes",
    "optionTrades: opra trades",
    "orderUpdates: trading undefined",
    "cryptoQuotes: crypto quotes",
    "cryptoTrades: crypto trades",
    "cryptoBars: crypto bars",
    "cryptoUpdatedBars: crypto updatedBars",
    "cryptoDailyBars: crypto dailyBars",
    "orderbooks: crypto orderbooks",
    "news: news news",
  ]);
});

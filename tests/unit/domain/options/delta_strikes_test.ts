import assert from "node:assert/strict";
import fc from "fast-check";
import { seriesOf } from "../../../../src/domain/options/chain_index.ts";
import { assumedVolatility, deltaStrikes } from "../../../../src/domain/options/delta_strikes.ts";
import {
  DEFAULT_SELECTION,
  type OptionSelection,
} from "../../../../src/domain/options/selection.ts";
import { gridOf, strikesFrom } from "./chains.ts";
import { deltasBy } from "./modelled_deltas.ts";

const TODAY = 20_000;
const STRIKES = strikesFrom(20, 400, 2);

function strikesOf(
  selection: Partial<OptionSelection>,
  { price = 100, volatility = 0.6, eachSide = 3, days = [30], strikes = STRIKES } = {},
): readonly [number, number] | undefined {
  const series = seriesOf(gridOf({ days: days.map((day) => TODAY + day), strikes }));
  const estimate = { price, volatility, eachSide, today: TODAY };
  return deltaStrikes(series, { ...DEFAULT_SELECTION, ...selection }, estimate);
}

Deno.test("the strikes have every contract whose delta is within the bounds", () => {
  const bound = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined });
  const cases = fc.record({
    bounds: fc.tuple(bound, bound),
    right: fc.constantFrom("call", "put", undefined),
    volatility: fc.double({ min: 0.05, max: 2, noNaN: true }),
    days: fc.uniqueArray(fc.integer({ min: 2, max: 700 }), { minLength: 1, maxLength: 3 }),
    price: fc.double({ min: 40, max: 300, noNaN: true }),
  });
  fc.assert(
    fc.property(cases, ({ bounds, right, volatility, days, price }) => {
      const [a, b] = bounds;
      const isInverted = a !== undefined && b !== undefined && a > b;
      const [minAbsDelta, maxAbsDelta] = isInverted ? [b, a] : [a, b];
      const selection = { right, minAbsDelta, maxAbsDelta } as const;
      const found = strikesOf(selection, { price, volatility, days });
      const [low, high] = found ?? [0, Infinity];
      const contracts = gridOf({ days: days.map((day) => TODAY + day), strikes: STRIKES });
      const deltas = deltasBy(contracts, { price, volatility, today: TODAY });
      for (const { symbol, strike, right: own } of contracts) {
        const delta = Math.abs(deltas.get(symbol) ?? 0);
        if (right !== undefined && own !== right) continue;
        if (delta < (minAbsDelta ?? 0) || delta > (maxAbsDelta ?? 1)) continue;
        assert.ok(strike >= low && strike <= high, `${strike} of ${symbol}: ${delta}`);
      }
    }),
  );
});

Deno.test("puts of 0.15 to 0.30 are between a fifth below the price and the price", () => {
  const selection = { right: "put", minAbsDelta: 0.15, maxAbsDelta: 0.3 } as const;
  const [low = 0, high = 0] = strikesOf(selection) ?? [];
  assert.ok(low > 75 && low < 85, `${low}`);
  assert.ok(high >= 104 && high <= 110, `${high}`);
});

Deno.test("strikes next to the price are included however far apart they are", () => {
  const selection = { right: "put", minAbsDelta: 0.4, maxAbsDelta: 0.5 } as const;
  const strikes = strikesFrom(10, 200, 30);
  const found = strikesOf(selection, { strikes, eachSide: 2 });
  assert.deepEqual(found && [found[0] <= 70, found[1] >= 130], [true, true]);
});

Deno.test("without a bound on a side, every strike of it is included", () => {
  assert.equal(strikesOf({ minAbsDelta: 0 }), undefined);
  const [low, high] = strikesOf({ right: "call", maxAbsDelta: 0.5 }) ?? [];
  assert.deepEqual([low !== undefined && low > 80, high], [true, 99_999.99]);
});

for (const volatility of [0.12, 0.3, 0.9, 2]) {
  Deno.test(`known deltas imply twice a volatility of ${volatility}`, () => {
    const contracts = gridOf({ days: [TODAY + 7, TODAY + 30], strikes: STRIKES });
    const deltas = deltasBy(contracts, { price: 101, volatility, today: TODAY });
    const found = assumedVolatility(contracts, deltas, { price: 101, today: TODAY }) ?? 0;
    assert.ok(Math.abs(found / volatility - 2) < 0.1, `${found}`);
  });
}

Deno.test("a few deltas, and those of contracts that expire, imply nothing", () => {
  const contracts = gridOf({ days: [TODAY, TODAY + 1], strikes: STRIKES });
  const deltas = deltasBy(contracts, { price: 101, volatility: 0.3, today: TODAY });
  assert.equal(assumedVolatility(contracts, deltas, { price: 101, today: TODAY }), undefined);
  const later = gridOf({ days: [TODAY + 30], strikes: [100] });
  const few = deltasBy(later, { price: 101, volatility: 0.3, today: TODAY });
  assert.equal(assumedVolatility(later, few, { price: 101, today: TODAY }), undefined);
});

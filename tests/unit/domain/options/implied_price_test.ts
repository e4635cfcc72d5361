import assert from "node:assert/strict";
import fc from "fast-check";
import { medianByOpenInterest, parityPrice } from "../../../../src/domain/options/implied_price.ts";
import { gridOf, strikesFrom } from "./chains.ts";

const DAY = 20_800;

/** Prices that obey put-call parity around a forward price. */
function midsAround(
  forward: number,
  contracts: ReturnType<typeof gridOf>,
): Map<string, number> {
  return new Map(contracts.map(({ symbol, strike, right }) => {
    const timeValue = 40 * Math.exp(-Math.abs(strike - forward) / 100);
    const inner = right === "call" ? forward - strike : strike - forward;
    return [symbol, Math.max(0, inner) + timeValue];
  }));
}

Deno.test("calls and puts of an index imply its price", () => {
  const contracts = gridOf({
    underlying: "SPX",
    days: [DAY],
    strikes: strikesFrom(5000, 6500, 25),
  });
  fc.assert(
    fc.property(fc.double({ min: 5100, max: 6400, noNaN: true }), (forward) => {
      const price = parityPrice(contracts, midsAround(forward, contracts));
      assert.ok(price !== undefined && Math.abs(price - forward) < 1e-6);
    }),
  );
});

Deno.test("one absurd quote does not move the price", () => {
  const contracts = gridOf({ days: [DAY], strikes: strikesFrom(90, 110) });
  const mids = midsAround(100.3, contracts);
  const [first] = contracts;
  assert.ok(first);
  mids.set(first.symbol, (mids.get(first.symbol) ?? 0) + 0.7 - 10);
  const price = parityPrice(contracts, mids);
  assert.ok(price !== undefined && Math.abs(price - 100.3) < 1e-9);
});

Deno.test("adjusted contracts are ignored", () => {
  const usual = gridOf({ underlying: "CSGP", days: [DAY], strikes: [75] });
  const adjusted = gridOf({
    underlying: "CSGP",
    root: "CSGP1",
    days: [DAY],
    strikes: [75],
  });
  const mids = new Map([
    ...midsAround(75.5, usual),
    ...midsAround(150, adjusted),
  ]);
  assert.equal(parityPrice([...usual, ...adjusted], mids), 75.5);
  assert.equal(parityPrice(adjusted, mids), undefined);
});

Deno.test("a strike without both a call and a put is ignored", () => {
  const contracts = gridOf({ days: [DAY], strikes: [100] });
  const call = contracts.filter(({ right }) => right === "call");
  assert.equal(parityPrice(contracts, midsAround(100, call)), undefined);
  assert.equal(parityPrice([], new Map()), undefined);
});

Deno.test("the median of the open interest ignores strikes without positions", () => {
  // An index lists far more strikes below the price than above it.
  const contracts = gridOf({ days: [DAY], strikes: strikesFrom(10, 120, 10) })
    .map((contract) => ({
      ...contract,
      openInterest: Math.abs(contract.strike - 100) <= 10 ? 5_000 : 0,
    }));
  assert.equal(medianByOpenInterest(contracts), 100);
});

Deno.test("without any interest it is the middle strike", () => {
  const contracts = gridOf({ days: [DAY], strikes: strikesFrom(80, 120) });
  assert.equal(medianByOpenInterest(contracts), 100);
  assert.equal(medianByOpenInterest([]), undefined);
});

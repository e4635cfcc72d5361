import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type BidAsk,
  medianByOpenInterest,
  parityPrice,
} from "../../../../src/domain/options/implied_price.ts";
import { gridOf, strikesFrom } from "./chains.ts";

const DAY = 20_800;

const NOW = Date.UTC(2026, 11, 10, 15, 0, 0);

/** Quotes that obey put-call parity around a forward price. */
function quotesAround(
  forward: number,
  contracts: ReturnType<typeof gridOf>,
  spread = 0,
): Map<string, BidAsk> {
  return new Map(contracts.map(({ symbol, strike, right }) => {
    const timeValue = 40 * Math.exp(-Math.abs(strike - forward) / 100);
    const inner = right === "call" ? forward - strike : strike - forward;
    const price = Math.max(0, inner) + timeValue;
    return [symbol, { bid: price - spread / 2, ask: price + spread / 2, at: NOW }];
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
      const { price = 0, at } = parityPrice(contracts, quotesAround(forward, contracts)) ?? {};
      assert.ok(Math.abs(price - forward) < 1e-6);
      assert.equal(at, NOW);
    }),
  );
});

Deno.test("one absurd quote does not move the price", () => {
  const contracts = gridOf({ days: [DAY], strikes: strikesFrom(90, 110) });
  const quotes = quotesAround(100.3, contracts);
  const first = contracts.find(({ strike, right }) => strike === 100 && right === "call");
  const quote = first && quotes.get(first.symbol);
  assert.ok(quote);
  quotes.set(first.symbol, { ...quote, bid: quote.bid - 9.3, ask: quote.ask - 9.3 });
  const { price = 0 } = parityPrice(contracts, quotes) ?? {};
  assert.ok(Math.abs(price - 100.3) < 1e-9, `${price}`);
});

Deno.test("adjusted contracts are ignored", () => {
  const usual = gridOf({ underlying: "CSGP", days: [DAY], strikes: [75] });
  const adjusted = gridOf({
    underlying: "CSGP",
    root: "CSGP1",
    days: [DAY],
    strikes: [75],
  });
  const quotes = new Map([
    ...quotesAround(75.5, usual),
    ...quotesAround(150, adjusted),
  ]);
  assert.equal(parityPrice([...usual, ...adjusted], quotes)?.price, 75.5);
  assert.equal(parityPrice(adjusted, quotes), undefined);
});

Deno.test("contracts are adjusted by what they deliver, not by their root alone", () => {
  const quotes = (root: string, isAdjusted: boolean) => {
    const contracts = gridOf({ root, days: [DAY], strikes: [100] })
      .map((contract) => ({ ...contract, isAdjusted, openInterest: 1 }));
    return { contracts, quotes: quotesAround(100.5, contracts) };
  };
  for (const root of ["SPY", "SPXW", "BRKB", "1SPX"]) {
    const standard = quotes(root, false);
    assert.equal(parityPrice(standard.contracts, standard.quotes)?.price, 100.5, root);
    const adjusted = quotes(root, true);
    assert.equal(parityPrice(adjusted.contracts, adjusted.quotes), undefined, root);
    const high = standard.contracts.map((contract) => ({ ...contract, strike: 200 }));
    assert.equal(medianByOpenInterest([...adjusted.contracts, ...high]), 200, root);
  }
});

Deno.test("a strike without both a call and a put is ignored", () => {
  const contracts = gridOf({ days: [DAY], strikes: [100] });
  const call = contracts.filter(({ right }) => right === "call");
  assert.equal(parityPrice(contracts, quotesAround(100, call)), undefined);
  assert.equal(parityPrice([], new Map()), undefined);
});

Deno.test("quotes of an index of 0.05 x 200 imply nothing", () => {
  const contracts = gridOf({
    underlying: "SPX",
    days: [DAY],
    strikes: strikesFrom(5000, 6500, 25),
  });
  const wide = { bid: 0.05, ask: 200, at: NOW };
  const quotes = quotesAround(5738, contracts, 2);
  const all = new Map(contracts.map(({ symbol }) => [symbol, wide]));
  assert.equal(parityPrice(contracts, all), undefined);
  // On one side, or at most strikes, they do not outweigh the others.
  for (const [at, { symbol, right }] of contracts.entries()) {
    if (right === "call" || at % 10 > 1) quotes.set(symbol, wide);
  }
  assert.equal(parityPrice(contracts, quotes), undefined, "every pair has a wide side");
  const narrow = contracts.filter(({ strike }) => strike === 5900);
  for (const [symbol, quote] of quotesAround(5738, narrow, 2)) quotes.set(symbol, quote);
  assert.equal(parityPrice(contracts, quotes)?.price, 5738);
});

Deno.test("a strike with a narrow spread counts more than several with wide ones", () => {
  const contracts = gridOf({ days: [DAY], strikes: [98, 99, 100, 101] });
  const quotes = quotesAround(103, contracts, 1.4);
  const narrow = contracts.filter(({ strike }) => strike === 98);
  for (const [symbol, quote] of quotesAround(100.5, narrow, 0.4)) quotes.set(symbol, quote);
  assert.equal(parityPrice(contracts, quotes)?.price, 100.5);
});

Deno.test("a quote without a bid bounds its price; one without an ask does not", () => {
  const [call, put] = gridOf({ days: [DAY], strikes: [55] });
  assert.ok(call && put);
  const quotesOf = (ask: number) =>
    new Map([
      [call.symbol, { bid: 9.9, ask: 10.1, at: NOW }],
      [put.symbol, { bid: 0, ask, at: NOW - 1_000 }],
    ]);
  const implied = parityPrice([call, put], quotesOf(0.1));
  assert.ok(Math.abs((implied?.price ?? 0) - 64.95) < 1e-9);
  assert.equal(implied?.at, NOW - 1_000, "as old as the older quote");
  for (const ask of [0, -1, NaN, Infinity]) {
    assert.equal(parityPrice([call, put], quotesOf(ask)), undefined, `${ask}`);
  }
});

Deno.test("quotes of any numbers imply a price or none", () => {
  const contracts = gridOf({ days: [DAY], strikes: strikesFrom(95, 105) });
  const side = fc.double();
  fc.assert(
    fc.property(fc.array(fc.tuple(side, side), { maxLength: contracts.length }), (sides) => {
      const quotes = new Map(sides.map(([bid, ask], at) => [
        contracts[at]?.symbol ?? "",
        { bid, ask, at: NOW },
      ]));
      const implied = parityPrice(contracts, quotes);
      if (implied) assert.ok(implied.price > 0 && Number.isFinite(implied.price));
    }),
  );
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

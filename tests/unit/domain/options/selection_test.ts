import assert from "node:assert/strict";
import fc from "fast-check";
import { dayOfDate, instantAt } from "../../../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import type { OptionContract } from "../../../../src/domain/options/contract.ts";
import {
  isStillSelected,
  selectContracts,
  type Selected,
  type SelectionMoment,
} from "../../../../src/domain/options/select_contracts.ts";
import {
  DEFAULT_SELECTION,
  type OptionSelection,
} from "../../../../src/domain/options/selection.ts";
import { gridOf, strikesFrom } from "./chains.ts";

/** A Monday; the market is open at NOW. */
const TODAY = dayOfDate("2026-12-07") ?? 0;
const NOW = instantAt(TODAY, 10 * 60);
const CALENDAR = new MarketCalendar();
const NOTHING: ReadonlySet<string> = new Set();

function selectFrom(
  chain: readonly OptionContract[],
  changes: Partial<OptionSelection> = {},
  moment: Partial<SelectionMoment> = {},
): Selected {
  const selection = { ...DEFAULT_SELECTION, ...changes };
  const usual = { now: NOW, calendar: CALENDAR, price: 100, held: NOTHING };
  return selectContracts(chain, selection, { ...usual, ...moment });
}

function select(...args: Parameters<typeof selectFrom>): readonly OptionContract[] {
  return selectFrom(...args).contracts;
}

const strikesOf = (contracts: readonly OptionContract[]) =>
  [...new Set(contracts.map(({ strike }) => strike))].sort((a, b) => a - b);
const symbolsOf = (contracts: readonly OptionContract[]) =>
  new Set(contracts.map(({ symbol }) => symbol));
const daysOf = (contracts: readonly OptionContract[]) => [
  ...new Set(contracts.map(({ expiryDay }) => expiryDay - TODAY)),
];
const termsOf = (contracts: readonly OptionContract[]) =>
  contracts.map(({ expiryDay, strike }) => [expiryDay - TODAY, strike]);

Deno.test("the strikes around the price of every expiry come first, then the next ones", () => {
  const chain = gridOf({ days: [TODAY + 7, TODAY], strikes: [98, 99, 100, 101.5] });
  const chosen = select(chain, { right: "call", maxContracts: 7 });
  assert.deepEqual(
    termsOf(chosen),
    [[0, 100], [0, 99], [7, 100], [7, 99], [0, 101.5], [7, 101.5], [0, 98]],
  );
});

Deno.test("the default has both sides of the money of the nearest 25 expiries", () => {
  const days = strikesFrom(TODAY, TODAY + 50).filter((day) => CALENDAR.hours("options", day));
  const chain = gridOf({ days, strikes: strikesFrom(50, 150) });
  const requested = days.filter((day) => day - TODAY <= 45).length;
  for (const price of [100, 100.05, 100.4, 100.95]) {
    const { contracts, expiries, unreached, incomplete } = selectFrom(chain, {}, { price });
    assert.equal(contracts.length, 100);
    assert.deepEqual([expiries, unreached, incomplete], [requested, requested - 25, 0]);
    for (const day of days.slice(0, 25)) {
      const own = strikesOf(contracts.filter(({ expiryDay }) => expiryDay === day));
      const both = price === 100 ? [99, 100] : [100, 101];
      assert.deepEqual(own, both, `${day - TODAY} at ${price}`);
    }
  }
});

Deno.test("a maximum leaves no expiry with one side of the money, and no slot for a part", () => {
  const days = [0, 1, 2, 3, 4].map((it) => TODAY + it);
  const chain = gridOf({ days, strikes: strikesFrom(90, 110) });
  for (let maxContracts = 4; maxContracts <= 20; maxContracts++) {
    const chosen = select(chain, { maxContracts }, { price: 100.4 });
    assert.equal(chosen.length, maxContracts, "the nearest expiries have the rest");
    const whole = Math.floor(maxContracts / 4);
    assert.deepEqual(daysOf(chosen), [0, 1, 2, 3, 4].slice(0, whole));
    for (const day of days.slice(0, whole)) {
      const own = strikesOf(chosen.filter(({ expiryDay }) => expiryDay === day));
      assert.ok(own.includes(100) && own.includes(101), `${own} of ${maxContracts}`);
    }
  }
});

Deno.test("days, window, right and maximum bound the choice", () => {
  const chain = gridOf({
    days: [TODAY - 3, TODAY, TODAY + 4, TODAY + 46],
    strikes: strikesFrom(80, 120),
  });
  const chosen = select(chain, { maxContracts: 10_000 });
  assert.deepEqual(strikesOf(chosen), strikesFrom(90, 110));
  assert.deepEqual(new Set(daysOf(chosen)), new Set([0, 4]));
  assert.equal(chosen.length, 21 * 2 * 2);
  const puts = select(chain, { right: "put", minDays: 1, maxContracts: 3 });
  assert.deepEqual(puts.map(({ right, expiryDay }) => [right, expiryDay - TODAY]), [
    ["put", 4],
    ["put", 4],
    ["put", 4],
  ]);
});

Deno.test("LEAPS are selected when the days reach that far", () => {
  const leaps = dayOfDate("2029-01-19") ?? 0;
  const chain = gridOf({ days: [TODAY, leaps], strikes: [100] });
  const chosen = select(chain, { minDays: 365, maxDays: 1_000 });
  assert.deepEqual(chosen.map(({ expiryDay }) => expiryDay), [leaps, leaps]);
  assert.equal(select(chain).length, 2, "not by default");
});

Deno.test("expiries by date, by range and by number", () => {
  const days = [0, 1, 2, 3, 4, 7, 8].map((it) => TODAY + it);
  const chain = gridOf({ days, strikes: [100] });
  assert.deepEqual(daysOf(select(chain, { expiries: [TODAY + 1, TODAY + 7] })), [1, 7]);
  assert.deepEqual(
    daysOf(select(chain, { expiryFrom: TODAY + 2, expiryTo: TODAY + 4 })),
    [2, 3, 4],
  );
  assert.deepEqual(daysOf(select(chain, { maxExpiries: 3 })), [0, 1, 2]);
  const evening = { now: instantAt(TODAY, 18 * 60) };
  assert.deepEqual(daysOf(select(chain, { maxExpiries: 3 }, evening)), [1, 2, 3]);
});

Deno.test("a maximum per expiry counts both rights and all roots", () => {
  const chain = [
    ...gridOf({ underlying: "SPX", days: [TODAY + 11], strikes: strikesFrom(90, 110) }),
    ...gridOf({
      underlying: "SPX",
      root: "SPXW",
      days: [TODAY + 2, TODAY + 11],
      strikes: strikesFrom(90, 110),
    }),
  ];
  const chosen = select(chain, { maxContractsPerExpiry: 6 });
  assert.equal(chosen.filter(({ expiryDay }) => expiryDay === TODAY + 2).length, 6);
  const friday = chosen.filter(({ expiryDay }) => expiryDay === TODAY + 11);
  assert.deepEqual(friday.map(({ root }) => root), ["SPX", "SPX", "SPX", "SPX", "SPXW", "SPXW"]);
});

Deno.test("roots select SPXW without SPX", () => {
  const grid = { underlying: "SPX", days: [TODAY + 11], strikes: [100] };
  const chain = [...gridOf(grid), ...gridOf({ ...grid, root: "SPXW" })];
  assert.deepEqual(new Set(select(chain).map(({ root }) => root)), new Set(["SPX", "SPXW"]));
  const chosen = select(chain, { roots: ["SPXW"] });
  assert.deepEqual(new Set(chosen.map(({ root }) => root)), new Set(["SPXW"]));
});

Deno.test("strikes by range", () => {
  const chain = gridOf({ days: [TODAY], strikes: strikesFrom(50, 150) });
  const range = { minStrike: 120, maxStrike: 123.5, strikeWindowPercent: 1_000 };
  assert.deepEqual(strikesOf(select(chain, range)), [120, 121, 122, 123]);
});

Deno.test("strikes on each side are counted per expiry, at all distances", () => {
  const chain = [
    ...gridOf({ days: [TODAY], strikes: strikesFrom(90, 110) }),
    ...gridOf({ days: [TODAY + 4], strikes: strikesFrom(50, 150, 10) }),
  ];
  const of = (day: number, chosen: readonly OptionContract[]) =>
    strikesOf(chosen.filter(({ expiryDay }) => expiryDay === TODAY + day));
  const between = select(chain, { strikesEachSide: 2 }, { price: 100.3 });
  assert.deepEqual(of(0, between), [99, 100, 101, 102]);
  assert.deepEqual(of(4, between), [90, 100, 110, 120]);
  const at = select(chain, { strikesEachSide: 2 });
  assert.deepEqual(of(0, at), [98, 99, 100, 101, 102], "one that equals the price is extra");
  assert.deepEqual(of(4, at), [80, 90, 100, 110, 120]);
});

Deno.test("a price that crosses a strike keeps the strikes on each side of it", () => {
  const chain = gridOf({ days: [TODAY], strikes: strikesFrom(90, 110) });
  let held = NOTHING;
  const at = (price: number) => {
    const chosen = select(chain, { strikesEachSide: 1 }, { price, held });
    held = symbolsOf(chosen);
    return strikesOf(chosen);
  };
  assert.deepEqual(at(99.9), [99, 100]);
  assert.deepEqual(at(100.1), [99, 100, 101]);
  assert.deepEqual(at(99.9), [99, 100, 101]);
  assert.deepEqual(at(100), [99, 100, 101]);
  assert.deepEqual(at(100.3), [100, 101]);
});

for (
  const [name, price, strikes, expected] of [
    ["a stock at 1.25 with strikes 0.50 apart", 1.25, [0.5, 1, 1.5, 2], [1, 1.5]],
    ["12.80 in a grid of 5 points", 12.8, [5, 10, 15, 20], [10, 15]],
    ["gaps of different size", 101, [98, 100, 120, 121], [100, 120]],
    ["a price below all strikes", 3, [5, 10], [5]],
    ["a price above all strikes", 30, [5, 10], [10]],
  ] as const
) {
  Deno.test(`the strikes on both sides of the price are always selected: ${name}`, () => {
    const chain = gridOf({ days: [TODAY, TODAY + 4], strikes });
    const { contracts, oneSided } = selectFrom(chain, { strikeWindowPercent: 0.5 }, { price });
    for (const day of [TODAY, TODAY + 4]) {
      assert.deepEqual(
        strikesOf(contracts.filter(({ expiryDay }) => expiryDay === day)),
        expected,
      );
    }
    assert.deepEqual(oneSided, expected.length === 1 ? [TODAY, TODAY + 4] : []);
  });
}

Deno.test("the sides of the price are those of the requested calls or puts", () => {
  const later = gridOf({ days: [TODAY + 4], strikes: strikesFrom(50, 150) });
  const nearest = gridOf({ days: [TODAY], strikes: strikesFrom(50, 150) })
    .filter(({ right, strike }) => right === "call" || strike > 100);
  const oneSided = (right: OptionContract["right"] | undefined) =>
    selectFrom([...nearest, ...later], { right }).oneSided;
  assert.deepEqual(oneSided("put"), [TODAY]);
  assert.deepEqual(oneSided("call"), []);
  assert.deepEqual(oneSided(undefined), [TODAY], "no puts below the price");
  const calls = later.filter(({ right }) => right === "call");
  assert.deepEqual(selectFrom(calls).oneSided, [], "no puts are listed");
});

Deno.test("expiries that list fewer strikes on a side than requested are counted", () => {
  const chain = [
    ...gridOf({ days: [TODAY], strikes: strikesFrom(50, 101) }),
    ...gridOf({ days: [TODAY + 1], strikes: strikesFrom(98, 102) }),
    ...gridOf({ days: [TODAY + 2], strikes: strikesFrom(101, 120) }),
  ];
  const few = (strikesEachSide: number | undefined, right?: OptionContract["right"]) =>
    selectFrom(chain, { strikesEachSide, right }).fewStrikes;
  assert.deepEqual([undefined, 1, 2, 3].map((count) => few(count)), [0, 0, 1, 2]);
  assert.equal(few(2, "put"), 1);
  const withoutPut = chain.filter(({ right, strike }) => right === "call" || strike !== 98);
  const counts = (["call", "put"] as const).map((right) =>
    selectFrom(withoutPut, { strikesEachSide: 2, right }).fewStrikes
  );
  assert.deepEqual(counts, [1, 2]);
});

Deno.test("two contracts are always the straddle at the money", () => {
  const chain = gridOf({ days: [TODAY, TODAY + 4], strikes: strikesFrom(80, 120, 2.5) });
  let held = NOTHING;
  for (const [price, strike] of [[100, 100], [101, 100], [102.4, 102.5], [101.4, 102.5]] as const) {
    const chosen = select(chain, { maxContracts: 2 }, { price, held });
    assert.deepEqual(chosen.map((it) => [it.strike, it.right]), [[strike, "call"], [
      strike,
      "put",
    ]]);
    held = symbolsOf(chosen);
  }
  assert.deepEqual(strikesOf(select(chain, { maxContracts: 2 }, { price: 101, held })), [100]);
});

Deno.test("every expiry follows the price although a maximum cuts them off", () => {
  const days = [TODAY, TODAY + 4];
  const chain = gridOf({ days, strikes: strikesFrom(60, 140) });
  let held = NOTHING;
  for (const price of [100, 100.4, 103.2, 104.7, 98.1]) {
    const chosen = select(chain, { maxContracts: 10 }, { price, held });
    held = symbolsOf(chosen);
    for (const day of days) {
      const strikes = strikesOf(chosen.filter(({ expiryDay }) => expiryDay === day));
      assert.ok(strikes.includes(Math.floor(price)), `${strikes} at ${price}`);
      assert.ok(strikes.includes(Math.ceil(price)), `${strikes} at ${price}`);
    }
  }
});

Deno.test("a contract that is held leaves when it is clearly outside", () => {
  const chain = gridOf({ days: [TODAY], strikes: [86, 88, 91, 100, 110, 112, 113] });
  const held = symbolsOf(chain);
  // The window is 10 around 100; what is held may be 12.5 away.
  assert.deepEqual(strikesOf(select(chain)), [91, 100, 110]);
  assert.deepEqual(strikesOf(select(chain, {}, { held })), [88, 91, 100, 110, 112]);
});

Deno.test("a contract that is held is not replaced for a tie", () => {
  const chain = gridOf({ days: [TODAY], strikes: [99, 101] });
  const above = symbolsOf(chain.filter(({ strike }) => strike === 101));
  const chosen = (price: number) =>
    strikesOf(select(chain, { maxContracts: 2 }, { price, held: above }));
  assert.deepEqual(chosen(100), [101]);
  assert.deepEqual(chosen(99.9), [101], "1.1 away against 0.9");
  assert.deepEqual(chosen(99.8), [99], "1.2 away against 0.8");
});

Deno.test("expired contracts take no slot in the evening of their last day", () => {
  const chain = gridOf({ underlying: "AAPL", days: [TODAY, TODAY + 1], strikes: [100] });
  const at = (minutes: number) => daysOf(select(chain, {}, { now: instantAt(TODAY, minutes) }));
  assert.deepEqual(at(15 * 60 + 59), [0, 1]);
  assert.deepEqual(at(16 * 60), [1]);
  assert.deepEqual(at(19 * 60), [1]);
});

Deno.test("AM-settled contracts take no slot on their expiration day", () => {
  const friday = dayOfDate("2026-12-18") ?? 0;
  const grid = { underlying: "SPX", days: [friday], strikes: strikesFrom(90, 110) };
  const chain = [...gridOf(grid), ...gridOf({ ...grid, root: "SPXW" })];
  const roots = (now: number) => new Set(select(chain, {}, { now }).map(({ root }) => root));
  assert.deepEqual(roots(instantAt(friday - 1, 15 * 60)), new Set(["SPX", "SPXW"]));
  assert.deepEqual(roots(instantAt(friday - 1, 19 * 60)), new Set(["SPXW"]));
  assert.deepEqual(roots(instantAt(friday, 10 * 60)), new Set(["SPXW"]));
  assert.deepEqual(roots(instantAt(friday, 16 * 60)), new Set());
});

Deno.test("adjusted contracts take no slot unless requested, and then the last ones", () => {
  const grid = { underlying: "CSGP", days: [TODAY], strikes: strikesFrom(98, 102) };
  const chain = [...gridOf({ ...grid, root: "CSGP1" }), ...gridOf(grid)];
  const roots = (changes: Partial<OptionSelection>) =>
    Map.groupBy(select(chain, changes), ({ root }) => root).entries()
      .map(([root, all]) => [root, all.length]).toArray();
  assert.deepEqual(roots({ maxContracts: 10 }), [["CSGP", 10]]);
  assert.deepEqual(roots({ maxContracts: 100 }), [["CSGP", 10]]);
  assert.deepEqual(roots({ maxContracts: 14, includeAdjusted: true }), [["CSGP", 10], [
    "CSGP1",
    4,
  ]]);
  assert.deepEqual(roots({ roots: ["CSGP1"], includeAdjusted: true }), [["CSGP1", 10]]);
});

Deno.test("a contract of another size is adjusted although its root is the usual one", () => {
  const chain = gridOf({ days: [TODAY], strikes: [99, 100, 101] })
    .map((it) => ({ ...it, isAdjusted: it.strike === 100 }));
  assert.deepEqual(strikesOf(select(chain)), [99, 101]);
});

Deno.test("deltas select contracts, with a tolerance for those that are held", () => {
  const chain = gridOf({ days: [TODAY], strikes: [96, 98, 100, 102, 104] });
  const deltas = new Map(
    chain.map(({ symbol, strike, right }) => {
      const call = 0.5 - (strike - 100) / 10;
      return [symbol, right === "call" ? call : call - 1];
    }),
  );
  const puts = (moment: Partial<SelectionMoment>) =>
    strikesOf(select(chain, { right: "put", minAbsDelta: 0.3, maxAbsDelta: 0.49 }, moment));
  assert.deepEqual(puts({ deltas }), [98]);
  assert.deepEqual(
    puts({
      deltas: new Map([...deltas].map(([symbol, delta]) => [symbol, delta - 0.2])),
    }),
    [96],
  );
  const shifted = new Map([...deltas].map(([symbol, delta]) => [symbol, delta + 0.015]));
  assert.deepEqual(puts({ deltas: shifted }), [100], "-0.285 at 98, -0.485 at 100");
  assert.deepEqual(puts({ deltas: shifted, held: symbolsOf(chain) }), [98, 100]);
});

Deno.test("an expiry without deltas is selected by strikes", () => {
  const chain = gridOf({ days: [TODAY, TODAY + 1], strikes: [98, 100, 102] });
  const [call, put] = chain;
  assert.ok(call && put);
  const deltas = new Map([[call.symbol, 0.9], [put.symbol, -0.1]]);
  const chosen = select(chain, { minAbsDelta: 0.2, maxAbsDelta: 0.4 }, { deltas });
  assert.deepEqual(daysOf(chosen), [1]);
  assert.equal(chosen.length, 6);
  assert.equal(select(chain, { minAbsDelta: 0.2 }).length, 12, "none is known");
});

Deno.test("an expiry with deltas of far strikes only is selected by strikes", () => {
  const chain = gridOf({ days: [TODAY, TODAY + 1], strikes: strikesFrom(50, 150) });
  const known = chain.filter(({ strike, expiryDay }) => expiryDay > TODAY || strike > 140);
  const deltas = new Map(known.map(({ symbol, strike, right }) => {
    const call = Math.max(0, Math.min(1, 0.5 - (strike - 100) / 100));
    return [symbol, right === "call" ? call : call - 1];
  }));
  const bounds = { minAbsDelta: 0.15, maxAbsDelta: 0.3, strikeWindowPercent: 1_000 };
  const wish = { ...bounds, withoutDeltas: { strikeWindowPercent: 1 } };
  for (const right of ["put", "call", undefined] as const) {
    const { contracts, withoutDeltas } = selectFrom(chain, { ...wish, right }, { deltas });
    const nearest = contracts.filter(({ expiryDay }) => expiryDay === TODAY);
    assert.deepEqual(strikesOf(nearest), [99, 100, 101], `${right}`);
    assert.equal(withoutDeltas, 1);
  }
});

Deno.test("puts without deltas are selected by strikes although those of calls are known", () => {
  const chain = gridOf({ days: [TODAY], strikes: strikesFrom(90, 110) });
  const calls = chain.filter(({ right }) => right === "call");
  const deltas = new Map(calls.map(({ symbol, strike }) => [symbol, (110 - strike) / 20]));
  const bounds = { minAbsDelta: 0.2, maxAbsDelta: 0.25, strikeWindowPercent: 1_000 };
  const selection = { ...bounds, withoutDeltas: { strikeWindowPercent: 1 } };
  const strikesOfRight = (right: OptionContract["right"], changes: Partial<OptionSelection>) =>
    strikesOf(select(chain, changes, { deltas }).filter((it) => it.right === right));
  for (const right of [undefined, "put"] as const) {
    assert.deepEqual(strikesOfRight("put", { ...selection, right }), [99, 100, 101], `${right}`);
    const { withoutDeltas } = selectFrom(chain, { ...selection, right }, { deltas });
    assert.equal(withoutDeltas, 1, "and the status has it");
  }
  for (const right of [undefined, "call"] as const) {
    assert.deepEqual(strikesOfRight("call", { ...selection, right }), [105, 106], `${right}`);
  }
  const { withoutDeltas } = selectFrom(calls, selection, { deltas });
  assert.equal(withoutDeltas, 0, "no puts are listed");
});

Deno.test("contracts that are not tradable are not selected, unless none is tradable", () => {
  const chain = gridOf({ days: [TODAY], strikes: strikesFrom(98, 102) });
  const some = chain.map((each) => ({ ...each, isTradable: each.strike !== 100 }));
  assert.deepEqual(strikesOf(select(some)), [98, 99, 101, 102]);
  const none = chain.map((each) => ({ ...each, isTradable: false }));
  assert.deepEqual(strikesOf(select(none)), strikesFrom(98, 102), "an index without trading");
});

Deno.test("expiries without deltas are counted, and have the strikes without bounds", () => {
  const days = [TODAY, TODAY + 1, TODAY + 2];
  const chain = gridOf({ days, strikes: strikesFrom(50, 150) });
  const known = chain.filter(({ expiryDay }) => expiryDay === TODAY + 1);
  const deltas = new Map(known.map(({ symbol, strike }) => [symbol, (150 - strike) / 100]));
  const wide = { minAbsDelta: 0.1, maxAbsDelta: 0.12, strikeWindowPercent: 1_000 };
  const maxima = { maxContracts: 10_000 };
  const strikes = (withoutDeltas: OptionSelection["withoutDeltas"]) => {
    const chosen = select(chain, { ...wide, ...maxima, withoutDeltas }, { deltas });
    return days.map((day) => strikesOf(chosen.filter(({ expiryDay }) => expiryDay === day)));
  };
  const bounded = strikesFrom(138, 140);
  const narrow = strikesFrom(95, 105);
  assert.deepEqual(strikes({ strikeWindowPercent: 5 }), [narrow, bounded, narrow]);
  const one = { strikeWindowPercent: 5, strikesEachSide: 1 };
  assert.deepEqual(strikes(one), [[99, 100, 101], bounded, [99, 100, 101]]);
  const all = strikesFrom(50, 150);
  assert.deepEqual(strikes(undefined), [all, bounded, all]);
  const counts = (...args: Parameters<typeof selectFrom>) => {
    const { expiries, withoutDeltas } = selectFrom(...args);
    return { expiries, withoutDeltas };
  };
  assert.deepEqual(counts(chain, wide, { deltas }), { expiries: 3, withoutDeltas: 2 });
  assert.deepEqual(counts(chain, wide), { expiries: 3, withoutDeltas: 3 });
  assert.deepEqual(counts(chain, { maxExpiries: 2 }), { expiries: 2, withoutDeltas: 0 });
  const weekly = gridOf({ root: "SPYW", days, strikes: [100] });
  const both = counts([...chain, ...weekly], { ...wide, maxExpiries: 2 }, { deltas });
  assert.deepEqual(both, { expiries: 2, withoutDeltas: 2 }, "the weekly's deltas are not known");
});

/** A selection as it follows a price, as the user of this part does. */
class Follower {
  readonly #chain: readonly OptionContract[];
  readonly #selection: OptionSelection;
  #selected: Selected | undefined;
  held: ReadonlySet<string> = NOTHING;
  changes = 0;

  constructor(chain: readonly OptionContract[], selection: OptionSelection) {
    this.#chain = chain;
    this.#selection = selection;
  }

  see(price: number, now = NOW): readonly OptionContract[] {
    if (!this.#selected || !isStillSelected(this.#selected, { price, now })) {
      this.#selected = selectFrom(this.#chain, this.#selection, { price, now, held: this.held });
      const symbols = symbolsOf(this.#selected.contracts);
      if (symbols.symmetricDifference(this.held).size > 0) this.changes++;
      this.held = symbols;
    }
    return this.#selected.contracts;
  }
}

const DAYS = [TODAY, TODAY + 1, TODAY + 4, TODAY + 11];

const selections = fc.record({
  minDays: fc.constant(0),
  maxDays: fc.constantFrom(0, 45),
  strikeWindowPercent: fc.constantFrom(0.1, 2, 10, 25),
  strikesEachSide: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
  right: fc.constantFrom("call" as const, "put" as const, undefined),
  maxContracts: fc.integer({ min: 1, max: 200 }),
  maxContractsPerExpiry: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  maxExpiries: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
});

/** Grids with steps of any size, one for each expiry. */
const grids = fc.array(
  fc.uniqueArray(fc.integer({ min: 1, max: 400 }).map((it) => it / 2), {
    minLength: 2,
    maxLength: 60,
  }),
  { minLength: 1, maxLength: DAYS.length },
);
const chains = grids.map((all) =>
  all.flatMap((strikes, at) => gridOf({ days: [DAYS[at] ?? TODAY], strikes }))
);
const prices = fc.array(fc.double({ min: 0.25, max: 220, noNaN: true }), { minLength: 1 });

Deno.test("each expiry has both sides of the money as far as the maxima allow", () => {
  fc.assert(
    fc.property(chains, selections, prices, (chain, selection, all) => {
      const follower = new Follower(chain, { ...selection, maxContracts: 10_000 });
      const perExpiry = selection.maxContractsPerExpiry ?? Infinity;
      for (const price of all) {
        const chosen = follower.see(price);
        const days = [...new Set(chain.map(({ expiryDay }) => expiryDay))].sort((a, b) => a - b)
          .filter((day) => day - TODAY <= selection.maxDays).slice(0, selection.maxExpiries);
        assert.deepEqual(daysOf(chosen).map((day) => day + TODAY).sort((a, b) => a - b), days);
        for (const day of days) {
          const listed = strikesOf(chain.filter(({ expiryDay }) => expiryDay === day));
          const own = strikesOf(chosen.filter(({ expiryDay }) => expiryDay === day));
          const rights = selection.right ? 1 : 2;
          if (perExpiry >= 3 * rights) {
            const below = listed.findLast((strike) => strike <= price);
            const above = listed.find((strike) => strike >= price);
            if (below !== undefined) assert.ok(own.includes(below), `${own} at ${price}`);
            if (above !== undefined) assert.ok(own.includes(above), `${own} at ${price}`);
          }
          assert.deepEqual(own, listed.slice(listed.indexOf(own[0] ?? 0)).slice(0, own.length));
        }
      }
    }),
  );
});

Deno.test("the strike at the money is selected within half a step, with all maxima", () => {
  fc.assert(
    fc.property(chains, selections, prices, (chain, selection, all) => {
      const follower = new Follower(chain, selection);
      for (const price of all) {
        const chosen = follower.see(price);
        assert.ok(chosen.length <= selection.maxContracts);
        for (const day of daysOf(chosen)) {
          const listed = strikesOf(chain.filter((it) => it.expiryDay === day + TODAY));
          const own = strikesOf(chosen.filter((it) => it.expiryDay === day + TODAY));
          const distance = (strikes: readonly number[]) =>
            Math.min(...strikes.map((strike) => Math.abs(strike - price)));
          const after = listed.find((strike) => strike > price) ?? Infinity;
          const before = listed.findLast((strike) => strike <= price) ?? -Infinity;
          const excess = distance(own) - distance(listed);
          assert.ok(excess === 0 || excess < (after - before) / 4, `${own} at ${price}`);
        }
      }
    }),
  );
});

Deno.test("the same moment gives the same contracts, each once and in its bounds", () => {
  fc.assert(
    fc.property(chains, selections, prices, (chain, selection, [price = 1]) => {
      const chosen = select(chain, selection, { price });
      assert.deepEqual(select([...chain].reverse(), selection, { price }), chosen);
      assert.equal(symbolsOf(chosen).size, chosen.length);
      for (const [day, all] of Map.groupBy(chosen, ({ expiryDay }) => expiryDay)) {
        assert.ok(day - TODAY <= selection.maxDays);
        assert.ok(all.length <= (selection.maxContractsPerExpiry ?? Infinity));
      }
      if (selection.right) assert.ok(chosen.every(({ right }) => right === selection.right));
    }),
  );
});

Deno.test("a selection that is said to stay the same is the same when made again", () => {
  const move = fc.double({ min: 0, max: 1, noNaN: true, minExcluded: true, maxExcluded: true });
  fc.assert(
    fc.property(chains, selections, prices, move, (chain, selection, [price = 1], part) => {
      const wide = { ...selection, strikeWindowPercent: 0.1 };
      const before = selectFrom(chain, wide, { price });
      const [low, high] = before.between;
      const other = low + (high - low) * part;
      if (!isStillSelected(before, { price: other, now: NOW })) return;
      const held = symbolsOf(before.contracts);
      const after = symbolsOf(select(chain, wide, { price: other, held }));
      assert.deepEqual(after.difference(held), NOTHING);
    }),
  );
});

Deno.test("a price that hovers around any point changes the selection twice at most", () => {
  const wobble = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 20 });
  const middle = fc.double({ min: 20, max: 180, noNaN: true });
  const WIDE = gridOf({ days: DAYS, strikes: strikesFrom(1, 200) });
  fc.assert(
    fc.property(selections, middle, wobble, (selection, centre, walk) => {
      const follower = new Follower(WIDE, selection);
      follower.see(centre);
      // A twentieth of a step.
      for (const step of walk) follower.see(centre + step / 20);
      assert.ok(follower.changes <= 2 + 1, `${follower.changes} changes`);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("a selection ends when a contract stops trading, and with the day", () => {
  const chain = gridOf({ underlying: "AAPL", days: [TODAY, TODAY + 4], strikes: [100] });
  const until = (now: number) => selectFrom(chain, {}, { now }).validUntil;
  assert.equal(until(NOW), instantAt(TODAY, 16 * 60));
  assert.equal(until(instantAt(TODAY, 16 * 60)), instantAt(TODAY + 1, 0));
});

Deno.test("expiries of which a maximum leaves out everything or a side are counted", () => {
  const chain = gridOf({ days: [TODAY, TODAY + 7], strikes: strikesFrom(90, 110) });
  /** Without contracts, incomplete, and all. */
  const counts = (changes: Partial<OptionSelection>, price = 100.4) => {
    const { unreached, incomplete, expiries } = selectFrom(chain, changes, { price });
    return [unreached, incomplete, expiries];
  };
  assert.deepEqual(counts({}), [0, 0, 2]);
  assert.deepEqual(counts({ maxContracts: 8 }), [0, 0, 2]);
  assert.deepEqual(counts({ maxContracts: 7 }), [1, 0, 2]);
  assert.deepEqual(counts({ maxContracts: 3 }), [1, 1, 2]);
  assert.deepEqual(counts({ maxContracts: 2 }, 100), [1, 0, 2], "at a strike it has both sides");
  assert.deepEqual(counts({ maxContracts: 2 }, 100.1), [1, 0, 2], "near to it too");
  assert.deepEqual(counts({ maxContracts: 4, right: "put" }), [0, 0, 2]);
  const one = { maxContracts: 2, maxExpiries: 1 };
  assert.deepEqual(counts(one), [0, 1, 1]);
  assert.deepEqual(counts({ ...one, minStrike: 101 }), [0, 0, 1], "the other side is not asked");
  assert.deepEqual(counts({ maxContracts: 4, minStrike: 105 }), [1, 0, 2], "far from the price");
});

Deno.test("a maximum per expiry is no shortage", () => {
  const chain = gridOf({ days: [TODAY, TODAY + 7], strikes: strikesFrom(90, 110) });
  for (const maxContractsPerExpiry of [1, 2, 3]) {
    const selected = selectFrom(chain, { maxContractsPerExpiry }, { price: 100.4 });
    assert.equal(selected.contracts.length, 2 * maxContractsPerExpiry);
    assert.deepEqual([selected.unreached, selected.incomplete], [0, 0]);
  }
});

Deno.test("expiries without all strikes on each side that are requested are incomplete", () => {
  const chain = gridOf({ days: [TODAY, TODAY + 7], strikes: strikesFrom(90, 110) });
  const counts = (maxContracts: number, price = 100.4) => {
    const { unreached, incomplete } = selectFrom(chain, { strikesEachSide: 3, maxContracts }, {
      price,
    });
    return [unreached, incomplete];
  };
  assert.deepEqual(counts(24), [0, 0]);
  assert.deepEqual(counts(23), [0, 1]);
  assert.deepEqual(counts(20), [0, 2]);
  assert.deepEqual(counts(7), [1, 1]);
  assert.deepEqual(counts(28, 100), [0, 0], "the strike at the price counts for neither side");
  assert.deepEqual(counts(27, 100), [0, 1]);
  const few = gridOf({ days: [TODAY], strikes: strikesFrom(99, 102) });
  assert.equal(selectFrom(few, { strikesEachSide: 3 }).incomplete, 0, "no others are listed");
});

Deno.test("expiries that lack strikes around the price are counted", () => {
  const gapsOf = (strikes: readonly number[]) =>
    selectFrom(gridOf({ days: [TODAY + 1], strikes }), {}, { price: 100.4 }).gaps;
  assert.equal(gapsOf(strikesFrom(90, 110)), 0);
  assert.equal(gapsOf(strikesFrom(90, 110).filter((it) => it < 100 || it > 101)), 1);
  assert.equal(gapsOf(strikesFrom(90, 110).filter((it) => it < 99 || it > 104)), 1);
  assert.equal(gapsOf(strikesFrom(90, 110).filter((it) => it !== 101)), 0, "one is not tradable");
  assert.equal(gapsOf([90, 95, 100, 105, 110]), 0, "all are 5 apart");
  assert.equal(gapsOf([98, 99, 100, 105, 110]), 0, "above, others are as far apart");
  assert.equal(gapsOf([97, 97.5, 98, 100, 105, 110]), 0);
  assert.equal(gapsOf([100, 105]), 0, "no others to compare with");
  assert.equal(gapsOf([]), 0);
  const chain = gridOf({ days: [TODAY + 1], strikes: strikesFrom(90, 110) })
    .filter(({ right, strike }) => right === "call" || strike < 100 || strike > 101);
  const ofRight = (right: "call" | "put" | undefined) =>
    selectFrom(chain, { right }, { price: 100.4 }).gaps;
  assert.deepEqual([ofRight("call"), ofRight("put"), ofRight(undefined)], [0, 1, 1]);
});

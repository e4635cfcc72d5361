import assert from "node:assert/strict";
import fc from "fast-check";
import type { OptionContract } from "../../../../src/domain/options/contract.ts";
import {
  DEFAULT_SELECTION,
  marginOf,
  type OptionSelection,
  recentre,
  selectContracts,
} from "../../../../src/domain/options/selection.ts";
import { gridOf, strikesFrom } from "./chains.ts";

const TODAY = 20_800;
const NOBODY: ReadonlySet<string> = new Set();

function select(
  chain: readonly OptionContract[],
  changes: Partial<OptionSelection> = {},
  moment: { centre?: number; today?: number; held?: ReadonlySet<string> } = {},
) {
  const { centre = 100, today = TODAY, held = NOBODY } = moment;
  const selection = { ...DEFAULT_SELECTION, ...changes };
  return selectContracts(chain, selection, { centre, today, held });
}

const strikesOf = (contracts: readonly OptionContract[]) =>
  [...new Set(contracts.map(({ strike }) => strike))].sort((a, b) => a - b);
const symbolsOf = (contracts: readonly OptionContract[]) =>
  new Set(contracts.map(({ symbol }) => symbol));

Deno.test("the nearest expiry comes first, in it the nearest strikes", () => {
  const chain = gridOf({
    days: [TODAY + 7, TODAY],
    strikes: [98, 99, 100, 101.5],
  });
  const chosen = select(chain, { right: "call", maxContracts: 5 });
  assert.deepEqual(
    chosen.map(({ expiryDay, strike }) => [expiryDay - TODAY, strike]),
    [[0, 100], [0, 99], [0, 101.5], [0, 98], [7, 100]],
  );
});

Deno.test("days, window, right and maximum bound the choice", () => {
  const chain = gridOf({
    days: [TODAY - 1, TODAY, TODAY + 5, TODAY + 46],
    strikes: strikesFrom(80, 120),
  });
  const chosen = select(chain, { maxContracts: 10_000 });
  assert.deepEqual(strikesOf(chosen), strikesFrom(90, 110));
  assert.deepEqual(
    new Set(chosen.map(({ expiryDay }) => expiryDay - TODAY)),
    new Set([0, 5]),
  );
  assert.equal(chosen.length, 21 * 2 * 2);
  const puts = select(chain, { right: "put", minDays: 1, maxContracts: 3 });
  assert.deepEqual(
    puts.map(({ right, expiryDay }) => [right, expiryDay - TODAY]),
    [["put", 5], ["put", 5], ["put", 5]],
  );
});

Deno.test("LEAPS are chosen when the days reach that far", () => {
  const leaps = TODAY + 800;
  const chain = gridOf({ days: [TODAY, leaps], strikes: [100] });
  const chosen = select(chain, { minDays: 365, maxDays: 1_000 });
  assert.deepEqual(chosen.map(({ expiryDay }) => expiryDay), [leaps, leaps]);
  assert.equal(select(chain).length, 2, "but not by default");
});

Deno.test("contracts leave on the day after their expiry", () => {
  const chain = gridOf({ days: [TODAY, TODAY + 1], strikes: [100] });
  assert.equal(select(chain, {}, { today: TODAY }).length, 4);
  assert.equal(select(chain, {}, { today: TODAY + 1 }).length, 2);
});

Deno.test("a contract that is held leaves when it is clearly outside", () => {
  const chain = gridOf({ days: [TODAY], strikes: [88, 110, 112, 113] });
  const held = symbolsOf(chain);
  // The window is 10 around 100; what is held may be 12.5 away.
  assert.deepEqual(strikesOf(select(chain)), [110]);
  assert.deepEqual(strikesOf(select(chain, {}, { held })), [88, 110, 112]);
});

Deno.test("a contract that is held is not replaced for a tie", () => {
  const chain = gridOf({ days: [TODAY], strikes: [99, 101] });
  const above = symbolsOf(chain.filter(({ strike }) => strike === 101));
  const chosen = (centre: number) =>
    strikesOf(select(chain, { maxContracts: 2 }, { centre, held: above }));
  assert.deepEqual(chosen(100), [101]);
  assert.deepEqual(chosen(99.9), [101], "1.1 away against 0.9");
  assert.deepEqual(chosen(99.8), [99], "1.2 away against 0.8");
});

Deno.test("the margin is a quarter of what the selection reaches to", () => {
  const options = { centre: 100, strikeWindowPercent: 10 };
  const chain = gridOf({ days: [TODAY], strikes: strikesFrom(80, 120) });
  const margin = (maxContracts: number) => marginOf(select(chain, { maxContracts }), options);
  assert.equal(margin(10_000), 2.5);
  assert.equal(margin(18), 1, "strikes 96 to 104");
  assert.equal(marginOf([], options), 2.5);
});

Deno.test("the centre follows only beyond the margin", () => {
  const before = { centre: 100, margin: 2.5 };
  assert.equal(recentre(101, undefined), 101);
  assert.equal(recentre(102.5, before), 100);
  assert.equal(recentre(102.51, before), 102.51);
  assert.equal(recentre(97.4, before), 97.4);
});

/** A selection as it follows a price, the way a user of this file does it. */
class Follower {
  readonly #chain: readonly OptionContract[];
  readonly #selection: OptionSelection;
  #focus: { centre: number; margin: number } | undefined;
  held: ReadonlySet<string> = NOBODY;
  changes = 0;

  constructor(chain: readonly OptionContract[], selection: OptionSelection) {
    this.#chain = chain;
    this.#selection = selection;
  }

  get margin(): number {
    return this.#focus?.margin ?? 0;
  }

  see(price: number): void {
    const centre = recentre(price, this.#focus);
    if (centre === this.#focus?.centre) return;
    const { strikeWindowPercent } = this.#selection;
    const chosen = selectContracts(this.#chain, this.#selection, {
      today: TODAY,
      centre,
      held: this.held,
    });
    const symbols = symbolsOf(chosen);
    if (symbols.symmetricDifference(this.held).size > 0) this.changes++;
    this.held = symbols;
    const margin = marginOf(chosen, { centre, strikeWindowPercent });
    this.#focus = { centre, margin };
  }
}

const selections = fc.record({
  minDays: fc.constant(0),
  maxDays: fc.constantFrom(0, 45),
  strikeWindowPercent: fc.constantFrom(2, 10, 25),
  right: fc.constantFrom("call" as const, "put" as const, undefined),
  maxContracts: fc.integer({ min: 2, max: 200 }),
});

const WIDE = gridOf({
  days: [TODAY, TODAY + 7],
  strikes: strikesFrom(250, 1_000, 2.5),
});

Deno.test("a price that walks within the margin never changes the selection", () => {
  const steps = fc.array(fc.double({ min: -1, max: 1, noNaN: true }));
  fc.assert(
    fc.property(selections, steps, (selection, walk) => {
      const follower = new Follower(WIDE, selection);
      follower.see(500);
      const before = follower.held;
      const { margin } = follower;
      for (const step of walk) follower.see(500 + step * margin);
      assert.equal(follower.held, before);
      assert.equal(follower.changes, 1);
    }),
    { numRuns: 300 },
  );
});

Deno.test("a far move changes the selection once", () => {
  const jitter = fc.array(fc.double({ min: -0.9, max: 0.9, noNaN: true }));
  fc.assert(
    fc.property(selections, jitter, (selection, walk) => {
      const follower = new Follower(WIDE, selection);
      follower.see(500);
      follower.see(600);
      const { margin } = follower;
      for (const step of walk) follower.see(600 + step * margin);
      assert.equal(follower.changes, 2);
    }),
    { numRuns: 300 },
  );
});

Deno.test("a walk changes the selection no more often than it leaves the margin", () => {
  const walks = fc.array(fc.double({ min: -3, max: 3, noNaN: true }), {
    minLength: 50,
    maxLength: 300,
  });
  fc.assert(fc.property(selections, walks, (selection, walk) => {
    const follower = new Follower(WIDE, selection);
    let price = 500;
    let travelled = 0;
    let least = Infinity;
    follower.see(price);
    for (const step of walk) {
      price += step;
      travelled += Math.abs(step);
      least = Math.min(least, follower.margin);
      follower.see(price);
    }
    assert.ok((follower.changes - 1) * least <= travelled);
  }));
});

Deno.test("the strikes at the money are always selected", () => {
  const prices = fc.array(fc.double({ min: 300, max: 900, noNaN: true }));
  fc.assert(fc.property(selections, prices, (selection, all) => {
    const follower = new Follower(WIDE, { ...selection, maxContracts: 40 });
    for (const price of all) {
      follower.see(price);
      const strikes = strikesOf(
        WIDE.filter(({ symbol }) => follower.held.has(symbol)),
      );
      const nearest = Math.min(...strikes.map((it) => Math.abs(it - price)));
      assert.ok(nearest <= 2.5, `${price} against ${strikes}`);
    }
  }));
});

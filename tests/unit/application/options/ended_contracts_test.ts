/**
 * Lists without contracts that do not trade any more are complete.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dayOfDate, instantAt } from "../../../../src/domain/calendar/exchange_time.ts";
import { gridOf, occSymbol, strikesFrom } from "../../domain/options/chains.ts";
import { ChainRig, TODAY } from "./chain_rig.ts";

/** Thursday, 18 January 2024, before the third Friday, on which SPX is settled in the morning. */
const THURSDAY = TODAY + 2;
const FRIDAY = THURSDAY + 1;
const STRIKES = strikesFrom(97, 103);

/** Contracts of SPX and SPXW, those of SPX on the third Friday with `strikes`. */
function listSpx(rig: ChainRig, strikes: readonly number[]): void {
  const spx = { underlying: "SPX", root: "SPX" };
  rig.catalog.listed.set("SPX", [
    ...gridOf({ ...spx, root: "SPXW", days: [FRIDAY, FRIDAY + 7], strikes: STRIKES }),
    ...gridOf({ ...spx, days: [FRIDAY], strikes }),
    ...gridOf({ ...spx, days: [FRIDAY + 28], strikes: STRIKES }),
  ]);
}

/** Lets the time pass until a minute of a day in New York. */
async function until(rig: ChainRig, day: number, minute: number): Promise<void> {
  await rig.clock.advance(instantAt(day, minute) - rig.clock.now());
}

Deno.test("AM-settled contracts may be missing once they have stopped trading", async () => {
  await using rig = new ChainRig({ epoch: instantAt(THURSDAY, 10 * 60) });
  listSpx(rig, STRIKES);
  using _spx = rig.cache.use("SPX");
  await until(rig, FRIDAY, 8 * 60);
  const asked = rig.catalog.asked.length;
  listSpx(rig, []);
  await until(rig, FRIDAY, 10 * 60);
  assert.equal(rig.reasonOf("SPX"), undefined);
  assert.equal(rig.countOf("SPX"), 3 * 2 * STRIKES.length);
  assert.equal(rig.catalog.asked.length, asked + 1, "the load of the morning");
  assert.deepEqual(rig.log.messages("warn"), []);
});

Deno.test("AM-settled contracts that trade stay in the chain when they are missing", async () => {
  await using rig = new ChainRig({ epoch: instantAt(THURSDAY, 8 * 60) });
  listSpx(rig, STRIKES);
  using _spx = rig.cache.use("SPX");
  await rig.clock.advance(0);
  await rig.confirmed("SPX");
  listSpx(rig, []);
  await until(rig, THURSDAY, 9 * 60 + 5);
  assert.equal(rig.reasonOf("SPX"), "contracts listed: 42; kept although not listed: 14");
});

Deno.test("a contract that has stopped trading loads no chain when a stream names it", async () => {
  await using rig = new ChainRig({ epoch: instantAt(FRIDAY, 10 * 60) });
  listSpx(rig, []);
  using _spx = rig.cache.use("SPX");
  await rig.clock.advance(0);
  const terms = { expiryDay: FRIDAY, right: "call", strike: 200 } as const;
  rig.cache.observe(occSymbol("SPX", terms));
  await rig.clock.advance(0);
  assert.equal(rig.catalog.asked.length, 1);
  rig.cache.observe(occSymbol("SPXW", terms));
  await rig.clock.advance(0);
  assert.equal(rig.catalog.asked.length, 2, "of the other root it still trades");
});

Deno.test("strikes of contracts that have stopped trading load no chain", async () => {
  await using rig = new ChainRig({ epoch: instantAt(THURSDAY, 15 * 60) });
  listSpx(rig, strikesFrom(200, 203));
  using _spx = rig.cache.use("SPX");
  const note = () => rig.cache.noteSelection("SPX", { isEmpty: false, price: 100 });
  await until(rig, FRIDAY, 10 * 60);
  const asked = rig.catalog.asked.length;
  await rig.minutes(60, note);
  assert.equal(rig.catalog.asked.length, asked);
});

/** Wednesday, 3 July 2024: the market closes at 13:00. */
const EARLY_CLOSE = dayOfDate("2024-07-03") ?? 0;

for (
  const [underlying, minute, isMissed] of [
    ["AAPL", 12 * 60 + 59, true],
    ["AAPL", 13 * 60, false],
    ["SPY", 13 * 60 + 14, true],
    ["SPY", 13 * 60 + 15, false],
  ] as const
) {
  const time = new Date(minute * 60_000).toISOString().slice(11, 16);
  const name = `today's expiry of ${underlying} ${isMissed ? "is missed" : "may be missing"}`;
  Deno.test(`${name} at ${time} on an early close`, async () => {
    await using rig = new ChainRig({ epoch: instantAt(EARLY_CLOSE, minute - 3) });
    using _use = await rig.load(underlying, [EARLY_CLOSE, EARLY_CLOSE + 2], STRIKES);
    rig.list(underlying, [EARLY_CLOSE + 2], STRIKES);
    const terms = { expiryDay: EARLY_CLOSE + 9, right: "call", strike: 100 } as const;
    rig.cache.observe(occSymbol(underlying, terms));
    await rig.clock.advance(0);
    assert.equal(rig.catalog.asked.length, 2);
    const reason = "contracts listed: 14; kept although not listed: 14";
    assert.equal(rig.reasonOf(underlying), isMissed ? reason : undefined);
    assert.equal(rig.countOf(underlying), isMissed ? 28 : 14);
  });
}

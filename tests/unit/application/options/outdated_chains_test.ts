/**
 * What streams receive when a chain was outdated: a day by the clock, with prices and
 * lists as Alpaca's.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Expansions } from "../../../../src/application/options/expansions.ts";
import { LOAD_CAUSES } from "../../../../src/application/options/load_causes.ts";
import { instantAt } from "../../../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import { DEFAULT_SELECTION } from "../../../../src/domain/options/selection.ts";
import type { OptionContract } from "../../../../src/domain/options/contract.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { gridOf, occSymbol, strikesFrom } from "../../domain/options/chains.ts";
import { MINUTE_MS, TODAY } from "./chain_rig.ts";
import { CountingSink } from "./counting_sink.ts";
import { ScriptedCatalog } from "./scripted_catalog.ts";

const DAY = TODAY;
const DAYS = [DAY + 2, DAY + 9];
const GRID = strikesFrom(90, 110);

/** Expansions of SPY on one day; disposing it checks for leftovers. */
class Rig implements AsyncDisposable {
  readonly catalog = new ScriptedCatalog();
  readonly sink = new CountingSink();
  readonly log = new RecordingLog();
  readonly clock: ManualClock;
  readonly expansions: Expansions;
  readonly #end = new AbortController();
  readonly #run: Promise<void>;

  /** Starts at a minute of the day in New York. */
  constructor(minute: number, random = 0) {
    this.clock = new ManualClock(instantAt(DAY, minute));
    this.catalog.time = () => this.clock.now();
    this.expansions = new Expansions({
      catalog: this.catalog,
      sink: this.sink,
      directory: new UnderlyingDirectory(),
      clock: this.clock,
      calendar: new MarketCalendar(),
      log: this.log,
      random: () => random,
      settings: { selection: DEFAULT_SELECTION, priceIntervalMs: 15_000, maxChains: 10 },
    });
    this.#run = this.expansions.run(this.#end.signal);
  }

  list(strikes: readonly number[]): void {
    this.catalog.listed.set("SPY", gridOf({ days: DAYS, strikes }));
  }

  price(price: number): void {
    this.catalog.trades.set("SPY", price);
  }

  /** Lets the time pass until a minute of the day. */
  async until(minute: number): Promise<void> {
    await this.clock.advance(instantAt(DAY, minute) - this.clock.now());
  }

  /** Loads but for those of each hour, which nothing but the time causes. */
  get loads(): number {
    const { label } = LOAD_CAUSES.routine;
    const routine = this.log.records.filter(({ fields }) => fields.cause === label);
    return this.catalog.asked.length - routine.length;
  }

  /** Distinct strikes that are subscribed, ascending. */
  get strikes(): readonly number[] {
    const strikes = this.sink.symbols().map((symbol) => Number(symbol.slice(-8)) / 1000);
    return [...new Set(strikes)].sort((a, b) => a - b);
  }

  /** Expiries that are subscribed, as in OCC symbols. */
  get expiries(): ReadonlySet<string> {
    return new Set(this.sink.symbols().map((symbol) => symbol.slice(3, 9)));
  }

  get reason(): string | undefined {
    return this.expansions.reports()[0]?.reason;
  }

  /** Whether strikes below and above a price are subscribed. */
  straddles(price: number): boolean {
    return this.strikes.some((it) => it <= price) && this.strikes.some((it) => it >= price);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#run;
    assert.equal(this.clock.sleepers, 0);
  }
}

Deno.test("a stream has the new strikes of a 10:1 split within ten minutes", async () => {
  await using rig = new Rig(5);
  rig.list(strikesFrom(950, 1_050, 5));
  rig.price(1_000);
  using _stream = rig.expansions.open("quotes", "SPY");
  await rig.until(3 * 60);
  assert.ok(rig.straddles(1_000));
  rig.price(100);
  await rig.until(6 * 60);
  rig.list(strikesFrom(90, 110));
  await rig.until(6 * 60 + 11);
  assert.ok(rig.straddles(100));
  assert.ok(rig.strikes.every((strike) => strike < 200), "none of before");
  const { loads } = rig;
  assert.ok(loads < 35, `${loads} loads`);
});

Deno.test("a stream has strikes that are added after a gap of 45 percent", async () => {
  await using rig = new Rig(9 * 60 + 15);
  rig.list(strikesFrom(80, 120));
  rig.price(100);
  using _stream = rig.expansions.open("quotes", "SPY");
  await rig.until(9 * 60 + 30);
  rig.price(55);
  await rig.until(10 * 60);
  rig.list([...strikesFrom(45, 65), ...strikesFrom(80, 120)]);
  await rig.until(10 * 60 + 11);
  assert.ok(rig.straddles(55), `${rig.strikes}`);
});

Deno.test("a stream has contracts minutes after an empty first answer", async () => {
  await using rig = new Rig(9 * 60 + 15);
  rig.list([]);
  rig.price(100);
  using _stream = rig.expansions.open("quotes", "SPY");
  await rig.clock.advance(MINUTE_MS);
  rig.list(strikesFrom(95, 105));
  assert.deepEqual(rig.strikes, []);
  await rig.clock.advance(5 * MINUTE_MS);
  assert.deepEqual(rig.strikes, strikesFrom(95, 105));
});

Deno.test("a stream that opens again on an empty chain has contracts immediately", async () => {
  await using rig = new Rig(9 * 60 + 15);
  rig.list([]);
  rig.price(100);
  const first = rig.expansions.open("quotes", "SPY");
  await rig.clock.advance(MINUTE_MS);
  first[Symbol.dispose]();
  rig.list(strikesFrom(95, 105));
  using _again = rig.expansions.open("quotes", "SPY");
  await rig.clock.advance(0);
  assert.deepEqual(rig.strikes, strikesFrom(95, 105));
});

Deno.test("a list that is cut to one contract takes no contract from a stream", async () => {
  await using rig = new Rig(10);
  rig.list(strikesFrom(95, 105));
  rig.price(100);
  using _stream = rig.expansions.open("quotes", "SPY");
  await rig.until(8 * 60);
  const complete = rig.catalog.listed.get("SPY") ?? [];
  rig.catalog.listed.set("SPY", complete.slice(0, 1));
  await rig.until(20 * 60);
  assert.deepEqual(rig.strikes, strikesFrom(95, 105));
  const [report] = rig.expansions.reports();
  assert.match(report?.reason ?? "", /contracts listed: 1; kept although not listed: 43/);
});

Deno.test("a contract that a stream names is selected for others once it is listed", async () => {
  await using rig = new Rig(10 * 60);
  rig.list(strikesFrom(95, 104));
  rig.price(100);
  using _stream = rig.expansions.open("quotes", "SPY");
  await rig.clock.advance(MINUTE_MS);
  rig.list(strikesFrom(95, 105));
  rig.expansions.observe(
    occSymbol("SPY", { expiryDay: DAYS[0] ?? 0, right: "call", strike: 105 }),
  );
  await rig.clock.advance(0);
  assert.deepEqual(rig.strikes, strikesFrom(95, 105));
});

Deno.test("an expiry and a root that a selection names are selected once listed", async () => {
  await using rig = new Rig(9 * 60 + 30);
  rig.list(strikesFrom(95, 105));
  rig.price(100);
  const selection = { ...DEFAULT_SELECTION, expiries: [...DAYS, DAY + 16], roots: ["SPY", "SPYX"] };
  using _stream = rig.expansions.open("quotes", "SPY", selection);
  await rig.until(10 * 60);
  const report = () => rig.expansions.reports()[0];
  const expiry = new Date((DAY + 16) * 86_400_000).toISOString().slice(0, 10);
  assert.match(
    report()?.reason ?? "",
    new RegExp(
      `not listed: 1 of 3 requested expiries: ${expiry}; not listed: 1 of 2 requested roots: SPYX`,
    ),
  );
  const before = rig.sink.symbols().length;
  rig.catalog.listed.set("SPY", [
    ...gridOf({ days: DAYS, strikes: strikesFrom(95, 105) }),
    ...gridOf({ days: [DAY + 16], root: "SPYX", strikes: strikesFrom(95, 105) }),
  ]);
  await rig.until(10 * 60 + 11);
  assert.equal(report()?.reason?.includes("not listed") ?? false, false);
  assert.ok(rig.sink.symbols().length > before);
});

const FAULTS = [
  ["lacks all puts of the nearest expiry", "not listed: 101"],
  ["has most contracts as not tradable", "not tradable: 503"],
] as const;

for (const [at, [what, reason]] of FAULTS.entries()) {
  Deno.test(`a list that ${what} takes no contract from a stream`, async () => {
    await using rig = new Rig(9 * 60 + 30);
    const all = gridOf({ days: [...DAYS, DAY + 121], strikes: strikesFrom(50, 150) });
    rig.catalog.listed.set("SPY", all);
    rig.price(100);
    using _stream = rig.expansions.open("quotes", "SPY");
    await rig.clock.advance(MINUTE_MS);
    const before = rig.sink.symbols();
    rig.catalog.listed.set(
      "SPY",
      at === 0
        ? all.filter(({ expiryDay, right }) => expiryDay !== DAYS[0] || right === "call")
        : all.map((one, index) => index < 103 ? one : { ...one, isTradable: false }),
    );
    const unknown = { expiryDay: DAY + 40, right: "call", strike: 100 } as const;
    rig.expansions.observe(occSymbol("SPY", unknown));
    await rig.clock.advance(0);
    assert.deepEqual(rig.sink.symbols(), before);
    assert.match(rig.expansions.reports()[0]?.reason ?? "", new RegExp(reason));
    rig.catalog.listed.set("SPY", all);
    await rig.clock.advance(2 * MINUTE_MS);
    assert.deepEqual(rig.sink.symbols(), before);
    assert.equal(rig.expansions.reports()[0]?.reason, undefined);
  });
}

/** Five expiries, the last one in four months. */
const COMPLETE = gridOf({ days: [...DAYS, DAY + 16, DAY + 30, DAY + 121], strikes: GRID });

for (
  const [requested, selection, reason] of [
    ["max_expiries 4", { maxExpiries: 4 }, "1 expiry is listed, max_expiries is 4"],
    ["no number of expiries", {}, "2024-01-18 is the only listed expiry"],
  ] as const
) {
  Deno.test(`a first list of one expiry is corrected in minutes with ${requested}`, async () => {
    await using rig = new Rig(9 * 60 + 30);
    rig.catalog.listed.set("SPY", COMPLETE.filter(({ expiryDay }) => expiryDay === DAYS[0]));
    rig.price(100);
    using _stream = rig.expansions.open("quotes", "SPY", { ...DEFAULT_SELECTION, ...selection });
    await rig.clock.advance(MINUTE_MS);
    assert.equal(rig.reason, `${reason}, which is not confirmed yet`);
    rig.catalog.listed.set("SPY", COMPLETE);
    await rig.clock.advance(2 * MINUTE_MS);
    assert.equal(rig.expiries.size, 4);
    assert.equal(rig.reason, undefined);
    await rig.until(20 * 60);
    assert.equal(rig.loads, 2, "the chain is complete");
  });
}

Deno.test("a first list that stays cut for 40 minutes is corrected after 45", async () => {
  await using rig = new Rig(9 * 60 + 30);
  rig.catalog.listed.set("SPY", COMPLETE.filter(({ expiryDay }) => expiryDay === DAYS[0]));
  rig.price(100);
  using _stream = rig.expansions.open("quotes", "SPY", { ...DEFAULT_SELECTION, maxExpiries: 4 });
  await rig.clock.advance(40 * MINUTE_MS);
  assert.match(rig.reason ?? "", /not confirmed yet$/);
  assert.equal(rig.loads, 4);
  rig.catalog.listed.set("SPY", COMPLETE);
  await rig.clock.advance(6 * MINUTE_MS);
  assert.equal(rig.expiries.size, 4);
});

Deno.test("a chain with fewer expiries than requested states it, and is confirmed", async () => {
  await using rig = new Rig(9 * 60 + 30);
  rig.catalog.listed.set("SPY", gridOf({ days: [DAY + 31, DAY + 59], strikes: GRID }));
  rig.price(100);
  const selection = { ...DEFAULT_SELECTION, maxDays: 1_000, maxExpiries: 10 };
  const problems: (readonly [string, boolean])[] = [];
  using _stream = rig.expansions.open("quotes", "SPY", selection, ({ kinds, isProblem }) => {
    const [last] = problems.slice(-1);
    if (last?.[0] !== kinds) problems.push([kinds, isProblem]);
  });
  await rig.until(15 * 60);
  assert.equal(rig.reason, "2 expiries are listed, max_expiries is 10");
  assert.deepEqual(problems, [["few_expiries", true], ["limit", false]]);
  assert.equal(rig.loads, 5, "lists of 45 minutes confirm it");
  using _another = rig.expansions.open("trades", "SPY", selection);
  await rig.until(17 * 60);
  assert.equal(rig.loads, 5);
});

Deno.test("an expiry without puts in a first list has them in minutes", async () => {
  for (const right of [undefined, "put"] as const) {
    await using rig = new Rig(9 * 60 + 30);
    rig.catalog.listed.set(
      "SPY",
      COMPLETE.filter((one) => one.expiryDay !== DAYS[0] || one.right === "call"),
    );
    rig.price(100);
    using _stream = rig.expansions.open("quotes", "SPY", { ...DEFAULT_SELECTION, right });
    await rig.clock.advance(MINUTE_MS);
    assert.equal(rig.reason, "1 of 4 expiries list no calls or no puts");
    rig.catalog.listed.set("SPY", COMPLETE);
    await rig.clock.advance(3 * MINUTE_MS);
    assert.equal(rig.reason, undefined);
    assert.ok(rig.sink.symbols().some((symbol) => symbol.startsWith("SPY240118P")));
  }
});

Deno.test("strikes that strikes_each_side lacks are selected once they are listed", async () => {
  for (const isListed of [true, false]) {
    await using rig = new Rig(9 * 60 + 30);
    rig.list(strikesFrom(90, 102));
    rig.price(100);
    const selection = { ...DEFAULT_SELECTION, expiries: DAYS, strikesEachSide: 5 };
    using _stream = rig.expansions.open("quotes", "SPY", selection);
    await rig.clock.advance(MINUTE_MS);
    if (isListed) rig.list(strikesFrom(90, 110));
    await rig.clock.advance(2 * MINUTE_MS);
    assert.equal(rig.strikes.at(-1), isListed ? 105 : 102);
    assert.equal(rig.reason === undefined, isListed);
    await rig.until(20 * 60);
    assert.equal(rig.loads, isListed ? 2 : 5);
  }
});

Deno.test("strikes that are listed hours after a move of the price are selected", async () => {
  await using rig = new Rig(8 * 60);
  rig.list(GRID);
  rig.price(100);
  const selection = { ...DEFAULT_SELECTION, expiries: DAYS, strikesEachSide: 8 };
  using _stream = rig.expansions.open("quotes", "SPY", selection);
  await rig.until(10 * 60);
  assert.deepEqual([rig.strikes.at(-1), rig.reason], [108, undefined]);
  const { loads } = rig;
  rig.price(107);
  await rig.until(12 * 60);
  assert.equal(rig.strikes.at(-1), 110);
  assert.match(rig.reason ?? "", /^2 of 2 expiries list fewer strikes on a side/);
  rig.list(strikesFrom(90, 120));
  await rig.until(12 * 60 + 35);
  assert.deepEqual([rig.strikes.at(-1), rig.reason], [115, undefined]);
  assert.equal(rig.loads, loads + 5, "after 3, 9, 21, 45 and 93 min, and each hour");
  rig.price(106);
  await rig.until(20 * 60);
  assert.equal(rig.loads, loads + 5);
});

Deno.test("strikes that the window lacks are selected minutes after the price moves", async () => {
  await using rig = new Rig(9 * 60 + 20);
  rig.list(GRID);
  rig.price(100);
  const selection = { ...DEFAULT_SELECTION, maxContracts: 500 };
  using _stream = rig.expansions.open("quotes", "SPY", selection);
  await rig.until(10 * 60 + 30);
  assert.equal(rig.strikes.at(-1), 110);
  const { loads } = rig;
  rig.list(strikesFrom(90, 120));
  rig.price(101.9);
  await rig.until(10 * 60 + 44);
  assert.equal(rig.strikes.at(-1), 110, "the price has not moved by 2 percent");
  rig.price(104);
  await rig.until(10 * 60 + 48);
  assert.equal(rig.strikes.at(-1), 114);
  assert.equal(rig.loads, loads + 1);
});

Deno.test("expiries and strikes that are added by day are selected in an hour", async () => {
  await using rig = new Rig(9 * 60 + 20);
  rig.catalog.listed.set("SPY", COMPLETE);
  rig.price(100);
  const selection = { ...DEFAULT_SELECTION, maxContracts: 900 };
  using _stream = rig.expansions.open("quotes", "SPY", selection);
  await rig.until(11 * 60 + 1);
  assert.equal(rig.expiries.size, 4);
  const more = gridOf({ days: [DAY + 1], strikes: GRID });
  const far = gridOf({ days: [DAY + 9], strikes: strikesFrom(90.5, 109.5) });
  rig.catalog.listed.set("SPY", [...COMPLETE, ...more, ...far]);
  await rig.until(12 * 60 + 1);
  assert.equal(rig.expiries.size, 5);
  assert.ok(rig.strikes.includes(109.5));
  await rig.until(17 * 60);
  const asked = rig.catalog.asked.length;
  assert.ok(asked >= 8 && asked <= 10, `${asked} loads`);
  await rig.until(24 * 60 - 1);
  assert.equal(rig.catalog.asked.length, asked, "none while options do not trade");
});

Deno.test("strikes that are added leave the number of expiries confirmed", async () => {
  await using rig = new Rig(8 * 60);
  const days = [DAY + 31, DAY + 59];
  rig.catalog.listed.set("SPY", gridOf({ days, strikes: GRID }));
  rig.price(100);
  const selection = { ...DEFAULT_SELECTION, maxDays: 1_000, maxExpiries: 10 };
  using _stream = rig.expansions.open("quotes", "SPY", selection);
  await rig.until(8 * 60 + 50);
  const confirmed = "2 expiries are listed, max_expiries is 10";
  assert.equal(rig.reason, confirmed);
  const { loads } = rig;
  rig.catalog.listed.set("SPY", gridOf({ days, strikes: strikesFrom(85, 115) }));
  await rig.until(11 * 60);
  assert.equal(rig.strikes.at(-1), 110, "10 percent");
  assert.equal(rig.reason, confirmed);
  assert.equal(rig.loads, loads + 1, "the load of the morning");
});

/** Adjusted contracts of two expiries, and standard ones around a tenth of the price. */
function afterSplit(days: readonly number[], standard: readonly number[]): OptionContract[] {
  return [
    ...gridOf({ root: "SPY1", days, strikes: strikesFrom(950, 1_050, 5) }),
    ...gridOf({ days: standard, strikes: GRID }),
  ];
}

for (
  const [when, listedAt, foundBy] of [
    ["minutes", 9 * 60 + 20, 9 * 60 + 33],
    ["an hour", 9 * 60 + 52, 10 * 60 + 34],
    ["hours", 13 * 60, 15 * 60 + 22],
  ] as const
) {
  Deno.test(`a standard expiry that is listed ${when} after a split is selected`, async () => {
    await using rig = new Rig(8 * 60);
    const days = [DAY + 31, DAY + 59];
    rig.catalog.listed.set("SPY", gridOf({ days, strikes: strikesFrom(950, 1_050, 5) }));
    rig.price(1_000);
    const selection = { ...DEFAULT_SELECTION, maxDays: 1_000, maxExpiries: 2 };
    using _stream = rig.expansions.open("quotes", "SPY", selection);
    await rig.until(8 * 60 + 55);
    assert.deepEqual([rig.expiries.size, rig.reason], [2, undefined]);
    rig.catalog.listed.set("SPY", afterSplit(days, days.slice(0, 1)));
    rig.price(100);
    await rig.until(9 * 60 + 3);
    assert.equal(rig.expiries.size, 1);
    assert.ok(rig.strikes.every((strike) => strike < 200), "no contract of before the split");
    assert.match(rig.reason ?? "", /expiries with adjusted contracts only: 1/);
    const unconfirmed = "1 expiry is listed, max_expiries is 2, which is not confirmed yet";
    for (let minute = 9 * 60 + 3; minute < Math.min(9 * 60 + 40, listedAt); minute++) {
      await rig.until(minute);
      assert.ok(rig.reason?.includes(unconfirmed), `${minute}: ${rig.reason}`);
    }
    await rig.until(listedAt);
    rig.catalog.listed.set("SPY", afterSplit(days, days));
    await rig.until(foundBy);
    assert.equal(rig.expiries.size, 2);
    assert.equal(rig.reason, undefined);
    const { loads } = rig;
    assert.ok(loads < 20, `${loads} loads`);
    await rig.until(20 * 60);
    assert.equal(rig.loads, loads);
  });
}

for (
  const [what, isListed] of [
    ["lacks the two nearest expiries", ({ expiryDay }) => !DAYS.includes(expiryDay)],
    ["lacks the last expiry", ({ expiryDay }) => expiryDay <= DAY + 30],
    ["lacks strikes at the money", ({ strike }) => strike < 97 || strike > 103],
  ] as const satisfies (readonly [string, (contract: OptionContract) => boolean])[]
) {
  for (const random of [0, 0.99]) {
    Deno.test(`a first list that ${what} is corrected after ${3 + 3 * random} min`, async () => {
      await using rig = new Rig(9 * 60 + 30, random);
      rig.catalog.listed.set("SPY", COMPLETE.filter(isListed));
      rig.price(100);
      using _stream = rig.expansions.open("quotes", "SPY");
      await rig.clock.advance(MINUTE_MS);
      const before = rig.sink.symbols().length;
      rig.catalog.listed.set("SPY", COMPLETE);
      await rig.clock.advance((2 + 3 * random) * MINUTE_MS);
      assert.equal(rig.loads, 2);
      assert.equal(rig.expiries.size, 4);
      assert.ok(rig.strikes.includes(100));
      assert.ok(rig.sink.symbols().length >= before);
      await rig.until(20 * 60);
      assert.equal(rig.loads, 2, "once");
    });
  }
}

Deno.test("a list without the strikes at the money takes none from a stream", async () => {
  await using rig = new Rig(8 * 60);
  const all = gridOf({ days: [...DAYS, DAY + 121], strikes: strikesFrom(50, 150) });
  rig.catalog.listed.set("SPY", all);
  rig.price(100);
  const selection = { ...DEFAULT_SELECTION, expiries: DAYS, strikesEachSide: 2 };
  using _stream = rig.expansions.open("quotes", "SPY", selection);
  await rig.until(8 * 60 + 55);
  const before = rig.sink.symbols();
  assert.deepEqual(rig.strikes, [98, 99, 100, 101, 102]);
  // A tenth of the nearest expiry.
  const isGone = ({ expiryDay, strike }: OptionContract) =>
    expiryDay === DAYS[0] && strike >= 96 && strike <= 105;
  rig.catalog.listed.set("SPY", all.filter((one) => !isGone(one)));
  await rig.until(9 * 60 + 1);
  assert.deepEqual(rig.sink.symbols(), before);
  assert.match(rig.reason ?? "", /the chain is not renewed: .*kept although not listed: 20$/);
  rig.catalog.listed.set("SPY", all);
  await rig.until(9 * 60 + 5);
  assert.equal(rig.reason, undefined);
  assert.deepEqual(rig.sink.symbols(), before);
});

Deno.test("a list without the highest strikes is used, and read again in a minute", async () => {
  await using rig = new Rig(8 * 60);
  rig.list(strikesFrom(50, 150));
  rig.price(100);
  const selection = {
    ...DEFAULT_SELECTION,
    expiries: DAYS,
    strikeWindowPercent: 60,
    maxContracts: 500,
  };
  using _stream = rig.expansions.open("quotes", "SPY", selection);
  await rig.until(8 * 60 + 55);
  assert.equal(rig.strikes.at(-1), 150);
  const { loads } = rig;
  rig.list(strikesFrom(50, 145));
  await rig.until(9 * 60);
  assert.equal(rig.strikes.at(-1), 145);
  rig.list(strikesFrom(50, 150));
  await rig.until(9 * 60 + 1);
  assert.equal(rig.strikes.at(-1), 150);
  await rig.until(12 * 60);
  assert.equal(rig.loads, loads + 2);
});

Deno.test("a first list of two expiries has the reason until it is complete", async () => {
  await using rig = new Rig(9 * 60 + 30);
  rig.catalog.listed.set("SPY", COMPLETE.filter(({ expiryDay }) => DAYS.includes(expiryDay)));
  rig.price(100);
  using _stream = rig.expansions.open("quotes", "SPY");
  await rig.clock.advance(MINUTE_MS);
  assert.equal(rig.reason, "2024-01-25 is the last listed expiry, which is not confirmed yet");
  rig.catalog.listed.set("SPY", COMPLETE);
  await rig.clock.advance(2 * MINUTE_MS);
  assert.deepEqual([rig.reason, rig.expiries.size], [undefined, 4]);
});

Deno.test("a chain that ends early has the reason until it is confirmed", async () => {
  await using rig = new Rig(9 * 60 + 30);
  rig.list(GRID);
  rig.price(100);
  using _stream = rig.expansions.open("quotes", "SPY");
  await rig.clock.advance(44 * MINUTE_MS);
  assert.match(rig.reason ?? "", /^2024-01-25 is the last listed expiry/);
  await rig.clock.advance(2 * MINUTE_MS);
  assert.equal(rig.reason, undefined);
  assert.equal(rig.loads, 5);
});

Deno.test("an expiry that is added without strikes at the money is read again", async () => {
  await using rig = new Rig(8 * 60);
  rig.catalog.listed.set("SPY", COMPLETE.filter(({ expiryDay }) => expiryDay !== DAYS[0]));
  rig.price(100);
  using _stream = rig.expansions.open("quotes", "SPY");
  await rig.until(8 * 60 + 55);
  assert.deepEqual([rig.reason, rig.expiries.size], [undefined, 3]);
  const isHole = ({ expiryDay, strike }: OptionContract) =>
    expiryDay === DAYS[0] && strike >= 100 && strike <= 101;
  rig.catalog.listed.set("SPY", COMPLETE.filter((one) => !isHole(one)));
  await rig.until(9 * 60 + 20);
  assert.equal(
    rig.reason,
    "1 of 4 expiries lack strikes around 100, which is not confirmed yet",
  );
  rig.catalog.listed.set("SPY", COMPLETE);
  await rig.until(9 * 60 + 22);
  assert.equal(rig.reason, undefined);
  assert.ok(rig.sink.symbols().includes("SPY240118C00100000"));
});

Deno.test("strikes around the price that are never listed are stated for 45 minutes", async () => {
  await using rig = new Rig(9 * 60 + 30);
  rig.catalog.listed.set("SPY", COMPLETE.filter(({ strike }) => strike < 100 || strike > 101));
  rig.price(100.5);
  using _stream = rig.expansions.open("quotes", "SPY");
  await rig.clock.advance(44 * MINUTE_MS);
  const reason = "4 of 4 expiries lack strikes around 100.5, which is not confirmed yet";
  assert.equal(rig.reason, reason);
  await rig.clock.advance(2 * MINUTE_MS);
  assert.equal(rig.reason, undefined);
  await rig.until(20 * 60);
  assert.equal(rig.loads, 5);
});

Deno.test("an expiry that is not tradable in a first list is stated, and read again", async () => {
  await using rig = new Rig(9 * 60 + 30);
  const untradable = COMPLETE.map((one) => ({ ...one, isTradable: one.expiryDay !== DAYS[0] }));
  rig.catalog.listed.set("SPY", untradable);
  rig.price(100);
  using _stream = rig.expansions.open("quotes", "SPY");
  await rig.clock.advance(11 * MINUTE_MS);
  assert.equal(rig.reason, "1 of 4 expiries are not tradable, which is not confirmed yet");
  assert.equal(rig.expiries.size, 3);
  rig.catalog.listed.set("SPY", COMPLETE);
  await rig.clock.advance(11 * MINUTE_MS);
  assert.deepEqual([rig.reason, rig.expiries.size], [undefined, 4]);
  rig.catalog.listed.set("SPY", untradable);
  await rig.clock.advance(50 * MINUTE_MS);
  assert.equal(rig.expiries.size, 4, "a list that is the same as before is not read again");
});

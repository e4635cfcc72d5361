import assert from "node:assert/strict";
import fc from "fast-check";
import { Expansions } from "../../../../src/application/options/expansions.ts";
import { exchangeDay } from "../../../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import { ApiUnavailable } from "../../../../src/application/ports/api_unavailable.ts";
import {
  DEFAULT_SELECTION,
  type OptionSelection,
} from "../../../../src/domain/options/selection.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";
import type { UpstreamChannel } from "../../../../src/domain/subscription/pairs.ts";
import { MANUAL_EPOCH, ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { gridOf, occSymbol, strikesFrom } from "../../domain/options/chains.ts";
import { CountingSink } from "./counting_sink.ts";
import { ScriptedCatalog } from "./scripted_catalog.ts";

const TODAY = exchangeDay(MANUAL_EPOCH);
/** Today is a holiday: nothing expires. */
const TOMORROW = TODAY + 1;
/** The end of a complete list, after what is selected by default. */
const LAST = TODAY + 121;
const INTERVAL_MS = 15_000;
const CONFIRM_MS = 2_000;
const HOUR_MS = 3_600_000;

/** Running expansions; disposing ends them and checks for leftovers. */
class Rig implements AsyncDisposable {
  readonly catalog = new ScriptedCatalog();
  readonly clock = new ManualClock();
  readonly sink: CountingSink;
  readonly expansions: Expansions;
  readonly #end = new AbortController();
  readonly #run: Promise<void>;

  constructor(
    options: { limit?: number; off?: boolean; room?: () => number; intervalMs?: number } = {},
  ) {
    const { catalog, clock } = this;
    catalog.time = () => clock.now();
    this.sink = new CountingSink(options.limit);
    this.expansions = new Expansions({
      catalog: options.off ? undefined : catalog,
      sink: this.sink,
      directory: new UnderlyingDirectory(),
      clock,
      calendar: new MarketCalendar(),
      log: new RecordingLog(),
      random: () => 0,
      settings: {
        selection: DEFAULT_SELECTION,
        priceIntervalMs: options.intervalMs ?? INTERVAL_MS,
        maxChains: 10,
        ...(options.room && { maxContracts: options.room }),
      },
    });
    for (const underlying of ["SPY", "QQQ", "IWM"]) {
      this.list(underlying, [TOMORROW, TODAY + 8, LAST], strikesFrom(50, 150));
      catalog.trades.set(underlying, 100);
    }
    this.#run = this.expansions.run(this.#end.signal);
  }

  list(
    underlying: string,
    days: readonly number[],
    strikes: readonly number[],
  ): void {
    this.catalog.listed.set(underlying, gridOf({ underlying, days, strikes }));
  }

  /** Opens an expansion and lets the loop settle. */
  async open(
    underlying: string,
    selection?: Partial<OptionSelection>,
    channel: UpstreamChannel = "quotes",
  ): Promise<Disposable> {
    const stream = this.expansions.open(
      channel,
      underlying,
      selection && { ...DEFAULT_SELECTION, ...selection },
    );
    await this.clock.advance(0);
    return stream;
  }

  /** The price moves and is asked for, and again where it is far from the last one. */
  async move(underlying: string, price: number): Promise<void> {
    this.catalog.trades.set(underlying, price);
    await this.clock.advance(INTERVAL_MS + CONFIRM_MS);
  }

  /** Contracts requested of each underlying. */
  get counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const symbol of this.sink.symbols()) {
      const root = symbol.slice(0, -15);
      counts[root] = (counts[root] ?? 0) + 1;
    }
    return counts;
  }

  /** Strikes requested on the quotes channel. */
  get strikes(): number[] {
    const strikes = this.sink.symbols()
      .map((symbol) => Number(symbol.slice(-8)) / 1000);
    return [...new Set(strikes)].sort((a, b) => a - b);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#run;
    assert.equal(this.clock.sleepers, 0);
  }
}

Deno.test("an underlying expands to the contracts nearest to its price", async () => {
  await using rig = new Rig();
  using _stream = await rig.open("SPY");
  assert.equal(
    rig.sink.symbols().length,
    84,
    "21 strikes, two rights, two days",
  );
  assert.deepEqual(rig.strikes, strikesFrom(90, 110));
  assert.deepEqual(rig.expansions.reports(), [{
    underlying: "SPY",
    channel: "quotes",
    streams: 1,
    contracts: 84,
    state: "ready",
    reason: undefined,
    centre: 100,
    selected: new Set(rig.sink.symbols()),
    wanted: 84,
    priceSource: "trade",
    pricedAt: MANUAL_EPOCH,
  }]);
});

Deno.test("opening neither waits nor fails while the catalog fails", async () => {
  await using rig = new Rig();
  rig.catalog.contracts = async (_underlying, signal) => {
    await rig.clock.sleep(Infinity, signal);
    throw new ApiUnavailable("given up");
  };
  using _stream = rig.expansions.open("quotes", "SPY");
  await rig.clock.advance(HOUR_MS);
  assert.equal(rig.expansions.reports()[0]?.state, "loading");
  assert.deepEqual(rig.sink.calls, []);
});

/** Opens SPY; the problems that its stream is informed of, without repetitions. */
function informedProblems(
  rig: Rig,
  selection: OptionSelection,
): { problems: (string | undefined)[]; stream: Disposable } {
  const problems: (string | undefined)[] = [];
  const stream = rig.expansions.open(
    "quotes",
    "SPY",
    selection,
    ({ problem, isShort, contracts }) => {
      assert.equal(isShort, problem !== undefined && contracts.size === 0);
      if (problems.length === 0 || problems.at(-1) !== problem) problems.push(problem);
    },
  );
  return { problems, stream };
}

const LATE_REPLIES = {
  contracts: "the option chain is not loaded yet",
  lastTrades: "the price is not known yet",
  deltas: "the deltas are not known yet",
} as const;

for (const [request, reason] of Object.entries(LATE_REPLIES)) {
  Deno.test(`streams are informed after ten seconds: ${reason}`, async () => {
    await using rig = new Rig();
    for (const { symbol } of rig.catalog.listed.get("SPY") ?? []) {
      rig.catalog.contractDeltas.set(symbol, 0.5);
    }
    const reply = Promise.withResolvers<void>();
    const name = request as keyof typeof LATE_REPLIES;
    const original = rig.catalog[name].bind(rig.catalog) as (...all: unknown[]) => unknown;
    Object.assign(rig.catalog, {
      [name]: async (...all: unknown[]) => {
        await reply.promise;
        return await original(...all);
      },
    });
    const minAbsDelta = name === "deltas" ? 0.2 : undefined;
    const selection = { ...DEFAULT_SELECTION, minAbsDelta };
    const first = informedProblems(rig, selection);
    using _first = first.stream;
    await rig.clock.advance(9_999);
    assert.deepEqual(first.problems, []);
    assert.equal(rig.expansions.reports()[0]?.reason, undefined);
    await rig.clock.advance(1);
    assert.deepEqual(first.problems, [reason]);
    const { state, reason: reported } = rig.expansions.reports()[0] ?? {};
    assert.deepEqual([state, reported], ["loading", reason]);
    const later = informedProblems(rig, selection);
    using _later = later.stream;
    assert.deepEqual(later.problems, [reason], "a stream that joins is informed immediately");
    await rig.clock.advance(HOUR_MS);
    // Deltas are waited for a minute.
    assert.equal(rig.sink.symbols().length > 0, name === "deltas");
    reply.resolve();
    await rig.clock.advance(0);
    const next = {
      // The price is requested once there is a chain.
      contracts: [LATE_REPLIES.lastTrades],
      lastTrades: [],
      deltas: ["deltas of 2 of 2 expiries are not known"],
    }[name];
    assert.deepEqual(first.problems, [reason, ...next, undefined]);
    assert.deepEqual(later.problems, first.problems);
    assert.notEqual(rig.sink.symbols().length, 0);
    assert.equal(rig.expansions.reports()[0]?.state, "ready");
  });
}

Deno.test("streams with the same request share one expansion until the last ends", async () => {
  await using rig = new Rig();
  const first = await rig.open("SPY", { maxContracts: 10 });
  const second = await rig.open("SPY", { maxContracts: 10 });
  const trades = await rig.open("SPY", { maxContracts: 10 }, "trades");
  const other = await rig.open("SPY", { maxContracts: 4 });
  assert.deepEqual(
    rig.expansions.reports().map((
      it,
    ) => [it.channel, it.streams, it.contracts]),
    [["quotes", 2, 10], ["trades", 1, 10], ["quotes", 1, 4]],
  );
  assert.equal(rig.sink.symbols().length, 10, "the four are among the ten");
  assert.equal(rig.sink.symbols("trades").length, 10);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await rig.clock.advance(0);
  assert.equal(rig.sink.symbols().length, 10);
  second[Symbol.dispose]();
  assert.equal(rig.sink.symbols().length, 4, "removed immediately");
  other[Symbol.dispose]();
  trades[Symbol.dispose]();
  assert.deepEqual([...rig.sink.symbols(), ...rig.sink.symbols("trades")], []);
  assert.deepEqual(rig.expansions.reports(), []);
  assert.deepEqual(rig.catalog.asked, ["SPY"]);
});

Deno.test("no price is requested when no expansion is open", async () => {
  await using rig = new Rig();
  await rig.clock.advance(HOUR_MS);
  const stream = await rig.open("SPY");
  await rig.clock.advance(10 * INTERVAL_MS);
  stream[Symbol.dispose]();
  await rig.clock.advance(HOUR_MS);
  assert.equal(rig.catalog.priced.length, 11);
});

Deno.test("the window moves with the price, new contracts before old ones", async () => {
  await using rig = new Rig();
  using _stream = await rig.open("SPY", { maxDays: 1 });
  rig.sink.calls.length = 0;
  await rig.move("SPY", 100.04);
  assert.deepEqual(rig.sink.calls, [], "a twentieth of a step");
  await rig.move("SPY", 105);
  // 10.5 around 105; what is held may stay until 13.125 away.
  assert.deepEqual(rig.strikes, strikesFrom(92, 115));
  assert.deepEqual(rig.sink.calls.map(({ action }) => action), [
    "add",
    "remove",
  ]);
  assert.equal(rig.expansions.reports()[0]?.centre, 105);
});

Deno.test("a price that hovers around a boundary changes nothing", async () => {
  await using rig = new Rig();
  using _stream = await rig.open("SPY", { maxContracts: 20 });
  await rig.move("SPY", 104.5);
  rig.sink.calls.length = 0;
  for (let turn = 0; turn < 50; turn++) {
    await rig.move("SPY", turn % 2 === 0 ? 104.1 : 104.9);
  }
  assert.deepEqual(rig.sink.calls, []);
});

/** From the epoch to 16:15 on the next day, when options of SPY stop trading. */
const UNTIL_EXPIRY_MS = (24 + 6.25) * HOUR_MS;

Deno.test("expired contracts leave at their last trading moment, and the next enter", async () => {
  await using rig = new Rig({ intervalMs: HOUR_MS });
  using _stream = await rig.open("SPY", { maxExpiries: 1, maxContracts: 42 });
  const expiryOf = (symbol: string) => symbol.slice(3, 9);
  const expiries = () => [...new Set(rig.sink.symbols().map(expiryOf))];
  assert.deepEqual(expiries(), ["240116"]);
  await rig.clock.advance(UNTIL_EXPIRY_MS - 1);
  assert.deepEqual(expiries(), ["240116"]);
  await rig.clock.advance(1);
  assert.deepEqual(expiries(), ["240123"]);
  assert.equal(rig.sink.symbols().length, 42);
});

Deno.test("expired contracts leave although the chain cannot be renewed", async () => {
  await using rig = new Rig();
  using _stream = await rig.open("SPY", { maxExpiries: 1, maxContracts: 42 });
  rig.catalog.outage = "HTTP 503";
  await rig.clock.advance(UNTIL_EXPIRY_MS + INTERVAL_MS);
  const wanted = rig.sink.symbols();
  assert.equal(wanted.length, 42);
  assert.ok(wanted.every((symbol) => symbol.startsWith("SPY240123")));
  assert.match(rig.expansions.reports()[0]?.reason ?? "", /not renewed/);
});

Deno.test("LEAPS are selected by streams that request them", async () => {
  await using rig = new Rig();
  rig.list("SPY", [TOMORROW, TODAY + 735], strikesFrom(90, 110));
  using _stream = await rig.open("SPY", { minDays: 300, maxDays: 1_100 });
  assert.equal(rig.sink.symbols().length, 42);
  assert.ok(
    rig.sink.symbols().every((symbol) => symbol.startsWith("SPY260119")),
  );
});

Deno.test("contracts are selected by delta once their deltas are known", async () => {
  await using rig = new Rig();
  for (const contract of rig.catalog.listed.get("SPY") ?? []) {
    const { symbol, right, strike } = contract;
    const call = Math.max(0, Math.min(1, (150 - strike) / 100));
    rig.catalog.contractDeltas.set(symbol, right === "call" ? call : call - 1);
  }
  let answer = () => {};
  rig.catalog.deltas = () =>
    new Promise((resolve) => answer = () => resolve(rig.catalog.contractDeltas));
  const selection = { right: "call", minAbsDelta: 0.2, maxAbsDelta: 0.3 } as const;
  using _stream = await rig.open("SPY", { ...selection, strikeWindowPercent: 1_000 });
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(rig.strikes, [], "nothing else is subscribed meanwhile");
  assert.equal(rig.expansions.reports()[0]?.state, "loading");
  // Such deltas are those of a volatile stock: more strikes are fetched.
  rig.catalog.deltas = (query) => {
    rig.catalog.deltaQueries.push(query);
    return Promise.resolve(rig.catalog.contractDeltas);
  };
  answer();
  await rig.clock.advance(0);
  assert.deepEqual(rig.strikes, strikesFrom(120, 130));
  assert.equal(rig.catalog.deltaQueries.length, 1);
});

Deno.test("without deltas the contracts at the money are selected, with a reason", async () => {
  await using rig = new Rig();
  rig.catalog.deltas = () => Promise.reject(new ApiUnavailable("HTTP 403"));
  const selection = { minAbsDelta: 0.2, strikeWindowPercent: 1_000, maxContracts: 8 };
  using _stream = await rig.open("SPY", selection);
  assert.equal(rig.sink.symbols().length, 8);
  assert.ok(rig.strikes.every((strike) => Math.abs(strike - 100) <= 2));
  const [report] = rig.expansions.reports();
  assert.equal(report?.reason, "the deltas are not renewed: HTTP 403");
});

Deno.test("an expiry without deltas is selected by strikes, with a reason", async () => {
  await using rig = new Rig();
  for (const { symbol, expiryDay, strike } of rig.catalog.listed.get("SPY") ?? []) {
    if (expiryDay === TODAY + 8) rig.catalog.contractDeltas.set(symbol, (150 - strike) / 100);
  }
  const bounds = { minAbsDelta: 0.2, maxAbsDelta: 0.21, strikeWindowPercent: 1_000 };
  const withoutDeltas = { strikeWindowPercent: 2 };
  using _stream = await rig.open("SPY", { ...bounds, withoutDeltas });
  assert.deepEqual(rig.strikes, [...strikesFrom(98, 102), 129, 130]);
  const reason = () => rig.expansions.reports()[0]?.reason;
  assert.equal(reason(), "deltas of 1 of 2 expiries are not known");
  const known = gridOf({ days: [TOMORROW], strikes: [130] });
  const all = new Map(rig.catalog.contractDeltas);
  for (const { symbol } of known) all.set(symbol, 0.2);
  rig.catalog.deltas = () => Promise.resolve(all);
  await rig.clock.advance(5 * 60_000);
  assert.deepEqual(rig.strikes, [129, 130]);
  assert.equal(reason(), undefined);
});

Deno.test("a reply without the deltas of an expiry does not change what it has", async () => {
  await using rig = new Rig();
  for (const { symbol, strike } of rig.catalog.listed.get("SPY") ?? []) {
    rig.catalog.contractDeltas.set(symbol, (150 - strike) / 100);
  }
  const bounds = { minAbsDelta: 0.2, maxAbsDelta: 0.21, strikeWindowPercent: 1_000 };
  using _stream = await rig.open("SPY", { ...bounds, withoutDeltas: { strikeWindowPercent: 2 } });
  assert.deepEqual(rig.strikes, [129, 130]);
  const complete = new Map(rig.catalog.contractDeltas);
  for (const { symbol, expiryDay } of rig.catalog.listed.get("SPY") ?? []) {
    if (expiryDay === TOMORROW) rig.catalog.contractDeltas.delete(symbol);
  }
  const reason = () => rig.expansions.reports()[0]?.reason;
  await rig.clock.advance(5 * 60_000);
  assert.deepEqual(rig.strikes, [129, 130]);
  assert.equal(reason(), "the deltas are not renewed: the last reply has none of 1 expiry");
  for (const [symbol, delta] of complete) rig.catalog.contractDeltas.set(symbol, delta);
  await rig.clock.advance(5 * 60_000);
  assert.deepEqual(rig.strikes, [129, 130]);
  assert.equal(reason(), undefined);
});

Deno.test("a selection of other expiries waits for their deltas", async () => {
  await using rig = new Rig();
  for (const { symbol, strike } of rig.catalog.listed.get("SPY") ?? []) {
    rig.catalog.contractDeltas.set(symbol, (150 - strike) / 100);
  }
  const bounds = { minAbsDelta: 0.2, maxAbsDelta: 0.21, strikeWindowPercent: 1_000 };
  using _near = await rig.open("SPY", { ...bounds, maxDays: 1 });
  assert.equal(rig.sink.symbols().length, 4);
  let answer = () => {};
  rig.catalog.deltas = () =>
    new Promise((resolve) => answer = () => resolve(rig.catalog.contractDeltas));
  using _far = await rig.open("SPY", { ...bounds, minDays: 2 });
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.sink.symbols().length, 4, "not by strikes meanwhile");
  assert.equal(rig.expansions.reports()[1]?.reason, "the deltas are not known yet");
  answer();
  await rig.clock.advance(0);
  assert.equal(rig.sink.symbols().length, 8);
});

Deno.test("the reason has expiries without deltas and those that a maximum cuts", async () => {
  await using rig = new Rig();
  for (const right of ["call", "put"] as const) {
    const symbol = occSymbol("SPY", { expiryDay: TODAY + 8, right, strike: 120 });
    rig.catalog.contractDeltas.set(symbol, 0.3);
  }
  using _stream = await rig.open("SPY", { minAbsDelta: 0.2, maxContracts: 1 });
  assert.equal(
    rig.expansions.reports()[0]?.reason,
    "deltas of 1 of 2 expiries are not known; max_contracts 1 leaves 1 of 2 expiries " +
      "without some of the strikes next to the price",
  );
});

Deno.test("deltas are fetched of the expiries that the roots of a selection have", async () => {
  await using rig = new Rig();
  const strikes = strikesFrom(50, 150);
  const daily = Array.from({ length: 20 }, (_, at) => TOMORROW + at);
  const listed = [
    ...gridOf({ underlying: "SPX", root: "SPXW", days: daily, strikes }),
    ...gridOf({ underlying: "SPX", days: [TODAY + 32], strikes }),
  ];
  rig.catalog.listed.set("SPX", listed);
  rig.catalog.trades.set("SPX", 100);
  rig.catalog.deltas = ({ expiries: [first, last] }) => {
    const found = listed.filter(({ expiryDay }) => expiryDay >= first && expiryDay <= last);
    return Promise.resolve(new Map(found.map((it) => [it.symbol, (it.strike - 150) / 100])));
  };
  const bounds = { minAbsDelta: 0.2, maxAbsDelta: 0.3, strikeWindowPercent: 1_000 };
  using _stream = await rig.open("SPX", { ...bounds, roots: ["SPX"], maxExpiries: 1 });
  assert.deepEqual(rig.strikes, strikesFrom(120, 130));
  assert.deepEqual(rig.counts, { SPX: 22 });
  assert.equal(rig.expansions.reports()[0]?.reason, undefined);
});

Deno.test("contracts are selected by underlying, not by the prefix of their root", async () => {
  await using rig = new Rig();
  const days = [TODAY + 4];
  const strikes = [100];
  rig.catalog.listed.set("SPX", [
    ...gridOf({ underlying: "SPX", days, strikes }),
    ...gridOf({ underlying: "SPX", root: "SPXW", days, strikes }),
  ]);
  rig.catalog.listed.set("CSGP", [
    ...gridOf({ underlying: "CSGP", days, strikes }),
    ...gridOf({ underlying: "CSGP", root: "CSGP1", days, strikes }),
  ]);
  rig.list("A", days, strikes);
  rig.list("AAPL", days, strikes);
  rig.catalog.indexes.set("SPX", 100);
  rig.catalog.trades.set("CSGP", 100).set("A", 100).set("AAPL", 100);
  using _index = await rig.open("SPX");
  using _adjusted = await rig.open("CSGP", { includeAdjusted: true });
  using _agilent = await rig.open("A");
  assert.deepEqual(rig.counts, { A: 2, CSGP: 2, CSGP1: 2, SPX: 2, SPXW: 2 });
});

Deno.test("expansions share slots in rounds, and every slot is used", async () => {
  await using rig = new Rig({ limit: 25 });
  const first = await rig.open("SPY", { maxContracts: 10 });
  using _second = await rig.open("QQQ", { maxContracts: 10 });
  using _third = await rig.open("IWM", { maxContracts: 10 });
  assert.deepEqual(rig.counts, { SPY: 9, QQQ: 8, IWM: 8 });
  assert.equal(
    rig.expansions.reports()[2]?.reason,
    "the symbol quota has slots for 8 of 10 contracts",
  );
  assert.ok(rig.sink.leftOut.length > 0, "one that is left out is named");
  assert.ok(!rig.sink.symbols().includes(rig.sink.leftOut.at(-1) ?? ""));
  first[Symbol.dispose]();
  await rig.clock.advance(0);
  assert.deepEqual(rig.counts, { QQQ: 10, IWM: 10 });
  assert.equal(rig.expansions.reports()[1]?.reason, undefined);
});

Deno.test("a smaller quota takes the worst contracts of each expansion", async () => {
  await using rig = new Rig({ limit: 40 });
  using _first = await rig.open("SPY", { maxContracts: 10 });
  using _second = await rig.open("QQQ", { maxContracts: 10 });
  const others = Array.from({ length: 28 }, (_, at) => `OTHER${at}`);
  rig.sink.add("quotes", others);
  assert.equal(rig.sink.freeSlots("quotes"), -8);
  rig.expansions.rebalance();
  await rig.clock.advance(0);
  assert.equal(rig.counts["SPY"], 6);
  assert.equal(rig.counts["QQQ"], 6);
  rig.sink.remove("quotes", others.splice(0, 5));
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.counts["SPY"], 9, "noticed without rebalance()");
  assert.equal(rig.counts["QQQ"], 8);
  rig.sink.limit = undefined;
  rig.expansions.rebalance();
  await rig.clock.advance(0);
  assert.equal(rig.counts["QQQ"], 10);
});

Deno.test("an underlying that moves takes no slot of another", async () => {
  await using rig = new Rig({ limit: 20 });
  using _spy = await rig.open("SPY");
  using _qqq = await rig.open("QQQ");
  const ofQqq = () => rig.sink.symbols().filter((symbol) => symbol.startsWith("QQQ"));
  const before = ofQqq();
  for (const price of [104, 90, 135]) {
    await rig.move("SPY", price);
    assert.deepEqual(rig.counts, { SPY: 10, QQQ: 10 });
    assert.deepEqual(ofQqq(), before);
  }
  await rig.move("QQQ", 60);
  assert.deepEqual(rig.counts, { SPY: 10, QQQ: 10 });
});

Deno.test("five underlyings have 24 of 120 slots each", async () => {
  await using rig = new Rig({ limit: 120 });
  const names = ["SPY", "QQQ", "IWM", "DIA", "TLT"];
  for (const name of names) {
    rig.list(name, [TOMORROW, TODAY + 8], strikesFrom(50, 150));
    rig.catalog.trades.set(name, 100);
  }
  using streams = new DisposableStack();
  for (const name of names) streams.use(rig.expansions.open("quotes", name));
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(rig.counts, { DIA: 24, IWM: 24, QQQ: 24, SPY: 24, TLT: 24 });
});

Deno.test("many selections leave pauses for other work", async () => {
  await using rig = new Rig();
  using streams = new DisposableStack();
  for (let maxContracts = 10; maxContracts < 20; maxContracts++) {
    streams.use(await rig.open("SPY", { maxContracts }));
  }
  const moved = () => rig.expansions.reports().filter(({ centre }) => centre === 104).length;
  const seen: number[] = [];
  const sleep = rig.clock.sleep.bind(rig.clock);
  rig.clock.sleep = (ms, signal) => {
    if (ms === 0) seen.push(moved());
    return sleep(ms, signal);
  };
  await rig.move("SPY", 104);
  assert.deepEqual(seen.filter((count) => count > 0 && count < 10), [4, 8]);
  assert.equal(moved(), 10);
});

Deno.test("a weight is the share of the slots", async () => {
  await using rig = new Rig({ limit: 40 });
  using _heavy = await rig.open("SPY", { weight: 3 });
  using _light = await rig.open("QQQ", {});
  assert.deepEqual(rig.counts, { SPY: 30, QQQ: 10 });
});

Deno.test("contracts that a stream names have their slots before the next turn", async () => {
  await using rig = new Rig({ limit: 20 });
  using _stream = await rig.open("SPY");
  const before = new Set(rig.sink.symbols());
  rig.sink.add("quotes", ["SPY240315C00050000", "SPY240315P00050000"]);
  rig.expansions.rebalance();
  assert.equal(rig.sink.freeSlots("quotes"), 0);
  assert.equal(rig.sink.symbols().filter((symbol) => before.has(symbol)).length, 18);
  assert.ok(rig.strikes.includes(50));
  await rig.clock.advance(INTERVAL_MS);
  rig.sink.calls.length = 0;
  await rig.clock.advance(10 * INTERVAL_MS);
  assert.deepEqual(rig.sink.calls, []);
});

Deno.test("quotes and trades of one selection carry the same contracts", async () => {
  await using rig = new Rig({ limit: 12 });
  using _quotes = await rig.open("SPY");
  using _other = await rig.open("QQQ");
  const trades = await rig.open("SPY", undefined, "trades");
  const ofSpy = () => rig.sink.symbols().filter((symbol) => symbol.startsWith("SPY"));
  assert.equal(ofSpy().length, 6, "trades use no slot");
  assert.deepEqual(rig.sink.symbols("trades"), ofSpy());
  for (const price of [106, 112, 91]) {
    await rig.move("SPY", price);
    assert.deepEqual(rig.sink.symbols("trades"), ofSpy());
  }
  const [quoted, traded] = rig.expansions.reports().filter((it) => it.underlying === "SPY");
  assert.deepEqual([quoted?.channel, traded?.channel], ["quotes", "trades"]);
  assert.equal(traded?.reason, "the symbol quota has slots for 6 of 76 contracts");
  trades[Symbol.dispose]();
  assert.deepEqual(rig.sink.symbols("trades"), []);
  assert.equal(ofSpy().length, 6);
});

Deno.test("a window that moves within a full quota never exceeds it", async () => {
  await using rig = new Rig({ limit: 20 });
  using _stream = await rig.open("SPY", { maxContracts: 100 });
  for (const price of [120, 80, 101, 140]) {
    await rig.move("SPY", price);
    assert.equal(rig.sink.symbols().length, 20);
    const centre = rig.strikes.reduce((sum, it) => sum + it, 0) /
      rig.strikes.length;
    assert.ok(Math.abs(centre - price) <= 1, `${rig.strikes} around ${price}`);
  }
});

Deno.test("with few slots the window follows even a slow price", async () => {
  await using rig = new Rig({ limit: 6 });
  using _stream = await rig.open("SPY", { maxContracts: 100 });
  for (let price = 100; price < 104; price += 0.4) {
    await rig.move("SPY", price);
    const nearest = Math.min(...rig.strikes.map((it) => Math.abs(it - price)));
    assert.ok(nearest <= 0.5, `${rig.strikes} around ${price}`);
  }
});

Deno.test("a removed contract that a stream requests too frees no slot", async () => {
  await using rig = new Rig({ limit: 10 });
  using _stream = await rig.open("SPY", { maxContracts: 100 });
  const named = rig.sink.symbols().slice(0, 4);
  rig.sink.add("quotes", named);
  await rig.move("SPY", 130);
  assert.equal(rig.sink.symbols().length, 10);
  assert.equal(rig.sink.freeSlots("quotes"), 0);
  assert.ok(named.every((symbol) => rig.sink.symbols().includes(symbol)));
});

Deno.test("without a catalog the expansion is off, with the reason", async () => {
  await using rig = new Rig({ off: true });
  using _stream = await rig.open("SPY");
  rig.expansions.observe("SPY240115C00100000");
  await rig.clock.advance(HOUR_MS);
  assert.deepEqual(rig.expansions.reports(), [{
    underlying: "SPY",
    channel: "quotes",
    streams: 1,
    contracts: 0,
    state: "off",
    reason: "expansion of underlyings is switched off",
    centre: undefined,
    selected: new Set(),
    wanted: 0,
    priceSource: undefined,
    pricedAt: undefined,
  }]);
  assert.deepEqual(rig.sink.calls, []);
});

Deno.test("an account without access is reported until it has access", async () => {
  await using rig = new Rig();
  rig.catalog.outage = "HTTP 403 forbidden.";
  using _stream = await rig.open("SPY");
  const [report] = rig.expansions.reports();
  assert.equal(report?.state, "off");
  assert.equal(report?.reason, "HTTP 403 forbidden.");
  rig.catalog.outage = undefined;
  await rig.clock.advance(5_000);
  assert.equal(rig.sink.symbols().length, 84);
});

Deno.test("an underlying without options is reported as such", async () => {
  await using rig = new Rig();
  using _stream = await rig.open("NOPE");
  const [report] = rig.expansions.reports();
  assert.deepEqual(
    [report?.state, report?.reason],
    ["ready", "no option contracts of NOPE are listed"],
  );
  assert.equal(rig.catalog.priced.length, 0);
});

Deno.test("contracts that are all listed as not tradable stay, with a reason", async () => {
  await using rig = new Rig();
  using _stream = await rig.open("SPY", { maxContracts: 8 });
  const listed = rig.catalog.listed.get("SPY") ?? [];
  rig.catalog.listed.set("SPY", listed.map((each) => ({ ...each, isTradable: false })));
  await rig.move("SPY", 113);
  await rig.clock.advance(60_000);
  assert.equal(rig.catalog.asked.length, 2, "the list was loaded again");
  assert.equal(rig.sink.symbols().length, 8);
  assert.match(
    rig.expansions.reports()[0]?.reason ?? "",
    /Alpaca trades no option contract of SPY: they are selected for their market data$/,
  );
});

Deno.test("a selection without contracts is reported as such", async () => {
  await using rig = new Rig();
  using _stream = await rig.open("SPY", { minDays: 20, maxDays: 30 });
  assert.equal(
    rig.expansions.reports()[0]?.reason,
    "no contract is within the selection",
  );
});

Deno.test("a selection whose expiries have passed does not reload the chain", async () => {
  await using rig = new Rig();
  using _stream = await rig.open("SPY", { expiries: [TODAY - 3, TODAY - 2] });
  await rig.clock.advance(12 * HOUR_MS);
  assert.equal(rig.catalog.asked.length, 2, "the first use, and its confirmation");
  assert.equal(rig.expansions.reports()[0]?.reason, "no contract is within the selection");
});

Deno.test("strikes that are added by day are selected within ten minutes", async () => {
  await using rig = new Rig();
  await rig.clock.advance(24 * HOUR_MS - INTERVAL_MS);
  using _stream = await rig.open("SPY", { minStrike: 200, strikeWindowPercent: 1_000 });
  await rig.clock.advance(3 * HOUR_MS);
  rig.list("SPY", [TOMORROW, TODAY + 8], strikesFrom(50, 250));
  await rig.clock.advance(10 * 60_000 + INTERVAL_MS);
  assert.equal(rig.strikes[0], 200);
});

Deno.test("a guessed price is reported as a guess", async () => {
  await using rig = new Rig();
  rig.catalog.trades.clear();
  using _stream = await rig.open("SPY");
  const [report] = rig.expansions.reports();
  assert.deepEqual([report?.state, report?.centre, report?.contracts], [
    "ready",
    100,
    84,
  ]);
  assert.match(report?.reason ?? "", /^no price is known, strikes are centred/);
});

Deno.test("a new expiry is selected soon after a stream requests it", async () => {
  await using rig = new Rig();
  using _stream = await rig.open("SPY", { maxContracts: 1_000 });
  rig.list("SPY", [TOMORROW, TODAY + 2, TODAY + 8], strikesFrom(50, 150));
  const expiryDay = TODAY + 2;
  rig.expansions.observe(
    occSymbol("SPY", { expiryDay, right: "call", strike: 100 }),
  );
  await rig.clock.advance(0);
  assert.equal(rig.sink.symbols().length, 126);
});

Deno.test("a fault in one loop ends all of them, and they can run again", async () => {
  const rig = new Rig();
  await rig[Symbol.asyncDispose]();
  const lastTrades = rig.catalog.lastTrades.bind(rig.catalog);
  rig.catalog.lastTrades = () => Promise.reject(new TypeError("a mistake"));
  using _stream = rig.expansions.open("quotes", "SPY");
  const end = new AbortController();
  const failed = assert.rejects(rig.expansions.run(end.signal), /a mistake/);
  await rig.clock.advance(0);
  await failed;
  assert.equal(rig.clock.sleepers, 0);
  rig.catalog.lastTrades = lastTrades;
  const run = rig.expansions.run(end.signal);
  await rig.clock.advance(0);
  assert.equal(rig.sink.symbols().length, 84);
  end.abort();
  await run;
});

const step = fc.oneof(
  fc.record({
    do: fc.constant("open" as const),
    underlying: fc.constantFrom("SPY", "QQQ", "IWM"),
    maxContracts: fc.constantFrom(4, 11, 60),
  }),
  fc.record({ do: fc.constant("close" as const), which: fc.nat(10) }),
  fc.record({
    do: fc.constant("move" as const),
    underlying: fc.constantFrom("SPY", "QQQ", "IWM"),
    price: fc.integer({ min: 70, max: 130 }),
  }),
  fc.record({ do: fc.constant("limit" as const), limit: fc.nat(90) }),
  fc.record({ do: fc.constant("named" as const), count: fc.nat(30) }),
);

Deno.test("the quota is never exceeded, used completely, and returned", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await using rig = new Rig({ limit: 50 });
      const streams: Disposable[] = [];
      let named: string[] = [];
      for (const it of steps) {
        if (it.do === "open") {
          const { underlying, maxContracts } = it;
          streams.push(await rig.open(underlying, { maxContracts }));
        } else if (it.do === "close") {
          streams.splice(it.which, 1)[0]?.[Symbol.dispose]();
        } else if (it.do === "move") {
          rig.catalog.trades.set(it.underlying, it.price);
        } else if (it.do === "limit") rig.sink.limit = it.limit;
        else {
          rig.sink.remove("quotes", named);
          named = Array.from({ length: it.count }, (_, at) => `N${at}`);
          rig.sink.add("quotes", named);
        }
        await rig.clock.advance(INTERVAL_MS);
        checkBudget(rig, named.length);
      }
      for (const stream of streams) stream[Symbol.dispose]();
      assert.equal(rig.sink.symbols().length, named.length);
    }),
    { numRuns: 60 },
  );
});

Deno.test("a constant input changes nothing, with any streams and any limit", async () => {
  const open = fc.record({
    underlying: fc.constantFrom("SPY", "QQQ", "IWM"),
    channel: fc.constantFrom("quotes" as const, "trades" as const),
    maxContracts: fc.constantFrom(4, 11, 60),
    weight: fc.integer({ min: 1, max: 5 }),
  });
  const moves = fc.array(fc.integer({ min: 70, max: 130 }), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(open, { maxLength: 6 }),
      fc.nat(90),
      moves,
      async (all, limit, at) => {
        await using rig = new Rig({ limit });
        using streams = new DisposableStack();
        for (const { underlying, channel, ...selection } of all) {
          streams.use(await rig.open(underlying, selection, channel));
        }
        for (const price of at) await rig.move("SPY", price);
        await rig.clock.advance(INTERVAL_MS);
        rig.sink.calls.length = 0;
        for (let times = 0; times < 5; times++) {
          await rig.clock.advance(INTERVAL_MS);
          rig.expansions.rebalance();
        }
        assert.deepEqual(rig.sink.calls, []);
      },
    ),
    { numRuns: 40 },
  );
});

function checkBudget({ sink, expansions }: Rig, named: number): void {
  const room = Math.max(0, (sink.limit ?? Infinity) - named);
  const used = sink.symbols().length - named;
  assert.ok(used <= room, `${used} of ${room} places`);
  const isShort = expansions.reports()
    .some(({ reason }) => reason?.startsWith("the symbol quota") ?? false);
  if (isShort) assert.equal(used, room, "no slot is left free");
}

Deno.test("all expansions share the maximum of contracts in rounds", async () => {
  let room = 15;
  await using rig = new Rig({ room: () => room });
  const ten = { maxContracts: 10 };
  using _spy = await rig.open("SPY", ten);
  using _qqq = await rig.open("QQQ", ten);
  using _iwm = await rig.open("IWM", ten, "trades");
  await rig.clock.advance(INTERVAL_MS);
  const contracts = () => rig.expansions.reports().map(({ contracts }) => contracts);
  assert.deepEqual(contracts(), [5, 5, 5]);
  assert.equal(
    rig.expansions.reports()[1]?.reason,
    "STREAM_PROXY_MAX_SYMBOLS leaves room for 5 contracts",
  );
  room = 8;
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(contracts(), [3, 3, 2]);
  room = -3;
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(contracts(), [0, 0, 0]);
  room = 30;
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(contracts(), [10, 10, 10]);
  assert.equal(rig.expansions.reports()[1]?.reason, undefined);
});

Deno.test("the status has how many expiries a maximum leaves without contracts", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 100.4);
  using _stream = await rig.open("SPY", { maxContracts: 6, maxContractsPerExpiry: 5 });
  const [report] = rig.expansions.reports();
  assert.equal(report?.reason, "max_contracts 6 leaves 1 of 2 expiries without contracts");
});

Deno.test("the default selection states once how many expiries it does not reach", async () => {
  await using rig = new Rig();
  const days = Array.from({ length: 33 }, (_, at) => TOMORROW + at);
  rig.list("SPY", [...days, LAST], strikesFrom(50, 150));
  using _stream = await rig.open("SPY");
  const [report] = rig.expansions.reports();
  assert.equal(
    report?.reason,
    "max_contracts 100, the default, leaves 8 of 33 expiries without contracts",
  );
  assert.equal(report?.contracts, 100);
});

Deno.test("all reasons are stated: a full quota hides no old price, chain or maximum", async () => {
  await using rig = new Rig({ limit: 10 });
  const days = Array.from({ length: 33 }, (_, at) => TOMORROW + at);
  rig.list("SPY", [...days, LAST], strikesFrom(50, 150));
  using _stream = await rig.open("SPY", { maxContracts: 40 });
  rig.catalog.outage = "HTTP 502";
  rig.catalog.priceOutage = "HTTP 503";
  await rig.clock.advance(3 * HOUR_MS);
  const reason = rig.expansions.reports()[0]?.reason ?? "";
  const parts = [
    /^the symbol quota has slots for 10 of 40 contracts; /,
    /; the price is not renewed: .*HTTP 503/,
    /; max_contracts 40 leaves 23 of 33 expiries without contracts$/,
  ];
  for (const part of parts) assert.match(reason, part);
  await rig.clock.advance(24 * HOUR_MS);
  const later = rig.expansions.reports()[0]?.reason ?? "";
  assert.match(later, /^the symbol quota .*; the chain is not renewed: HTTP 502; the price is /);
});

Deno.test("a selection of roots that a chain lacks has them in its reason", async () => {
  await using rig = new Rig();
  using _stream = await rig.open("SPY", { roots: ["QQQ", "SPYW"] });
  assert.equal(
    rig.expansions.reports()[0]?.reason,
    "no contract is within the selection: the roots of SPY are SPY, not QQQ, SPYW",
  );
});

Deno.test("in the evening a selection of today has the next expiry in its reason", async () => {
  await using rig = new Rig();
  using _stream = await rig.open("SPY", { maxDays: 1 });
  await rig.clock.advance(UNTIL_EXPIRY_MS);
  assert.equal(
    rig.expansions.reports()[0]?.reason,
    "no contract is within the selection: the next expiry is 2024-01-23, max_days is 1",
  );
});

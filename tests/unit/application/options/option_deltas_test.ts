import assert from "node:assert/strict";
import type { Chain } from "../../../../src/application/options/chain_entry.ts";
import { ApiUnavailable } from "../../../../src/application/ports/api_unavailable.ts";
import {
  type DeltaSelection,
  OptionDeltas,
} from "../../../../src/application/options/option_deltas.ts";
import { exchangeDay } from "../../../../src/domain/calendar/exchange_time.ts";
import { RateShare } from "../../../../src/infrastructure/alpaca/rest/rate_share.ts";
import { RequestQueue } from "../../../../src/infrastructure/alpaca/rest/request_queue.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import type { OptionSelection } from "../../../../src/domain/options/selection.ts";
import { DEFAULT_SELECTION } from "../../../../src/domain/options/selection.ts";
import { MANUAL_EPOCH, ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { gridOf, strikesFrom } from "../../domain/options/chains.ts";
import { deltasBy } from "../../domain/options/modelled_deltas.ts";
import { HOUR_MS, MINUTE_MS } from "./chain_rig.ts";
import { ScriptedCatalog } from "./scripted_catalog.ts";

const TODAY = exchangeDay(MANUAL_EPOCH);
/** Today is a holiday: nothing expires. */
const EXPIRIES = [TODAY + 1, TODAY + 7, TODAY + 30];

/** A chain with those expiries. */
function chainOf(strikes: readonly number[] = [100]): Chain {
  return { contracts: gridOf({ days: EXPIRIES, strikes }), expiries: EXPIRIES, day: TODAY };
}

/** Deltas of the selections in `open`. */
class Rig implements AsyncDisposable {
  readonly catalog = new ScriptedCatalog();
  readonly clock = new ManualClock();
  readonly log = new RecordingLog();
  readonly open: DeltaSelection[] = [];
  readonly deltas: OptionDeltas;
  changes = 0;
  readonly #end = new AbortController();
  readonly #run: Promise<void>;

  constructor() {
    this.catalog.contractDeltas.set("A", 0.5);
    this.deltas = new OptionDeltas({
      catalog: this.catalog,
      clock: this.clock,
      calendar: new MarketCalendar(),
      log: this.log,
      selections: () => this.open,
      onChange: () => this.changes++,
    });
    this.#run = this.deltas.run(this.#end.signal);
  }

  /** Opens a selection; by default one of deltas up to 0.3. */
  async select(
    underlying: string,
    selection: Partial<OptionSelection> = { maxAbsDelta: 0.3 },
    chain = chainOf(),
  ): Promise<void> {
    this.open.push({ underlying, chain, selection: { ...DEFAULT_SELECTION, ...selection } });
    this.deltas.wake();
    await this.clock.advance(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#run;
    assert.equal(this.clock.sleepers, 0);
  }
}

Deno.test("selections without bounds of deltas fetch none", async () => {
  await using rig = new Rig();
  await rig.select("SPY", {});
  await rig.select("SPY", { maxAbsDelta: 0.5, minDays: 31, maxDays: 60 });
  await rig.clock.advance(HOUR_MS);
  assert.deepEqual(rig.catalog.deltaQueries, []);
  assert.equal(rig.deltas.of("SPY"), undefined);
});

Deno.test("deltas are fetched for a new selection, and every five minutes", async () => {
  await using rig = new Rig();
  await rig.select("SPY");
  assert.deepEqual([...rig.deltas.of("SPY") ?? []], [["A", 0.5]]);
  assert.deepEqual(rig.catalog.deltaQueries, [
    {
      underlying: "SPY",
      expiries: [TODAY + 1, TODAY + 30],
      right: undefined,
      strikes: undefined,
    },
  ]);
  assert.equal(rig.changes, 1);
  await rig.clock.advance(30 * MINUTE_MS);
  assert.equal(rig.catalog.deltaQueries.length, 7);
  rig.open.length = 0;
  await rig.clock.advance(30 * MINUTE_MS);
  assert.equal(rig.catalog.deltaQueries.length, 7);
  assert.equal(rig.deltas.of("SPY"), undefined, "nothing is kept without a selection");
});

Deno.test("one query has the range of all selections of an underlying", async () => {
  await using rig = new Rig();
  await rig.select("SPY", { minAbsDelta: 0.2, right: "put", maxExpiries: 1, minStrike: 90 });
  await rig.select("SPY", { minAbsDelta: 0.2, right: "put", minStrike: 80, maxStrike: 110 });
  await rig.select("SPY", { minAbsDelta: 0.2, expiries: [TODAY + 7] });
  const ranges = rig.catalog.deltaQueries.map(({ expiries, right, strikes }) => ({
    expiries: expiries.map((day) => day - TODAY),
    right,
    strikes,
  }));
  assert.deepEqual(ranges, [
    // One more than the maximum, for when the first stops trading.
    { expiries: [1, 7], right: "put", strikes: [90, 99_999.99] },
    { expiries: [1, 30], right: "put", strikes: [80, 99_999.99] },
    { expiries: [1, 30], right: undefined, strikes: undefined },
  ]);
});

Deno.test("deltas that cannot be renewed are used for an hour", async () => {
  await using rig = new Rig();
  await rig.select("SPY");
  rig.catalog.priceOutage = "HTTP 500";
  await rig.clock.advance(59 * MINUTE_MS);
  assert.equal(rig.deltas.of("SPY")?.size, 1);
  assert.equal(rig.deltas.problemOf("SPY"), "HTTP 500");
  await rig.clock.advance(2 * MINUTE_MS);
  assert.equal(rig.deltas.of("SPY"), undefined);
  assert.equal(rig.log.messages("warn").length, 1, "logged once");
  rig.catalog.priceOutage = undefined;
  await rig.clock.advance(MINUTE_MS);
  assert.equal(rig.deltas.of("SPY")?.size, 1);
  assert.equal(rig.deltas.problemOf("SPY"), undefined);
});

/** Deltas of every contract of a chain, without those of some days. */
function deltasOf({ contracts }: Chain, without: readonly number[] = []): Map<string, number> {
  const known = contracts.filter(({ expiryDay }) => !without.includes(expiryDay));
  return new Map(known.map(({ symbol }) => [symbol, 0.25]));
}

Deno.test("deltas that a reply lacks are used for an hour", async () => {
  await using rig = new Rig();
  const chain = chainOf();
  rig.catalog.deltas = () => Promise.resolve(deltasOf(chain));
  await rig.select("SPY", { maxAbsDelta: 0.3 }, chain);
  assert.equal(rig.deltas.of("SPY")?.size, 6);
  const [call] = chain.contracts;
  const one = deltasOf(chain);
  one.delete(call?.symbol ?? "");
  rig.catalog.deltas = () => Promise.resolve(one);
  await rig.clock.advance(5 * MINUTE_MS);
  assert.equal(rig.deltas.of("SPY")?.size, 6);
  assert.equal(rig.deltas.problemOf("SPY"), undefined, "the put of the expiry is renewed");
  rig.catalog.deltas = () => Promise.resolve(deltasOf(chain, [TODAY + 1, TODAY + 7]));
  await rig.clock.advance(50 * MINUTE_MS);
  assert.equal(rig.deltas.of("SPY")?.size, 6);
  const reason = "the last reply has none of 2 expiries";
  assert.equal(rig.deltas.problemOf("SPY"), reason);
  await rig.clock.advance(5 * MINUTE_MS);
  assert.equal(rig.deltas.of("SPY")?.size, 5, "the call is an hour old, the others less");
  await rig.clock.advance(5 * MINUTE_MS);
  assert.deepEqual([...rig.deltas.of("SPY")?.keys() ?? []], [
    ...deltasOf(chain, [TODAY + 1, TODAY + 7]).keys(),
  ]);
  assert.equal(rig.deltas.problemOf("SPY"), undefined);
  assert.equal(rig.log.messages("warn").length, 0);
});

Deno.test("long replies are processed with pauses for other work", async () => {
  await using rig = new Rig();
  const chain = chainOf(strikesFrom(1, 5_000));
  rig.catalog.deltas = () => Promise.resolve(deltasOf(chain));
  let pauses = 0;
  const sleep = rig.clock.sleep.bind(rig.clock);
  rig.clock.sleep = (ms, signal) => {
    if (ms === 0) pauses++;
    return sleep(ms, signal);
  };
  await rig.select("SPY", { maxAbsDelta: 0.3 }, chain);
  for (let turn = 0; turn < 20; turn++) await rig.clock.advance(0);
  assert.equal(rig.deltas.of("SPY")?.size, 30_000);
  assert.ok(pauses >= 12, "two passes over the reply");
  const before = pauses;
  rig.catalog.deltas = () => Promise.resolve(deltasOf(chain, [TODAY + 1]));
  await rig.clock.advance(5 * MINUTE_MS);
  for (let turn = 0; turn < 20; turn++) await rig.clock.advance(0);
  assert.equal(rig.deltas.of("SPY")?.size, 30_000);
  assert.equal(rig.deltas.problemOf("SPY"), "the last reply has none of 1 expiry");
  assert.ok(pauses - before >= 4 + 4 + 6, "and one over the known deltas");
});

Deno.test("deltas of different ages are removed one after another", async () => {
  await using rig = new Rig();
  const chain = chainOf();
  rig.catalog.deltas = () => Promise.resolve(deltasOf(chain));
  await rig.select("SPY", { maxAbsDelta: 0.3 }, chain);
  rig.catalog.deltas = () => Promise.resolve(deltasOf(chain, [TODAY + 1]));
  await rig.clock.advance(20 * MINUTE_MS);
  rig.catalog.deltas = () => Promise.reject(new ApiUnavailable("HTTP 500"));
  const changes = rig.changes;
  await rig.clock.advance(38 * MINUTE_MS);
  assert.equal(rig.deltas.of("SPY")?.size, 6);
  await rig.clock.advance(3 * MINUTE_MS);
  assert.equal(rig.deltas.of("SPY")?.size, 4);
  assert.ok(rig.changes > changes);
  await rig.clock.advance(20 * MINUTE_MS);
  assert.equal(rig.deltas.of("SPY"), undefined);
});

Deno.test("a selection waits for the first answer about all of its expiries", async () => {
  await using rig = new Rig();
  const chain = chainOf();
  let answer = () => {};
  rig.catalog.deltas = () => new Promise((resolve) => answer = () => resolve(deltasOf(chain)));
  const isPending = (selection: Partial<OptionSelection>) =>
    rig.deltas.isPending({
      underlying: "SPY",
      chain,
      selection: { ...DEFAULT_SELECTION, maxAbsDelta: 0.3, ...selection },
    });
  assert.ok(isPending({}));
  assert.ok(!isPending({ maxAbsDelta: undefined }), "it needs none");
  assert.ok(!isPending({ minDays: 31 }), "no expiry needs any");
  await rig.select("SPY", { maxAbsDelta: 0.3, maxExpiries: 1, right: "put" }, chain);
  assert.ok(isPending({ maxExpiries: 1, right: "put" }));
  answer();
  await rig.clock.advance(0);
  assert.ok(!isPending({ maxExpiries: 1, right: "put" }));
  assert.ok(!isPending({ maxExpiries: 2, right: "put" }), "one more was requested");
  for (const other of [{ maxExpiries: 1 }, { maxExpiries: 3, right: "put" as const }]) {
    assert.ok(isPending(other), JSON.stringify(other));
  }
  await rig.select("SPY", { maxAbsDelta: 0.3 }, chain);
  assert.ok(isPending({}));
  await rig.clock.advance(59_000);
  assert.ok(isPending({}));
  await rig.clock.advance(1_000);
  assert.ok(!isPending({}), "a minute is the longest");
  answer();
  await rig.clock.advance(0);
  assert.ok(!isPending({}));
});

Deno.test("a selection waits a minute for the first answer, and is then selected", async () => {
  await using rig = new Rig();
  rig.catalog.deltas = async (_query, signal) => {
    await rig.clock.sleep(HOUR_MS, signal);
    return new Map();
  };
  await rig.select("QQQ");
  await rig.clock.advance(30_000);
  await rig.select("SPY");
  const [qqq, spy] = rig.open;
  assert.ok(qqq && spy);
  await rig.clock.advance(29_000);
  assert.deepEqual([qqq, spy].map((one) => rig.deltas.isPending(one)), [true, true]);
  await rig.clock.advance(1_000);
  assert.deepEqual([qqq, spy].map((one) => rig.deltas.isPending(one)), [false, true]);
  await rig.clock.advance(30_000);
  assert.ok(!rig.deltas.isPending(spy), "although the query for the other is under way");
});

Deno.test("a selection does not wait after a query that has failed", async () => {
  await using rig = new Rig();
  rig.catalog.priceOutage = "HTTP 500";
  await rig.select("SPY");
  const selection = { ...DEFAULT_SELECTION, maxAbsDelta: 0.3 };
  assert.ok(!rig.deltas.isPending({ underlying: "SPY", chain: chainOf(), selection }));
});

Deno.test("an answer without deltas does not replace deltas", async () => {
  await using rig = new Rig();
  await rig.select("SPY");
  rig.catalog.deltas = () => Promise.resolve(new Map());
  await rig.clock.advance(30 * MINUTE_MS);
  assert.equal(rig.deltas.of("SPY")?.size, 1);
  assert.equal(rig.deltas.problemOf("SPY"), "Alpaca has no deltas of its contracts");
});

Deno.test("many underlyings and long chains stay within the budget, each in turn", async () => {
  await using rig = new Rig();
  const long = chainOf(strikesFrom(1, 500));
  for (let at = 0; at < 40; at++) await rig.select(`U${at}`, { maxAbsDelta: 0.3 }, long);
  // 3,000 contracts are 3 requests; the burst is 100 requests.
  assert.equal(rig.catalog.deltaQueries.length, 34);
  await rig.clock.advance(HOUR_MS);
  const names = rig.catalog.deltaQueries.map(({ underlying }) => underlying);
  assert.ok(names.length <= 34 + 60 * 4, `${names.length} queries`);
  const counts = rig.open.map(({ underlying }) => names.filter((it) => it === underlying).length);
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join(" "));
});

Deno.test("an error other than a failure of the catalog ends the loop of deltas", async () => {
  const rig = new Rig();
  await rig[Symbol.asyncDispose]();
  rig.catalog.deltas = () => Promise.reject(new TypeError("a mistake"));
  rig.open.push({
    underlying: "SPY",
    chain: chainOf(),
    selection: { ...DEFAULT_SELECTION, minAbsDelta: 0.1 },
  });
  await assert.rejects(rig.deltas.run(new AbortController().signal), /a mistake/);
});

/** Expiries every other day and strikes from 51 to 300: 10,000 contracts within 45 days. */
const LARGE: Chain = (() => {
  const expiries = Array.from({ length: 20 }, (_, at) => TODAY + 2 + 2 * at);
  const contracts = gridOf({ days: expiries, strikes: strikesFrom(51, 300) });
  return { contracts, expiries, day: TODAY };
})();
const PRICE = 175;

/** Answers with modelled deltas of the contracts of a query, within the share of the rate limit. */
function answerModelled(rig: Rig, volatility: number): { requests: number[] } {
  const { clock } = rig;
  const queue = new RequestQueue({ clock, share: new RateShare(clock) });
  let order = 0;
  const all = deltasBy(LARGE.contracts, { price: PRICE, volatility, today: TODAY });
  const requests: number[] = [];
  rig.catalog.deltas = async (query, signal = new AbortController().signal) => {
    rig.catalog.deltaQueries.push(query);
    const { expiries: [from, to], right, strikes: [low, high] = [0, Infinity] } = query;
    const found = LARGE.contracts.filter((it) =>
      it.expiryDay >= from && it.expiryDay <= to && (right === undefined || it.right === right) &&
      it.strike >= low && it.strike <= high
    );
    for (let page = 0; page < found.length; page += 1_000) {
      await queue.acquire({ purpose: "catalog", signal, order: order++ });
      requests.push(clock.monotonic());
      queue.release();
    }
    return new Map(found.map(({ symbol }) => [symbol, all.get(symbol) ?? 0]));
  };
  return { requests };
}

for (const [name, right, minutes] of [["puts", "put", 5], ["both", undefined, 10]] as const) {
  Deno.test(`40 chains of 10,000 contracts have their deltas soon: ${name}`, async () => {
    await using rig = new Rig();
    const { requests } = answerModelled(rig, 0.3);
    const selection = { right, minAbsDelta: 0.15, maxAbsDelta: 0.3 } as const;
    const names = Array.from({ length: 40 }, (_, at) => `U${100 + at}`);
    for (const underlying of names) {
      rig.open.push({
        underlying,
        chain: LARGE,
        selection: { ...DEFAULT_SELECTION, ...selection },
        price: PRICE,
      });
    }
    rig.deltas.wake();
    await rig.clock.advance(MINUTE_MS);
    const isPending = () => rig.open.some((one) => rig.deltas.isPending(one));
    assert.ok(!isPending(), "after a minute they are selected by strikes");
    const isKnown = () => names.filter((underlying) => rig.deltas.of(underlying)).length;
    while (isKnown() < 40) await rig.clock.advance(1_000);
    const knownAfter = rig.clock.monotonic() / MINUTE_MS;
    assert.ok(knownAfter <= minutes, `the last one is known after ${knownAfter} minutes`);
    await rig.clock.advance(70 * MINUTE_MS);
    assert.equal(isKnown(), 40, "none is older than an hour");
    const hour = requests.filter((at) => at >= 10 * MINUTE_MS && at < 70 * MINUTE_MS).length;
    assert.ok(hour <= 12 * 60 + 10, `${hour} requests in an hour`);
  });
}

Deno.test("strikes are those that can have the deltas, by the known ones", async () => {
  await using rig = new Rig();
  answerModelled(rig, 0.3);
  const selection = { right: "put", minAbsDelta: 0.15, maxAbsDelta: 0.3 } as const;
  rig.open.push({
    underlying: "SPY",
    chain: LARGE,
    selection: { ...DEFAULT_SELECTION, ...selection },
    price: PRICE,
  });
  rig.deltas.wake();
  await rig.clock.advance(HOUR_MS - 1);
  const lows = rig.catalog.deltaQueries.map(({ strikes: [low] = [0] }) => low);
  assert.equal(lows.length, 12, "a query in five minutes");
  assert.ok(lows.every((low) => low > PRICE * 0.7 && low < PRICE * 0.85), `${lows}`);
  const values = rig.deltas.of("SPY") ?? new Map<string, number>();
  const all = deltasBy(LARGE.contracts, { price: PRICE, volatility: 0.3, today: TODAY });
  const wanted = LARGE.contracts.filter(({ symbol, right }) => {
    const delta = Math.abs(all.get(symbol) ?? 0);
    return right === "put" && delta >= 0.15 && delta <= 0.3;
  });
  assert.ok(wanted.length > 20 && wanted.every(({ symbol }) => values.has(symbol)));
});

Deno.test("more strikes are fetched immediately when the underlying is more volatile", async () => {
  await using rig = new Rig();
  answerModelled(rig, 1.2);
  const one = {
    underlying: "GME",
    chain: LARGE,
    selection: { ...DEFAULT_SELECTION, right: "put", minAbsDelta: 0.15 } as const,
    price: PRICE,
  };
  rig.open.push(one);
  rig.deltas.wake();
  await rig.clock.advance(30_000);
  const lows = rig.catalog.deltaQueries.map(({ strikes: [low] = [0] }) => low);
  assert.equal(lows.length, 2);
  assert.ok(lows[0] !== undefined && lows[1] !== undefined && lows[1] < lows[0] * 0.8, `${lows}`);
  assert.ok(!rig.deltas.isPending(one));
});

Deno.test("a near expiry and LEAPS are two queries, expiries next to each other one", async () => {
  await using rig = new Rig();
  const days = [1, 2, 3, ...strikesFrom(10, 700, 10)].map((day) => TODAY + day);
  const contracts = gridOf({ days, strikes: strikesFrom(51, 300) });
  const chain = { contracts, expiries: days, day: TODAY };
  const leaps = { expiries: [TODAY + 700], minDays: 0, maxDays: 3_650 };
  for (const selection of [{ maxExpiries: 2 }, { maxExpiries: 1 }, leaps]) {
    await rig.select("SPY", { minAbsDelta: 0.3, ...selection }, chain);
  }
  rig.catalog.deltaQueries.length = 0;
  await rig.clock.advance(5 * MINUTE_MS);
  const ranges = rig.catalog.deltaQueries.map(({ expiries: [from, to] }) => [from, to])
    .map((range) => range.map((day) => day - TODAY));
  assert.deepEqual(ranges, [[1, 3], [700, 700]]);
});

import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Backfills } from "../../../../src/application/history/backfills.ts";
import { IDENTITIES } from "../../../../src/application/history/missing_events.ts";
import type { History, HistoryQuery } from "../../../../src/application/ports/market_data.ts";
import type { StockTrade } from "../../../../src/domain/market/stock_events.ts";
import { toMilliseconds } from "../../../../src/domain/market/timestamp.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { historyOf, tradeAt } from "./scripted_market_data.ts";

/** What a channel has received, with a limit on what it retains. */
class Received {
  readonly #events: { readonly event: StockTrade; readonly receivedAt: number }[] = [];
  readonly #retainedSince: number;
  readonly #capacity: number;
  sequence = 0;
  #droppedUntil = -Infinity;

  constructor(retainedSince: number, capacity = Infinity) {
    this.#retainedSince = retainedSince;
    this.#capacity = capacity;
  }

  add(event: StockTrade, receivedAt: number): void {
    this.sequence++;
    this.#events.unshift({ event, receivedAt });
    if (this.#events.length <= this.#capacity) return;
    this.#droppedUntil = this.#events.pop()?.receivedAt ?? 0;
  }

  receivedSince(since: number) {
    return {
      events: this.#events.filter(({ receivedAt }) => receivedAt >= since),
      retainedSince: this.#retainedSince,
      droppedUntil: this.#droppedUntil,
    };
  }
}

/** Backfills of stock trades, whose history is the ledger of the test. */
class Harness {
  readonly clock = new ManualClock();
  readonly log = new RecordingLog();
  readonly start = this.clock.now();
  readonly received: Received;
  /** All trades that occurred. */
  readonly ledger: StockTrade[] = [];
  readonly queries: HistoryQuery[] = [];
  /** Changes what REST returns. */
  onHistory: (
    history: History<StockTrade>,
    signal: AbortSignal,
  ) => History<StockTrade> | Promise<History<StockTrade>> = (history) => history;
  readonly backfills: Backfills<StockTrade, StockTrade>;

  constructor(capacity?: number) {
    const { clock, log } = this;
    this.received = new Received(this.start, capacity);
    this.backfills = new Backfills({
      channel: "stockTrades",
      history: async (query, signal) => {
        this.queries.push(query);
        return await this.onHistory(this.#history(query), signal);
      },
      received: this.received,
      identity: IDENTITIES.stockTrades,
      wrap: (event) => event,
      maxSilenceMs: 90_000,
      clock,
      log,
    });
  }

  /** A trade that occurs now, and that is received unless it is lost. */
  trade(id: number, { symbol = "A", isLost = false } = {}): void {
    const trade = tradeAt(symbol, this.clock.now(), { tradeId: id });
    this.ledger.push(trade);
    if (!isLost) this.received.add(trade, this.clock.now());
  }

  /** Fills an outage that ends now; returns ids and what is unfilled, in ms from the start. */
  async fill(
    from: number,
    { symbols = ["A"], since = this.start }: { symbols?: readonly string[]; since?: number } = {},
  ) {
    const outage = { from, to: this.clock.now() };
    const { items, unfilled } = await this.backfills.fill({ symbols, outage, since });
    return {
      ids: items.map(({ tradeId }) => tradeId),
      unfilled: [...unfilled].map(([symbol, at]) => [symbol, at - this.start]),
    };
  }

  #history({ symbols, span }: HistoryQuery): History<StockTrade> {
    const events = new Map<string, StockTrade[]>();
    for (const trade of this.ledger) {
      const at = toMilliseconds(trade.timestamp);
      if (!symbols.includes(trade.symbol) || at < span.from || at > span.to) continue;
      events.set(trade.symbol, [...events.get(trade.symbol) ?? [], trade]);
    }
    return historyOf(events);
  }
}

Deno.test("what was missed in an outage is filled, what was received is not repeated", async () => {
  const harness = new Harness();
  const { clock, start, log } = harness;
  await clock.advance(5_000);
  harness.trade(1);
  await clock.advance(100);
  // The session is silent before its loss is detected.
  harness.trade(2, { isLost: true });
  await clock.advance(30_000);
  const lostAt = clock.now();
  harness.trade(3, { isLost: true });
  await clock.advance(2_000);
  const filling = harness.fill(lostAt);
  harness.trade(4);
  await clock.advance(300);
  harness.trade(5);
  await clock.advance(1_000);
  const { ids, unfilled } = await filling;
  assert.deepEqual(ids, [2, 3]);
  assert.deepEqual(unfilled, []);
  assert.deepEqual(harness.queries.map(({ span }) => [span.from - start, span.to - start]), [
    [3_000, 37_600],
  ]);
  assert.deepEqual(log.records.map(({ message, fields }) => [message, fields]), [
    ["Filled an outage from REST", {
      channel: "stockTrades",
      symbols: 1,
      events: 2,
      seconds: 32.1,
    }],
  ]);
  assert.equal(clock.sleepers, 0);
});

Deno.test("streams share one fetch of an outage, each receives what it filters by", async () => {
  const harness = new Harness();
  const { clock } = harness;
  await clock.advance(5_000);
  const lostAt = clock.now();
  await clock.advance(1_000);
  for (const symbol of ["A", "B", "C"]) harness.trade(1, { symbol, isLost: true });
  await clock.advance(1_000);
  const fills = [
    ...Array.from({ length: 100 }, () => harness.fill(lostAt, { symbols: ["A", "B"] })),
    harness.fill(lostAt, { symbols: ["B", "C"] }),
    // Opened after the trades: it has missed nothing.
    harness.fill(lostAt, { symbols: ["C"], since: lostAt + 1_001 }),
  ];
  await clock.advance(2_000);
  const found = await Promise.all(fills);
  assert.equal(harness.queries.length, 1);
  assert.deepEqual(harness.queries[0]?.symbols, ["A", "B", "C"]);
  assert.deepEqual(found.map(({ ids }) => ids.length), [...new Array(101).fill(2), 0]);
});

Deno.test("a failed request leaves its symbols and the remaining ones unfilled", async () => {
  const harness = new Harness();
  const { clock, log } = harness;
  await clock.advance(5_000);
  const lostAt = clock.now();
  harness.trade(1);
  await clock.advance(1_000);
  const symbols = Array.from({ length: 250 }, (_, i) => `S${1_000 + i}`);
  harness.trade(2, { symbol: "S1000", isLost: true });
  harness.onHistory = (history) => {
    if (harness.queries.length === 1) return history;
    const { symbols = [], span } = harness.queries[1] ?? {};
    return {
      events: new Map(),
      incomplete: new Map(symbols.map((each) => [each, span?.from ?? 0])),
      problem: "HTTP 403",
      status: 403,
    };
  };
  const filling = harness.fill(lostAt, { symbols });
  await clock.advance(2_000);
  const { ids, unfilled } = await filling;
  assert.deepEqual(ids, [2]);
  assert.deepEqual(unfilled, symbols.slice(100).map((symbol) => [symbol, 5_000]));
  assert.equal(harness.queries.length, 2);
  const [record] = log.records;
  assert.equal(record?.level, "warn");
  assert.equal(record?.fields.unfilled, 150);
  assert.match(String(record?.fields.remedy), /the plan includes/);
});

Deno.test("a history without an end is given up after 10 s", async () => {
  const harness = new Harness();
  const { clock, log } = harness;
  await clock.advance(5_000);
  const lostAt = clock.now();
  harness.trade(1);
  let signal: AbortSignal | undefined;
  harness.onHistory = (_history, given) => {
    signal = given;
    return new Promise(() => {});
  };
  const filling = harness.fill(lostAt, { symbols: ["A", "B"] });
  await clock.advance(9_999);
  assert.equal(signal?.aborted, false);
  await clock.advance(1);
  assert.deepEqual(await filling, { ids: [], unfilled: [["A", 5_000], ["B", 5_000]] });
  assert.equal(signal?.aborted, true);
  assert.equal(log.records[0]?.message, "Cannot fill an outage in time");
});

Deno.test("an outage that was not filled claims nothing of the next one", async () => {
  const harness = new Harness();
  const { clock } = harness;
  await clock.advance(5_000);
  const lostAt = clock.now();
  await clock.advance(100);
  // The history of this outage has no end.
  harness.onHistory = (history) => harness.queries.length === 1 ? new Promise(() => {}) : history;
  const first = harness.fill(lostAt);
  await clock.advance(100);
  const lostAgainAt = clock.now();
  await clock.advance(100);
  harness.trade(1, { isLost: true });
  await clock.advance(500);
  const second = harness.fill(lostAgainAt);
  await clock.advance(15_000);
  assert.equal((await first).unfilled.length, 1);
  assert.deepEqual(await second, { ids: [1], unfilled: [] });
});

Deno.test("the last event before an outage may be received at its rounded beginning", async () => {
  const harness = new Harness();
  const { clock } = harness;
  await clock.advance(5_000);
  harness.trade(1);
  harness.onHistory = () => Promise.reject(new TypeError("a bug"));
  const filling = harness.fill(clock.now() - 0.1);
  await clock.advance(2_000);
  assert.deepEqual((await filling).unfilled, [["A", 5_000]]);
});

Deno.test("a bug in the source of the history leaves the symbols unfilled", async () => {
  const harness = new Harness();
  harness.onHistory = () => Promise.reject(new TypeError("a bug"));
  const filling = harness.fill(harness.start);
  await harness.clock.advance(1_000);
  assert.deepEqual(await filling, { ids: [], unfilled: [["A", 0]] });
  assert.equal(harness.log.records[0]?.level, "error");
  assert.equal(harness.clock.sleepers, 0);
});

Deno.test("nothing is filled where the channel does not retain what it received", async () => {
  const harness = new Harness(3);
  const { clock } = harness;
  await clock.advance(5_000);
  harness.trade(1);
  const lostAt = clock.now();
  await clock.advance(1_000);
  harness.trade(2, { isLost: true });
  await clock.advance(1_000);
  const filling = harness.fill(lostAt);
  for (let id = 10; id < 14; id++) harness.trade(id);
  await clock.advance(2_000);
  // Trade 1 was dropped at the end of the outage: with trade 2 it could be repeated.
  assert.deepEqual(await filling, { ids: [], unfilled: [["A", 5_000]] });
});

Deno.test("while events still arrive with a delay, filling waits for them", async () => {
  const harness = new Harness();
  const { clock } = harness;
  await clock.advance(5_000);
  const lostAt = clock.now();
  await clock.advance(1_000);
  const filling = harness.fill(lostAt);
  const late = Array.from({ length: 10 }, (_, i) => {
    return tradeAt("A", clock.now() + i, { tradeId: i });
  });
  harness.ledger.push(...late);
  await clock.advance(1_000);
  for (const trade of late) {
    harness.received.add(trade, clock.now());
    await clock.advance(200);
  }
  await clock.advance(500);
  assert.deepEqual(await filling, { ids: [], unfilled: [] });
});

Deno.test("at most three outages are filled at a time", async () => {
  const harness = new Harness();
  const { clock } = harness;
  const fills = [];
  for (let i = 0; i < 4; i++) {
    await clock.advance(100);
    fills.push(harness.fill(clock.now() - 50));
  }
  await clock.advance(2_000);
  const unfilled = (await Promise.all(fills)).map((fill) => fill.unfilled.length);
  assert.deepEqual(unfilled, [0, 0, 0, 1]);
});

Deno.test("a fetch ends with the last stream that waits for it", async () => {
  const harness = new Harness();
  const { clock, backfills, log } = harness;
  await clock.advance(5_000);
  const outage = { from: clock.now() - 1_000, to: clock.now() };
  const request = { symbols: ["A"], outage, since: harness.start };
  const streams = [new AbortController(), new AbortController()];
  const fills = streams.map(({ signal }) => backfills.fill(request, signal));
  const signals: AbortSignal[] = [];
  harness.onHistory = (_history, signal) => {
    signals.push(signal);
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("aborted")));
    });
  };
  await clock.advance(2_000);
  streams[0]?.abort();
  await clock.advance(1_000);
  assert.deepEqual(signals.map(({ aborted }) => aborted), [false]);
  streams[1]?.abort();
  await settle();
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true]);
  assert.equal(clock.sleepers, 0);
  for (const { items } of await Promise.all(fills)) assert.deepEqual(items, []);
  assert.deepEqual(log.records, []);
});

Deno.test("a fetch that no stream waits for before it begins is not made", async () => {
  const harness = new Harness();
  const { clock, backfills } = harness;
  await clock.advance(5_000);
  const outage = { from: clock.now() - 1_000, to: clock.now() };
  const request = { symbols: ["A"], outage, since: harness.start };
  const first = new AbortController();
  const left = backfills.fill(request, first.signal);
  await clock.advance(200);
  first.abort();
  await left;
  assert.equal(clock.sleepers, 0);
  const second = backfills.fill(request, new AbortController().signal);
  await clock.advance(5_000);
  assert.equal((await second).unfilled.size, 0);
  assert.equal(harness.queries.length, 1);
});

/** Steps of a feed: time passes, trades occur, the session is lost and restored. */
const steps = fc.array(
  fc.record({
    /** Time since the last step; sessions are lost while an earlier outage is still filled. */
    pauseMs: fc.integer({ min: 0, max: 1_500 }),
    kind: fc.constantFrom("trade", "trade", "trade", "switch"),
    symbol: fc.constantFrom("A", "B"),
    /** How long a trade is on its way; with the session, it is lost. */
    delayMs: fc.integer({ min: 0, max: 300 }),
  }),
  { maxLength: 40 },
);

Deno.test("across outages, every trade is received or filled exactly once", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (items) => {
      const harness = new Harness();
      const { clock, received } = harness;
      const delivered: StockTrade[] = [];
      const fills: Promise<void>[] = [];
      let session = { isUp: true };
      let lostAt = 0;
      for (const [id, { pauseMs, kind, symbol, delayMs }] of items.entries()) {
        await clock.advance(pauseMs);
        if (kind === "trade") {
          const trade = tradeAt(symbol, clock.now(), { tradeId: id });
          harness.ledger.push(trade);
          const sentIn = session;
          clock.sleep(delayMs).then(() => {
            if (!sentIn.isUp) return;
            received.add(trade, clock.now());
            delivered.push(trade);
          });
        } else if (session.isUp) {
          session.isUp = false;
          lostAt = clock.now();
        } else fills.push(restore());
      }
      if (!session.isUp) fills.push(restore());
      await clock.advance(30_000);
      await Promise.all(fills);
      const keys = (trades: readonly StockTrade[]) => trades.map(IDENTITIES.stockTrades.keyOf);
      assert.deepEqual(keys(delivered).sort(), keys(harness.ledger).sort());

      async function restore(): Promise<void> {
        session = { isUp: true };
        const outage = { from: lostAt, to: clock.now() };
        const request = { symbols: ["A", "B"], outage, since: harness.start };
        const { items, unfilled } = await harness.backfills.fill(request);
        assert.equal(unfilled.size, 0);
        delivered.push(...items);
      }
    }),
    { numRuns: 300 },
  );
  await settle();
});

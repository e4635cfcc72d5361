import assert from "node:assert/strict";
import { Channel } from "../../../../src/application/broadcast/channel.ts";
import type { Envelope } from "../../../../src/application/broadcast/envelope.ts";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import type { Fill, FillRequest } from "../../../../src/application/history/backfills.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { AnnotatedStream } from "../../../../src/application/streaming/annotated_stream.ts";
import { fromRest } from "../../../../src/application/streaming/opening.ts";
import type { StreamItem } from "../../../../src/application/streaming/market_streams.ts";
import type { StreamOptions } from "../../../../src/application/streaming/stream_options.ts";
import { LIVE } from "../../../support/live_feed.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";
import { NO_OPTIONS } from "../../../support/stream_options.ts";

interface Tick {
  readonly symbol: string;
  readonly value: number;
}

const OPTIONS: StreamOptions = { ...NO_OPTIONS, meta: true, notices: true, backfill: true };

/** A channel of which outages are filled by the test. */
class Market {
  readonly clock = new ManualClock(0);
  readonly counters = createCounters();
  readonly memory = new QueueMemory();
  readonly channel = new Channel<Tick>({ symbol: ({ symbol }) => symbol }, {
    capacity: 1_000,
    counters: this.counters.channels.stockTrades,
    memory: this.memory,
    eventBytes: 10,
  });
  /** Requests to fill, with the function that answers. */
  readonly requests: { request: FillRequest; answer: (fill: Fill<Envelope<Tick>>) => void }[] = [];

  open(options: Partial<StreamOptions> = {}, symbols = ["A", "B"]): AnnotatedStream<Tick> {
    const stream = new AnnotatedStream<Tick>({
      id: "id",
      channel: this.channel,
      filter: { symbols: new Set(symbols), secondary: new Set() },
      options: { ...OPTIONS, ...options },
      epoch: "e",
      feed: LIVE,
      fillOutage: (request) =>
        new Promise((answer) => {
          this.requests.push({ request, answer });
        }),
      clock: this.clock,
      memory: this.memory,
      counters: this.counters.streams,
      onEnd: () => {},
    });
    stream.take();
    return stream;
  }

  publish(symbol: string, value: number): void {
    this.channel.publish({ symbol, value }, this.clock.now());
  }

  /** Upstream loses its session, and carries the symbols again a second later. */
  async outage(symbols = ["A", "B"]): Promise<void> {
    this.channel.carried(symbols, this.clock.now());
    this.channel.notCarried(symbols, "upstream_lost", this.clock.now());
    await this.clock.advance(1_000);
    this.channel.carried(symbols, this.clock.now());
  }

  /** Answers the oldest request with events, which are text such as `A1`. */
  async answer(events: string, unfilled: readonly (readonly [string, number])[] = []) {
    const items = events.split(" ").filter(Boolean).map((text) =>
      fromRest({ symbol: text.charAt(0), value: Number(text.slice(1)) }, {
        origin: "backfill",
        receivedAt: 0,
        bytes: 10,
      })
    );
    this.requests.shift()?.answer({ items, unfilled: new Map(unfilled) });
    await settle();
  }
}

function text(item: StreamItem<Tick>): string {
  if (!("notice" in item)) {
    const { origin, sequence, symbolSequence, event: { symbol, value } } = item;
    return `${origin} ${symbol}${value} ${sequence}/${symbolSequence}`;
  }
  const { notice } = item;
  if (notice.type === "feed") return `feed ${notice.feed.freshness}`;
  if (notice.type !== "gap") return notice.type;
  const { reason, symbols, startTime, endTime } = notice.gap;
  return `gap ${reason} [${symbols}] ${startTime}-${endTime}`;
}

function take(stream: AnnotatedStream<Tick>, limit?: number): string[] {
  return stream.take(limit).map(text);
}

Deno.test("live messages after an outage wait for those that were missed", async () => {
  const market = new Market();
  using stream = market.open();
  market.publish("A", 1);
  await market.outage();
  market.publish("A", 4);
  assert.deepEqual(take(stream), ["live A1 1/1", "feed recovering"]);
  await market.clock.advance(500);
  assert.deepEqual(take(stream), []);
  assert.deepEqual(market.requests.map(({ request }) => request), [
    { symbols: ["A", "B"], outage: { from: 0, to: 1_000 }, since: 0 },
  ]);
  await market.answer("A2 B3");
  assert.deepEqual(take(stream), [
    "backfill A2 0/0",
    "backfill B3 0/0",
    "feed live",
    "live A4 2/2",
  ]);
  assert.equal(market.counters.streams.gaps.upstream_lost, 0);
  assert.equal(stream.totals().published, 2);
});

Deno.test("an outage of all symbols is filled for the named ones, each once", async () => {
  const market = new Market();
  using named = market.open();
  using unfiltered = market.open({}, []);
  await market.outage(["A", "*"]);
  assert.deepEqual(take(named), ["feed recovering"]);
  assert.deepEqual(market.requests.map(({ request }) => request), [
    { symbols: ["A", "B"], outage: { from: 0, to: 1_000 }, since: 0 },
  ]);
  await market.answer("A1 B2");
  assert.deepEqual(take(named), ["backfill A1 0/0", "backfill B2 0/0", "feed live"]);
  assert.deepEqual(take(unfiltered), ["gap upstream_lost [] 0-1000"]);
});

Deno.test("a symbol that is carried before all others is filled once", async () => {
  const market = new Market();
  using _named = market.open();
  const { channel, clock, requests } = market;
  channel.carried(["A", "*"], 0);
  channel.notCarried(["A", "*"], "upstream_lost", 0);
  await clock.advance(1_000);
  channel.carried(["A"], clock.now());
  await clock.advance(1_000);
  channel.carried(["*"], clock.now());
  assert.deepEqual(requests.map(({ request: { symbols, outage } }) => [symbols, outage]), [
    [["A"], { from: 0, to: 1_000 }],
    [["B"], { from: 0, to: 2_000 }],
  ]);
});

Deno.test("what cannot be filled is a gap after what could be filled", async () => {
  const market = new Market();
  using stream = market.open();
  await market.clock.advance(1_000);
  await market.outage();
  market.publish("A", 4);
  await market.answer("A2", [["A", 1_500], ["B", 1_000]]);
  assert.deepEqual(take(stream), [
    "feed recovering",
    "backfill A2 0/0",
    "gap upstream_lost [A] 1500-2000",
    "gap upstream_lost [B] 1000-2000",
    "feed live",
    "live A4 1/1",
  ]);
  assert.equal(market.counters.streams.gaps.upstream_lost, 2);
});

Deno.test("many symbols that cannot be filled are gaps of 32 symbols", async () => {
  const market = new Market();
  const symbols = Array.from({ length: 70 }, (_, i) => `S${i}`);
  using stream = market.open({}, symbols);
  await market.outage(symbols);
  await market.answer("", symbols.map((symbol) => [symbol, 0]));
  const gaps = stream.take().flatMap((item) =>
    "notice" in item && item.notice.type === "gap" ? [item.notice.gap.symbols.length] : []
  );
  assert.deepEqual(gaps, [32, 32, 6]);
});

Deno.test("a stream without backfill has a gap and does not wait", async () => {
  const market = new Market();
  using stream = market.open({ backfill: false });
  await market.outage();
  market.publish("A", 4);
  assert.deepEqual(take(stream), ["gap upstream_lost [A,B] 0-1000", "live A4 1/1"]);
  assert.equal(market.requests.length, 0);
});

Deno.test("an outage of which symbols are not known is a gap", async () => {
  const market = new Market();
  using stream = market.open({}, []);
  await market.outage(["*"]);
  assert.deepEqual(take(stream), ["gap upstream_lost [] 0-1000"]);
});

Deno.test("other symbols do not make a stream wait", async () => {
  const market = new Market();
  using stream = market.open({}, ["C"]);
  await market.outage();
  market.publish("C", 1);
  assert.deepEqual(take(stream), ["live C1 1/1"]);
  assert.equal(market.requests.length, 0);
});

Deno.test("a newer state of the feed is not replaced when the outage is filled", async () => {
  const market = new Market();
  using stream = market.open();
  await market.outage();
  stream.feed({ ...LIVE, freshness: "stale", reason: "silent" });
  await market.answer("A2");
  assert.deepEqual(take(stream), ["feed recovering", "backfill A2 0/0", "feed stale"]);
});

Deno.test("filled messages are taken within the limit, and with the ending released", async () => {
  const market = new Market();
  {
    using stream = market.open();
    await market.outage();
    await market.answer("A1 A2 A3 A4");
    market.publish("A", 5);
    assert.deepEqual(take(stream, 2), ["feed recovering", "backfill A1 0/0"]);
    assert.deepEqual(take(stream, 2), ["backfill A2 0/0", "backfill A3 0/0"]);
  }
  market.channel.stopRetaining();
  assert.equal(market.memory.bytes, 0);
});

Deno.test("with latest, the last missed message is sent unless a later one is queued", async () => {
  const market = new Market();
  using stream = market.open({ delivery: "latest" });
  await market.outage();
  market.publish("A", 4);
  await market.answer("A1 B2 A3 B3");
  assert.deepEqual(take(stream), [
    "feed recovering",
    "backfill B3 0/0",
    "feed live",
    "live A4 1/1",
  ]);
});

Deno.test("without notices, filled messages come before live ones", async () => {
  const market = new Market();
  using stream = market.open({ notices: false });
  await market.outage();
  market.publish("A", 4);
  await market.answer("A2", [["B", 0]]);
  assert.deepEqual(take(stream), ["backfill A2 0/0", "live A4 1/1"]);
});

Deno.test("two outages in a row are filled in order", async () => {
  const market = new Market();
  using stream = market.open();
  await market.outage();
  market.publish("A", 2);
  await market.outage();
  market.publish("A", 4);
  assert.deepEqual(take(stream), ["feed recovering"]);
  await market.answer("A1");
  assert.deepEqual(take(stream), [
    "backfill A1 0/0",
    "feed live",
    "live A2 1/1",
    "feed recovering",
  ]);
  await market.answer("A3");
  assert.deepEqual(take(stream), ["backfill A3 0/0", "feed live", "live A4 2/2"]);
});

Deno.test("live messages are held back only until the queue is half full", async () => {
  const market = new Market();
  using stream = market.open({ delivery: "every_or_end" });
  await market.outage();
  for (let i = 0; i < 500; i++) market.publish("A", i);
  assert.deepEqual(take(stream), ["feed recovering"]);
  await market.clock.advance(20);
  const items = take(stream);
  assert.match(items[0] ?? "", /^gap upstream_lost/);
  assert.equal(items.filter((item) => item.startsWith("live")).length, 500);
  // The answer comes too late.
  await market.answer("A1");
  assert.deepEqual(take(stream), []);
});

Deno.test("with latest, a missed message replaces an older one that is queued", async () => {
  const market = new Market();
  using stream = market.open({ delivery: "latest" });
  market.channel.carried(["A", "B"], 0);
  market.publish("A", 1);
  market.publish("B", 1);
  await market.clock.advance(1);
  await market.outage();
  await market.clock.advance(1);
  market.publish("B", 3);
  await market.answer("A2 B2");
  assert.deepEqual(take(stream), [
    "feed recovering",
    "backfill A2 0/0",
    "feed live",
    "live B3 3/2",
  ]);
});

import assert from "node:assert/strict";
import { Channel } from "../../../../src/application/broadcast/channel.ts";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { AnnotatedStream } from "../../../../src/application/streaming/annotated_stream.ts";
import type { FetchLast } from "../../../../src/application/streaming/opening.ts";
import type { StreamItem } from "../../../../src/application/streaming/market_streams.ts";
import type { StreamOptions } from "../../../../src/application/streaming/stream_options.ts";
import { LIVE } from "../../../support/live_feed.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";
import { NO_OPTIONS } from "../../../support/stream_options.ts";

interface Tick {
  readonly symbol: string;
  readonly value: number;
}

const EVERYTHING: StreamOptions = { ...NO_OPTIONS, meta: true, notices: true };

/** A channel with streams whose items are written as short text. */
function market({ capacity = 100, retained = 100, memoryBytes, eventBytes = 1, fetchLast }: {
  capacity?: number;
  retained?: number;
  memoryBytes?: number;
  eventBytes?: number;
  fetchLast?: FetchLast<Tick>;
} = {}) {
  const clock = new ManualClock(0);
  const counters = createCounters();
  const memory = new QueueMemory(memoryBytes);
  const channel = new Channel<Tick>(
    { symbol: ({ symbol }) => symbol },
    { capacity, retained, counters: counters.channels.stockQuotes, memory, eventBytes },
  );
  let value = 0;
  let frame = 0;
  const publish = (...symbols: string[]) => {
    for (const symbol of symbols) channel.publish({ symbol, value: ++value }, ++frame);
  };
  const open = (options: Partial<StreamOptions> = {}, symbols: string[] = []) =>
    new AnnotatedStream<Tick>({
      id: "id",
      channel,
      filter: { symbols: new Set(symbols), secondary: new Set() },
      options: { ...EVERYTHING, ...options },
      epoch: "e",
      feed: LIVE,
      fetchLast,
      clock,
      memory,
      counters: counters.streams,
      onEnd: () => {},
    });
  return { clock, counters, memory, channel, publish, open };
}

function text(item: StreamItem<Tick>): string {
  if (!("notice" in item)) {
    const { origin, sequence, symbolSequence, event } = item;
    const from = origin === "live" ? "" : `${origin} `;
    return `${from}${event.symbol} ${sequence}/${symbolSequence}`;
  }
  const { notice } = item;
  switch (notice.type) {
    case "hello":
      return `hello ${notice.hello.sequence}${notice.hello.resumed ? " resumed" : ""}`;
    case "gap": {
      const { reason, count, firstSequence, lastSequence, symbols } = notice.gap;
      return `gap ${reason} ${count} ${firstSequence}-${lastSequence} [${symbols}]`;
    }
    case "feed":
      return `feed ${notice.feed.freshness} [${notice.feed.symbols}]`;
    case "subscription":
      return `subscription ${notice.symbol} ${notice.state}`;
    case "heartbeat": {
      const { sequence, published, delivered, conflated, lost } = notice.totals;
      return `heartbeat ${sequence} ${published}=${delivered}+${conflated}+${lost}`;
    }
    case "draining":
      return `draining ${notice.reason}`;
    case "caught_up":
      return `caught up ${notice.sequence} ${notice.count}`;
  }
}

function take(stream: AnnotatedStream<Tick>, limit?: number): string[] {
  return stream.take(limit).map(text);
}

Deno.test("the first item is hello, then live messages with both sequences", () => {
  const { publish, open } = market();
  publish("A");
  using stream = open();
  publish("A", "B");
  assert.deepEqual(take(stream), ["hello 1", "A 2/2", "B 3/1"]);
});

Deno.test("dropped messages are one gap before the next message", () => {
  const { publish, open, counters } = market({ capacity: 3 });
  using stream = open({}, ["A", "B"]);
  assert.deepEqual(take(stream), ["hello 0"]);
  publish("A", "B", "C", "A", "A", "B");
  assert.deepEqual(take(stream), ["gap slow_client 2 1-2 [A,B]", "A 4/2", "A 5/3", "B 6/2"]);
  assert.equal(counters.streams.gaps.slow_client, 1);
});

Deno.test("a notice keeps its position between messages", () => {
  const { publish, open } = market();
  using stream = open();
  publish("A");
  stream.feed({ ...LIVE, freshness: "stale", reason: "silent" });
  publish("A");
  assert.deepEqual(take(stream), ["hello 0", "A 1/1", "feed stale []", "A 2/2"]);
});

Deno.test("a heartbeat has exact totals, and comes after the gap of what was lost", async () => {
  const { publish, open, clock } = market({ capacity: 2 });
  using stream = open({ heartbeatMs: 1_000 });
  take(stream);
  publish("A", "A", "A");
  await clock.advance(1_000);
  assert.deepEqual(take(stream), [
    "gap slow_client 1 1-1 [A]",
    "heartbeat 1 1=0+0+1",
    "A 2/2",
    "A 3/3",
  ]);
  await clock.advance(1_000);
  assert.deepEqual(take(stream), ["heartbeat 3 3=2+0+1"]);
});

Deno.test("latest keeps one message per symbol and reports conflation", async () => {
  const { publish, open, clock } = market();
  using stream = open({ delivery: "latest", heartbeatMs: 1_000 });
  take(stream);
  publish("A", "B", "A", "A");
  assert.deepEqual(take(stream), ["A 4/3", "B 2/1"]);
  await clock.advance(1_000);
  assert.deepEqual(take(stream), ["heartbeat 4 4=2+2+0"]);
});

Deno.test("a heartbeat of latest does not skip a symbol that was overtaken", async () => {
  const { clock, publish, open } = market();
  using stream = open({ delivery: "latest", heartbeatMs: 1_000, maxUnacknowledged: 1 });
  publish("A", "B", "A", "C");
  await clock.advance(1_000);
  assert.deepEqual(take(stream), ["hello 0", "heartbeat 1 1=0+1+0", "A 3/2"]);
});

Deno.test("with an interval a symbol is sent at most once in it: its latest value", async () => {
  const { publish, open, clock } = market();
  using stream = open({ delivery: "latest", minIntervalMs: 100 });
  take(stream);
  publish("A");
  assert.deepEqual(take(stream), ["A 1/1"]);
  publish("A", "A", "B");
  assert.deepEqual(take(stream), ["B 4/1"]);
  await clock.advance(99);
  assert.deepEqual(take(stream), []);
  const batches = stream.batches(new AbortController().signal);
  const next = batches.next();
  await clock.advance(1);
  await next;
  assert.deepEqual(take(stream), ["A 3/3"]);
});

Deno.test("every_or_end delivers what is queued and ends, without a hole", async () => {
  const { publish, open } = market({ capacity: 2 });
  const stream = open({ delivery: "every_or_end" });
  publish("A", "A", "A");
  const batches = stream.batches(new AbortController().signal);
  assert.equal((await batches.next()).done, false);
  assert.deepEqual(take(stream), ["hello 0", "A 1/1", "A 2/2"]);
  publish("A");
  assert.equal((await batches.next()).done, true);
  assert.match(stream.endReason ?? "", /too slow/);
  stream.end();
});

Deno.test("the position of a heartbeat is before what a full queue has not accepted", async () => {
  const { clock, publish, open } = market({ capacity: 2 });
  using stream = open({ delivery: "every_or_end", heartbeatMs: 1_000 });
  publish("A", "A", "A", "A");
  assert.deepEqual(take(stream), ["hello 0", "A 1/1", "A 2/2"]);
  await clock.advance(1_000);
  assert.deepEqual(take(stream), ["heartbeat 2 2=2+0+0"]);
});

Deno.test("every_or_end ends at the memory limit, also after its queue was full", async () => {
  const { publish, open } = market({ capacity: 40, memoryBytes: 400 });
  using full = open({ delivery: "every_or_end", notices: false, meta: false });
  publish(...Array<string>(41).fill("A"));
  // The queues of others take the rest of the memory.
  using _other = open({ delivery: "every", notices: false, meta: false });
  for (let count = 0; count < 20; count++) publish("A");
  let batches = 0;
  for await (const _ of full.batches(new AbortController().signal)) {
    assert.deepEqual(take(full), []);
    assert.ok(++batches < 3, "the stream has not ended");
  }
  assert.match(full.endReason ?? "", /queue is full/);
});

Deno.test("a gap is sent together with the message after it", () => {
  const { publish, open } = market({ capacity: 1 });
  using stream = open();
  publish("A", "A");
  assert.deepEqual(take(stream, 1), ["hello 0"]);
  assert.deepEqual(take(stream, 1), ["gap slow_client 1 1-1 [A]", "A 2/2"]);
});

Deno.test("a gap of messages that were dropped behind a batch follows the batch", () => {
  const { publish, open } = market({ retained: 0, memoryBytes: 9_600, eventBytes: 100 });
  using stream = open();
  publish(...Array<string>(88).fill("A"));
  // The memory of the batch is taken from that of the queue.
  const items = take(stream, 17);
  assert.equal(items.at(-1), "A 16/16");
  const [gap, next] = take(stream, 2);
  const last = stream.dropped + 16;
  assert.deepEqual([gap, next], [
    `gap slow_client ${stream.dropped} 17-${last} [A]`,
    `A ${last + 1}/${last + 1}`,
  ]);
});

Deno.test("no more than the limit is sent before an acknowledgement", async () => {
  const { publish, open, clock } = market();
  using stream = open({ maxUnacknowledged: 2, heartbeatMs: 1_000 });
  publish("A", "A", "A", "A");
  assert.deepEqual(take(stream), ["hello 0", "A 1/1", "A 2/2"]);
  assert.equal(stream.unacknowledged, 2);
  assert.deepEqual(take(stream), []);
  stream.acknowledge(1);
  assert.deepEqual(take(stream), ["A 3/3"]);
  await clock.advance(1_000);
  assert.deepEqual(take(stream), ["heartbeat 3 1=1+0+0"]);
  stream.acknowledge(3);
  assert.deepEqual(take(stream), ["A 4/4"]);
});

Deno.test("the notice of the end does not wait behind queued messages", async () => {
  const { publish, open } = market();
  using stream = open({ maxUnacknowledged: 1 });
  using silent = open({ notices: false });
  publish("A", "A");
  assert.deepEqual(take(stream), ["hello 0", "A 1/1"]);
  const batches = stream.batches(new AbortController().signal);
  const next = batches.next();
  stream.draining("restart", 1_000);
  silent.draining("restart", 1_000);
  assert.equal((await next).done, false);
  assert.deepEqual(take(stream), ["draining restart"]);
  stream.acknowledge(1);
  assert.deepEqual(take(stream), ["A 2/2"]);
  assert.deepEqual(take(silent), ["A 1/1", "A 2/2"]);
});

Deno.test("a resume within the retained window is exact, with the gaps in it", () => {
  const { publish, open, channel } = market();
  channel.carried(["A", "B"], 0);
  const first = open({}, ["A"]);
  publish("A", "B");
  first.end();
  // Symbols that upstream carries are retained without a stream.
  assert.equal(channel.mayHaveSubscribers("A"), true);
  publish("A");
  channel.notCarried(["A", "B"], "upstream_lost", 5);
  channel.carried(["A", "B"], 9);
  publish("A");
  using resumed = open({ resume: { epoch: "e", sequence: 1 } }, ["A"]);
  publish("A");
  assert.deepEqual(take(resumed), [
    "hello 4 resumed",
    "replay A 3/2",
    "gap upstream_lost 0 0-0 [A]",
    "replay A 4/3",
    "caught up 4 2",
    "A 5/4",
  ]);
});

Deno.test("a resume beyond what is known is a gap, and the stream goes on live", () => {
  const { publish, open, channel, counters } = market({ retained: 2 });
  channel.carried(["A"], 0);
  open({}, ["A"]).end();
  publish("A", "A", "A");
  const cases = [{ epoch: "e", sequence: 0 }, { epoch: "other", sequence: 3 }];
  for (const resume of cases) {
    using stream = open({ resume }, ["A"]);
    const known = resume.epoch === "e" ? "1-3" : "0-0";
    assert.deepEqual(take(stream), [
      "hello 3",
      `gap not_retained 0 ${known} []`,
      "caught up 3 0",
    ]);
  }
  assert.deepEqual(counters.streams.resumes, { exact: 0, inexact: 2 });
  // Coverage has ended: what was sent meanwhile is not known.
  channel.notCarried(["A"], undefined, 0);
  channel.carried(["A"], 0);
  using stream = open({ resume: { epoch: "e", sequence: 2 } }, ["A"]);
  assert.equal(take(stream)[0], "hello 3");
});

Deno.test("a snapshot has the last message per symbol, then live ones follow", () => {
  const { publish, open, channel } = market();
  publish("A", "B", "A");
  channel.carried(["A", "B"], 0);
  using stream = open({ snapshot: true }, ["A", "B"]);
  publish("A");
  assert.deepEqual(take(stream), [
    "hello 3",
    "snapshot B 2/1",
    "snapshot A 3/2",
    "caught up 3 2",
    "A 4/3",
  ]);
});

Deno.test("a snapshot fetches what was not seen, unless it is live meanwhile", async () => {
  const asked: string[][] = [];
  const fetched = Promise.withResolvers<ReadonlyMap<string, Tick>>();
  const { publish, open, channel } = market({
    fetchLast: (symbols) => {
      asked.push([...symbols]);
      return fetched.promise;
    },
  });
  using stream = open({ snapshot: true }, ["A", "B", "C"]);
  assert.deepEqual(take(stream), ["hello 0"]);
  await settle();
  assert.deepEqual(asked, []);
  channel.carried(["A", "B", "C"], 0);
  await settle();
  assert.deepEqual(asked, [["A", "B", "C"]]);
  publish("B");
  fetched.resolve(new Map(["A", "B"].map((symbol) => [symbol, { symbol, value: 0 }])));
  await settle();
  assert.deepEqual(take(stream), ["snapshot A 0/0", "caught up 0 1", "B 1/1"]);
});

Deno.test("unreadable messages in a row are one gap", () => {
  const { publish, open, channel } = market();
  using stream = open({}, ["A", "B"]);
  publish("A");
  channel.unreadable("A");
  channel.unreadable("C");
  channel.unreadable("B");
  publish("A");
  assert.deepEqual(take(stream), ["hello 0", "A 1/1", "gap unreadable 2 0-0 [A,B]", "A 2/2"]);
});

Deno.test("a resumed stream counts unreadable messages of its own symbols", () => {
  const { open, channel } = market();
  channel.carried(["*"], 0);
  using _first = open();
  for (const symbol of ["A", "C", "A", "B"]) channel.unreadable(symbol);
  const missed = (...symbols: string[]) => {
    using stream = open({ resume: { epoch: "e", sequence: 0 } }, symbols);
    return take(stream)[1];
  };
  assert.equal(missed("A"), "gap unreadable 2 0-0 [A]");
  assert.equal(missed("A", "B", "D"), "gap unreadable 3 0-0 [A,B]");
  for (let i = 0; i < 1_000; i++) channel.unreadable(`S${i}`);
  assert.equal(missed("A"), "gap unreadable 0 0-0 []", "the number is not known");
});

Deno.test("memory of streams and of the window is released", () => {
  const { publish, open, channel, memory } = market();
  channel.carried(["*"], 0);
  const stream = open({ snapshot: true });
  publish("A", "B");
  const resumed = open({ resume: { epoch: "e", sequence: 0 } });
  take(resumed, 2);
  stream.end();
  resumed.end();
  channel.stopRetaining();
  assert.equal(memory.bytes, 0);
});

Deno.test("an outage that ends for a symbol before it ends for all is one gap", () => {
  const { open, channel } = market();
  channel.carried(["*", "A", "B"], 0);
  using stream = open({}, ["A"]);
  using both = open({}, ["A", "B"]);
  channel.notCarried(["*", "A", "B"], "upstream_lost", 1);
  channel.carried(["A"], 2);
  channel.carried(["*"], 3);
  assert.deepEqual(take(stream), ["hello 0", "gap upstream_lost 0 0-0 [A]"]);
  assert.deepEqual(take(both), [
    "hello 0",
    "gap upstream_lost 0 0-0 [A]",
    "gap upstream_lost 0 0-0 [B]",
  ]);
});

Deno.test("an interval starts with the message of a snapshot", async () => {
  const { publish, open, clock, channel } = market();
  publish("A");
  channel.carried(["A"], 0);
  using stream = open({ snapshot: true, delivery: "latest", minIntervalMs: 100 }, ["A", "B"]);
  publish("A", "B");
  assert.deepEqual(take(stream), ["hello 1", "snapshot A 1/1", "caught up 1 1", "B 3/1"]);
  await clock.advance(100);
  assert.deepEqual(take(stream), ["A 2/2"]);
});

Deno.test("a resume with more symbols than before is exact only if they were carried", () => {
  const { publish, open, channel } = market();
  channel.carried(["A"], 0);
  open({}, ["A"]).end();
  publish("A");
  const isExact = (symbols: string[]) => {
    using stream = open({ resume: { epoch: "e", sequence: 0 } }, symbols);
    return take(stream, 1)[0] === "hello 1 resumed";
  };
  assert.equal(isExact(["A"]), true);
  assert.equal(isExact(["A", "B"]), false);
  assert.equal(isExact([]), false);
  channel.carried(["*"], 0);
  assert.equal(isExact([]), false);
  publish("A");
  using stream = open({ resume: { epoch: "e", sequence: 1 } }, []);
  assert.equal(take(stream, 1)[0], "hello 2 resumed");
});

Deno.test("a long list of unacknowledged messages is acknowledged by position", () => {
  const { publish, open } = market({ capacity: 20_000 });
  using stream = open({ maxUnacknowledged: 10_000 });
  publish(...Array.from({ length: 15_000 }, () => "A"));
  while (take(stream, 1_000).length > 0);
  assert.equal(stream.unacknowledged, 10_000);
  stream.acknowledge(0);
  assert.equal(stream.unacknowledged, 10_000);
  stream.acknowledge(9_000);
  assert.equal(stream.unacknowledged, 1_000);
  stream.acknowledge(1e15);
  assert.equal(stream.unacknowledged, 0);
});

Deno.test("a snapshot does not wait for a symbol that upstream refuses", async () => {
  const { open, channel } = market({ fetchLast: () => Promise.resolve(new Map()) });
  using stream = open({ snapshot: true }, ["A", "B"]);
  channel.carried(["A"], 0);
  await settle();
  assert.deepEqual(take(stream), ["hello 0"]);
  const notice = {
    at: 0,
    type: "subscription",
    symbol: "B",
    state: "rejected",
    reason: "",
  } as const;
  stream.subscriptions(new Map([["B", { notice }]]));
  await settle();
  assert.deepEqual(take(stream), ["caught up 0 0", "subscription B rejected"]);
});

Deno.test("a snapshot that takes long is completed before the queue is full", async () => {
  const { open, publish, channel, clock } = market({
    capacity: 10,
    fetchLast: () => new Promise(() => {}),
  });
  publish("A");
  using stream = open({ snapshot: true, delivery: "every_or_end" }, ["A", "B"]);
  channel.carried(["B"], 0);
  publish("B", "B", "B", "B", "B");
  await clock.advance(20);
  assert.deepEqual(take(stream), [
    "hello 1",
    "snapshot A 1/1",
    "caught up 1 1",
    ...[1, 2, 3, 4, 5].map((i) => `B ${i + 1}/${i}`),
  ]);
});

Deno.test("heartbeats are sent while a replay waits for acknowledgements", async () => {
  const { open, publish, channel, clock } = market();
  channel.carried(["A"], 0);
  open({}, ["A"]).end();
  publish("A", "A", "A");
  const resume = { epoch: "e", sequence: 0 };
  using stream = open({ resume, maxUnacknowledged: 1, heartbeatMs: 1_000 }, ["A"]);
  assert.deepEqual(take(stream), ["hello 3 resumed", "replay A 1/1"]);
  await clock.advance(1_000);
  // To resume there misses nothing.
  assert.deepEqual(take(stream), ["heartbeat 1 0=0+0+0"]);
  stream.draining("the end", 1_000);
  assert.deepEqual(take(stream), ["draining the end"]);
  stream.acknowledge(1);
  assert.deepEqual(take(stream), ["replay A 2/2"]);
});

Deno.test("the openings of all streams use a part of the memory", () => {
  const { open, publish, channel, memory } = market({ retained: 1_000, memoryBytes: 512_000 });
  channel.carried(["*"], 0);
  open().end();
  publish(...Array.from({ length: 1_000 }, () => "A"));
  const resume = { epoch: "e", sequence: 0 };
  const streams = Array.from({ length: 4 }, () => open({ resume }));
  assert.throws(() => open({ resume }), { name: "OpeningsExceeded" });
  // Without a replay there is no need of it.
  open().end();
  assert.ok(streams.every(({ queued }) => queued === 1_002));
  while (take(streams[0] as AnnotatedStream<Tick>).length > 0);
  streams.push(open({ resume }));
  for (const stream of streams) stream.end();
  channel.stopRetaining();
  assert.equal(memory.bytes, 0);
});

Deno.test("a batch of subscription changes reaches the streams that it concerns", () => {
  const { open } = market();
  using some = open({}, ["A", "C"]);
  using all = open();
  const changes = new Map(["*", "A", "B"].map((symbol) => {
    const notice = { at: 0, type: "subscription", symbol, state: "requested", reason: "" } as const;
    return [symbol, { notice }];
  }));
  some.subscriptions(changes);
  all.subscriptions(changes);
  assert.deepEqual(take(some), ["hello 0", "subscription A requested"]);
  assert.deepEqual(take(all), ["hello 0", "subscription * requested"]);
});

Deno.test("what was seen before an interruption is fetched again for a snapshot", async () => {
  const { open, publish, channel } = market({
    fetchLast: (symbols) =>
      Promise.resolve(new Map(symbols.map((symbol) => [symbol, { symbol, value: 0 }]))),
  });
  channel.carried(["A", "B"], 0);
  publish("A", "B");
  channel.notCarried(["A"], undefined, 0);
  channel.carried(["A"], 0);
  using stream = open({ snapshot: true }, ["A", "B"]);
  await settle();
  assert.deepEqual(take(stream), ["hello 2", "snapshot B 2/1", "snapshot A 0/0", "caught up 2 2"]);
  channel.notCarried(["A", "B"], "upstream_lost", 0);
  channel.carried(["A", "B"], 0);
  using other = open({ snapshot: true }, ["B"]);
  await settle();
  assert.deepEqual(take(other), ["hello 2", "snapshot B 0/0", "caught up 2 1"]);
});

Deno.test("replayed events are encoded once, and their memory counts until they are sent", () => {
  const { open, publish, channel, memory } = market({ retained: 5_000, memoryBytes: 1_500_000 });
  channel.carried(["*"], 0);
  open().end();
  publish(...Array.from({ length: 5_000 }, () => "A"));
  const resume = { epoch: "e", sequence: 0 };
  using first = open({ resume });
  using second = open({ resume });
  const before = memory.bytes;
  const items = first.take();
  // A part of the memory, not everything, is in flight at a time.
  assert.ok(items.length < 200, String(items.length));
  assert.ok(memory.bytes > before - items.length * 8);
  assert.equal(second.take()[5], items[5]);
});

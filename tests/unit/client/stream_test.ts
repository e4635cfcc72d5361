/** The client library against a model of the stream contract, with virtual time. */
import assert from "node:assert/strict";
import {
  type ConnectionChange,
  type FreshnessChange,
  Origin,
  type ProxyStream,
  type StockQuote,
  type StreamGap,
} from "../../../client/mod.ts";
import { ProxyClient } from "../../../client/client.ts";
import type { StreamOptions } from "../../../client/options.ts";
import { DeliveryPolicy, Freshness } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { ModelProxy } from "../../support/model_proxy.ts";

/** A consumer that records messages and reports in their order. */
class Consumer implements AsyncDisposable {
  readonly model: ModelProxy;
  readonly clock = new ManualClock();
  readonly client: ProxyClient;
  readonly stream: ProxyStream<StockQuote>;
  /** `AAPL 3`, `gap slow_client 2`, `stale AAPL`. */
  readonly log: string[] = [];
  readonly gaps: StreamGap[] = [];
  readonly connections: ConnectionChange[] = [];
  readonly freshness: FreshnessChange[] = [];
  readonly notices: string[] = [];
  failure: unknown;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;

  constructor(model: ModelProxy, options: StreamOptions = {}, consume?: () => Promise<void>) {
    this.model = model;
    const dependencies = { clock: this.clock, random: () => 0.5, transport: model.transport };
    this.client = new ProxyClient({}, dependencies);
    this.stream = this.client.quotes([], {
      signal: this.#end.signal,
      onGap: (gap) => {
        this.gaps.push(gap);
        this.log.push(`gap ${gap.reason} ${gap.count}`);
      },
      onStale: (change) => {
        this.freshness.push(change);
        this.log.push([change.freshness, ...change.symbols].join(" "));
      },
      onNotice: ({ kind }) => this.notices.push(String(kind.case)),
      onConnection: (change) => this.connections.push(change),
      ...options,
    });
    this.#running = this.#run(consume);
  }

  /** Lets `ms` pass. */
  async pass(ms = 0): Promise<void> {
    await this.clock.advance(ms);
  }

  /** Publishes messages, and lets the client read them. */
  async receive(...symbols: readonly string[]): Promise<void> {
    for (const symbol of symbols) this.model.publish(symbol);
    this.model.stream?.deliver();
    await this.pass();
  }

  async #run(consume?: () => Promise<void>): Promise<void> {
    try {
      for await (const { symbol, bidPrice, meta } of this.stream) {
        const origin = meta.origin === Origin.LIVE ? "" : ` ${nameOf(meta.origin)}`;
        this.log.push(`${symbol} ${bidPrice}${origin}`);
        await consume?.();
      }
    } catch (error) {
      this.failure = error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.pass();
    await this.#running;
    this.client.close();
    assert.equal(this.clock.sleepers, 0, "timers left");
  }
}

function nameOf(origin: Origin): string {
  return Object.entries(Origin).find(([, value]) => value === origin)?.[0] ?? "";
}

Deno.test("messages are yielded with their metadata", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model);
  await consumer.pass();
  model.publish("AAPL");
  model.publish("MSFT");
  model.stream?.deliver();
  await consumer.pass();
  assert.deepEqual(consumer.log, ["AAPL 1", "MSFT 2"]);
  assert.deepEqual(consumer.stream.position, { epoch: "epoch-1", sequence: 2n });
  const [request] = model.requests;
  assert.deepEqual([request?.options?.meta, request?.options?.notices], [true, true]);
  assert.equal(consumer.client.stats.streams[0]?.received, 2);
});

Deno.test("a broken connection is resumed after the last processed message", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model);
  await consumer.pass();
  for (const symbol of ["A", "B", "A"]) model.publish(symbol);
  model.stream?.deliver(2);
  await consumer.pass();
  model.stream?.end("UNAVAILABLE", "stopping");
  model.publish("B");
  await consumer.pass(1_000);
  assert.deepEqual(model.requests[1]?.options?.resume?.sequence, 2n);
  assert.deepEqual(consumer.log, ["A 1", "B 2", "A 3 REPLAY", "B 4 REPLAY"]);
  assert.deepEqual(consumer.connections.map(({ state }) => state), [
    "connecting",
    "accepted",
    "lost",
    "connecting",
    "accepted",
  ]);
  const { exactResumes, duplicates } = consumer.stream.stats;
  assert.deepEqual({ exactResumes, duplicates }, { exactResumes: 1, duplicates: 0 });
});

Deno.test("a message that is replayed although it was processed is suppressed", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model, { resume: { epoch: "epoch-1", sequence: 0n } });
  await consumer.pass();
  const quote = model.publish("A");
  model.stream?.deliver();
  model.stream?.enqueue(quote, Origin.REPLAY);
  model.stream?.deliver();
  await consumer.pass();
  assert.deepEqual(consumer.log, ["A 1"]);
  assert.equal(consumer.stream.stats.duplicates, 1);
});

Deno.test("a reported gap is reported once, between the messages around it", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model);
  await consumer.pass();
  model.publish("A");
  model.stream?.deliver();
  for (const symbol of ["A", "B", "A", "B"]) model.publish(symbol);
  model.stream?.lose(3);
  model.stream?.deliver();
  model.publish("A");
  model.stream?.deliver();
  model.stream?.heartbeat(model.sequence);
  await consumer.pass();
  assert.deepEqual(consumer.log, ["A 1", "gap slow_client 3", "B 5", "A 6"]);
});

Deno.test("a hole that the proxy does not report is found at the next message", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model);
  await consumer.pass();
  model.publish("A");
  model.stream?.deliver();
  for (const symbol of ["A", "A", "A"]) model.publish(symbol);
  model.stream?.lose(2, { isReported: false });
  model.stream?.deliver();
  model.stream?.heartbeat(model.sequence);
  await consumer.pass();
  assert.deepEqual(consumer.log, ["A 1", "gap undetected 2", "A 4"]);
  assert.deepEqual(consumer.gaps[0]?.symbols, ["A"]);
  assert.deepEqual(consumer.stream.stats.gaps, { undetected: { gaps: 1, messages: 2 } });
});

Deno.test("a hole in a symbol that sends nothing more is found at the next heartbeat", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model);
  await consumer.pass();
  for (const symbol of ["A", "A", "B"]) model.publish(symbol);
  model.stream?.lose(2, { isReported: false });
  model.stream?.deliver();
  model.stream?.heartbeat(model.sequence);
  model.stream?.heartbeat(model.sequence);
  await consumer.pass();
  assert.deepEqual(consumer.log, ["B 3", "gap undetected 2"]);
});

Deno.test("a gap of one symbol does not hide a hole of another", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model);
  await consumer.pass();
  for (const symbol of ["A", "B"]) model.publish(symbol);
  model.stream?.deliver();
  for (const symbol of ["A", "B"]) model.publish(symbol);
  model.stream?.lose(1);
  model.stream?.lose(1, { isReported: false });
  for (const symbol of ["B", "A"]) model.publish(symbol);
  model.stream?.deliver();
  await consumer.pass();
  const holes = consumer.log.slice(2);
  assert.deepEqual(holes, ["gap slow_client 1", "gap undetected 1", "B 5", "A 6"]);
});

Deno.test("an inexact resume is reported, and the stream goes on", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model);
  await consumer.pass();
  await consumer.receive("A");
  model.restart();
  model.publish("A");
  await consumer.pass(1_000);
  await consumer.receive("A");
  assert.deepEqual(consumer.log, ["A 1", "gap not_retained 0", "A 2"]);
  assert.equal(consumer.stream.stats.inexactResumes, 1);
});

Deno.test("an inexact resume without a gap is reported by the client", async () => {
  const model = new ModelProxy();
  model.hidesGaps = true;
  await using consumer = new Consumer(model);
  await consumer.pass();
  await consumer.receive("A");
  model.restart();
  model.publish("A");
  await consumer.pass(1_000);
  await consumer.receive("A");
  assert.deepEqual(consumer.log, ["A 1", "gap undetected 0", "A 2"]);
});

Deno.test("a stream with a snapshot starts with one again after an inexact resume", async () => {
  const model = new ModelProxy();
  model.publish("A");
  await using consumer = new Consumer(model, { snapshot: true });
  await consumer.pass();
  await consumer.receive("A");
  model.restart();
  model.publish("A");
  await consumer.pass(1_000);
  await consumer.receive("A");
  assert.deepEqual(consumer.log, [
    "A 1 SNAPSHOT",
    "A 2",
    "gap not_retained 0",
    "A 1 SNAPSHOT",
    "A 2",
  ]);
  const asked = model.requests.map(({ options }) => [options?.snapshot, !!options?.resume]);
  assert.deepEqual(asked, [[true, false], [false, true], [true, false]]);
});

Deno.test("a connection that breaks in its snapshot starts with a snapshot again", async () => {
  const model = new ModelProxy();
  model.publish("A");
  model.publish("B");
  model.onOpen = (stream) => {
    model.onOpen = undefined;
    // Only hello arrives.
    const { notice } = stream;
    stream.deliver = () => {};
    stream.notice = (kind) => kind.case === "caughtUp" ? undefined : notice.call(stream, kind);
  };
  await using consumer = new Consumer(model, { snapshot: true });
  await consumer.pass();
  model.stream?.end("UNAVAILABLE", "broken");
  await consumer.pass(1_000);
  assert.deepEqual(consumer.log, ["A 1 SNAPSHOT", "B 2 SNAPSHOT"]);
  assert.deepEqual(model.requests.map(({ options }) => options?.snapshot), [true, true]);
});

Deno.test("a quiet stream resumes after the position of the last heartbeat", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model);
  await consumer.pass();
  model.publish("A");
  model.stream?.deliver();
  model.stream?.heartbeat(500);
  await consumer.pass();
  assert.deepEqual(consumer.stream.position, { epoch: "epoch-1", sequence: 500n });
});

Deno.test("a connection without a message for two heartbeats is replaced", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model, { heartbeatInterval: 5_000 });
  await consumer.pass();
  for (let beat = 0; beat < 10; beat++) {
    await consumer.pass(5_000);
    model.stream?.heartbeat(model.sequence);
  }
  assert.equal(model.streams.length, 1);
  await consumer.pass(9_999);
  assert.equal(model.streams.length, 1);
  await consumer.pass(1 + 1_000);
  assert.equal(model.streams.length, 2);
  assert.equal(model.renewals, 1);
  const lost = consumer.connections.find(({ state }) => state === "lost");
  assert.match(String(lost?.state === "lost" && lost.error), /UNAVAILABLE: no message .* 10000 ms/);
});

Deno.test("a slow consumer is no reason to replace a connection", async () => {
  const model = new ModelProxy();
  const clock = () => consumer.clock;
  await using consumer: Consumer = new Consumer(
    model,
    { heartbeatInterval: 1_000 },
    () => clock().sleep(60_000),
  );
  await consumer.pass();
  model.publish("A");
  model.publish("A");
  model.stream?.deliver();
  await consumer.pass(121_000);
  model.stream?.heartbeat(model.sequence);
  assert.deepEqual(consumer.log, ["A 1", "A 2"]);
  assert.equal(model.streams.length, 1);
});

Deno.test("retries back off with full jitter, and start again after a lasting stream", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model);
  await consumer.pass();
  const delays = () =>
    consumer.connections.flatMap((one) => one.state === "lost" ? [one.retryInMs] : []);
  for (let attempt = 0; attempt < 6; attempt++) {
    model.stream?.end("UNAVAILABLE", "stopping");
    await consumer.pass(5_000 - (attempt === 5 ? 0 : 4_999 - (delays().at(-1) ?? 0)));
    await consumer.pass(delays().at(-1) ?? 0);
  }
  assert.deepEqual(delays().slice(0, 3), [250, 500, 1_000]);
  await consumer.pass(60_000 - 1);
  model.stream?.end("UNAVAILABLE", "stopping");
  await consumer.pass();
  assert.equal(delays().at(-1), 250);
});

Deno.test("an invalid request is not repeated", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model);
  await consumer.pass();
  model.stream?.end("INVALID_ARGUMENT", "symbols[0]: empty");
  await consumer.pass(60_000);
  assert.match(String(consumer.failure), /INVALID_ARGUMENT: symbols\[0\]: empty/);
  assert.equal(model.streams.length, 1);
});

Deno.test("without reconnect the end of the stream is thrown", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model, { reconnect: false });
  await consumer.pass();
  model.stream?.end("UNAVAILABLE", "stopping");
  await consumer.pass();
  assert.match(String(consumer.failure), /UNAVAILABLE: stopping/);
});

Deno.test("a proxy without options is named, and can be read without them", async () => {
  const model = new ModelProxy();
  model.isOld = true;
  for (const basic of [false, true]) {
    await using consumer = new Consumer(model, { basic });
    await consumer.pass();
    model.publish("A");
    model.stream?.deliver();
    await consumer.pass();
    if (basic) assert.equal(consumer.log.length, 1);
    else assert.match(String(consumer.failure), /FAILED_PRECONDITION: .*set the option basic/);
  }
  assert.equal(model.requests[1]?.options, undefined);
});

Deno.test("the freshness of the feed and of symbols is reported", async () => {
  const model = new ModelProxy();
  model.freshness = Freshness.CLOSED;
  await using consumer = new Consumer(model);
  await consumer.pass();
  const feed = (freshness: Freshness, symbols: string[] = []) =>
    model.stream?.notice({ case: "feed", value: { freshness, symbols } });
  feed(Freshness.LIVE);
  feed(Freshness.STALE, ["A"]);
  model.publish("A");
  model.stream?.deliver();
  feed(Freshness.LIVE, ["A"]);
  await consumer.pass();
  assert.deepEqual(consumer.log, ["closed", "live", "stale A", "A 1", "live A"]);
  assert.equal(consumer.stream.stats.freshness, "live");
  assert.deepEqual(consumer.notices, ["hello", "feed", "feed", "feed"]);
});

Deno.test("messages are acknowledged in batches, once they are processed", async () => {
  const model = new ModelProxy();
  const gate = { open: Promise.withResolvers<void>() };
  await using consumer = new Consumer(
    model,
    { maxUnacknowledged: 4 },
    () => gate.open.promise,
  );
  await consumer.pass();
  for (let i = 0; i < 10; i++) model.publish("A");
  model.stream?.deliver();
  await consumer.pass(10_000);
  assert.equal(model.stream?.queued, 6);
  assert.equal(model.acknowledgements.length, 0);
  gate.open.resolve();
  await consumer.pass(1_000);
  assert.equal(consumer.log.length, 10);
  assert.equal(model.stream?.queued, 0);
  assert.equal(model.acknowledgements.at(-1)?.positions[0]?.sequence, 10n);
  assert.ok(model.acknowledgements.length < 10, `${model.acknowledgements.length} calls`);
});

Deno.test("with latest, conflated messages are no gap; other holes are", async () => {
  const model = new ModelProxy();
  await using consumer = new Consumer(model, { delivery: "latest" });
  await consumer.pass();
  assert.equal(model.requests[0]?.options?.delivery, DeliveryPolicy.LATEST);
  assert.equal(model.requests[0]?.options?.maxUnacknowledged, 256);
  model.publish("A");
  model.stream?.deliver();
  for (let i = 0; i < 5; i++) model.publish("A");
  model.stream?.deliver();
  model.stream?.heartbeat(model.sequence);
  await consumer.pass();
  assert.deepEqual(consumer.log, ["A 1", "A 6"]);
  model.publish("A");
  model.stream?.lose(1, { isReported: false });
  model.publish("A");
  model.stream?.deliver();
  model.stream?.heartbeat(model.sequence);
  await consumer.pass();
  assert.deepEqual(consumer.log.slice(2), ["A 8", "gap undetected 1"]);
});

Deno.test("an iteration that is left is continued by the next one", async () => {
  const model = new ModelProxy();
  const clock = new ManualClock();
  const client = new ProxyClient({}, { clock, transport: model.transport });
  const stream = client.quotes();
  const seen: number[] = [];
  const take = async (count: number) => {
    for await (const { bidPrice } of stream) {
      seen.push(bidPrice);
      if (seen.length === count) break;
    }
  };
  const first = take(2);
  await clock.advance(0);
  for (let i = 0; i < 5; i++) model.publish("A");
  model.stream?.deliver();
  await first;
  await take(5);
  assert.deepEqual(seen, [1, 2, 3, 4, 5]);
  assert.equal(client.stats.streams.length, 0);
  client.close();
});

Deno.test("an error of a handler ends the iteration with it", async () => {
  const model = new ModelProxy();
  const failure = new Error("from the handler");
  await using consumer = new Consumer(model, {
    onNotice: () => {
      throw failure;
    },
  });
  await consumer.pass();
  assert.equal(consumer.failure, failure);
  assert.equal(model.stream, undefined);
});

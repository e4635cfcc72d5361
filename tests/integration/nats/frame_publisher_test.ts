/** What a hub publishes of its feeds, on a real nats-server. */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/nats-core";
import { createCounters } from "../../../src/application/status/counters.ts";
import { FeedFailure } from "../../../src/domain/connection/failure.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { BoundedPublisher } from "../../../src/infrastructure/nats/bounded_publisher.ts";
import { connect, pendingBytes } from "../../../src/infrastructure/nats/connect.ts";
import {
  type BatchEntry,
  decodeBatch,
  FrameJoiner,
} from "../../../src/infrastructure/nats/frame_batch.ts";
import { FramePublisher } from "../../../src/infrastructure/nats/frame_publisher.ts";
import { hubSubjects, readDown } from "../../../src/infrastructure/nats/hub_protocol.ts";
import { NatsServer } from "../../support/nats_server.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { requires } from "../../support/requires.ts";
import { until } from "../../support/until.ts";

const LOST = new FeedFailure("Connection closed with code 1006", { errorType: "closed" });

/** A publisher of two feeds, and what a receiver gets. */
class Published implements AsyncDisposable {
  readonly lease: { term: bigint | undefined } = { term: 3n };
  readonly counters = createCounters().distribution;
  readonly batches: {
    readonly subject: string;
    readonly term: bigint;
    readonly bytes: number;
    readonly next: number;
    readonly entries: readonly BatchEntry[];
  }[] = [];
  readonly publisher: FramePublisher;
  readonly sip;
  isConnected = true;
  readonly #connections: readonly NatsConnection[];

  private constructor(connections: readonly [NatsConnection, NatsConnection], maxPending?: number) {
    this.#connections = connections;
    const [connection, receiver] = connections;
    this.publisher = new FramePublisher({
      feeds: ["sip", "trading"],
      subjectOf: hubSubjects("test").feed,
      lease: this.lease,
      publisher: new BoundedPublisher(
        () => this.isConnected ? connection : undefined,
        maxPending,
      ),
      secrets: ["dont-tell-anyone"],
      clock: systemClock,
      log: new RecordingLog(),
      counters: this.counters,
    });
    const sip = this.publisher.tapOf("sip");
    assert(sip);
    this.sip = sip;
    receiver.subscribe("test.feed.>", {
      callback: (_error, { subject, data }) => {
        this.batches.push({ subject, bytes: data.length, ...decodeBatch(data) });
      },
    });
  }

  static async start(
    { url }: NatsServer,
    maxPending?: number,
  ): Promise<Published> {
    const servers = [url.replace("nats://", "")];
    const open = () => connect({ servers, resolve: false, noAsyncTraces: true });
    const connections = [await open(), await open()] as const;
    const published = new Published(connections, maxPending);
    await connections[1].flush();
    return published;
  }

  get connection(): NatsConnection {
    return this.#connections[0] as NatsConnection;
  }

  get entries(): readonly BatchEntry[] {
    return this.batches.flatMap(({ entries }) => entries);
  }

  /** Waits until a number of entries has arrived. */
  async received(count: number): Promise<void> {
    await until(
      () => `${count} entries arrive, not ${this.entries.length}`,
      () => this.entries.length >= count,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) await connection.close();
  }
}

function nats(name: string, run: (server: NatsServer) => Promise<void>, config = ""): void {
  Deno.test(requires(["nats-server"], {
    name,
    fn: async () => {
      await using server = await NatsServer.start(config);
      await run(server);
    },
  }));
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(payload: Uint8Array): string {
  return new TextDecoder().decode(payload);
}

nats("the frames of one turn are one batch between the ends of the session", async (server) => {
  await using hub = await Published.start(server);
  hub.sip.receive(bytes("a reply of the login"), 1);
  hub.sip.down(LOST);
  hub.sip.up();
  hub.sip.up();
  hub.sip.receive(bytes("one"), 10.5);
  hub.sip.receive(bytes("two"), 11);
  hub.publisher.tapOf("trading")?.up();
  await hub.received(4);
  hub.sip.receive(bytes("three"), 12);
  hub.sip.down(LOST);
  hub.sip.receive(bytes("late"), 13);
  await hub.received(6);
  const sip = hub.batches.filter(({ subject }) => subject === "test.feed.sip");
  assert.deepEqual(sip.map(({ term, entries }) => [term, entries.length]), [[3n, 3], [3n, 2]]);
  const entries = sip.flatMap(({ entries }) => entries);
  assert.deepEqual(entries.map(({ number, kind }) => `${number} ${kind}`), [
    "1 up",
    "2 frame",
    "3 frame",
    "4 frame",
    "5 down",
  ]);
  assert.deepEqual(
    entries.filter(({ kind }) => kind === "frame").map(({ payload, receivedAt }) =>
      `${text(payload)} ${receivedAt}`
    ),
    ["one 10.5", "two 11", "three 12"],
  );
  const down = entries.at(-1);
  assert.deepEqual(down && readDown(down.payload), {
    errorType: "closed",
    message: "Connection closed with code 1006",
  });
  assert.equal(hub.counters.published.sip.frames, 3);
  assert.equal(hub.counters.published.sip.bytes, sip.reduce((sum, { bytes }) => sum + bytes, 0));
  assert.deepEqual(hub.publisher.positionOf("sip"), {
    next: 6,
    isUp: false,
    reason: "Connection closed with code 1006",
  });
});

nats("a batch has at most 64 KiB; frames above the limit of NATS are in parts", async (server) => {
  await using hub = await Published.start(server);
  hub.sip.up();
  const frames = [30_000, 30_000, 30_000, 90_000, 2_500_000, 1_000].map((size, i) =>
    new Uint8Array(size).fill(i)
  );
  frames.forEach((frame, i) => hub.sip.receive(frame, i));
  assert.equal(hub.publisher.positionOf("sip").next, 10, "two frames have two further parts");
  await hub.received(9);
  const joiner = new FrameJoiner();
  const joined = hub.entries.flatMap((entry) =>
    ["frame", "part", "end"].includes(entry.kind) ? joiner.add(entry) ?? [] : []
  );
  assert.deepEqual(joined.map((frame) => new Uint8Array(frame)), frames);
  for (const { bytes, entries } of hub.batches) {
    assert(bytes <= (entries.length > 1 ? 65_536 : 1_048_576), `${bytes} bytes`);
  }
});

nats("a server with a low limit gets smaller parts", async (server) => {
  await using hub = await Published.start(server);
  hub.sip.up();
  const frame = new Uint8Array(100_000).fill(7);
  hub.sip.receive(frame, 1);
  hub.sip.receive(new Uint8Array(3_000), 2);
  hub.sip.receive(new Uint8Array(3_000), 3);
  const joiner = new FrameJoiner();
  await until("the frames arrive", () => hub.entries.at(-1)?.receivedAt === 3);
  const [first] = hub.entries.slice(1).flatMap((entry) => joiner.add(entry) ?? []);
  assert(first);
  assert.deepEqual(new Uint8Array(first), frame);
  assert(hub.batches.every(({ bytes }) => bytes <= 4_096));
}, "max_payload: 4096");

nats("without the lease nothing is published, and another term counts again", async (server) => {
  await using hub = await Published.start(server);
  hub.sip.up();
  hub.sip.receive(bytes("one"), 1);
  hub.lease.term = undefined;
  await setTimeout(20);
  hub.sip.receive(bytes("two"), 2);
  hub.sip.down(LOST);
  await setTimeout(20);
  hub.lease.term = 4n;
  hub.sip.up();
  hub.sip.receive(bytes("three"), 3);
  await hub.received(2);
  assert.deepEqual(hub.batches.map(({ term }) => term), [4n]);
  assert.deepEqual(hub.entries.map(({ number, kind }) => `${number} ${kind}`), [
    "1 up",
    "2 frame",
  ]);
  assert.equal(hub.counters.published.sip.dropped, 4);
});

nats("a lease that is renewed late leaves a hole in the numbers of its term", async (server) => {
  await using hub = await Published.start(server);
  hub.sip.up();
  hub.sip.receive(bytes("one"), 1);
  await hub.received(2);
  hub.lease.term = undefined;
  hub.sip.receive(bytes("two"), 2);
  await setTimeout(20);
  hub.lease.term = 3n;
  hub.sip.receive(bytes("three"), 3);
  await hub.received(3);
  assert.deepEqual(hub.entries.map(({ number, kind }) => `${number} ${kind}`), [
    "1 up",
    "2 frame",
    "4 frame",
  ]);
  assert.equal(hub.counters.published.sip.dropped, 1);
});

nats("beacons have the number of the next entry and take none", async (server) => {
  await using hub = await Published.start(server);
  const over = new AbortController();
  const running = hub.publisher.run(over.signal);
  hub.sip.up();
  const ofSip = () => hub.batches.filter(({ subject }) => subject === "test.feed.sip");
  await until("two beacons arrive", () => ofSip().length >= 4, 10_000);
  over.abort();
  await running;
  const entries = ofSip().flatMap(({ entries }) => entries);
  assert.deepEqual(entries.slice(0, 4).map(({ number, kind }) => `${number} ${kind}`), [
    "1 beacon",
    "1 up",
    "2 beacon",
    "2 beacon",
  ]);
});

nats("what NATS does not take is dropped, counted and a hole in the numbers", async (server) => {
  const maxPending = 4 * 1_048_576;
  await using hub = await Published.start(server, maxPending);
  hub.sip.up();
  await hub.received(1);
  await server.suspend();
  const frame = new Uint8Array(60_000);
  let sent = 0;
  const { sip: counters } = hub.counters.published;
  await until("entries are dropped", () => {
    for (let i = 0; i < 20; i++) hub.sip.receive(frame, ++sent);
    hub.publisher.flush();
    assert(pendingBytes(hub.connection) <= maxPending + 100_000);
    return counters.dropped > 100;
  });
  const { dropped } = counters;
  server.resume();
  await until("NATS takes what waits", () => pendingBytes(hub.connection) === 0);
  hub.sip.receive(frame, ++sent);
  await until("the last frame arrives", () => hub.entries.at(-1)?.receivedAt === sent);
  const numbers = hub.entries.map(({ number }) => number);
  assert.equal(numbers.at(-1), sent + 1, "dropped entries have numbers");
  assert.equal(sent + 1 - numbers.length, dropped);
});

nats("a message is dropped above its share of what may wait", async (server) => {
  await using hub = await Published.start(server);
  const publisher = new BoundedPublisher(() => hub.connection, 1_000_000);
  const body = new Uint8Array(600_000);
  assert.equal(publisher.publishParts("test.reply", body, 1 / 2), false);
  assert.equal(publisher.publishParts("test.reply", body), true);
});

nats("without a connection entries are dropped and counted", async (server) => {
  await using hub = await Published.start(server);
  hub.isConnected = false;
  hub.sip.up();
  hub.sip.receive(bytes("one"), 1);
  hub.publisher.flush();
  hub.isConnected = true;
  hub.sip.receive(bytes("two"), 2);
  await hub.received(1);
  assert.deepEqual(hub.entries.map(({ number, kind }) => `${number} ${kind}`), ["3 frame"]);
  assert.equal(hub.counters.published.sip.dropped, 2);
});

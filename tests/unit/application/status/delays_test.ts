import assert from "node:assert/strict";
import { encode } from "@msgpack/msgpack";
import { Channel } from "../../../../src/application/broadcast/channel.ts";
import type { Clock } from "../../../../src/application/ports/clock.ts";
import {
  createCounters,
  DELAY_BUCKETS,
  PROCESSING_BUCKETS,
} from "../../../../src/application/status/counters.ts";
import {
  measureEndToEndDelay,
  measureLoopDelay,
} from "../../../../src/application/status/delays.ts";
import { MessageRelay } from "../../../../src/application/relay/message_relay.ts";
import type { Timestamp } from "../../../../src/domain/market/timestamp.ts";
import { readMessageTime } from "../../../../src/infrastructure/websocket/message_time.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

interface Tick {
  readonly timestamp: Timestamp | undefined;
}

function setup() {
  const clock = new ManualClock();
  const counters = createCounters();
  const abort = new AbortController();
  const measuring = measureEndToEndDelay(counters, {
    clock,
    signal: abort.signal,
    readTime: readMessageTime,
  });
  const channel = new Channel<Tick>({ symbol: () => "A" }, {
    capacity: 10,
    counters: counters.channels.stockQuotes,
  });
  const queue = channel.subscribe({ symbols: new Set(), secondary: new Set() });
  const latency = counters.endToEnd.stockQuotes;
  return {
    clock,
    counters,
    /** Sends one batch of events with these ages in ms, the oldest first. */
    send(...ages: readonly (number | undefined)[]): void {
      for (const age of ages) {
        const ms = clock.now() - (age ?? 0);
        const seconds = Math.floor(ms / 1_000);
        const timestamp = { seconds, nanos: (ms - seconds * 1_000) * 1e6 };
        channel.publish({ timestamp: age === undefined ? undefined : timestamp }, clock.now());
      }
      queue.take();
    },
    /** Upper bound of each measured delay in seconds, ascending. */
    measured: (): number[] =>
      latency.counts.flatMap((count, index) =>
        new Array<number>(count).fill(latency.bounds[index] ?? Infinity)
      ),
    async [Symbol.asyncDispose]() {
      queue.end();
      abort.abort();
      await measuring;
    },
  };
}

Deno.test("the oldest message of a batch is measured, at most four times a second", async () => {
  await using rig = setup();
  rig.send(400, 3);
  rig.send(2_000);
  assert.deepEqual(rig.measured(), [0.5]);
  await rig.clock.advance(249);
  rig.send(2_000);
  assert.deepEqual(rig.measured(), [0.5]);
  await rig.clock.advance(1);
  rig.send(3);
  assert.deepEqual(rig.measured(), [0.005, 0.5]);
  await rig.clock.advance(250);
  rig.send(3_600_000);
  assert.deepEqual(rig.measured(), [0.005, 0.5, Infinity]);
});

Deno.test("a time in the future is no delay; a message without one is skipped", async () => {
  await using rig = setup();
  rig.send(-5_000);
  assert.deepEqual(rig.measured(), [0.005]);
  await rig.clock.advance(250);
  rig.send(undefined);
  assert.deepEqual(rig.measured(), [0.005]);
});

Deno.test("messages of WebSocket clients are measured, bars and corrections are not", async () => {
  await using rig = setup();
  const { clock, counters } = rig;
  const relays = { stockMessages: "json", optionMessages: "msgpack" } as const;
  for (const [kind, format] of Object.entries(relays)) {
    const own = counters.relays[kind as keyof typeof relays];
    const relay = new MessageRelay({ format, capacity: 10, counters: own });
    const queue = relay.createQueue(() => {});
    for (const channel of ["trades", "quotes", "bars"] as const) relay.add(queue, channel, "*");
    const send = (type: string, ageMs: number) => {
      const time = new Date(clock.now() - ageMs);
      const message = { T: type, S: "A", t: format === "json" ? time.toISOString() : time };
      const bytes = format === "json"
        ? new TextEncoder().encode(JSON.stringify(message))
        : encode(message);
      const place = { frame: bytes, start: 0, end: bytes.length };
      relay.publish({ ...place, type, symbol: "A", symbols: undefined }, clock.now());
      queue.take();
    };
    const { counts } = counters.endToEnd[kind as keyof typeof relays];
    const number = () => counts.reduce((sum, count) => sum + count, 0);
    send("b", 60_000);
    assert.equal(number(), 0);
    send("q", 400);
    send("t", 400);
    assert.deepEqual([number(), counts[DELAY_BUCKETS.indexOf(0.5)]], [1, 1]);
    await clock.advance(250);
    send("c", 400);
    assert.equal(number(), 1);
    await clock.advance(250);
    send("t", 3);
    assert.deepEqual([number(), counts[0]], [2, 1]);
    queue.end();
  }
});

Deno.test("the event-loop delay is how late a timer fires", async () => {
  const stop = new AbortController();
  const lateMs = [0, 0, 3, 300];
  let now = 0;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: (ms) => {
      const late = lateMs.shift();
      if (late === undefined) stop.abort();
      now += ms + (late ?? 0);
      return Promise.resolve();
    },
  };
  const { loopDelay } = createCounters();
  await measureLoopDelay(loopDelay, { clock, signal: stop.signal });
  assert.equal(loopDelay.sum, 0.303);
  const within = (seconds: number) => loopDelay.counts[PROCESSING_BUCKETS.indexOf(seconds)];
  assert.deepEqual([within(0.000_01), within(0.005), within(0.5)], [2, 1, 1]);
});

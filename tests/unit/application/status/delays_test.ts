import assert from "node:assert/strict";
import { Channel } from "../../../../src/application/broadcast/channel.ts";
import type { Clock } from "../../../../src/application/ports/clock.ts";
import { createCounters, PROCESSING_BUCKETS } from "../../../../src/application/status/counters.ts";
import {
  measureEndToEndDelay,
  measureLoopDelay,
} from "../../../../src/application/status/delays.ts";
import type { Timestamp } from "../../../../src/domain/market/timestamp.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

interface Tick {
  readonly timestamp: Timestamp | undefined;
}

function setup() {
  const clock = new ManualClock();
  const counters = createCounters();
  const abort = new AbortController();
  const measuring = measureEndToEndDelay(counters, { clock, signal: abort.signal });
  const channel = new Channel<Tick>({ symbol: () => "A" }, {
    capacity: 10,
    counters: counters.channels.stockQuotes,
  });
  const queue = channel.subscribe({ symbols: new Set(), secondary: new Set() });
  const latency = counters.endToEnd.stockQuotes;
  return {
    clock,
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

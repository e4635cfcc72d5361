/** Batching, writing and pausing of a stream's pump. */
import assert from "node:assert/strict";
import type { Envelope } from "../../../../src/application/broadcast/envelope.ts";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import { Subscriber } from "../../../../src/application/broadcast/subscriber.ts";
import {
  MAX_BYTES,
  MAX_MESSAGES,
  type PumpOptions,
  pumpStream,
  WriteTicker,
} from "../../../../src/infrastructure/grpc/stream_pump.ts";
import { WriteScheduler } from "../../../../src/infrastructure/grpc/limits/write_scheduler.ts";
import { envelopeOf } from "../../../support/grpc_market.ts";
import { ManualSink } from "../../../support/manual_sink.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";

const CAPACITY = 100_000;

/** An event loop whose turns are microtasks. */
const IMMEDIATE = {
  next: queueMicrotask,
  polled: (run: () => void) => {
    queueMicrotask(run);
    return () => {};
  },
  now: () => 0,
};

function envelopes(count: number, first = 1): Envelope<number>[] {
  return Array.from({ length: count }, (_, index) => envelopeOf(first + index, first + index));
}

/** A stream that is pumped to a sink of which the test completes the writes. */
class Feeding {
  readonly sink = new ManualSink();
  readonly queue = new Subscriber<number>({
    capacity: CAPACITY,
    counters: { published: 0, sent: 0, conflated: 0, dropped: 0 },
    memory: new QueueMemory(),
  });
  /** Ends the pump. */
  readonly stop: () => void;
  readonly errors: unknown[] = [];
  readonly done: Promise<void>;
  #published = 0;

  constructor(options: Partial<PumpOptions<number>> = {}, waiting = 0) {
    this.publish(waiting);
    const stream = Object.assign(this.queue, {
      [Symbol.dispose]() {},
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const pump = pumpStream(this.sink, stream, {
      encode: (event) => new Uint8Array([event % 251]),
      onEncodeError: (error) => this.errors.push(error),
      onWritten: (error) => error === undefined ? resolve() : reject(error),
      ticker: undefined,
      writes: new WriteScheduler(IMMEDIATE).queueOf("client"),
      clock: new ManualClock(),
      ...options,
    });
    this.done = promise;
    this.stop = () => {
      pump.stop();
      resolve();
    };
  }

  publish(count = 1): void {
    this.push(...envelopes(count, this.#published + 1));
    this.#published += count;
  }

  push(...shared: Envelope<number>[]): void {
    for (const envelope of shared) this.queue.enqueue(envelope);
  }

  /** Takes writes until there are no more; the size of each. */
  async drain(): Promise<number[]> {
    for (let seen = -1; seen < this.sink.writes.length;) {
      seen = this.sink.writes.length;
      await settle();
      this.sink.take();
    }
    return this.sink.writes.map(({ length }) => length);
  }

  async end(): Promise<void> {
    this.stop();
    await this.done;
  }
}

Deno.test("a backlog is cut by number of messages", async () => {
  for (
    const [waiting, sizes] of [
      [MAX_MESSAGES, [MAX_MESSAGES]],
      [2 * MAX_MESSAGES + 1, [MAX_MESSAGES, MAX_MESSAGES, 1]],
    ] as const
  ) {
    const feeding = new Feeding({}, waiting);
    assert.deepEqual(await feeding.drain(), sizes);
    await feeding.end();
  }
});

Deno.test("a backlog is cut by size, and all of it is written", async () => {
  const feeding = new Feeding({
    encode: () => new Uint8Array(MAX_BYTES / 4),
  }, 9);
  assert.deepEqual(await feeding.drain(), [4, 4, 1]);
  await feeding.end();
});

Deno.test("an event is encoded by the first stream that needs it", async () => {
  const shared = envelopes(5);
  let encoded = 0;
  const encode = (event: number) => {
    encoded++;
    return new Uint8Array([event]);
  };
  const first = new Feeding({ encode });
  const second = new Feeding({ encode });
  first.push(...shared);
  second.push(...shared);
  await first.drain();
  await second.drain();
  assert.equal(encoded, 5);
  assert.deepEqual(first.sink.writes, second.sink.writes);
  const byte = (feeding: Feeding) => feeding.sink.writes[0]?.[3];
  assert.equal(byte(first), byte(second), "the same bytes, not equal ones");
  await first.end();
  await second.end();
});

Deno.test("an event that cannot be encoded is reported once and skipped", async () => {
  const shared = envelopes(3);
  const encode = (event: number) => {
    if (event === 2) throw new Error("broken");
    return new Uint8Array([event]);
  };
  const first = new Feeding({ encode });
  const second = new Feeding({ encode });
  for (const feeding of [first, second]) {
    feeding.push(...shared);
    await feeding.drain();
    const expected = [[new Uint8Array([1]), new Uint8Array([3])]];
    assert.deepEqual(feeding.sink.writes, expected);
  }
  assert.equal(first.errors.length + second.errors.length, 1);
  await first.end();
  await second.end();
});

Deno.test("a batch of only unencodable events does not block the stream", async () => {
  const feeding = new Feeding({
    encode: (event) => {
      if (event <= 2) throw new Error("broken");
      return new Uint8Array([event]);
    },
  });
  feeding.publish(2);
  await settle();
  assert.equal(feeding.sink.writes.length, 0);
  feeding.publish();
  await settle();
  assert.deepEqual(feeding.sink.writes, [[new Uint8Array([3])]]);
  await feeding.end();
});

Deno.test("events that are published in one turn are one write", async () => {
  const feeding = new Feeding();
  for (let i = 0; i < 7; i++) feeding.publish();
  await settle();
  assert.deepEqual(feeding.sink.writes.map(({ length }) => length), [7]);
  await feeding.end();
});

Deno.test("the next batch is taken after the last one was written", async () => {
  const feeding = new Feeding();
  feeding.publish();
  await settle();
  assert.equal(feeding.sink.writes.length, 1);
  feeding.publish(3);
  await settle();
  assert.equal(feeding.sink.writes.length, 1);
  assert.equal(feeding.queue.queued, 3);
  feeding.sink.take();
  await settle();
  assert.deepEqual(feeding.sink.writes.map(({ length }) => length), [1, 3]);
  assert.equal(feeding.queue.queued, 0);
  await feeding.end();
});

Deno.test("a pump is stopped during a write", async () => {
  const feeding = new Feeding({}, 1);
  await settle();
  await feeding.end();
  feeding.sink.take();
  feeding.publish();
  await settle();
  assert.equal(feeding.sink.writes.length, 1);
});

Deno.test("an idle pump is stopped", async () => {
  const feeding = new Feeding();
  await settle();
  await feeding.end();
  assert.equal(feeding.sink.writes.length, 0);
});

Deno.test("nothing is written after a pump was stopped", async () => {
  const feeding = new Feeding({}, 1);
  await feeding.end();
  await settle();
  assert.equal(feeding.sink.writes.length, 0);
});

Deno.test("the end of a stream ends its pump", async () => {
  const feeding = new Feeding({}, 1);
  await settle();
  feeding.queue.end();
  feeding.sink.take();
  await feeding.done;
  const idle = new Feeding();
  await settle();
  idle.queue.end();
  await idle.done;
});

Deno.test("an error of the call rejects the pump", async () => {
  const feeding = new Feeding();
  feeding.sink.write = () => {
    throw new Error("no call");
  };
  const failed = assert.rejects(feeding.done, /no call/);
  feeding.publish();
  await failed;
  feeding.publish();
  await settle();
});

Deno.test("a busy stream delays messages until the next tick, but not the first one", async () => {
  const clock = new ManualClock();
  const ticker = new WriteTicker(clock, 5);
  const encode = () => new Uint8Array(MAX_BYTES);
  const feeding = new Feeding({ ticker, encode }, 9);
  const { sink } = feeding;
  await settle();
  assert.equal(sink.writes.length, 1, "nothing was held before");
  sink.take();
  await clock.advance(4);
  assert.equal(sink.writes.length, 1);
  await clock.advance(1);
  assert.equal(sink.writes.length, 2);
  sink.take();
  await settle();
  await feeding.end();
  assert.equal(sink.writes.length, 2, "a stream that ends waits for no tick");
  await clock.advance(5);
  assert.equal(sink.writes.length, 2);
  assert.equal(clock.sleepers, 0);
});

Deno.test("all busy streams share one tick and one timer", async () => {
  const clock = new ManualClock();
  const ticker = new WriteTicker(clock, 5);
  let woken = 0;
  ticker.next(() => woken++);
  await clock.advance(3);
  ticker.next(() => woken++);
  assert.equal(clock.sleepers, 1);
  await clock.advance(2);
  assert.equal(woken, 2);
  assert.equal(clock.sleepers, 0);
});

Deno.test("batches shrink to what a slow client reads in a second, and grow again", async () => {
  const clock = new ManualClock();
  const feeding = new Feeding({ clock }, 60_000);
  const { writes } = feeding.sink;
  const next = async (perSecond: number): Promise<number | undefined> => {
    await settle();
    await clock.advance((writes.at(-1)?.length ?? 0) * 1_000 / perSecond);
    feeding.sink.take();
    await settle();
    return writes.at(-1)?.length;
  };
  assert.equal(await next(1_000_000), MAX_MESSAGES);
  assert.equal(await next(100), 100);
  assert.equal(await next(100), 100);
  assert.equal(await next(40), 40);
  // A message a second: the stream is served every 17 s, and is not stalled.
  assert.equal(await next(1), 17);
  assert.equal(await next(1), 17);
  assert.equal(await next(100_000), 34);
  for (let size = 68; size < MAX_MESSAGES; size *= 2) {
    assert.equal(await next(100_000), size);
  }
  assert.equal(await next(100_000), MAX_MESSAGES);
  await feeding.end();
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { Channel } from "../../../../src/application/broadcast/channel.ts";
import { QueueMemory, SMALLEST_BATCH } from "../../../../src/application/broadcast/queue_memory.ts";
import type { LimitedQueue } from "../../../../src/application/broadcast/queue_memory.ts";
import type { EventQueue } from "../../../../src/application/broadcast/event_queue.ts";

interface Tick {
  readonly symbol: string;
}

const EVENT_BYTES = 300;
/** Upper bound of the bytes that batches in flight add to the limit. */
const FLIGHT = (streams: number) => streams * SMALLEST_BATCH * EVENT_BYTES * 2;

function channelOf(memory: QueueMemory, capacity = 100_000) {
  const counters = { published: 0, sent: 0, conflated: 0, dropped: 0 };
  const channel = new Channel<Tick>({ symbol: ({ symbol }) => symbol }, {
    capacity,
    counters,
    memory,
    eventBytes: EVENT_BYTES,
  });
  const open = (...symbols: string[]): EventQueue<Tick> =>
    channel.subscribe({ symbols: new Set(symbols), secondary: new Set() });
  return { channel, counters, open };
}

function assertCounts(queue: EventQueue<Tick>): void {
  const { published, sent, dropped, queued } = queue;
  assert.equal(published, sent + dropped + queued);
}

Deno.test("after any operations every queue counts correctly and all stay within the limit", () => {
  const SYMBOLS = ["A", "B", "C", "D", "E"];
  const step = fc.record({
    symbol: fc.constantFrom(...SYMBOLS),
    count: fc.integer({ min: 1, max: 400 }),
    reader: fc.option(fc.nat(20)),
    close: fc.boolean(),
  });
  const limit = 200_000;
  fc.assert(
    fc.property(
      fc.array(fc.subarray(SYMBOLS), { minLength: 1, maxLength: 12 }),
      fc.array(step, { maxLength: 40, size: "max" }),
      (filters, steps) => {
        const memory = new QueueMemory(limit);
        const { channel, counters, open } = channelOf(memory);
        const queues = filters.map((symbols) => open(...symbols));
        const ended = new Set<EventQueue<Tick>>();
        for (const { symbol, count, reader, close } of steps) {
          for (let i = 0; i < count; i++) {
            channel.publish({ symbol }, 0);
            assert.ok(
              memory.bytes <= limit + FLIGHT(queues.length),
              `${memory.bytes} bytes`,
            );
          }
          const queue = queues[(reader ?? 0) % queues.length];
          if (reader !== null) queue?.take();
          else if (close && queue) {
            queue.end();
            ended.add(queue);
          }
          for (const each of queues) if (!ended.has(each)) assertCounts(each);
        }
        let dropped = 0;
        for (const queue of queues) dropped += queue.dropped;
        assert.equal(counters.dropped, dropped);
        for (const queue of queues) queue.end();
        assert.equal(memory.bytes, 0);
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("the longest queues are shortened to one length, the others lose nothing", () => {
  const memory = new QueueMemory(1_000_000);
  const { channel, open } = channelOf(memory);
  const long = open("A", "B");
  const longer = open("A", "C");
  const short = open("D");
  for (let i = 0; i < 500; i++) channel.publish({ symbol: "D" }, 0);
  for (let i = 0; i < 5_000; i++) {
    for (const symbol of ["B", "C", "C"]) channel.publish({ symbol }, 0);
  }
  assert.ok(longer.dropped > long.dropped && long.dropped > 0);
  assert.ok(Math.abs(long.queued - longer.queued) < 400);
  assert.equal(short.dropped, 0);
  assert.equal(short.queued, 500);
  assert.ok(memory.bytes > 900_000 && memory.bytes <= 1_000_000);
});

Deno.test("a reader that keeps up loses nothing because of a stalled one", () => {
  const memory = new QueueMemory(1_000_000);
  const { channel, open } = channelOf(memory);
  const stuck = Array.from({ length: 50 }, () => open());
  const reader = open();
  let taken = 0;
  for (let i = 0; i < 30_000; i++) {
    channel.publish({ symbol: "A" }, 0);
    if (i % 20 === 19) taken += reader.take().length;
  }
  assert.equal(taken, 30_000);
  assert.equal(reader.dropped, 0);
  for (const queue of stuck) assert.ok(queue.dropped > 0);
});

Deno.test("an event that many queues share counts once, its slots for each", () => {
  const memory = new QueueMemory(100_000_000);
  const { channel, open } = channelOf(memory);
  const queues = Array.from({ length: 90 }, () => open("A"));
  for (let i = 0; i < 1_008; i++) channel.publish({ symbol: "A" }, 0);
  assert.equal(memory.bytes, 1_008 * EVENT_BYTES + 90 * 1_008 * 8);
  for (const queue of queues.slice(1)) queue.end();
  assert.equal(memory.bytes, 1_008 * EVENT_BYTES + 1_008 * 8);
  queues[0]?.end();
  assert.equal(memory.bytes, 0);
});

Deno.test("a batch in flight counts until the next one is taken or its queue ends", () => {
  const memory = new QueueMemory(100_000_000);
  const { channel, open } = channelOf(memory);
  const queue = open();
  for (let i = 0; i < 10; i++) channel.publish({ symbol: "A" }, 0);
  assert.equal(memory.bytes, 10 * (EVENT_BYTES + 8));
  assert.equal(queue.take().length, 10);
  assert.equal(memory.bytes, 1.5 * 10 * EVENT_BYTES);
  assert.deepEqual(queue.take(), []);
  assert.equal(memory.bytes, 0);
  channel.publish({ symbol: "A" }, 0);
  assert.equal(queue.take().length, 1);
  queue.end();
  assert.equal(memory.bytes, 0);
});

Deno.test("500 stalled readers have a bounded total in flight", () => {
  const limit = 8 * 1_048_576;
  const memory = new QueueMemory(limit);
  const { channel, open } = channelOf(memory);
  const queues = Array.from({ length: 500 }, () => open());
  for (let i = 0; i < 2_500; i++) channel.publish({ symbol: "A" }, 0);
  for (const queue of queues) queue.take();
  const sizes = queues.map(({ sent }) => sent);
  assert.deepEqual(sizes, sizes.toSorted((a, b) => b - a));
  for (const queue of queues) assert.ok(queue.sent >= SMALLEST_BATCH);
  assert.ok(memory.bytes <= limit + FLIGHT(queues.length));
});

Deno.test("cached bytes of an event are released by the second sweep", () => {
  const memory = new QueueMemory(100_000_000);
  const { channel, open } = channelOf(memory);
  const late = open();
  const reader = open();
  const encoded = (envelope: { encoded: Uint8Array | undefined }) =>
    envelope.encoded = new Uint8Array(9);
  channel.publish({ symbol: "A" }, 0);
  const [old] = reader.take();
  assert.ok(old && encoded(old));
  memory.sweep();
  channel.publish({ symbol: "A" }, 0);
  const [fresh] = reader.take();
  assert.ok(fresh && encoded(fresh));
  assert.ok(old.encoded);
  memory.sweep();
  assert.equal(old.encoded, undefined);
  assert.ok(fresh.encoded);
  assert.deepEqual(late.take(), [old, fresh]);
});

Deno.test("the mark of an event that cannot be encoded is kept", () => {
  const memory = new QueueMemory(100_000_000);
  const { channel, open } = channelOf(memory);
  const late = open();
  const reader = open();
  channel.publish({ symbol: "A" }, 0);
  const [odd] = reader.take();
  assert.ok(odd);
  odd.encoded = new Uint8Array(0);
  memory.sweep();
  memory.sweep();
  assert.equal(late.take()[0]?.encoded?.length, 0);
});

Deno.test("a burst that was taken leaves its memory to others", () => {
  const memory = new QueueMemory(1_000_000);
  const { channel, counters, open } = channelOf(memory);
  const bursts = Array.from({ length: 150 }, (_, i) => open(`B${i}`, "all"));
  for (const [i, queue] of bursts.entries()) {
    for (let n = 0; n < 600; n++) channel.publish({ symbol: `B${i}` }, 0);
    while (queue.take().length > 0);
  }
  assert.equal(memory.bytes, 0);
  const slow = open("A");
  for (let i = 0; i < 2_000; i++) channel.publish({ symbol: "A" }, 0);
  assert.equal(slow.dropped, 0);
  assert.equal(counters.dropped, 0);
  channel.publish({ symbol: "all" }, 0);
  for (const queue of bursts) assert.equal(queue.take().length, 1);
});

Deno.test("shortening that can free nothing is not repeated for every event", () => {
  const memory = new QueueMemory(1_000_000);
  let visits = 0;
  const queue: LimitedQueue = {
    get queued() {
      visits++;
      return 1;
    },
    shorten: () => assert.fail("there is nothing to drop"),
    releaseEncoded() {},
  };
  memory.addQueue(queue);
  const envelope = {
    event: 0,
    sequence: 1,
    receivedAt: 0,
    symbolSequence: 1,
    origin: "live" as const,
    encoded: undefined,
    encodedWithMeta: undefined,
  };
  const hold = (bytes = 100) => memory.hold({ ...envelope, holders: 1, bytes });
  hold(1_600_000);
  for (let i = 0; i < 140; i++) hold();
  assert.equal(visits, 1);
  // A 64th of the limit more: it may help now.
  for (let i = 0; i < 10; i++) hold();
  assert.equal(visits, 2);
  memory.sweep();
  hold();
  hold();
  assert.equal(visits, 3);
});

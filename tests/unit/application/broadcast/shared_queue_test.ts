import assert from "node:assert/strict";
import fc from "fast-check";
import type { Envelope } from "../../../../src/application/broadcast/envelope.ts";
import type { EventQueue } from "../../../../src/application/broadcast/event_queue.ts";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import { SharedQueue } from "../../../../src/application/broadcast/shared_queue.ts";
import { Subscriber } from "../../../../src/application/broadcast/subscriber.ts";
import { settle } from "../../../support/manual_clock.ts";

function envelope(sequence: number, receivedAt: number): Envelope<number> {
  return {
    event: sequence,
    sequence,
    symbolSequence: sequence,
    receivedAt,
    origin: "live",
    encoded: undefined,
    encodedWithMeta: undefined,
    holders: 0,
    bytes: 100,
  };
}

function counters() {
  return { published: 0, sent: 0, conflated: 0, dropped: 0 };
}

/** Streams of a shared queue beside streams with their own queues, which get the same events. */
function pairs(capacity: number) {
  const own = { capacity, counters: counters(), memory: new QueueMemory() };
  const shared = { capacity, counters: counters(), memory: new QueueMemory() };
  const queue = new SharedQueue<number>(shared);
  const streams: {
    readonly subscriber: Subscriber<number>;
    readonly position: EventQueue<number>;
  }[] = [];
  let sequence = 0;
  let frame = 0;
  return {
    own,
    shared,
    streams,
    open: () =>
      streams.push({ subscriber: new Subscriber<number>(own), position: queue.add(() => {}) }),
    publish(count: number) {
      frame++;
      for (let i = 0; i < count; i++) {
        const one = envelope(++sequence, frame);
        for (const { subscriber } of streams) subscriber.enqueue(one);
        if (one.holders > 0) own.memory.hold(one);
        const other = envelope(sequence, frame);
        queue.publish(other);
        if (other.holders > 0) shared.memory.hold(other);
      }
    },
  };
}

type Step =
  | { readonly type: "open" }
  | { readonly type: "publish"; readonly count: number }
  | { readonly type: "take" | "shorten" | "end"; readonly stream: number; readonly count: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant("open" as const) }),
  {
    arbitrary: fc.record({ type: fc.constant("publish" as const), count: fc.nat(700) }),
    weight: 4,
  },
  {
    arbitrary: fc.record({
      type: fc.constantFrom("take" as const, "take" as const, "shorten" as const, "end" as const),
      stream: fc.nat(5),
      count: fc.integer({ min: 1, max: 900 }),
    }),
    weight: 6,
  },
);

Deno.test("a shared queue gives every stream what a queue of its own gives it", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 600 }),
      fc.array(step, { maxLength: 60, size: "max" }),
      (capacity, steps) => {
        const { own, shared, streams, open, publish } = pairs(capacity);
        for (const step of steps) {
          const stream = "stream" in step ? streams[step.stream % streams.length] : undefined;
          if (step.type === "open") open();
          else if (step.type === "publish") publish(step.count);
          else if (!stream) continue;
          else if (step.type === "take") {
            const sequences = (queue: EventQueue<number>) =>
              queue.take(step.count).map(({ sequence }) => sequence);
            assert.deepEqual(sequences(stream.position), sequences(stream.subscriber));
          } else if (step.type === "shorten") {
            stream.subscriber.shorten(step.count);
            stream.position.shorten(step.count);
          } else {
            stream.subscriber.end();
            stream.position.end();
            streams.splice(streams.indexOf(stream), 1);
          }
          for (const { subscriber, position } of streams) {
            for (const name of ["published", "sent", "dropped", "queued", "isReady"] as const) {
              assert.equal(position[name], subscriber[name], name);
            }
            assert.equal(position.oldest?.sequence, subscriber.oldest?.sequence);
          }
          assert.deepEqual(shared.counters, own.counters);
        }
        for (const { position } of streams) {
          while (position.take().length > 0);
          position.releaseInFlight();
        }
        assert.equal(shared.memory.bytes, 0);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("events that no stream can receive any more are released", () => {
  const { shared, streams, open, publish } = pairs(1_000);
  open();
  open();
  for (let i = 0; i < 20; i++) publish(500);
  const [slow, fast] = streams;
  while (fast?.position.take().length);
  fast?.position.releaseInFlight();
  // One segment of 256 events is released as a whole.
  assert.ok(shared.memory.bytes <= 1_000 * 108 + 256 * 108, String(shared.memory.bytes));
  slow?.position.end();
  fast?.position.end();
  assert.equal(shared.memory.bytes, 0);
});

Deno.test("a waiting stream is woken by the next event, an ended one immediately", async () => {
  const { streams, open, publish } = pairs(10);
  open();
  open();
  const [first, second] = streams.map(({ position }) => position);
  let woken = 0;
  first?.onReady(() => woken++);
  second?.onReady(() => woken++);
  second?.end();
  assert.equal(woken, 1);
  publish(2);
  await settle();
  assert.equal(woken, 2);
});

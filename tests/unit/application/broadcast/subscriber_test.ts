import assert from "node:assert/strict";
import fc from "fast-check";
import type { Envelope } from "../../../../src/application/broadcast/envelope.ts";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import { Subscriber } from "../../../../src/application/broadcast/subscriber.ts";
import type { PendingBatch } from "../../../../src/application/broadcast/event_queue.ts";
import { settle } from "../../../support/manual_clock.ts";

/** An event of a frame of its own, or of one that arrived at a given time. */
function envelope(sequence: number, receivedAt = sequence): Envelope<number> {
  return {
    event: sequence,
    sequence,
    receivedAt,
    symbolSequence: 1,
    origin: "live" as const,
    encoded: undefined,
    encodedWithMeta: undefined,
    holders: 0,
    bytes: 0,
  };
}

function queueOf(capacity: number) {
  const counters = { published: 0, sent: 0, conflated: 0, dropped: 0 };
  const queue = new Subscriber<number>({ capacity, counters, memory: new QueueMemory() });
  let sequence = 0;
  const publish = (count = 1) => {
    for (let i = 0; i < count; i++) queue.enqueue(envelope(++sequence));
  };
  return { queue, counters, publish };
}

/** Takes at most `limit` events. */
function taken(queue: Subscriber<number>, limit?: number) {
  return queue.take(limit).map(({ event }) => event);
}

function events(batch: IteratorResult<PendingBatch<Envelope<number>>, void>) {
  return batch.value?.take().map(({ event }) => event);
}

Deno.test("published is sent plus dropped plus queued at every moment, in order", async () => {
  const step = fc.oneof(fc.nat(30), fc.constant("read" as const));
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.array(step, { maxLength: 60, size: "max" }),
      async (capacity, steps) => {
        const { queue, counters, publish } = queueOf(capacity);
        const stop = new AbortController();
        const batches = queue.batches(stop.signal);
        let published = 0;
        let dropped = 0;
        let model: number[] = [];
        const law = () => {
          assert.equal(queue.published, published);
          assert.equal(queue.dropped, dropped);
          assert.equal(queue.queued, model.length);
          assert.equal(
            queue.published,
            queue.sent + queue.dropped + queue.queued,
          );
          assert.equal(counters.sent, queue.sent);
          assert.equal(counters.dropped, queue.dropped);
        };
        for (const step of steps) {
          if (typeof step === "number") {
            publish(step);
            for (let i = 0; i < step; i++) model.push(++published);
            dropped += Math.max(0, model.length - capacity);
            model = model.slice(-capacity);
          } else if (model.length > 0) {
            assert.deepEqual(events(await batches.next()), model);
            model = [];
          }
          law();
        }
        stop.abort();
        assert.equal((await batches.next()).done, true);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a waiting reader is woken once and receives all events of that turn", async () => {
  const { queue, publish } = queueOf(100);
  const batches = queue.batches(new AbortController().signal);
  const waiting = batches.next();
  await settle();
  publish(5);
  assert.deepEqual(events(await waiting), [1, 2, 3, 4, 5]);
  assert.equal(queue.queued, 0);
});

Deno.test("a large backlog comes in batches of at most 8192", async () => {
  const { queue, publish } = queueOf(50_000);
  publish(20_000);
  const batches = queue.batches(new AbortController().signal);
  const sizes: (number | undefined)[] = [];
  const seen: number[] = [];
  for (let i = 0; i < 3; i++) {
    const batch = events(await batches.next());
    sizes.push(batch?.length);
    seen.push(...batch ?? []);
  }
  assert.deepEqual(sizes, [8_192, 8_192, 3_616]);
  assert.deepEqual(
    seen,
    Array.from({ length: 20_000 }, (_, index) => index + 1),
  );
});

Deno.test("an event that matches two keys is added once", () => {
  const { queue } = queueOf(10);
  const one = envelope(1);
  queue.enqueue(one);
  queue.enqueue(one);
  queue.enqueue(envelope(2));
  assert.equal(queue.published, 2);
  assert.equal(queue.queued, 2);
});

Deno.test("a waiting reader ends when its signal fires", async () => {
  const { queue } = queueOf(10);
  const stop = new AbortController();
  const waiting = queue.batches(stop.signal).next();
  await settle();
  stop.abort();
  assert.equal((await waiting).done, true);
});

Deno.test("a waiting reader ends when the queue is ended", async () => {
  const { queue } = queueOf(10);
  const waiting = queue.batches(new AbortController().signal).next();
  await settle();
  queue.end();
  queue.end();
  assert.equal((await waiting).done, true);
});

Deno.test("a reader that starts after the end ends immediately", async () => {
  const { queue, publish } = queueOf(10);
  publish(3);
  const batches = queue.batches(AbortSignal.abort());
  assert.equal((await batches.next()).done, true);
  queue.end();
  const others = queue.batches(new AbortController().signal);
  assert.equal((await others.next()).done, true);
});

Deno.test("an ended queue accepts nothing and holds nothing", () => {
  const { queue, counters, publish } = queueOf(2);
  publish(1);
  queue.end();
  assert.equal(queue.queued, 0);
  publish(5);
  assert.equal(queue.queued, 0);
  assert.equal(queue.published, 1);
  assert.deepEqual(counters, { published: 1, sent: 0, conflated: 0, dropped: 0 });
});

Deno.test("a reader that stops removes its listener", async () => {
  const listeners = { added: 0, removed: 0 };
  const stop = new AbortController();
  const { signal } = stop;
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  signal.addEventListener = function (...args: unknown[]) {
    listeners.added++;
    Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = function (...args: unknown[]) {
    listeners.removed++;
    Reflect.apply(removeEventListener, signal, args);
  };
  const { queue, publish } = queueOf(10);
  publish(1);
  for await (const batch of queue.batches(signal)) {
    assert.equal(batch.take().length, 1);
    break;
  }
  assert.deepEqual(listeners, { added: 1, removed: 1 });
});

Deno.test("a million wake-ups retain no memory", async () => {
  const { queue, publish } = queueOf(4);
  const stop = new AbortController();
  const batches = queue.batches(stop.signal);
  const turn = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const waiting = batches.next();
      publish();
      (await waiting).value?.take();
    }
  };
  await turn(10_000);
  const before = Deno.memoryUsage().heapUsed;
  await turn(1_000_000);
  const grown = Deno.memoryUsage().heapUsed - before;
  // One reaction kept per wake-up would be some 300 bytes each.
  assert.ok(grown < 64_000_000, `${grown} bytes after a million wake-ups`);
  assert.equal(queue.sent, 1_010_000);
  assert.equal(queue.dropped, 0);
  stop.abort();
  assert.equal((await batches.next()).done, true);
});

Deno.test("a queue behaves like an array that drops its oldest event", () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constant("publish" as const) },
    { weight: 1, arbitrary: fc.nat(40) },
    { weight: 1, arbitrary: fc.constant("burst" as const) },
    { weight: 1, arbitrary: fc.constant("shorten" as const) },
  );
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(1_500)),
      fc.array(step, { maxLength: 120, size: "max" }),
      (capacity, steps) => {
        const { queue, publish } = queueOf(capacity);
        let model: number[] = [];
        let next = 0;
        const push = (count: number) => {
          publish(count);
          for (let i = 0; i < count; i++) model.push(++next);
          model = model.slice(-capacity);
        };
        for (const step of steps) {
          if (step === "publish") push(1);
          else if (step === "burst") push(300);
          else if (step === "shorten") {
            queue.shorten(100);
            model = model.slice(-100);
          } else assert.deepEqual(taken(queue, step), model.splice(0, step));
          assert.equal(queue.queued, model.length);
        }
        assert.deepEqual(taken(queue), model);
        assert.equal(queue.queued, 0);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("events of a frame larger than the queue do not displace each other", () => {
  const { queue, counters, publish } = queueOf(10);
  publish(8);
  for (let i = 0; i < 12; i++) queue.enqueue(envelope(100 + i, 5));
  assert.equal(queue.queued, 12, "the older ones are dropped, the frame is whole");
  assert.equal(queue.dropped, 8);
  queue.enqueue(envelope(200, 6));
  assert.equal(queue.queued, 10, "the next frame finds the capacity exceeded");
  assert.deepEqual(taken(queue).slice(-3), [110, 111, 200]);
  assert.deepEqual(counters, { published: 21, sent: 10, conflated: 0, dropped: 11 });
});

Deno.test("a queue never exceeds its capacity, or one frame that is larger", () => {
  const frame = fc.record({ size: fc.integer({ min: 1, max: 30 }), take: fc.nat(3) });
  fc.assert(fc.property(fc.integer({ min: 1, max: 20 }), fc.array(frame), (capacity, frames) => {
    const { queue } = queueOf(capacity);
    let sequence = 0;
    for (const [at, { size, take }] of frames.entries()) {
      for (let i = 0; i < size; i++) queue.enqueue(envelope(++sequence, at));
      assert.ok(queue.queued <= Math.max(capacity, size));
      assert.ok(queue.queued >= size, "no event of the frame is dropped");
      assert.equal(queue.published, queue.sent + queue.dropped + queue.queued);
      if (take === 0) queue.take();
      else if (take === 1) queue.take(Math.ceil(size / 2));
    }
  }));
});

Deno.test("a capacity is exact", () => {
  for (const capacity of [1, 2, 15, 16, 17, 1_000, 1_025, 50_000]) {
    const { queue, publish } = queueOf(capacity);
    publish(capacity);
    assert.equal(queue.dropped, 0);
    publish(1);
    assert.equal(queue.dropped, 1);
    assert.equal(queue.queued, capacity);
    assert.deepEqual(taken(queue, 1), [2]);
  }
});

Deno.test("an invalid capacity is an error with its value", () => {
  for (const capacity of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => queueOf(capacity), (error) => {
      assert.ok(error instanceof RangeError);
      assert.match(error.message, /capacity must be a whole number/);
      assert.ok(error.message.endsWith(`not ${capacity}`));
      return true;
    });
  }
});

Deno.test("events that were taken or dropped are released", async () => {
  const { queue, publish } = queueOf(8);
  const collected: string[] = [];
  const registry = new FinalizationRegistry((name: string) => collected.push(name));
  // In a function of its own, so that no variable here holds an event.
  const add = (name: string, sequence: number) => {
    const event = envelope(sequence);
    registry.register(event, name);
    queue.enqueue(event);
  };
  add("dropped", -1);
  publish();
  queue.shorten(1);
  add("taken", -2);
  queue.take();
  publish();
  const { gc } = globalThis as { gc?: () => void };
  assert.ok(gc, "run with --v8-flags=--expose-gc");
  for (let turn = 0; turn < 200 && collected.length < 2; turn++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert.deepEqual(collected.toSorted(), ["dropped", "taken"]);
  assert.equal(queue.queued, 1);
});

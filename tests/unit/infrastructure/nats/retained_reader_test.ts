import assert from "node:assert/strict";
import { TimeoutError } from "@nats-io/nats-core";
import fc from "fast-check";
import {
  decodeBatch,
  encodeBatch,
  type EntryContent,
} from "../../../../src/infrastructure/nats/frame_batch.ts";
import {
  type MissingEntries,
  RetainedReader,
} from "../../../../src/infrastructure/nats/retained_reader.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

/** A message of the stream. */
interface RetainedMessage {
  readonly sequence: number;
  readonly data: Uint8Array;
}

const SIGNAL = new AbortController().signal;

/** A stream in memory that counts its requests. */
class Stream {
  readonly messages: RetainedMessage[] = [];
  requests = 0;

  constructor(messages: readonly (readonly [sequence: number, data: Uint8Array])[]) {
    this.messages = messages.map(([sequence, data]) => ({ sequence, data }));
  }

  last(): Promise<RetainedMessage | undefined> {
    this.requests++;
    return Promise.resolve(this.messages.at(-1));
  }

  from(sequence: number): Promise<RetainedMessage | undefined> {
    this.requests++;
    return Promise.resolve(this.messages.find((each) => each.sequence >= sequence));
  }

  read(
    missing: MissingEntries,
    limits?: ConstructorParameters<typeof RetainedReader>[2],
  ): Promise<readonly Uint8Array[]> {
    return new RetainedReader(new ManualClock(), () => this, limits).read("sip", missing, SIGNAL);
  }
}

function timeOf(number: number): number {
  return 1_000 + number;
}

/** A batch of frames, by their numbers. */
function batch(first: number, count = 1, term = 7n): Uint8Array {
  const entries = Array.from({ length: count }, (_, i): EntryContent => ({
    kind: "frame",
    receivedAt: timeOf(first + i),
    payload: new Uint8Array(1),
  }));
  return encodeBatch(term, first, entries);
}

function beacon(number: number): Uint8Array {
  const payload = new Uint8Array(0);
  return encodeBatch(7n, number, [{ kind: "beacon", receivedAt: timeOf(number), payload }]);
}

function missing(first: number, end: number, rest: Partial<MissingEntries> = {}): MissingEntries {
  return { term: 7n, first, end, previousAt: timeOf(first - 1), ...rest };
}

function numbersOf(batches: readonly Uint8Array[]): readonly number[] {
  return batches.flatMap((bytes) =>
    decodeBatch(bytes).entries.filter(({ kind }) => kind !== "beacon").map(({ number }) => number)
  );
}

Deno.test("what is missing is read in order, with the batch that begins before it", async () => {
  const stream = new Stream([
    [10, batch(1, 4)],
    [12, batch(5, 3)],
    [13, beacon(8)],
    [20, new TextEncoder().encode("no batch")],
    [21, batch(8, 2)],
    [40, batch(10)],
    [41, batch(1, 9, 8n)],
  ]);
  assert.deepEqual(numbersOf(await stream.read(missing(7, 10))), [5, 6, 7, 8, 9]);
  assert.deepEqual(numbersOf(await stream.read(missing(8, 11))), [8, 9, 10]);
});

Deno.test("exactly what is missing is read, or nothing", async () => {
  const layout = fc.record({
    counts: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 60 }),
    steps: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 130, maxLength: 130 }),
    dropped: fc.array(fc.nat(), { maxLength: 2 }),
    trimmed: fc.nat(5),
    from: fc.nat(),
    length: fc.integer({ min: 1, max: 40 }),
  });
  await fc.assert(fc.asyncProperty(layout, async (layout) => {
    const messages: [number, Uint8Array][] = [];
    let next = 1;
    let sequence = 1_000;
    for (const [i, count] of layout.counts.entries()) {
      sequence += layout.steps[2 * i] ?? 1;
      messages.push([sequence, batch(next, count)]);
      next += count;
      if (i % 5 === 4) messages.push([sequence += layout.steps[2 * i + 1] ?? 1, beacon(next)]);
    }
    const first = 2 + layout.from % (next - 2);
    const end = Math.min(next, first + layout.length);
    for (const each of layout.dropped) messages.splice(each % messages.length, 1);
    messages.splice(0, Math.min(layout.trimmed, messages.length - 1));
    const stream = new Stream(messages);
    const held = new Set(numbersOf(messages.map(([, data]) => data)));
    const wanted = Array.from({ length: end - first + 1 }, (_, i) => first - 1 + i);
    const isHeld = wanted.every((number) => held.has(number));
    const isReached = Math.max(...messages.map(([, data]) => decodeBatch(data).next)) >= end;
    if (!isReached) return;
    const read = await stream.read(missing(first, end)).then(numbersOf, (error) => {
      assert.equal(error.name, "NotRetained");
      return undefined;
    });
    assert.equal(read !== undefined, isHeld);
    if (!read) return;
    assert.deepEqual(read.filter((number) => number >= first && number < end), wanted.slice(1));
    assert(stream.requests < 60 + layout.counts.length, `${stream.requests} requests`);
  }));
});

Deno.test("entries of another hub with the same numbers are not read", async () => {
  const stream = new Stream([[1, batch(1, 9)]]);
  const read = stream.read(missing(5, 8, { previousAt: 5 }));
  await assert.rejects(read, { name: "NotRetained", message: /before them is not retained/ });
});

Deno.test("what is larger than the limits is not read", async () => {
  const stream = new Stream([[1, batch(1, 5)], [2, batch(6, 5)], [3, batch(11, 5)]]);
  await assert.rejects(stream.read(missing(3, 12), { maxEntries: 8 }), /9 entries are more/);
  await assert.rejects(stream.read(missing(3, 12), { maxBytes: 100 }), /too large/);
});

Deno.test("a read waits until the stream has what was published, and ends in time", async () => {
  const clock = new ManualClock();
  const stream = new Stream([[1, batch(1, 5)]]);
  const reader = new RetainedReader(clock, () => stream, { readMs: 100 });
  const read = reader.read("sip", missing(4, 8), SIGNAL);
  await clock.advance(10);
  stream.messages.push({ sequence: 2, data: batch(6, 2) });
  await clock.advance(10);
  assert.deepEqual(numbersOf(await read), [1, 2, 3, 4, 5, 6, 7]);
  const late = assert.rejects(reader.read("sip", missing(4, 9), SIGNAL), /within 100 ms/);
  for (let i = 0; i < 11; i++) await clock.advance(10);
  await late;
  assert.equal(clock.sleepers, 0);
});

Deno.test("a read goes on after requests without an answer", async () => {
  const clock = new ManualClock();
  const stream = new Stream([[1, batch(1, 5)], [2, batch(6, 2)]]);
  let lost = 2;
  const messages = {
    last: () => stream.last(),
    from: (sequence: number) =>
      lost-- > 0 ? Promise.reject(new TimeoutError()) : stream.from(sequence),
  };
  const read = new RetainedReader(clock, () => messages).read("sip", missing(6, 8), SIGNAL);
  for (let i = 0; i < 4; i++) await clock.advance(20);
  assert.deepEqual(numbersOf(await read), [6, 7]);
});

Deno.test("an error of NATS is a reason not to read", async () => {
  const failing = {
    last: () => Promise.reject(new Error("stream not found")),
    from: () => Promise.reject(new Error("stream not found")),
  };
  const reader = new RetainedReader(new ManualClock(), () => failing);
  await assert.rejects(reader.read("sip", missing(2, 3), SIGNAL), {
    name: "NotRetained",
    message: "stream not found",
  });
});

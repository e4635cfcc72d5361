/** How bodies are batched, and when the pump rests. */
import assert from "node:assert/strict";
import type { Envelope } from "../../../../src/application/broadcast/envelope.ts";
import type { OpenStream } from "../../../../src/application/streaming/market_streams.ts";
import {
  type BodySink,
  encodeBatches,
  MAX_BYTES,
  MAX_MESSAGES,
  pump,
} from "../../../../src/infrastructure/grpc/pump.ts";
import { Beat } from "../../../../src/infrastructure/grpc/beat.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";

function envelopes(count: number): Envelope<number>[] {
  return Array.from({ length: count }, (_, event) => ({
    event,
    sequence: event + 1,
    receivedAt: 0,
    encoded: undefined,
  }));
}

function streamOf(
  ...batches: readonly (readonly Envelope<number>[])[]
): OpenStream<number> {
  return {
    delivered: 0,
    lost: 0,
    async *batches() {
      yield* batches;
    },
    [Symbol.dispose]() {},
  };
}

/** Sizes of the batches that a stream is cut into. */
async function cut(
  stream: OpenStream<number>,
  options: { bodySize?: number; maxMessages?: number } = {},
): Promise<number[]> {
  const { bodySize = 1, ...rest } = options;
  const batches = await Array.fromAsync(encodeBatches(stream, {
    encode: () => new Uint8Array(bodySize),
    signal: new AbortController().signal,
    onUnencodable: (error) => assert.fail(String(error)),
    ...rest,
  }));
  return batches.map(({ length }) => length);
}

/** A sink that takes a write only when told to. */
class HeldSink implements BodySink {
  readonly writes: (readonly Uint8Array[])[] = [];
  #taken: (() => void)[] = [];

  write(bodies: readonly Uint8Array[], onTaken: () => void): void {
    this.writes.push(bodies);
    this.#taken.push(onTaken);
  }

  take(): void {
    for (const taken of this.#taken.splice(0)) taken();
  }
}

Deno.test("a backlog is cut by number of messages", async () => {
  assert.deepEqual(await cut(streamOf(envelopes(2 * MAX_MESSAGES + 1))), [
    MAX_MESSAGES,
    MAX_MESSAGES,
    1,
  ]);
  assert.deepEqual(await cut(streamOf(envelopes(MAX_MESSAGES))), [
    MAX_MESSAGES,
  ]);
});

Deno.test("a backlog is cut by size", async () => {
  const bodySize = MAX_BYTES / 4;
  assert.deepEqual(await cut(streamOf(envelopes(9)), { bodySize }), [4, 4, 1]);
});

Deno.test("the measuring baseline writes message by message", async () => {
  assert.deepEqual(await cut(streamOf(envelopes(3)), { maxMessages: 1 }), [
    1,
    1,
    1,
  ]);
});

Deno.test("an event is encoded by the first stream that needs it", async () => {
  const shared = envelopes(5);
  let encoded = 0;
  const options = {
    encode: (event: number) => {
      encoded++;
      return new Uint8Array([event]);
    },
    signal: new AbortController().signal,
    onUnencodable: () => assert.fail(),
  };
  const [first] = await Array.fromAsync(
    encodeBatches(streamOf(shared), options),
  );
  const [second] = await Array.fromAsync(
    encodeBatches(streamOf(shared), options),
  );
  assert.equal(encoded, 5);
  assert.deepEqual(second, first);
  assert.equal(second?.[3], first?.[3], "the same bytes, not equal ones");
});

Deno.test("an event that cannot be encoded is told once and left out", async () => {
  const shared = envelopes(3);
  const told: unknown[] = [];
  const options = {
    encode: (event: number) => {
      if (event === 1) throw new Error("broken");
      return new Uint8Array([event]);
    },
    signal: new AbortController().signal,
    onUnencodable: (error: unknown) => told.push(error),
  };
  for (let i = 0; i < 2; i++) {
    const [batch] = await Array.fromAsync(
      encodeBatches(streamOf(shared), options),
    );
    assert.deepEqual(batch, [new Uint8Array([0]), new Uint8Array([2])]);
  }
  assert.equal(told.length, 1);
});

Deno.test("the source is asked for no more until a batch has been taken", async () => {
  const sink = new HeldSink();
  let asked = 0;
  async function* source() {
    for (;;) {
      asked++;
      yield [new Uint8Array([asked])];
    }
  }
  const stop = new AbortController();
  const done = pump(sink, source(), { signal: stop.signal });
  await settle();
  assert.equal(asked, 1);
  for (let i = 2; i <= 4; i++) {
    sink.take();
    await settle();
    assert.equal(asked, i);
    assert.equal(sink.writes.length, i);
  }
  stop.abort();
  await done;
});

Deno.test("a signal wakes a pump whose batch is never taken", async () => {
  const sink = new HeldSink();
  const stop = new AbortController();
  async function* source() {
    for (;;) yield [new Uint8Array([1])];
  }
  const done = pump(sink, source(), { signal: stop.signal });
  await settle();
  stop.abort();
  await done;
  assert.equal(sink.writes.length, 1);
});

Deno.test("nothing is written once the signal has fired", async () => {
  const sink = new HeldSink();
  await pump(sink, {
    async *[Symbol.asyncIterator]() {
      yield [new Uint8Array([1])];
    },
  }, { signal: AbortSignal.abort() });
  assert.equal(sink.writes.length, 0);
});

Deno.test("a fault of the source is the pump's fault", async () => {
  async function* source(): AsyncGenerator<Uint8Array[]> {
    yield [];
    throw new Error("no more");
  }
  const sink = new HeldSink();
  const done = pump(sink, source(), {
    signal: new AbortController().signal,
  });
  const failed = assert.rejects(done, /no more/);
  await settle();
  sink.take();
  await failed;
});

Deno.test("a busy stream holds messages until the beat, the first one never", async () => {
  const sink = new HeldSink();
  const clock = new ManualClock();
  const stop = new AbortController();
  async function* source() {
    for (let i = 1;; i++) yield [new Uint8Array([i])];
  }
  const beat = new Beat(clock, 5);
  const done = pump(sink, source(), { signal: stop.signal, beat });
  await settle();
  assert.equal(sink.writes.length, 1, "nothing was held before");
  sink.take();
  await clock.advance(4);
  assert.equal(sink.writes.length, 1);
  await clock.advance(1);
  assert.equal(sink.writes.length, 2);
  sink.take();
  await settle();
  stop.abort();
  await done;
  assert.equal(sink.writes.length, 2, "a stream that ends waits for no beat");
  await clock.advance(5);
  assert.equal(clock.sleepers, 0);
});

Deno.test("all busy streams share one beat and one timer", async () => {
  const clock = new ManualClock();
  const beat = new Beat(clock, 5);
  let woken = 0;
  beat.next(() => woken++);
  await clock.advance(3);
  beat.next(() => woken++);
  assert.equal(clock.sleepers, 1);
  await clock.advance(2);
  assert.equal(woken, 2);
  assert.equal(clock.sleepers, 0);
});

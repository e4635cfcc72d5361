/** Writing batches one at a time. */
import assert from "node:assert/strict";
import { pumpMessages } from "../../../../src/infrastructure/grpc/stream_pump.ts";
import { ManualSink } from "../../../support/manual_sink.ts";
import { settle } from "../../../support/manual_clock.ts";

Deno.test("the next batch is requested after the last one was written", async () => {
  const sink = new ManualSink();
  let asked = 0;
  async function* source() {
    for (;;) {
      asked++;
      yield [new Uint8Array([asked])];
    }
  }
  const stop = new AbortController();
  const done = pumpMessages(sink, source(), { signal: stop.signal });
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

Deno.test("a signal ends a pump during a write", async () => {
  const sink = new ManualSink();
  const stop = new AbortController();
  async function* source() {
    for (;;) yield [new Uint8Array([1])];
  }
  const done = pumpMessages(sink, source(), { signal: stop.signal });
  await settle();
  stop.abort();
  await done;
  assert.equal(sink.writes.length, 1);
});

Deno.test("nothing is written after the signal has fired", async () => {
  const sink = new ManualSink();
  await pumpMessages(sink, {
    async *[Symbol.asyncIterator]() {
      yield [new Uint8Array([1])];
    },
  }, { signal: AbortSignal.abort() });
  assert.equal(sink.writes.length, 0);
});

Deno.test("an error of the source rejects the pump", async () => {
  async function* source(): AsyncGenerator<Uint8Array[]> {
    yield [];
    throw new Error("no more");
  }
  const sink = new ManualSink();
  const done = pumpMessages(sink, source(), {
    signal: new AbortController().signal,
  });
  const failed = assert.rejects(done, /no more/);
  await settle();
  sink.take();
  await failed;
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { endStreams } from "../../../../src/application/streaming/end_streams.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

/** A stream that records when it was announced and ended, in ms since the start. */
class RecordingStream {
  isOpen = true;
  announced: number | undefined;
  endedAt: number | undefined;
  readonly announce: ((reason: string, graceMs: number) => void) | undefined;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock, hasNotices: boolean) {
    this.#clock = clock;
    this.announce = hasNotices
      ? (_reason, graceMs) => {
        assert.equal(this.announced, undefined, "announced once");
        this.announced = graceMs;
      }
      : undefined;
  }

  end(): void {
    assert.equal(this.endedAt, undefined, "ended once");
    this.endedAt = this.#clock.monotonic();
    this.isOpen = false;
  }
}

async function endAll(streams: readonly RecordingStream[], clock: ManualClock, graceMs: number) {
  let isDone = false;
  const ending = endStreams(streams, { reason: "restart", graceMs, clock }).then(() => {
    isDone = true;
  });
  await clock.advance(graceMs);
  assert.equal(isDone, true, "within the grace period");
  await ending;
  assert.equal(clock.sleepers, 0);
}

Deno.test("a few streams end together and immediately", async () => {
  const clock = new ManualClock();
  const streams = Array.from({ length: 10 }, () => new RecordingStream(clock, false));
  await endAll(streams, clock, 10_000);
  assert.deepEqual(new Set(streams.map(({ endedAt }) => endedAt)), new Set([0]));
});

Deno.test("many streams end one after the other, the oldest first", async () => {
  const clock = new ManualClock();
  const streams = Array.from({ length: 500 }, () => new RecordingStream(clock, false));
  await endAll(streams, clock, 10_000);
  const times = streams.map(({ endedAt = NaN }) => endedAt);
  assert.deepEqual(times, times.toSorted((one, other) => one - other));
  const most = Math.max(...Map.groupBy(times, (at) => at).values().map(({ length }) => length));
  assert.ok(most <= 6, `${most} in one tick`);
  assert.ok((times.at(-1) ?? 0) >= 4_950, "spread over half of the grace period");
});

Deno.test("streams that have not ended when the signal fires stay open", async () => {
  const clock = new ManualClock();
  const streams = Array.from({ length: 100 }, () => new RecordingStream(clock, false));
  const stop = new AbortController();
  const { signal } = stop;
  const ending = endStreams(streams, { reason: "restart", graceMs: 10_000, clock, signal });
  await clock.advance(500);
  stop.abort();
  await ending;
  await clock.advance(10_000);
  const open = streams.filter(({ isOpen }) => isOpen).length;
  assert.ok(open >= 40 && open <= 60, `${open}`);
  assert.equal(clock.sleepers, 0);
});

Deno.test("every stream ends once, in time, and not before its notice states", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.boolean(), { maxLength: 300 }),
      fc.integer({ min: 200, max: 60_000 }),
      async (kinds, graceMs) => {
        const clock = new ManualClock();
        const streams = kinds.map((hasNotices) => new RecordingStream(clock, hasNotices));
        await endAll(streams, clock, graceMs);
        for (const { endedAt = Infinity, announced, announce } of streams) {
          assert.ok(endedAt <= graceMs);
          if (announce === undefined) continue;
          assert.ok(announced !== undefined && announced <= endedAt && endedAt < announced + 51);
        }
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("a stream whose client has left delays nothing and is not ended", async () => {
  const clock = new ManualClock();
  const stream = new RecordingStream(clock, true);
  const ending = endStreams([stream], { reason: "restart", graceMs: 60_000, clock });
  assert.equal(stream.announced, 1_000);
  stream.isOpen = false;
  await clock.advance(50);
  await ending;
  assert.equal(stream.endedAt, undefined);
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { DamagedBatch, readBatch } from "../../../src/replay/batch.ts";
import {
  DamagedRecording,
  type RecordedBatch,
  RecordingReader,
} from "../../../src/replay/recording.ts";
import { batchBytes, recordingBytes, sourceOf } from "./recordings.ts";

const entry = fc.record({
  kind: fc.constantFrom("frame", "up", "down", "beacon", "part", "end", "other"),
  at: fc.double({ min: 0, max: 2e12, noNaN: true }),
  payload: fc.uint8Array({ maxLength: 40 }),
}) as fc.Arbitrary<{ kind: "frame"; at: number; payload: Uint8Array }>;

const record = fc.record({
  feed: fc.constantFrom("sip", "opra", "crypto", "news", "trading"),
  term: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  first: fc.integer({ min: 1, max: 1e9 }),
  entries: fc.array(entry, { minLength: 1, maxLength: 4 }),
}).map(({ feed, term, first, entries }) => ({
  feed,
  term,
  first,
  entries,
  batch: batchBytes(first, entries, { term }),
}));

/** Everything that a reader finds, and why it stopped. */
async function readAll(bytes: Uint8Array, pieceBytes?: number) {
  const reader = new RecordingReader(sourceOf(bytes, pieceBytes));
  const records: RecordedBatch[] = [];
  try {
    for (let next = await reader.next(); next; next = await reader.next()) records.push(next);
    return { records, reader, error: undefined };
  } catch (error) {
    return { records, reader, error };
  }
}

Deno.test("a recording is read as it was written, in pieces of any size", async () => {
  const property = fc.asyncProperty(
    fc.array(record, { maxLength: 6 }),
    fc.integer({ min: 1, max: 64 }),
    async (written, pieceBytes) => {
      const bytes = recordingBytes(written);
      const { records, reader, error } = await readAll(bytes, pieceBytes);
      assert.equal(error, undefined);
      assert.equal(reader.offset, bytes.length);
      assert.equal(reader.truncatedBytes, 0);
      assert.deepEqual(
        records.map(({ feed, bytes }) => ({ feed, batch: readBatch(bytes) })),
        written.map(({ feed, term, first, entries }) => {
          let number = first;
          const read = entries.map(({ kind, at: receivedAt, payload }) => {
            const one = { kind, number, receivedAt, payload };
            if (String(kind) !== "beacon") number++;
            return one;
          });
          return { feed, batch: { term, entries: read } };
        }),
      );
    },
  );
  await fc.assert(property, { numRuns: 200 });
});

Deno.test("a recording that is cut off is read up to its last whole record", async () => {
  const written = [1, 2, 3].map((number) => ({
    feed: "sip",
    batch: batchBytes(number, [{ payload: `[{"T":"t","S":"A","i":${number}}]` }]),
  }));
  const bytes = recordingBytes(written);
  const ends = [0, 1, 2, 3].map((count) => recordingBytes(written.slice(0, count)).length);
  for (let length = 0; length <= bytes.length; length++) {
    const { records, reader, error } = await readAll(bytes.subarray(0, length));
    assert.equal(error, undefined, `${length} bytes`);
    const whole = ends.filter((end) => end <= length).length - 1;
    assert.equal(records.length, Math.max(0, whole));
    assert.equal(reader.truncatedBytes, length - (ends[whole] ?? 0));
  }
});

Deno.test("a damaged recording is read up to the damage, without another error", async () => {
  const property = fc.asyncProperty(
    fc.array(record, { minLength: 1, maxLength: 5 }),
    fc.nat(),
    fc.integer({ min: 1, max: 255 }),
    async (written, place, flip) => {
      const bytes = recordingBytes(written);
      const at = place % bytes.length;
      const whole = await readAll(bytes);
      const undamaged = whole.records.filter((_, index, all) =>
        (all[index + 1]?.offset ?? bytes.length) <= at
      );
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      const { records, error } = await readAll(bytes);
      assert.ok(error === undefined || error instanceof DamagedRecording, String(error));
      assert.deepEqual(records.slice(0, undamaged.length), undamaged);
      for (const { bytes } of records) {
        try {
          readBatch(bytes);
        } catch (error) {
          assert.ok(error instanceof DamagedBatch, String(error));
        }
      }
    },
  );
  await fc.assert(property, { numRuns: 300 });
});

Deno.test("a file that is no recording is rejected with the reason", async () => {
  const { error } = await readAll(new TextEncoder().encode("PK\x03\x04 something else"));
  assert.match(String(error), /it is not a recording/);
});

Deno.test("lengths that no record has are damage with the place, not memory", async () => {
  const good = recordingBytes([{ feed: "sip", batch: batchBytes(1, [{ payload: "[]" }]) }]);
  for (const tail of [[0, 0], [3, 0, 0x73, 0x69, 0x70, 0xff, 0xff, 0xff, 0xff], [1, 0, 7]]) {
    const bytes = new Uint8Array([...good, ...tail, ...new Uint8Array(8)]);
    const { records, error } = await readAll(bytes);
    assert.equal(records.length, 1);
    assert.match(String(error), new RegExp(`damaged at byte ${good.length}`));
  }
});

/** Batches are read as they were written, and nothing else is. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  BATCH_HEADER_BYTES,
  decodeBatch,
  encodeBatch,
  ENTRY_HEADER_BYTES,
  type EntryContent,
  frameEntries,
  FrameJoiner,
  InvalidBatch,
} from "../../../../src/infrastructure/nats/frame_batch.ts";

const TERM = fc.bigInt(0n, 2n ** 64n - 1n);
const NUMBER = fc.integer({ min: 1, max: 2 ** 52 });
const ENTRY: fc.Arbitrary<EntryContent> = fc.record({
  kind: fc.constantFrom("frame", "up", "down", "beacon", "part", "end"),
  receivedAt: fc.double({ noNaN: true, noDefaultInfinity: true }),
  payload: fc.uint8Array({ maxLength: 40 }),
});
const BATCH = fc.tuple(TERM, NUMBER, fc.array(ENTRY, { minLength: 1, maxLength: 8 }));

/** Decodes; a result that is not a batch has to be the one error. */
function tryDecode(bytes: Uint8Array): ReturnType<typeof decodeBatch> | undefined {
  try {
    return decodeBatch(bytes);
  } catch (error) {
    assert(error instanceof InvalidBatch, String(error));
    assert.notEqual(error.message, "");
    return undefined;
  }
}

Deno.test("a batch is decoded as it was encoded; beacons take no number", () => {
  fc.assert(fc.property(BATCH, fc.nat(16), ([term, first, entries], offset) => {
    const encoded = encodeBatch(term, first, entries);
    // As a view of a larger buffer, which a message of NATS is.
    const buffer = new Uint8Array(offset + encoded.length + 3);
    buffer.set(encoded, offset);
    const batch = decodeBatch(buffer.subarray(offset, offset + encoded.length));
    let number = first;
    const expected = entries.map((entry) => {
      const numbered = { ...entry, number };
      if (entry.kind !== "beacon") number++;
      return numbered;
    });
    assert.deepEqual(batch, { term, entries: expected, next: number });
  }));
});

Deno.test("a batch that is cut off anywhere is an error or has fewer entries", () => {
  fc.assert(fc.property(BATCH, fc.nat(), ([term, first, entries], cut) => {
    const bytes = encodeBatch(term, first, entries);
    const length = cut % bytes.length;
    const batch = tryDecode(bytes.subarray(0, length));
    if (!batch) return;
    assert(batch.entries.length < entries.length);
    const kept = entries.slice(0, batch.entries.length);
    const size = kept.reduce(
      (sum, { payload }) => sum + ENTRY_HEADER_BYTES + payload.length,
      BATCH_HEADER_BYTES,
    );
    assert.equal(length, size, "cut between two entries");
  }));
});

Deno.test("damaged bytes are a batch or one error", () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(BATCH, damage, ([term, first, entries], changes) => {
      const bytes = encodeBatch(term, first, entries);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      const batch = tryDecode(bytes);
      for (const { number, receivedAt } of batch?.entries ?? []) {
        assert(Number.isSafeInteger(number) && Number.isFinite(receivedAt));
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("any bytes are a batch or one error", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
    if (bytes.length > 0) bytes[0] = 1;
    tryDecode(bytes);
  }));
});

Deno.test("each violation of the format is named", () => {
  const valid = encodeBatch(7n, 1, [{ kind: "up", receivedAt: 1, payload: new Uint8Array(2) }]);
  const changed = (at: number, ...values: number[]) => {
    const bytes = valid.slice();
    bytes.set(values, at);
    return bytes;
  };
  const NAN = [0, 0, 0, 0, 0, 0, 0xf8, 0x7f];
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [new Uint8Array(0), /at least 17 bytes, not 0/],
    [valid.subarray(0, 17), /no entry/],
    [valid.subarray(0, 20), /cut off/],
    [valid.subarray(0, valid.length - 1), /cut off/],
    [changed(0, 2), /Version 2/],
    [changed(9, 0), /^0 is not the number/],
    [changed(9, ...new Array(8).fill(255)), /is not the number/],
    [changed(17, 6), /Kind 6/],
    [changed(18, ...NAN), /no valid time/],
    [changed(26, 255, 255, 255, 255), /cut off/],
  ];
  for (const [bytes, message] of cases) {
    assert.throws(() => decodeBatch(bytes), { name: "InvalidBatch", message });
  }
});

Deno.test("a frame of any size is joined from its entries", () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 });
  fc.assert(fc.property(frames, fc.integer({ min: 1, max: 20 }), (sent, maxBytes) => {
    const joiner = new FrameJoiner();
    const received: Uint8Array[] = [];
    for (const frame of sent) {
      for (const entry of frameEntries(frame, 1, maxBytes)) {
        assert(entry.payload.length <= maxBytes);
        const joined = joiner.add(entry);
        if (joined) received.push(joined);
      }
    }
    assert.deepEqual(received, sent);
  }));
});

Deno.test("a frame in too many parts is an error, and the next one is joined", () => {
  const joiner = new FrameJoiner(10);
  const part = { kind: "part", payload: new Uint8Array(6) } as const;
  assert.equal(joiner.add(part), undefined);
  assert.throws(() => joiner.add(part), InvalidBatch);
  joiner.add(part);
  joiner.reset();
  assert.equal(joiner.add({ kind: "frame", payload: new Uint8Array(3) })?.length, 3);
  joiner.add(part);
  assert.equal(joiner.add({ kind: "end", payload: new Uint8Array(3) })?.length, 9);
});

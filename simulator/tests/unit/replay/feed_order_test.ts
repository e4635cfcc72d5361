import assert from "node:assert/strict";
import { readBatch } from "../../../src/replay/batch.ts";
import { FeedOrder } from "../../../src/replay/feed_order.ts";
import { batchBytes, type WrittenEntry } from "./recordings.ts";

/** Frames as text, of batches of one feed. */
function framesOf(
  order: FeedOrder,
  batches: readonly { term?: bigint; first: number; entries: readonly WrittenEntry[] }[],
): string[] {
  const frames: string[] = [];
  for (const { term = 1n, first, entries } of batches) {
    const batch = readBatch(batchBytes(first, entries, { term }));
    for (const entry of batch.entries) {
      const frame = order.add(batch.term, entry);
      if (frame) frames.push(new TextDecoder().decode(frame.bytes));
    }
  }
  return frames;
}

Deno.test("a hole in the numbers is listed with its size, the rest is played", () => {
  const order = new FeedOrder();
  const frames = framesOf(order, [
    { first: 7, entries: [{ payload: "a" }, { payload: "b" }] },
    { first: 12, entries: [{ payload: "c", at: 50 }] },
    { first: 14, entries: [{ kind: "beacon", payload: "{}", at: 60 }] },
  ]);
  assert.deepEqual(frames, ["a", "b", "c"]);
  assert.equal(order.missing, 4);
  assert.deepEqual(order.holes, [
    { term: 1n, number: 9, missing: 3, at: 50 },
    { term: 1n, number: 13, missing: 1, at: 60 },
  ]);
});

Deno.test("a later term begins with 1; entries of an earlier one are ignored", () => {
  const order = new FeedOrder();
  const frames = framesOf(order, [
    { term: 4n, first: 100, entries: [{ payload: "a" }] },
    { term: 9n, first: 2, entries: [{ payload: "b" }] },
    { term: 4n, first: 101, entries: [{ payload: "late" }] },
    { term: 9n, first: 2, entries: [{ payload: "b again" }, { payload: "c" }] },
  ]);
  assert.deepEqual(frames, ["a", "b", "c"]);
  assert.deepEqual(order.terms, [4n, 9n]);
  assert.deepEqual(order.holes.map(({ number, missing }) => [number, missing]), [[1, 1]]);
  assert.equal(order.ignored, 2);
});

Deno.test("parts are joined to a frame, unless one of them is missing", () => {
  const order = new FeedOrder();
  const frames = framesOf(order, [
    { first: 1, entries: [{ kind: "part", payload: "ab" }, { kind: "part", payload: "cd" }] },
    { first: 3, entries: [{ payload: "e" }, { kind: "part", payload: "lost" }] },
    { first: 6, entries: [{ payload: "f" }] },
  ]);
  assert.deepEqual(frames, ["abcde", "f"]);
  const next = framesOf(order, [
    { first: 7, entries: [{ kind: "part", payload: "ab" }, { kind: "end", payload: "c" }] },
    { first: 10, entries: [{ kind: "end", payload: "its beginning is missing" }] },
    { first: 11, entries: [{ payload: "g" }] },
  ]);
  assert.deepEqual(next, ["abc", "g"]);
});

import assert from "node:assert/strict";
import { RecordSummary } from "../../../cli/record_summary.ts";
import {
  decodeBatch,
  encodeBatch,
  type EntryContent,
  NO_PAYLOAD,
} from "../../../src/infrastructure/nats/frame_batch.ts";

const START = Date.parse("2026-09-14T14:30:00Z");

function batch(term: bigint, first: number, kinds: readonly EntryContent["kind"][]) {
  const entries = kinds.map((kind, index) => ({
    kind,
    receivedAt: START + 1_000 * index,
    payload: NO_PAYLOAD,
  }));
  return decodeBatch(encodeBatch(term, first, entries));
}

Deno.test("a summary has the holes and terms of each feed", () => {
  const summary = new RecordSummary();
  assert.ok(summary.isEmpty);
  summary.add("sip", batch(7n, 100, ["frame", "frame", "beacon"]));
  summary.add("sip", batch(7n, 105, ["frame"]));
  summary.add("sip", batch(9n, 2, ["up", "frame", "down"]));
  summary.add("sip", batch(7n, 106, ["frame"]));
  summary.add("trading", batch(9n, 1, ["part", "frame"]));
  summary.dropped = 1;
  assert.equal(summary.progress(), "sip 4 frames, trading 1 frame, 4 missing");
  assert.deepEqual(summary.lines(), [
    "From 2026-09-14T14:30:00.000Z to 2026-09-14T14:30:02.000Z.",
    "sip: 4 frames; terms 7, 9; 1 outage; 4 entries missing",
    "  3 before 2026-09-14T14:30:00.000Z (term 7, from 102)",
    "  1 before 2026-09-14T14:30:00.000Z (term 9, from 1)",
    "trading: 1 frame; term 9; nothing missing",
    "1 batch lost: slow disk.",
  ]);
});

Deno.test("a hole at the end is found by the beacon after it", () => {
  const summary = new RecordSummary();
  summary.add("opra", batch(1n, 1, ["frame"]));
  summary.add("opra", batch(1n, 4, ["beacon"]));
  assert.equal(summary.progress(), "opra 1 frame, 2 missing");
});

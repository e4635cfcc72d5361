import assert from "node:assert/strict";
import type { Item, NoticeJson, ProducedMessage } from "../../../scripts/completeness/records.ts";
import { type StreamResult, StreamVerifier } from "../../../scripts/completeness/verify.ts";

const START = Date.UTC(2026, 0, 5, 15);
const EXPECTED = {
  name: "quotes",
  channel: "quotes",
  symbols: ["A"],
  isLatest: false,
  isAcknowledged: false,
} as const;

function produced(number: number, outcome: ProducedMessage["outcome"] = "sent"): ProducedMessage {
  const at = START + number * 1_000;
  return { at, channel: "quotes", symbol: "A", key: `k${number}`, outcome };
}

function data(number: number, symbolSequence = number): Item {
  const at = START + number * 1_000;
  const sequence = symbolSequence;
  const common = { symbol: "A", key: `k${number}`, origin: "live", receivedAt: at };
  return { kind: "data", at, sequence, symbolSequence, ...common };
}

function notice(content: Omit<NoticeJson, "at">, seconds = 0): Item {
  return { kind: "notice", at: START + seconds * 1_000, notice: { at: "", ...content } };
}

function gap(reason: string, fields: Partial<NonNullable<NoticeJson["gap"]>>): Item {
  return notice({ gap: { reason: `GAP_REASON_${reason}`, ...fields } });
}

const OPENED: readonly Item[] = [
  { kind: "open", at: START },
  notice({ hello: { epoch: "e" } }),
];

function verify(items: readonly Item[], messages: readonly ProducedMessage[]): StreamResult {
  const verifier = new StreamVerifier(EXPECTED);
  for (const item of [...OPENED, ...items]) verifier.add(item);
  return verifier.finish(messages);
}

Deno.test("a stream that received everything is complete", () => {
  const heartbeat = notice({ heartbeat: { published: "2", delivered: "2" } });
  const result = verify([data(1), data(2), heartbeat], [produced(1), produced(2)]);
  assert.deepEqual(result.problems, []);
  assert.equal(result.received, 2);
});

Deno.test("a missing message without a gap is a problem", () => {
  const messages = [1, 2, 3].map((number) => produced(number));
  assert.equal(verify([data(1), data(3)], messages).problems.length, 3);
});

Deno.test("a missing message with a gap of its stream is none", () => {
  const messages = [1, 2, 3].map((number) => produced(number));
  const reported = gap("SLOW_CLIENT", { count: "1", symbols: ["A"] });
  const result = verify([data(1), reported, data(3)], messages);
  assert.deepEqual([result.problems, result.slowClient], [[], 1]);
  const wrong = gap("SLOW_CLIENT", { count: "2", symbols: ["A"] });
  assert.equal(verify([data(1), wrong, data(3)], messages).problems.length, 1);
});

Deno.test("a message that was not sent has to be in the time of a gap", () => {
  const messages = [produced(1), produced(10, "unsent"), produced(20)];
  const span = (from: number, to: number) =>
    gap("UPSTREAM_LOST", {
      startTime: new Date(START + from * 1_000).toISOString(),
      endTime: new Date(START + to * 1_000).toISOString(),
    });
  const result = verify([data(1), span(5, 15), data(20, 2)], messages);
  assert.deepEqual([result.problems, result.upstreamLost], [[], 1]);
  assert.equal(verify([data(1), span(11, 15), data(20, 2)], messages).problems.length, 1);
});

Deno.test("a repeated message, one that goes back, and wrong totals are problems", () => {
  const messages = [produced(1), produced(2)];
  assert.equal(verify([data(1), data(2), data(2)], messages).problems.length, 3);
  const heartbeat = notice({ heartbeat: { published: "2", delivered: "1" } });
  assert.equal(verify([data(1), data(2), heartbeat], messages).problems.length, 2);
});

Deno.test("an inexact resume needs a gap, an exact one has none", () => {
  const again: readonly Item[] = [
    { kind: "open", at: START + 5_000 },
    notice({ hello: { epoch: "e" } }, 5),
  ];
  const messages = [produced(1), produced(3), produced(9)];
  const reported = gap("NOT_RETAINED", {});
  const result = verify([data(1), ...again, reported, data(9, 3)], messages);
  assert.deepEqual([result.problems, result.notRetained], [[], 1]);
  assert.equal(verify([data(1), ...again, data(9, 3)], messages).problems.length, 1);
});

Deno.test("after an inexact resume a stream starts when its symbols are acknowledged", () => {
  const again: readonly Item[] = [
    { kind: "open", at: START + 5_000 },
    notice({ hello: { epoch: "f" } }, 5),
    gap("NOT_RETAINED", {}),
  ];
  const state = { symbol: "A", state: "SYMBOL_STATE_ACKNOWLEDGED" };
  const messages = [produced(1), produced(7), produced(9)];
  const acknowledged = verify(
    [data(1), ...again, notice({ subscription: state }, 8), data(9, 1)],
    messages,
  );
  assert.deepEqual([acknowledged.problems, acknowledged.notRetained], [[], 1]);
  const later = verify(
    [data(1), ...again, data(9, 1), notice({ subscription: state }, 9)],
    messages,
  );
  assert.ok(later.problems.length > 0);
});

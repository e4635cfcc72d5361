/** What a stream may not receive: messages while its feed is stale, and messages in a gap. */
import assert from "node:assert/strict";
import { FreshnessCheck } from "../../../scripts/chaos/freshness_check.ts";
import type { Item, NoticeJson } from "../../../scripts/completeness/records.ts";

const START = Date.parse("2026-01-05T15:00:00Z");

function notice(content: Omit<NoticeJson, "at">): Item {
  return { kind: "notice", at: 0, notice: { at: "", ...content } };
}

function data(ms: number, origin = "live"): Item {
  const receivedAt = START + ms;
  const key = String(ms);
  return {
    kind: "data",
    at: 0,
    sequence: 1,
    symbolSequence: 1,
    origin,
    symbol: "A",
    key,
    receivedAt,
  };
}

function gap(from: number, to: number): Item {
  const startTime = new Date(START + from).toISOString();
  const endTime = new Date(START + to).toISOString();
  const reason = "GAP_REASON_UPSTREAM_LOST";
  return notice({ gap: { reason, symbols: ["A"], startTime, endTime } });
}

function freshness(state: string, ...symbols: readonly string[]): Item {
  return notice({ feed: { freshness: `FRESHNESS_${state}`, symbols } });
}

function problems(...items: readonly Item[]): number {
  const check = new FreshnessCheck();
  for (const item of items) check.add(item);
  return check.problems.length;
}

Deno.test("messages before and after a gap are in none", () => {
  assert.equal(problems(data(100), gap(100, 500), data(500), gap(600, 700), data(700)), 0);
});

Deno.test("a message in a gap is a problem, in whichever order they come", () => {
  assert.equal(problems(data(100), gap(100, 500), data(450)), 1);
  assert.equal(problems(data(200), gap(100, 500), data(500)), 1);
  assert.equal(problems(data(100), gap(100, 500), data(450, "backfill")), 0);
});

Deno.test("a time in two gaps is a problem, except after another hello", () => {
  assert.equal(problems(gap(100, 500), gap(400, 600)), 1);
  assert.equal(problems(gap(100, 500), notice({ hello: { epoch: "b" } }), gap(400, 600)), 0);
});

Deno.test("a live message of a stale feed or symbol is a problem", () => {
  assert.equal(problems(freshness("STALE"), data(100)), 1);
  assert.equal(problems(freshness("STALE"), freshness("LIVE"), data(100)), 0);
  assert.equal(problems(freshness("STALE", "A"), data(100)), 1);
  assert.equal(problems(freshness("STALE", "B"), data(100)), 0);
  assert.equal(problems(freshness("STALE"), data(100, "replay")), 0);
});

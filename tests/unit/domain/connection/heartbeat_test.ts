import assert from "node:assert/strict";
import fc from "fast-check";
import {
  AUDIT_MS,
  type HeartbeatSettings,
  judgeHeartbeat,
} from "../../../../src/domain/connection/heartbeat.ts";

const SETTINGS: HeartbeatSettings = { intervalMs: 30, timeoutMs: 60 };

Deno.test("a link that just spoke is left alone for the interval", () => {
  assert.deepEqual(
    judgeHeartbeat(
      { now: 110, lastFrameAt: 100, askedAt: undefined, auditedAt: 100 },
      SETTINGS,
    ),
    { type: "wait", ms: 20 },
  );
});

Deno.test("a link that was quiet for the interval is asked", () => {
  const facts = { lastFrameAt: 100, askedAt: undefined, auditedAt: 100 };
  for (const now of [130, 131, 5_000, 100 + AUDIT_MS]) {
    assert.deepEqual(judgeHeartbeat({ ...facts, now }, SETTINGS), {
      type: "ask",
    });
  }
});

Deno.test("a link that was asked has the timeout to answer", () => {
  const facts = { lastFrameAt: 100, askedAt: 130, auditedAt: 100 };
  assert.deepEqual(judgeHeartbeat({ ...facts, now: 189 }, SETTINGS), {
    type: "wait",
    ms: 1,
  });
  assert.deepEqual(judgeHeartbeat({ ...facts, now: 190 }, SETTINGS), {
    type: "dead",
  });
});

Deno.test("a busy link is audited when it has not said for long what it carries", () => {
  const facts = { askedAt: undefined, auditedAt: 100 };
  const due = 100 + AUDIT_MS;
  for (const [early, ms] of [[1_000, 30], [10, 10], [1, 1]] as const) {
    const now = due - early;
    assert.deepEqual(
      judgeHeartbeat({ ...facts, now, lastFrameAt: now }, SETTINGS),
      { type: "wait", ms },
    );
  }
  assert.deepEqual(
    judgeHeartbeat({ ...facts, now: due, lastFrameAt: due }, SETTINGS),
    { type: "audit" },
  );
});

Deno.test("a link that has a question to answer is not audited", () => {
  const facts = { lastFrameAt: 100, askedAt: 130, auditedAt: -AUDIT_MS };
  assert.deepEqual(judgeHeartbeat({ ...facts, now: 131 }, SETTINGS), {
    type: "wait",
    ms: 30,
  });
});

interface Run {
  readonly deadAt: number | undefined;
  readonly asks: number;
  readonly audits: number;
}

/**
 * Follows the rule as its caller does: it looks only when a wait is over, and
 * a frame since the question was asked clears the question.
 */
function follow(
  frames: readonly number[],
  settings: HeartbeatSettings,
  options: { readonly until: number; readonly answerMs?: number },
): Run {
  const heard = [...frames].sort((a, b) => a - b);
  let now = 0;
  let asks = 0;
  let audits = 0;
  let auditedAt = 0;
  let askedAt: number | undefined;
  let frameCount = 0;
  while (now <= options.until) {
    const seen = heard.filter((at) => at <= now);
    if (askedAt !== undefined && seen.length !== frameCount) {
      askedAt = undefined;
    }
    const facts = { now, lastFrameAt: seen.at(-1) ?? 0, askedAt, auditedAt };
    const action = judgeHeartbeat(facts, settings);
    if (action.type === "dead") return { deadAt: now, asks, audits };
    if (action.type === "wait") {
      assert.ok(action.ms > 0, "a wait is never empty");
      now += action.ms;
    } else if (action.type === "audit") {
      audits++;
      auditedAt = now;
    } else {
      asks++;
      auditedAt = now;
      askedAt = now;
      frameCount = seen.length;
      if (options.answerMs !== undefined) {
        heard.push(now + options.answerMs);
        heard.sort((a, b) => a - b);
      }
    }
  }
  return { deadAt: undefined, asks, audits };
}

const settings = fc.record({
  intervalMs: fc.integer({ min: 1, max: 100 }),
  timeoutMs: fc.integer({ min: 1, max: 200 }),
});

Deno.test("a socket that goes mute is noticed within interval + timeout of its last frame", () => {
  fc.assert(
    fc.property(
      settings,
      fc.array(fc.nat(1_000), { maxLength: 60, size: "max" }),
      (settings, frames) => {
        const { deadAt } = follow(frames, settings, { until: 5_000 });
        assert.ok(deadAt !== undefined);
        const last = Math.max(0, ...frames.filter((at) => at <= deadAt));
        const patience = settings.intervalMs + settings.timeoutMs;
        assert.ok(
          deadAt - last <= patience,
          `mute at ${last}, noticed at ${deadAt}`,
        );
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("a socket that answers in time is left alone, however quiet", () => {
  fc.assert(
    fc.property(
      settings,
      fc.array(fc.nat(1_000), { maxLength: 20, size: "max" }),
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      (settings, frames, promptness) => {
        const answerMs = promptness * settings.timeoutMs;
        const run = follow(frames, settings, { until: 3_000, answerMs });
        assert.equal(run.deadAt, undefined);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a busy link is never asked whether it lives, and never dead for an audit", () => {
  const settings = { intervalMs: 30_000, timeoutMs: 1 };
  const frames = Array.from({ length: 2_000 }, (_, index) => index * 1_000);
  assert.deepEqual(follow(frames, settings, { until: 1_999_000 }), {
    deadAt: undefined,
    asks: 0,
    audits: Math.floor(1_999_000 / AUDIT_MS),
  });
});

Deno.test("while an answer is awaited the link is looked at every interval", () => {
  const facts = { now: 131, lastFrameAt: 100, askedAt: 130, auditedAt: 100 };
  assert.deepEqual(judgeHeartbeat(facts, SETTINGS), { type: "wait", ms: 30 });
});

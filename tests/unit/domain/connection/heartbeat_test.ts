import assert from "node:assert/strict";
import fc from "fast-check";
import {
  AUDIT_MS,
  heartbeatAction,
  type HeartbeatSettings,
} from "../../../../src/domain/connection/heartbeat.ts";

const SETTINGS: HeartbeatSettings = { intervalMs: 30, timeoutMs: 60 };

Deno.test("a session with a recent frame is not probed for the interval", () => {
  assert.deepEqual(
    heartbeatAction(
      { now: 110, lastFrameAt: 100, probedAt: undefined, auditedAt: 100 },
      SETTINGS,
    ),
    { type: "wait", ms: 20 },
  );
});

Deno.test("a session that was idle for the interval is probed", () => {
  const facts = { lastFrameAt: 100, probedAt: undefined, auditedAt: 100 };
  for (const now of [130, 131, 5_000, 100 + AUDIT_MS]) {
    assert.deepEqual(heartbeatAction({ ...facts, now }, SETTINGS), {
      type: "probe",
    });
  }
});

Deno.test("a probed session has the timeout to reply", () => {
  const facts = { lastFrameAt: 100, probedAt: 130, auditedAt: 100 };
  assert.deepEqual(heartbeatAction({ ...facts, now: 189 }, SETTINGS), {
    type: "wait",
    ms: 1,
  });
  assert.deepEqual(heartbeatAction({ ...facts, now: 190 }, SETTINGS), {
    type: "dead",
  });
});

Deno.test("a busy session without a recent acknowledgement is audited", () => {
  const facts = { probedAt: undefined, auditedAt: 100 };
  const due = 100 + AUDIT_MS;
  for (const [early, ms] of [[1_000, 30], [10, 10], [1, 1]] as const) {
    const now = due - early;
    assert.deepEqual(
      heartbeatAction({ ...facts, now, lastFrameAt: now }, SETTINGS),
      { type: "wait", ms },
    );
  }
  assert.deepEqual(
    heartbeatAction({ ...facts, now: due, lastFrameAt: due }, SETTINGS),
    { type: "audit" },
  );
});

Deno.test("a session with an unanswered probe is not audited", () => {
  const facts = { lastFrameAt: 100, probedAt: 130, auditedAt: -AUDIT_MS };
  assert.deepEqual(heartbeatAction({ ...facts, now: 131 }, SETTINGS), {
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
  let probedAt: number | undefined;
  let frameCount = 0;
  while (now <= options.until) {
    const seen = heard.filter((at) => at <= now);
    if (probedAt !== undefined && seen.length !== frameCount) {
      probedAt = undefined;
    }
    const facts = { now, lastFrameAt: seen.at(-1) ?? 0, probedAt, auditedAt };
    const action = heartbeatAction(facts, settings);
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
      probedAt = now;
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

Deno.test("a silent socket is dead within interval + timeout of its last frame", () => {
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

Deno.test("an idle socket that replies in time is never dead", () => {
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

Deno.test("a busy session is never probed, and never dead because of an audit", () => {
  const settings = { intervalMs: 30_000, timeoutMs: 1 };
  const frames = Array.from({ length: 2_000 }, (_, index) => index * 1_000);
  assert.deepEqual(follow(frames, settings, { until: 1_999_000 }), {
    deadAt: undefined,
    asks: 0,
    audits: Math.floor(1_999_000 / AUDIT_MS),
  });
});

Deno.test("while a probe is unanswered, the session is checked every interval", () => {
  const facts = { now: 131, lastFrameAt: 100, probedAt: 130, auditedAt: 100 };
  assert.deepEqual(heartbeatAction(facts, SETTINGS), { type: "wait", ms: 30 });
});

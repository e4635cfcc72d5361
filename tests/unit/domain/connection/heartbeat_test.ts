import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type HeartbeatSettings,
  judgeHeartbeat,
} from "../../../../src/domain/connection/heartbeat.ts";

const SETTINGS: HeartbeatSettings = { intervalMs: 30, timeoutMs: 60 };

Deno.test("a link that just spoke is left alone for the interval", () => {
  assert.deepEqual(
    judgeHeartbeat(
      { now: 110, lastFrameAt: 100, askedAt: undefined },
      SETTINGS,
    ),
    { type: "wait", ms: 20 },
  );
});

Deno.test("a link that was quiet for the interval is asked", () => {
  for (const now of [130, 131, 5_000]) {
    assert.deepEqual(
      judgeHeartbeat({ now, lastFrameAt: 100, askedAt: undefined }, SETTINGS),
      { type: "ask" },
    );
  }
});

Deno.test("a link that was asked has the timeout to answer", () => {
  const facts = { lastFrameAt: 100, askedAt: 130 };
  assert.deepEqual(judgeHeartbeat({ ...facts, now: 189 }, SETTINGS), {
    type: "wait",
    ms: 1,
  });
  assert.deepEqual(judgeHeartbeat({ ...facts, now: 190 }, SETTINGS), {
    type: "dead",
  });
});

interface Run {
  readonly deadAt: number | undefined;
  readonly asks: number;
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
  let askedAt: number | undefined;
  let frameCount = 0;
  while (now <= options.until) {
    const seen = heard.filter((at) => at <= now);
    if (askedAt !== undefined && seen.length !== frameCount) {
      askedAt = undefined;
    }
    const facts = { now, lastFrameAt: seen.at(-1) ?? 0, askedAt };
    const action = judgeHeartbeat(facts, settings);
    if (action.type === "dead") return { deadAt: now, asks };
    if (action.type === "wait") {
      assert.ok(action.ms > 0, "a wait is never empty");
      now += action.ms;
    } else {
      asks++;
      askedAt = now;
      frameCount = seen.length;
      if (options.answerMs !== undefined) {
        heard.push(now + options.answerMs);
        heard.sort((a, b) => a - b);
      }
    }
  }
  return { deadAt: undefined, asks };
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

Deno.test("a busy link is never asked", () => {
  const frames = Array.from({ length: 101 }, (_, index) => index * 10);
  assert.equal(follow(frames, SETTINGS, { until: 1_000 }).asks, 0);
});

Deno.test("while an answer is awaited the link is looked at every interval", () => {
  const facts = { now: 131, lastFrameAt: 100, askedAt: 130 };
  assert.deepEqual(judgeHeartbeat(facts, SETTINGS), { type: "wait", ms: 30 });
});

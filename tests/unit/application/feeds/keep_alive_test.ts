import assert from "node:assert/strict";
import fc from "fast-check";
import { keepAlive } from "../../../../src/application/feeds/keep_alive.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingSubscriptions, ScriptedSession } from "./scripted_feed.ts";

const SETTINGS = { intervalMs: 30_000, timeoutMs: 60_000 };

interface Watch extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly session: ScriptedSession;
  readonly subscriptions: RecordingSubscriptions;
  /** When the session was failed, if it was. */
  readonly deadAt: () => number | undefined;
}

function watch(settings = SETTINGS): Watch {
  const clock = new ManualClock();
  const session = new ScriptedSession(clock);
  const subscriptions = new RecordingSubscriptions();
  const over = new AbortController();
  let deadAt: number | undefined;
  session.ended.then(() => deadAt ??= clock.monotonic());
  const watching = keepAlive(session, {
    subscriptions,
    clock,
    settings,
    signal: over.signal,
  });
  return {
    clock,
    session,
    subscriptions,
    deadAt: () => deadAt,
    async [Symbol.asyncDispose]() {
      over.abort();
      await watching;
      assert.equal(clock.sleepers, 0, "no timer is left behind");
    },
  };
}

Deno.test("a socket without any frame is failed after interval + timeout", async () => {
  await using watched = watch();
  await watched.clock.advance(89_999);
  assert.deepEqual(watched.subscriptions.calls, ["probe"]);
  assert.equal(watched.deadAt(), undefined);
  await watched.clock.advance(1);
  assert.equal(watched.deadAt(), 90_000);
  const failure = await watched.session.ended;
  assert.equal(failure.errorType, "heartbeat");
  assert.match(failure.message, /No data for 90000 ms/);
});

Deno.test("a socket that becomes silent after a reply is failed in time", async () => {
  await using watched = watch();
  await watched.clock.advance(30_001);
  watched.session.hear();
  await watched.clock.advance(90_000);
  assert.equal(watched.deadAt(), 120_001);
});

Deno.test("an idle session that replies is probed once per interval and never failed", async () => {
  await using watched = watch();
  for (let minute = 0; minute < 60; minute++) {
    await watched.clock.advance(30_000);
    watched.session.hear();
  }
  assert.equal(watched.deadAt(), undefined);
  const { calls } = watched.subscriptions;
  assert.ok(calls.length >= 55 && calls.length <= 60, `${calls.length} asks`);
});

/** Data once a second; says at which second the link was asked. */
async function chatter(
  watched: Watch,
  options: { readonly seconds: number; readonly ackEvery?: number },
): Promise<number[]> {
  const { clock, session, subscriptions } = watched;
  const asked: number[] = [];
  for (let second = 1; second <= options.seconds; second++) {
    await clock.advance(1_000);
    session.hear();
    const acknowledged = second % (options.ackEvery ?? Infinity) === 0;
    if (acknowledged) subscriptions.acknowledgedAt = clock.monotonic();
    asked.push(...subscriptions.calls.splice(0).map(() => second));
  }
  return asked;
}

Deno.test("a busy session is audited every five minutes, also without a reply", async () => {
  await using watched = watch({ intervalMs: 30_000, timeoutMs: 1_000 });
  const asked = await chatter(watched, { seconds: 1_500 });
  assert.deepEqual(asked, [300, 600, 900, 1_200, 1_500]);
  assert.equal(watched.deadAt(), undefined);
});

Deno.test("a busy session with a recent acknowledgement is not audited", async () => {
  await using watched = watch();
  assert.deepEqual(
    await chatter(watched, { seconds: 3_000, ackEvery: 299 }),
    [],
  );
  const { acknowledgedAt } = watched.subscriptions;
  const asked = await chatter(watched, { seconds: 400 });
  assert.deepEqual(asked.map((second) => 3_000 + second), [
    (acknowledgedAt ?? 0) / 1_000 + 300,
  ]);
});

Deno.test("an unanswered audit does not shorten the time to fail", async () => {
  await using watched = watch();
  await chatter(watched, { seconds: 299 });
  await watched.clock.advance(1_000);
  assert.deepEqual(watched.subscriptions.calls, ["probe"], "audited, at 300 s");
  await watched.clock.advance(88_999);
  assert.equal(watched.deadAt(), undefined);
  assert.deepEqual(watched.subscriptions.calls, ["probe", "probe"]);
  await watched.clock.advance(1);
  assert.equal(watched.deadAt(), 299_000 + 90_000);
});

Deno.test("a session fails within interval + timeout of its last frame", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        intervalMs: fc.integer({ min: 1, max: 50 }),
        timeoutMs: fc.integer({ min: 1, max: 100 }),
      }),
      fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 15, size: "max" }),
      async (settings, gaps) => {
        await using watched = watch(settings);
        const patience = settings.intervalMs + settings.timeoutMs;
        for (const gap of gaps) {
          await watched.clock.advance(gap);
          if (watched.deadAt() === undefined) watched.session.hear();
        }
        const last = watched.session.lastFrameAt;
        await watched.clock.advance(patience);
        const deadAt = watched.deadAt();
        assert.ok(deadAt !== undefined, `alive ${patience} ms after the last`);
        assert.ok(deadAt - last <= patience);
        assert.ok(deadAt - last >= settings.timeoutMs);
      },
    ),
    { numRuns: 150 },
  );
});

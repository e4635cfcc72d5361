import assert from "node:assert/strict";
import fc from "fast-check";
import {
  backoffDelay,
  type BackoffSettings,
  isDoubted,
} from "../../../../src/domain/connection/backoff.ts";
import {
  type FailureKind,
  failureKindOf,
} from "../../../../src/domain/connection/failure.ts";

const DEFAULTS: BackoffSettings = {
  initialDelayMs: 500,
  maxDelayMs: 30_000,
  multiplier: 2,
};
const MOST = 1 - Number.EPSILON;

const settings = fc.record({
  initialDelayMs: fc.integer({ min: 0, max: 60_000 }),
  maxDelayMs: fc.integer({ min: 0, max: 600_000 }),
  multiplier: fc.double({ min: 1, max: 10, noNaN: true }),
});
const attempt = fc.oneof(
  fc.integer({ min: 1, max: 20 }),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
);
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

function delay(kind: FailureKind, at: number, luck: number): number {
  return backoffDelay({ kind, attempt: at }, {
    settings: DEFAULTS,
    random: luck,
  });
}

Deno.test("a transient failure waits anything up to the exponential bound", () => {
  const bounds = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
  bounds.forEach((bound, index) => {
    assert.equal(delay("transient", index + 1, 0), 0);
    assert.equal(delay("transient", index + 1, 0.5), bound / 2);
    assert.ok(delay("transient", index + 1, MOST) < bound);
  });
});

Deno.test("a rate limit keeps at least half of a bound that starts at two seconds", () => {
  assert.equal(delay("rate_limited", 1, 0), 1_000);
  assert.equal(delay("rate_limited", 2, 0), 2_000);
  assert.ok(delay("rate_limited", 1, MOST) < 2_000 + 1e-6);
  assert.equal(delay("rate_limited", 40, 0), 15_000);
});

Deno.test("what upstream asks for is the least, but never more than five minutes", () => {
  const asked = (retryAfterMs: number, kind: FailureKind, luck = 0) =>
    backoffDelay({ kind, attempt: 1, retryAfterMs }, {
      settings: DEFAULTS,
      random: luck,
    });
  assert.equal(asked(20_000, "rate_limited"), 20_000);
  assert.equal(asked(20_000, "transient", 0.5), 21_000);
  assert.equal(asked(20_000, "refused"), 60_000);
  assert.equal(asked(0, "rate_limited"), 1_000);
  assert.equal(asked(86_400_000, "rate_limited"), 300_000);
});

Deno.test("a refusal is tried about once a minute, however often", () => {
  for (const at of [1, 2, 50, 5_000]) {
    assert.equal(delay("refused", at, 0), 60_000);
    assert.ok(delay("refused", at, MOST) <= 66_000);
  }
});

Deno.test("a refusal that is doubted waits half a second at first, and doubles up to a minute", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 8, 50].map((doubted) =>
    backoffDelay({ kind: "refused", attempt: 1, doubted }, {
      settings: DEFAULTS,
      random: MOST,
    })
  );
  assert.deepEqual(
    waits.map(Math.round),
    [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000],
  );
});

Deno.test("a refusal is doubted for a day after the key was accepted, until it has lasted a minute", () => {
  const day = 86_400_000;
  assert.equal(isDoubted({ count: 1, sinceAcceptedMs: undefined }), false);
  assert.equal(isDoubted({ count: 1, sinceAcceptedMs: 0 }), true);
  assert.equal(isDoubted({ count: 7, sinceAcceptedMs: day }), true);
  assert.equal(isDoubted({ count: 8, sinceAcceptedMs: 0 }), false);
  assert.equal(isDoubted({ count: 1, sinceAcceptedMs: day + 1 }), false);
});

Deno.test("waits after a connection limit outlast a ghost session of 90 s", () => {
  let waited = 0;
  const waits: number[] = [];
  for (let at = 1; at <= 6; at++) {
    waits.push(delay("connection_limit", at, 0));
    waited += delay("connection_limit", at, 0);
  }
  assert.ok(waited > 90_000, `${waited} ms with the worst of luck`);
  assert.ok((waits[0] ?? Infinity) <= 10_000, "a clean close frees in seconds");
  assert.deepEqual(waits, waits.toSorted((a, b) => a - b));
  assert.equal(delay("connection_limit", 5_000, 0), waits.at(-1));
});

Deno.test("a delay is finite, never negative, and bounded for every kind", () => {
  const kind = fc.constantFrom<FailureKind>(
    "transient",
    "rate_limited",
    "connection_limit",
    "refused",
  );
  fc.assert(
    fc.property(kind, settings, attempt, random, (kind, settings, at, luck) => {
      const ms = backoffDelay({ kind, attempt: at }, {
        settings,
        random: luck,
      });
      const most = Math.max(
        66_000,
        settings.maxDelayMs,
        settings.initialDelayMs,
      );
      assert.ok(ms >= 0 && ms <= most, `${ms} ms`);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("waiting never gets shorter with more attempts and equal luck", () => {
  fc.assert(
    fc.property(
      settings,
      fc.integer({ min: 1, max: 2_000 }),
      random,
      (settings, at, luck) => {
        const options = { settings, random: luck };
        const now = backoffDelay({ kind: "transient", attempt: at }, options);
        const next = backoffDelay(
          { kind: "transient", attempt: at + 1 },
          options,
        );
        assert.ok(next >= now);
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("an attempt below the first counts as the first", () => {
  assert.equal(delay("transient", 0, 0.5), 250);
  assert.equal(delay("connection_limit", -3, 0), 5_000);
});

const KINDS: readonly (readonly [number, FailureKind])[] = [
  [400, "transient"],
  [401, "transient"],
  [402, "refused"],
  [404, "transient"],
  [406, "connection_limit"],
  [407, "transient"],
  [409, "refused"],
  [411, "refused"],
  [412, "refused"],
  [429, "rate_limited"],
  [500, "transient"],
  [502, "transient"],
  [0, "transient"],
];

for (const [code, kind] of KINDS) {
  Deno.test(`code ${code} asks for the ${kind} treatment`, () => {
    assert.equal(failureKindOf(code), kind);
  });
}

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  backoffDelay,
  type BackoffSettings,
  isDoubted,
} from "../../../../src/domain/connection/backoff.ts";
import {
  FAILURE_TYPES,
  type FailureType,
  failureTypeOf,
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

function delay(type: FailureType, at: number, luck: number): number {
  return backoffDelay({ type, attempt: at }, {
    settings: DEFAULTS,
    random: luck,
  });
}

Deno.test("a transient failure waits a random part of the exponential bound", () => {
  const bounds = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
  bounds.forEach((bound, index) => {
    assert.equal(delay("dial", index + 1, 0), 0);
    assert.equal(delay("dial", index + 1, 0.5), bound / 2);
    assert.ok(delay("dial", index + 1, MOST) < bound);
  });
});

Deno.test("a rate limit keeps at least half of a bound that starts at two seconds", () => {
  assert.equal(delay("rate_limited", 1, 0), 1_000);
  assert.equal(delay("rate_limited", 2, 0), 2_000);
  assert.ok(delay("rate_limited", 1, MOST) < 2_000 + 1e-6);
  assert.equal(delay("rate_limited", 40, 0), 15_000);
});

Deno.test("Retry-After is the minimum, up to five minutes", () => {
  const asked = (retryAfterMs: number, type: FailureType, luck = 0) =>
    backoffDelay({ type, attempt: 1, retryAfterMs }, {
      settings: DEFAULTS,
      random: luck,
    });
  assert.equal(asked(20_000, "rate_limited"), 20_000);
  assert.equal(asked(20_000, "dial", 0.5), 21_000);
  assert.equal(asked(20_000, "auth"), 60_000);
  assert.equal(asked(0, "rate_limited"), 1_000);
  assert.equal(asked(86_400_000, "rate_limited"), 300_000);
});

Deno.test("an auth failure is retried once a minute", () => {
  for (const at of [1, 2, 50, 5_000]) {
    assert.equal(delay("auth", at, 0), 60_000);
    assert.ok(delay("auth", at, MOST) <= 66_000);
  }
});

Deno.test("a doubted auth failure waits 500 ms at first, doubling up to a minute", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 8, 50].map((doubted) =>
    backoffDelay({ type: "auth", attempt: 1, doubted }, {
      settings: DEFAULTS,
      random: MOST,
    })
  );
  assert.deepEqual(
    waits.map(Math.round),
    [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000],
  );
});

Deno.test("an auth failure is doubted within a day, until the wait is a minute", () => {
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

Deno.test("a delay is finite, never negative, and bounded for every type", () => {
  const type = fc.constantFrom(...FAILURE_TYPES);
  fc.assert(
    fc.property(type, settings, attempt, random, (type, settings, at, luck) => {
      const ms = backoffDelay({ type, attempt: at }, {
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

Deno.test("the delay never decreases with attempts for the same random number", () => {
  fc.assert(
    fc.property(
      settings,
      fc.integer({ min: 1, max: 2_000 }),
      random,
      (settings, at, luck) => {
        const options = { settings, random: luck };
        const now = backoffDelay({ type: "closed", attempt: at }, options);
        const next = backoffDelay(
          { type: "closed", attempt: at + 1 },
          options,
        );
        assert.ok(next >= now);
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("an attempt below the first counts as the first", () => {
  assert.equal(delay("dial", 0, 0.5), 250);
  assert.equal(delay("connection_limit", -3, 0), 5_000);
});

const TYPES: readonly (readonly [number, FailureType])[] = [
  [400, "upstream_error"],
  [401, "upstream_error"],
  [402, "auth"],
  [404, "upstream_error"],
  [406, "connection_limit"],
  [407, "upstream_error"],
  [409, "auth"],
  [411, "auth"],
  [412, "auth"],
  [429, "rate_limited"],
  [500, "upstream_error"],
  [502, "upstream_error"],
  [0, "upstream_error"],
];

for (const [code, type] of TYPES) {
  Deno.test(`code ${code} is ${type}`, () => {
    assert.equal(failureTypeOf(code), type);
  });
}

import assert from "node:assert/strict";
import { parseRetryAfter } from "../../../../../src/domain/connection/backoff.ts";
import {
  isUsedUp,
  windowLeftMs,
} from "../../../../../src/infrastructure/alpaca/rest/rest_client.ts";

const NOW = Date.UTC(2026, 8, 14, 14, 30, 0);

const RETRY_AFTER: readonly (readonly [string, number | undefined])[] = [
  ["0", 0],
  ["17", 17_000],
  [" 2 ", 2_000],
  ["0.5", 500],
  ["Mon, 14 Sep 2026 14:30:42 GMT", 42_000],
  ["Monday, 14-Sep-26 14:31:00 GMT", 60_000],
  ["Mon Sep 14 14:30:10 2026 GMT", 10_000],
  ["Mon, 14 Sep 2026 14:00:00 GMT", 0],
  ["", undefined],
  ["-5", undefined],
  ["1e9", undefined],
  ["soon", undefined],
  ["NaN", undefined],
];

for (const [text, expected] of RETRY_AFTER) {
  Deno.test(`Retry-After: "${text}" asks for ${expected} ms`, () => {
    assert.equal(parseRetryAfter(text, NOW), expected);
  });
}

Deno.test("a response without Retry-After has no delay", () => {
  assert.equal(parseRetryAfter(null, NOW), undefined);
});

Deno.test("the rate window ends at a Unix second", () => {
  const left = (value: string) => windowLeftMs(new Headers({ "x-ratelimit-reset": value }), NOW);
  assert.equal(left(String(NOW / 1000 + 30)), 30_000);
  assert.equal(left(String(NOW / 1000 - 30)), 0);
  assert.equal(left("soon"), undefined);
  assert.equal(left("0"), undefined);
  assert.equal(windowLeftMs(new Headers(), NOW), undefined);
});

Deno.test("a quarter of a rate window is left to the account's orders", () => {
  const used = (remaining: string, limit = "200") =>
    isUsedUp(
      new Headers({
        "x-ratelimit-remaining": remaining,
        "x-ratelimit-limit": limit,
      }),
    );
  assert.deepEqual(["51", "50", "0"].map((left) => used(left)), [
    false,
    true,
    true,
  ]);
  assert.equal(used("1", "none"), false);
});

Deno.test("a window of unknown size is used up only at 0", () => {
  const used = (value: string) => isUsedUp(new Headers({ "x-ratelimit-remaining": value }));
  assert.deepEqual(["0", "1", "", "none"].map(used), [
    true,
    false,
    false,
    false,
  ]);
  assert.equal(isUsedUp(new Headers()), false);
});

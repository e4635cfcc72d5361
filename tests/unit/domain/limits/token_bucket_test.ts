import assert from "node:assert/strict";
import fc from "fast-check";
import { TokenBucket, TokenBuckets } from "../../../../src/domain/limits/token_bucket.ts";

const RATE = { perMs: 0.01, burst: 5 };

Deno.test("a burst is taken, then one token per interval", () => {
  const bucket = new TokenBucket(RATE, 0);
  for (let taken = 0; taken < 5; taken++) assert.equal(bucket.take(0), 0);
  assert.equal(bucket.take(0), 100);
  assert.equal(bucket.take(60), 40);
  assert.equal(bucket.take(100), 0);
  assert.equal(bucket.take(100), 100);
});

Deno.test("in any stretch of time at most the burst and the rate are taken", () => {
  const steps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 });
  fc.assert(fc.property(steps, (pauses) => {
    const bucket = new TokenBucket(RATE, 0);
    const taken: number[] = [];
    let now = 0;
    for (const pause of pauses) {
      now += pause;
      const waitMs = bucket.take(now);
      if (waitMs === 0) taken.push(now);
      else assert.ok(waitMs > 0 && waitMs <= 100);
    }
    for (const [from, start] of taken.entries()) {
      for (let to = from; to < taken.length; to++) {
        const most = RATE.burst + ((taken[to] ?? 0) - start) * RATE.perMs;
        assert.ok(to - from + 1 <= most + 1e-6, `${to - from + 1} of ${most}`);
      }
    }
  }));
});

Deno.test("a refused client is admitted after the time that it was asked to wait", () => {
  fc.assert(fc.property(fc.array(fc.nat(50), { maxLength: 100 }), (pauses) => {
    const buckets = new TokenBuckets(RATE);
    let now = 0;
    for (const pause of pauses) {
      now += pause;
      const waitMs = buckets.take("a", now);
      if (waitMs === 0) continue;
      now += waitMs + 1e-6;
      assert.equal(buckets.take("a", now), 0);
    }
  }));
});

Deno.test("keys do not share tokens, and are forgotten once their bucket is full", () => {
  const buckets = new TokenBuckets(RATE);
  for (let taken = 0; taken < 5; taken++) buckets.take("a", 0);
  assert.ok(buckets.take("a", 0) > 0);
  assert.equal(buckets.take("b", 300), 0);
  assert.equal(buckets.size, 2);
  assert.equal(buckets.take("c", 500), 0);
  assert.equal(buckets.size, 2, "a is full again");
});

Deno.test("a million keys leave no more than the bound", () => {
  const buckets = new TokenBuckets(RATE, 100);
  for (let key = 0; key < 1_000_000; key++) buckets.take(String(key), 0);
  assert.equal(buckets.size, 100);
});

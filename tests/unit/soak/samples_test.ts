/** What a soak concludes from its samples. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseSoak } from "../../../scripts/soak/main.ts";
import {
  judge,
  lows,
  type Sample,
  slopePerHour,
  warmUpSeconds,
} from "../../../scripts/soak/samples.ts";

const MIB = 2 ** 20;

function sample(at: number, mib: number): Sample {
  return {
    at,
    rss: (100 + mib) * MIB,
    anonymous: 0,
    heapUsed: 20 * MIB,
    heapTotal: 50 * MIB,
    external: 0,
    malloced: 0,
    descriptors: 40,
    streams: 10,
    queued: 0,
    received: 0,
  };
}

Deno.test("the slope of a line is its growth per hour, wherever it starts", () => {
  fc.assert(fc.property(
    fc.integer({ min: -50, max: 50 }),
    fc.integer({ min: 0, max: 1_000 }),
    (perHour, start) => {
      const points = Array.from({ length: 30 }, (_, i) => {
        const at = start + i * 10;
        return [at, 1e9 + perHour * MIB * at / 3600] as const;
      });
      assert(Math.abs(slopePerHour(points) - perHour) < 1e-3);
    },
  ));
});

Deno.test("a sawtooth on a flat floor has a flat slope", () => {
  const points = Array.from({ length: 121 }, (_, i) => {
    // Seven samples from one collection to the next.
    return [i * 10, (40 + i % 7 * 5) * MIB] as const;
  });
  assert(Math.abs(slopePerHour(lows(points))) < 1e-9);
  assert.equal(lows(points.slice(0, 5)).length, 5);
});

Deno.test("one point has no slope", () => {
  assert(Number.isNaN(slopePerHour([[1, 1]])));
});

Deno.test("the warm-up is a fifth of the run, at most a quarter of an hour", () => {
  assert.equal(warmUpSeconds(600), 120);
  assert.equal(warmUpSeconds(3 * 3600), 900);
});

Deno.test("growth in the warm-up is not judged, later growth is", () => {
  const early = [sample(0, 0), sample(50, 40)];
  const flat = [sample(100, 40), sample(1_900, 40), sample(3_700, 40)];
  const rising = [sample(100, 40), sample(1_900, 45), sample(3_700, 50)];
  const options = { warmUp: 100, bound: 5 };
  const over = (samples: readonly Sample[]) =>
    judge(samples, options).filter((one) => one.isOver).map((one) => one.what);
  assert.deepEqual(over([...early, ...flat]), []);
  assert.deepEqual(over([...early, ...rising]), ["RSS beyond the heap"]);
});

Deno.test("a run without samples after its warm-up fails", () => {
  const found = judge([sample(0, 0)], { warmUp: 100, bound: 5 });
  assert(found.some(({ isOver }) => isOver));
});

Deno.test("arguments are read, and wrong ones are named", () => {
  const options = parseSoak(["--minutes", "2", "--kinds", "slow,unary"]);
  assert(options !== "help");
  assert.equal(options.minutes, 2);
  assert.deepEqual(options.kinds, ["slow", "unary"]);
  assert.equal(options.bound, 5);
  assert.throws(() => parseSoak(["--minutes", "0"]), /--minutes.*"0"/);
  assert.throws(() => parseSoak(["--kinds", "noise"]), /"noise"/);
  assert.equal(parseSoak(["--help"]), "help");
});

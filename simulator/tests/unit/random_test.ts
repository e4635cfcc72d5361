import assert from "node:assert/strict";
import fc from "fast-check";
import { SeededRandom } from "../../src/random.ts";

const draw = (random: SeededRandom) => Array.from({ length: 20 }, () => random.next());

Deno.test("a seed is a sequence, a fork is another one", () => {
  assert.deepEqual(draw(new SeededRandom(7)), draw(new SeededRandom("7")));
  assert.notDeepEqual(draw(new SeededRandom(7)), draw(new SeededRandom(8)));
  const random = new SeededRandom("x");
  const forked = draw(random.fork("a"));
  draw(random);
  assert.deepEqual(draw(random.fork("a")), forked);
  assert.notDeepEqual(draw(random.fork("b")), forked);
});

Deno.test("numbers stay in their ranges", () => {
  fc.assert(fc.property(fc.string(), fc.integer({ min: 1, max: 1e6 }), (
    seed,
    limit,
  ) => {
    const random = new SeededRandom(seed);
    const value = random.next();
    assert.ok(value >= 0 && value < 1);
    const whole = random.below(limit);
    assert.ok(Number.isInteger(whole) && whole >= 0 && whole < limit);
    assert.ok(Number.isFinite(random.gaussian()));
  }));
});

Deno.test("numbers are spread evenly", () => {
  const random = new SeededRandom("even");
  const counts = new Array(10).fill(0);
  for (let draws = 0; draws < 100_000; draws++) counts[random.below(10)]++;
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500);
});

Deno.test("uuids are version 4 and differ", () => {
  const random = new SeededRandom("ids");
  const ids = Array.from({ length: 1000 }, () => random.uuid());
  assert.equal(new Set(ids).size, 1000);
  for (const id of ids) {
    assert.match(
      id,
      /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
    );
  }
});

Deno.test("pick throws for an empty list", () => {
  assert.throws(() => new SeededRandom(1).pick([]), RangeError);
});

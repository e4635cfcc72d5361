import assert from "node:assert/strict";
import fc from "fast-check";
import { Ring } from "../../../../src/application/broadcast/ring.ts";

Deno.test("a ring behaves like an array that drops its oldest item", () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constant("push" as const) },
    { weight: 1, arbitrary: fc.nat(40) },
    { weight: 1, arbitrary: fc.constant("burst" as const) },
    { weight: 1, arbitrary: fc.constant("compact" as const) },
  );
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(1_500)),
      fc.array(step, { maxLength: 120, size: "max" }),
      (capacity, steps) => {
        const usage = { slots: 0 };
        const ring = new Ring<number>(capacity, usage);
        const model: number[] = [];
        let next = 0;
        const push = () => {
          const dropped = ring.push(next);
          model.push(next++);
          const oldest = model.length > capacity ? model.shift() : undefined;
          assert.equal(dropped, oldest);
        };
        for (const step of steps) {
          if (step === "push") push();
          else if (step === "burst") { for (let i = 0; i < 300; i++) push(); }
          else if (step === "compact") {
            ring.compact();
            assert.ok(usage.slots <= 4 * ring.size + 16);
          } else assert.deepEqual(ring.take(step), model.splice(0, step));
          assert.equal(ring.size, model.length);
        }
        assert.deepEqual(ring.take(Infinity), model);
        assert.equal(ring.size, 0);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a capacity is exact", () => {
  for (const capacity of [1, 2, 15, 16, 17, 1_000, 1_025, 50_000]) {
    const ring = new Ring<number>(capacity);
    for (let i = 0; i < capacity; i++) assert.equal(ring.push(i), undefined);
    assert.equal(ring.push(capacity), 0);
    assert.equal(ring.size, capacity);
    assert.equal(ring.take(1)[0], 1);
  }
});

Deno.test("an invalid capacity is an error with its value", () => {
  for (const capacity of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => new Ring(capacity), (error) => {
      assert.ok(error instanceof RangeError);
      assert.match(error.message, /capacity must be a whole number/);
      assert.ok(error.message.endsWith(`current value is ${capacity}`));
      return true;
    });
  }
});

Deno.test("a cleared ring behaves like a new one", () => {
  const ring = new Ring<number>(3);
  for (let i = 0; i < 5; i++) ring.push(i);
  ring.clear();
  assert.deepEqual(ring.take(10), []);
  ring.push(7);
  assert.deepEqual(ring.take(10), [7]);
});

Deno.test("items that were taken are released", async () => {
  const ring = new Ring<{ bytes: Uint8Array }>(8);
  const collected = Promise.withResolvers<void>();
  const registry = new FinalizationRegistry(() => collected.resolve());
  // In a function of its own, so that no variable here holds the item.
  (() => {
    const item = { bytes: new Uint8Array(1) };
    registry.register(item, "item");
    ring.push(item);
    ring.take(1);
  })();
  let held: unknown[] = [];
  let found = false;
  collected.promise.then(() => found = true);
  for (let turn = 0; turn < 2_000 && !found; turn++) {
    held = Array.from({ length: 20_000 }, (_, index) => ({ index }));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert.ok(held.length > 0 && found, "the ring still holds what was taken");
  ring.push({ bytes: new Uint8Array(1) });
});

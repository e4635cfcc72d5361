import assert from "node:assert/strict";
import { debounceSignals } from "../../../../src/infrastructure/clock/debounce_signals.ts";

Deno.test("a signal that repeats within half a second is a duplicate", () => {
  let now = 0;
  const count = debounceSignals(() => now);
  assert.equal(count(), "first");
  now = 1;
  assert.equal(count(), "duplicate");
  now = 499;
  assert.equal(count(), "duplicate");
});

Deno.test("a signal that comes again later is a second one", () => {
  let now = 0;
  const count = debounceSignals(() => now);
  assert.equal(count(), "first");
  now = 500;
  assert.equal(count(), "second");
});

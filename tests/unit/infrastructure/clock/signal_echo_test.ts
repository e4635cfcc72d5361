import assert from "node:assert/strict";
import { signalCounter } from "../../../../src/infrastructure/clock/signal_echo.ts";

Deno.test("a signal that comes twice at once is one signal", () => {
  let now = 0;
  const count = signalCounter(() => now);
  assert.equal(count(), "first");
  now = 1;
  assert.equal(count(), "echo");
  now = 499;
  assert.equal(count(), "echo");
});

Deno.test("a signal that comes again later is a second one", () => {
  let now = 0;
  const count = signalCounter(() => now);
  assert.equal(count(), "first");
  now = 500;
  assert.equal(count(), "second");
});

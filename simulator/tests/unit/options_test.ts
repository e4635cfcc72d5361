import assert from "node:assert/strict";
import { resolveOptions, type SimulatorOptions } from "../../src/options.ts";

Deno.test("every option has a default", () => {
  const settings = resolveOptions({});
  assert.ok(Object.values(settings).every((value) => value !== undefined));
  assert.equal(settings.ghostSeconds, 90);
  assert.equal(settings.authTimeoutSeconds, 10);
});

Deno.test("the default total is larger with a rate of each symbol", () => {
  const total = (options: SimulatorOptions) => resolveOptions(options).messagesPerSecond;
  assert.equal(total({}), 100);
  assert.equal(total({ messagesPerSymbol: 0 }), 100);
  assert.equal(total({ messagesPerSymbol: 50 }), 10_000);
  assert.equal(total({ messagesPerSymbol: 50, messagesPerSecond: 300 }), 300);
});

Deno.test("all problems are reported together, by name and value", () => {
  const wrong = {
    messagesPerSecond: 200_001,
    universeSize: 1.5,
    accounts: [{ key: "K", secret: "S", plan: "gold" as never }],
  };
  assert.throws(() => resolveOptions(wrong), (error: Error) => {
    assert.match(error.message, /messagesPerSecond .* 200001/);
    assert.match(error.message, /universeSize .* 1\.5/);
    assert.match(error.message, /plan must be one of basic, plus.*"gold"/);
    assert.doesNotMatch(error.message, /"?secret/);
    return error instanceof RangeError;
  });
});

import assert from "node:assert/strict";
import { heapNeeded, memoryProblems } from "../../../../src/application/broadcast/memory_needs.ts";
import { parseConfig } from "../../../../src/infrastructure/config/parse_config.ts";

const MIB = 1_048_576;
/** Two thirds of the chart's memory limit of 1 GiB. */
const CHART_HEAP = 682 * MIB;

function settings(env: Readonly<Record<string, string>> = {}) {
  return parseConfig({ ALPACA_KEY: "k", ALPACA_SECRET: "s", ...env });
}

Deno.test("the defaults fit into the chart's heap and leave a quarter free", () => {
  assert.deepEqual(memoryProblems(settings(), CHART_HEAP), []);
  assert.ok(heapNeeded(settings()) < 0.75 * CHART_HEAP);
});

Deno.test("settings that can need more than the heap are reported with the fix", () => {
  const config = settings({ STREAM_PROXY_QUEUE_MEMORY_MB: "500" });
  const [problem, ...others] = memoryProblems(config, CHART_HEAP);
  assert.deepEqual(others, []);
  assert.equal(
    problem,
    "The heap limit of 682 MiB may be too small: " +
      "STREAM_PROXY_QUEUE_MEMORY_MB=500 and STREAM_PROXY_MAX_SYMBOLS=100000 " +
      "may need 749 MiB; lower them, or raise the limit " +
      "(--v8-flags=--max-old-space-size, in MiB)",
  );
});

Deno.test("a capacity of WebSocket clients above the memory of all queues is reported", () => {
  const tooLarge = { STREAM_PROXY_WEBSOCKET_CAPACITY: "456523" };
  assert.deepEqual(memoryProblems(settings(tooLarge), CHART_HEAP), [
    "The STREAM_PROXY_WEBSOCKET_CAPACITY of 456523 can never be used: " +
    "STREAM_PROXY_QUEUE_MEMORY_MB=256 holds 456522 messages of usual size in " +
    "all queues; lower the one or raise the other",
  ]);
  const fitting = { STREAM_PROXY_WEBSOCKET_CAPACITY: "456522" };
  assert.deepEqual(memoryProblems(settings(fitting), CHART_HEAP), []);
  const off = { ...tooLarge, STREAM_PROXY_WEBSOCKET_PORT: "0" };
  assert.deepEqual(memoryProblems(settings(off), CHART_HEAP), []);
});

Deno.test("a capacity above the memory of all queues is reported", () => {
  const config = settings({
    STREAM_PROXY_OPTIONS_QUOTES_CAPACITY: "1000000",
    STREAM_PROXY_ORDER_UPDATES_CAPACITY: "133682",
  });
  const [problem, ...others] = memoryProblems(config, CHART_HEAP);
  assert.deepEqual(others, []);
  assert.equal(
    problem,
    "The optionQuotes capacity of 1000000 can never be used: " +
      "STREAM_PROXY_QUEUE_MEMORY_MB=256 holds 860370 events of that type in " +
      "all queues; lower the one or raise the other",
  );
});

import assert from "node:assert/strict";
import type { Log } from "../../../../src/application/ports/log.ts";
import { RecentErrors } from "../../../../src/application/status/recent_errors.ts";
import { RecordingLog } from "../../../support/recording_log.ts";

function setup() {
  let now = 0;
  const recent = new RecentErrors(
    { now: () => now, monotonic: () => now },
    (text) => text.replaceAll("hunter2", "<secret>"),
  );
  const inner = new RecordingLog();
  const log: Log = recent.listen(inner);
  return { recent, inner, log, at: (ms: number) => void (now = ms) };
}

Deno.test("warnings and errors are kept, newest first, and still logged", () => {
  const { recent, inner, log, at } = setup();
  at(10);
  log.with({ feed: "sip" }).warn("Feed lost", { cause: "closed" });
  at(20);
  log.error("Answer failed", { cause: new Error("broken") });
  log.info("Feed connected");
  assert.deepEqual(recent.report(), [
    {
      level: "error",
      at: 20,
      feed: undefined,
      message: "Answer failed",
      cause: "broken",
      times: 1,
    },
    {
      level: "warn",
      at: 10,
      feed: "sip",
      message: "Feed lost",
      cause: "closed",
      times: 1,
    },
  ]);
  assert.equal(inner.records.length, 3);
});

Deno.test("what repeats is counted, with the moment of the last time", () => {
  const { recent, log, at } = setup();
  for (const ms of [1, 2, 3]) {
    at(ms);
    log.warn("Feed lost", { feed: "opra", cause: "HTTP 502" });
  }
  const [only, ...none] = recent.report();
  assert.deepEqual([only?.times, only?.at, none.length], [3, 3, 0]);
});

Deno.test("the oldest makes room", () => {
  const { recent, log } = setup();
  for (let number = 0; number < 40; number++) log.warn(`problem ${number}`);
  const kept = recent.report().map(({ message }) => message);
  assert.equal(kept.length, 30);
  assert.deepEqual([kept[0], kept.at(-1)], ["problem 39", "problem 10"]);
});

Deno.test("secrets are taken out before a text is cut", () => {
  const { recent, log } = setup();
  log.error(`${"x".repeat(296)}hunter2`, { cause: new Error("key hunter2") });
  const [error] = recent.report();
  assert.doesNotMatch(JSON.stringify(error), /hunt/);
  assert.equal(error?.cause, "key <secret>");
});

Deno.test("of a long text only its beginning is kept in memory", () => {
  const clock = { now: () => 0, monotonic: () => 0 };
  const recent = new RecentErrors(clock, (text) => text);
  const nothing = () => {};
  const silent: Log = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: nothing,
    with: () => silent,
  };
  const log = recent.listen(silent);
  const used = () => {
    (globalThis as { gc?: () => void }).gc?.();
    return Deno.memoryUsage().heapUsed;
  };
  const before = used();
  for (let i = 0; i < 30; i++) {
    const text = Array.from({ length: 100_000 }, (_, n) => `${i} ${n};`).join();
    log.warn(`Fault ${i}`, { cause: new Error(text) });
  }
  assert.equal(recent.report().length, 30);
  assert.equal(recent.report()[0]?.cause?.length, 301);
  assert.ok(used() - before < 5_000_000, `${used() - before} bytes`);
});

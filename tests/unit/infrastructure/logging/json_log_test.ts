import assert from "node:assert/strict";
import fc from "fast-check";
import {
  createJsonLog,
  type JsonLogOptions,
} from "../../../../src/infrastructure/logging/json_log.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

type Record_ = Record<string, unknown>;

function setup(options: Partial<JsonLogOptions> = {}) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log = createJsonLog({
    level: "debug",
    clock,
    write: (line) => void lines.push(line),
    ...options,
  });
  const records = () => lines.map((line) => JSON.parse(line) as Record_);
  return { clock, lines, log, records };
}

Deno.test("a line is one JSON object: time, level, message, fields", () => {
  const { log, lines } = setup();
  log.info("Feed connected", { feed: "sip", attempt: 2, skipped: undefined });
  assert.deepEqual(lines, [
    '{"ts":"2024-01-15T15:00:00.000Z","level":"info","msg":"Feed connected","feed":"sip","attempt":2}',
  ]);
});

Deno.test("lines below the level are not written", () => {
  const kept = { trace: 4, debug: 4, info: 3, warn: 2, error: 1, off: 0 };
  for (const [level, count] of Object.entries(kept)) {
    const { log, lines } = setup({ level: level as keyof typeof kept });
    log.debug("d");
    log.info("i");
    log.warn("w");
    log.error("e");
    assert.equal(lines.length, count, level);
  }
});

Deno.test("the level of a log and of its children is changed while it is used", () => {
  const { log, lines } = setup({ level: "warn" });
  const child = log.with({ feed: "sip" });
  child.info("suppressed");
  log.control.level = "debug";
  child.debug("written");
  log.control.level = "off";
  child.error("suppressed");
  assert.equal(lines.length, 1);
  assert.equal(child.control.level, "off");
});

Deno.test("what has to be written always is written at every level", () => {
  const { log, records } = setup({ level: "off" });
  log.control.always.with({ audit: "admin" }).info("Administration");
  assert.deepEqual(records().map(({ msg, audit }) => [msg, audit]), [["Administration", "admin"]]);
});

Deno.test("a child adds its fields to every line", () => {
  const { log, records } = setup();
  log.with({ feed: "opra" }).with({ attempt: 1 }).info("Dialing", { url: "x" });
  const { ts: _, ...rest } = records()[0] ?? {};
  assert.deepEqual(rest, {
    level: "info",
    msg: "Dialing",
    feed: "opra",
    attempt: 1,
    url: "x",
  });
});

Deno.test("fields cannot take the place of time, level or message", () => {
  const { log, records } = setup();
  log.info("Text", { msg: "other", level: 7 });
  assert.equal(records()[0]?.msg, "Text");
  assert.equal(records()[0]?.msg_, "other");
  assert.equal(records()[0]?.level_, 7);
});

Deno.test("an error shows its name, message, code and causes", () => {
  const { log, records } = setup();
  const root = Object.assign(new TypeError("refused"), {
    code: "ECONNREFUSED",
  });
  log.warn("Dial failed", { cause: new Error("Cannot dial", { cause: root }) });
  assert.deepEqual(records()[0]?.cause, {
    name: "Error",
    message: "Cannot dial",
    cause: { name: "TypeError", message: "refused", code: "ECONNREFUSED" },
  });
});

Deno.test("an error line also shows where the error was thrown", () => {
  const { log, records } = setup();
  log.error("Fault", { cause: new Error("boom") });
  const cause = records()[0]?.cause as { stack: string };
  assert.match(cause.stack, /json_log_test\.ts/);
});

Deno.test("anything can be logged: cycles, bigints, bytes, traps", () => {
  const { log, records } = setup();
  const cycle: Record_ = {};
  cycle.self = cycle;
  const trap = {
    get bite() {
      throw new Error("no");
    },
  };
  log.info("All", {
    cycle,
    trap,
    id: 2n ** 63n,
    bytes: new Uint8Array(5),
    set: new Set(["a"]),
    nan: NaN,
    text: "x".repeat(10_000),
  });
  const [record] = records();
  assert.equal(record?.id, "9223372036854775808");
  assert.equal(record?.bytes, "<5 bytes>");
  assert.deepEqual(record?.set, ["a"]);
  assert.equal(record?.nan, "NaN");
  assert.equal(record?.trap, "<unprintable>");
  assert.equal(String(record?.text).length, 4097);
});

Deno.test("a known secret is redacted everywhere in a line", () => {
  const secret = fc.string({
    minLength: 4,
    maxLength: 30,
    unit: "grapheme-ascii",
  }).filter((text) => !"<secret>Cannot use keyhttps://x/?token=".includes(text));
  fc.assert(fc.property(secret, (text) => {
    const { log, lines, records } = setup({ secrets: [text] });
    log.warn(`Cannot use ${text}`, {
      url: `https://x/?token=${encodeURIComponent(text)}`,
      deep: { list: [{ [text]: text }] },
      cause: new Error(text, { cause: text }),
    });
    const [record] = records();
    assert.equal(record?.msg, "Cannot use <secret>");
    assert.equal(record?.url, "https://x/?token=<secret>");
    assert.deepEqual(record?.deep, { list: [{ "<secret>": "<secret>" }] });
    assert.deepEqual(record?.cause, {
      name: "Error",
      message: "<secret>",
      cause: "<secret>",
    });
    assert.equal(lines.length, 1);
  }));
});

Deno.test("a repeating warning is one line a second, with a count", async () => {
  const { log, clock, records } = setup();
  const feed = log.with({ feed: "sip" });
  for (let index = 0; index < 5; index++) {
    feed.warn("Element skipped", { index });
    await clock.advance(10);
  }
  assert.equal(records().length, 1);
  await clock.advance(1_000);
  feed.warn("Element skipped", { index: 5 });
  const told = records().map(({ index, repeated }) => ({ index, repeated }));
  assert.deepEqual(told, [
    { index: 0, repeated: undefined },
    { index: 4, repeated: 4 }, // 1 to 4 were held back
    { index: 5, repeated: undefined },
  ]);
});

Deno.test("another feed, another message or another level is not a repetition", () => {
  const { log, records } = setup();
  log.warn("Closed", { feed: "sip" });
  log.warn("Closed", { feed: "opra" });
  log.warn("Mute", { feed: "sip" });
  log.error("Closed", { feed: "sip" });
  log.info("Closed", { feed: "sip" });
  log.info("Closed", { feed: "sip" });
  assert.equal(records().length, 6);
});

Deno.test("closing the log writes what was held back", () => {
  const { log, records } = setup();
  log.warn("Closed");
  log.warn("Closed", { last: true });
  log[Symbol.dispose]();
  log[Symbol.dispose]();
  assert.equal(records().length, 2);
  assert.equal(records()[1]?.repeated, 1);
  assert.equal(records()[1]?.last, true);
});

/** Logs a script of kinds and waits; returns the number of calls that the lines represent. */
function countCalls(script: readonly { kind: number; wait: number }[]): number {
  let now = 0;
  const { log, records } = setup({
    clock: { now: () => now, monotonic: () => now, sleep: () => new Promise(() => {}) },
  });
  for (const { kind, wait } of script) {
    now += wait;
    log.warn(`kind ${kind}`);
  }
  log[Symbol.dispose]();
  return records().reduce((sum, record) => sum + Number(record.repeated ?? 1), 0);
}

Deno.test("written and held-back lines together are all lines", () => {
  const steps = fc.array(fc.record({ kind: fc.nat(3), wait: fc.nat(400) }), {
    maxLength: 200,
    size: "max",
  });
  fc.assert(fc.property(steps, (script) => {
    assert.equal(countCalls(script), script.length);
  }));
});

Deno.test("no line is lost when more kinds repeat than are watched", () => {
  const script = Array.from({ length: 3_000 }, (_, index) => ({
    kind: index % 700,
    wait: index % 7 === 0 ? 1 : 0,
  }));
  assert.equal(countCalls(script), script.length);
});

Deno.test("another cause, error type or limit is not a repetition", () => {
  const { log, records } = setup();
  const failed = (fields: Record_) => log.warn("Failed", { feed: "sip", ...fields });
  failed({ cause: "closed (1006)" });
  failed({ cause: "auth failed (402)" });
  failed({ cause: new Error("closed (1006)") });
  failed({ cause: new Error("closed (1006)", { cause: new Error("reset") }) });
  failed({ cause: Object.assign(new Error("reset"), { code: "ECONNRESET" }) });
  failed({ cause: "auth failed (402)", error_type: "auth" });
  failed({ limit: "streams" });
  failed({ limit: "symbols" });
  assert.equal(records().length, 8);
  failed({ cause: new Error("closed (1006)", { cause: new Error("reset") }) });
  assert.equal(records().length, 8);
});

Deno.test("suppressed lines are written a second after the first, by a timer", async () => {
  const { log, clock, records } = setup();
  log.warn("Closed", { index: 0 });
  await clock.advance(400);
  log.warn("Closed", { index: 1 });
  log.warn("Mute", { index: 2 });
  log.warn("Mute", { index: 3 });
  await clock.advance(599);
  assert.equal(records().length, 2);
  await clock.advance(1);
  assert.deepEqual([records()[2]?.index, records()[2]?.repeated], [1, 1]);
  await clock.advance(400);
  assert.deepEqual([records()[3]?.index, records()[3]?.repeated], [3, 1]);
});

Deno.test("no timer runs while nothing is suppressed, nor after the log is closed", async () => {
  const { log, clock } = setup();
  log.warn("Closed");
  assert.equal(clock.sleepers, 0);
  log.warn("Closed");
  log.warn("Closed");
  assert.equal(clock.sleepers, 1);
  await clock.advance(1_000);
  assert.equal(clock.sleepers, 0);
  log.warn("Closed");
  log.warn("Closed");
  log[Symbol.dispose]();
  assert.equal(clock.sleepers, 0);
});

Deno.test("a message with ever new causes is limited too, and every line is counted", async () => {
  const { log, clock, records } = setup();
  for (let index = 0; index < 1_000; index++) log.warn("Invalid", { cause: `value ${index}` });
  const passed = records().length;
  assert.ok(passed <= 10, `${passed} lines in no time`);
  await clock.advance(1_000);
  assert.equal(records().length, passed + 1);
  assert.equal(records().at(-1)?.repeated, 1_000 - passed);
  log.warn("Invalid", { cause: "value 0" });
  assert.equal(records().length, passed + 2);
});

Deno.test("at most 256 lines are held", () => {
  const { log, records } = setup();
  for (let index = 0; index < 3_000; index++) {
    log.warn(`Message ${index}`);
    log.warn(`Message ${index}`, { again: true });
  }
  assert.ok(records().length >= 6_000 - 256, `${records().length} lines`);
});

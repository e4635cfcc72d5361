import assert from "node:assert/strict";
import {
  ACCEPT_PAUSE_MS,
  acceptConnections,
  acceptFailureOf,
  codeOf,
} from "../../../../src/application/connections/accept_loop.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";

Deno.test("a failed accept is reported, and tried again after a pause", async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const results: (string | Error)[] = [
    "first",
    new Error("none left"),
    new Error("none left"),
    "second",
  ];
  const accepted: string[] = [];
  const failures: unknown[] = [];
  const loop = acceptConnections({
    accept: () => {
      const result = results.shift();
      if (result === undefined) return new Promise<string>(() => {});
      return result instanceof Error
        ? Promise.reject(result)
        : Promise.resolve(result);
    },
    onConnection: (connection) => accepted.push(connection),
    onFailure: (cause) => failures.push(cause),
    clock,
    signal: stop.signal,
  });
  await settle();
  assert.deepEqual(accepted, ["first"]);
  assert.equal(clock.nextWakeIn, ACCEPT_PAUSE_MS);
  await clock.advance(2 * ACCEPT_PAUSE_MS);
  assert.deepEqual(accepted, ["first", "second"]);
  assert.equal(failures.length, 2);
  stop.abort();
  void loop;
});

Deno.test("the loop ends when it is stopped, also in a pause", async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const loop = acceptConnections({
    accept: () => Promise.reject(new Error("none left")),
    onConnection: () => {},
    onFailure: () => {},
    clock,
    signal: stop.signal,
  });
  await settle();
  stop.abort();
  await loop;
  assert.equal(clock.sleepers, 0);
});

Deno.test("an error is known by its code, or else by its name", () => {
  const emfile = Object.assign(new Error("x"), { code: "EMFILE" });
  assert.equal(codeOf(emfile), "EMFILE");
  assert.equal(codeOf(new TypeError("x")), "TypeError");
  assert.equal(codeOf("x"), "unknown");
  assert.equal(acceptFailureOf("ENFILE"), "descriptors");
  assert.equal(acceptFailureOf("constructor"), "other");
});

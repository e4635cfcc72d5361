import assert from "node:assert/strict";
import { Child, OFFLINE } from "./child.ts";

const SCRIPT = "tests/integration/process/scripted.ts";

function scripted(name: string): Child {
  return new Child({ script: SCRIPT, env: { ...OFFLINE, SCRIPTED: name } });
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} stops everything and exits with 0`, async () => {
    await using child = scripted("healthy");
    await child.logged("Started");
    child.signal(signal);
    const { code, log, stderr } = await child.ended();
    assert.equal(code, 0);
    assert.equal(stderr, "");
    assert.deepEqual(log.map(({ msg }) => msg), [
      "Starting",
      "Started",
      "Stopping; a second signal forces the exit",
      "Disposed",
      "Stopped",
    ]);
  });
}

for (const [signal, expected] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
  Deno.test(`a second ${signal} exits with ${expected} while parts hang`, async () => {
    await using child = scripted("stop hangs");
    await child.logged("Started");
    child.signal("SIGTERM");
    await child.logged("Disposed");
    // Right after the first one it would be taken for its echo.
    const impatient = setInterval(() => child.signal(signal), 100);
    const { code } = await child.ended().finally(() => clearInterval(impatient));
    assert.equal(code, expected);
  });
}

Deno.test("a duplicate signal, as from a terminal, stops cleanly", async () => {
  await using child = scripted("healthy");
  await child.logged("Started");
  child.signal("SIGINT");
  child.signal("SIGINT");
  const { code, log } = await child.ended();
  assert.equal(code, 0);
  assert.ok(log.some(({ msg }) => msg === "Disposed"));
});

Deno.test("a part that fails permanently ends the process with 1", async () => {
  await using child = scripted("part fails");
  const { code, log } = await child.ended();
  assert.equal(code, 1);
  const entry = log.find(({ level }) => level === "error");
  assert.match(JSON.stringify(entry?.cause), /the part broke/);
  assert.ok(log.some(({ msg }) => msg === "Disposed"));
});

Deno.test("a start that fails is explained on stderr and exits with 1", async () => {
  await using child = scripted("start fails");
  const { code, stderr, log } = await child.ended();
  assert.equal(code, 1);
  assert.equal(stderr, "alpaca-stream-proxy cannot start: Cannot open the thing.\n");
  assert.ok(log.some(({ msg }) => msg === "Cannot start"));
});

Deno.test("a stop that fails exits with 1 and logs the cause", async () => {
  await using child = scripted("stop fails");
  await child.logged("Started");
  child.signal("SIGTERM");
  const { code, log } = await child.ended();
  assert.equal(code, 1);
  const entry = log.find(({ msg }) => msg === "Cannot stop cleanly");
  assert.match(JSON.stringify(entry), /stuck/);
});

const defects = { rejection: "uncaught rejection", throw: "thrown in a timer" };
for (const [script, message] of Object.entries(defects)) {
  Deno.test(`an uncaught ${script} is logged, stops everything and exits with 70`, async () => {
    await using child = scripted(script);
    const { code, log } = await child.ended();
    assert.equal(code, 70);
    assert.ok(log.some(({ msg }) => msg === "Disposed"));
    const entry = log.find(({ level }) => level === "error");
    assert.match(JSON.stringify(entry?.cause), new RegExp(message));
  });
}

Deno.test("credentials are redacted in every log line", async () => {
  await using child = scripted("secrets");
  await child.logged("Logged <secret>");
  child.signal("SIGTERM");
  const { stdout, stderr } = await child.ended();
  assert.doesNotMatch(stdout + stderr, /zq8[12]/);
});

Deno.test("after a defect, a stop that hangs is aborted", async () => {
  await using child = scripted("rejection, stop hangs");
  const { code, log } = await child.ended();
  assert.equal(code, 70);
  assert.ok(
    log.some(({ msg, waitedMs }) =>
      msg === "Not stopped in time; exiting with open connections" && waitedMs === 5_000
    ),
  );
});

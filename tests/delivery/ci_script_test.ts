/**
 * `.ci/run` itself, with a Deno that only plays: what it counts, what it ends.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "../../scripts/delivery/generate.ts";

/** Steps beside the tests: all of them, and without the delivery's. */
const STEPS = { all: 11, program: 7 };

interface Played {
  /** What the tests print and end with, in shell. */
  readonly tests?: string;
  /** What `deno install` does, the first step of all, in shell. */
  readonly install?: string;
  /** What `deno lint` does, in shell. */
  readonly lint?: string;
  readonly seconds?: number;
  readonly part?: string;
}

/** Runs the script; its whole output, its last line, its exit code. */
async function play(
  { tests, install = "", lint = "", seconds = 300, part = "all" }: Played,
) {
  const folder = await Deno.makeTempDir({ prefix: "ci-" });
  try {
    const program = async (path: string, text: string) => {
      const file = join(folder, path);
      await Deno.mkdir(join(file, ".."), { recursive: true });
      await Deno.writeTextFile(file, `#!/bin/bash\n${text}\n`, { mode: 0o755 });
    };
    // npx -y deno@2.9.6 WORD WORD …
    await program(
      "bin/npx",
      `case "$3 $4" in
        "task test") ${tests ?? "echo 'ok | 1 passed | 0 failed (1s)'"} ;;
        install*) ${install} : ;;
        lint*) ${lint} : ;;
      esac`,
    );
    await program("bin/cargo", "exit 1");
    const fetched = ["promtool", "chromium", "pip"];
    for (const name of [...fetched, "nginx", "haproxy", "envoy"]) {
      await program(`bin/${name}`, "");
    }
    await program("tools/python/bin/pip", "");
    await program("tools/python/bin/python", "");
    const { code, stdout } = await new Deno.Command("bash", {
      args: [fileURLToPath(new URL(".ci/run", ROOT)), part],
      env: {
        PATH: `${join(folder, "bin")}:${Deno.env.get("PATH")}`,
        CI_TOOLS: join(folder, "tools"),
        CI_SECONDS: String(seconds),
      },
      stdin: "null",
      stderr: "inherit",
    }).output();
    const text = new TextDecoder().decode(stdout).trim();
    return { code, text, last: text.split("\n").at(-1) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the CI script counts every step and every test, by Deno's last summary", async () => {
  const { code, last } = await play({
    tests: `echo 'ok | 99 passed | 0 failed (1s)'
      echo 'ok | 12 passed (30 steps) | 0 failed | 3 ignored (4s)'`,
  });
  assert.equal(last, `${STEPS.all + 12} passed, 0 failed`);
  assert.equal(code, 0);
});

Deno.test("the CI script runs a part alone", async () => {
  const { last } = await play({ part: "program" });
  assert.equal(last, `${STEPS.program + 1} passed, 0 failed`);
});

Deno.test("the CI script counts failed tests and failed steps once each, and fails", async () => {
  const { code, text, last } = await play({
    tests: `echo 'FAILED | 10 passed (2 steps) | 2 failed (1 step) | 1 ignored'
      exit 1`,
    lint: "exit 1;",
  });
  assert.equal(last, `${STEPS.all - 1 + 10} passed, 3 failed`);
  assert.match(text, /^failed: lint$/m);
  assert.match(text, /^left out: the Rust client/m);
  assert.equal(code, 1);
});

Deno.test("the CI script fails when the tests end without a summary", async () => {
  for (const tests of ["echo 'error: out of memory'; exit 1", "exit 0"]) {
    const { code, last } = await play({ tests, part: "program" });
    assert.equal(last, `${STEPS.program} passed, 1 failed`);
    assert.equal(code, 1);
  }
});

/** Lint leaves `sleep MARKER` behind, started in this way. */
async function leaves(start: (sleep: string) => string) {
  const marker = `600.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const { code, text, last } = await play({
    lint: `${start(`sleep ${marker}`)} >/dev/null 2>&1 & disown;`,
    part: "program",
  });
  assert.match(text, /^failed: lint: it left processes running$/m);
  assert.match(text, new RegExp(`sleep ${marker.replace(".", "\\.")}`));
  assert.equal(last, `${STEPS.program + 1} passed, 1 failed`);
  assert.equal(code, 1);
  const { code: alive } = await new Deno.Command("pgrep", {
    args: ["-f", `sleep ${marker}`],
    stdout: "null",
  }).output();
  assert.equal(alive, 1, "the process still runs");
}

Deno.test("the CI script ends what a step leaves behind, however detached, and says so", async () => {
  await leaves((sleep) => `setsid ${sleep}`);
});

// The kernel shows no environment of a process in the midst of an execve; here
// that lasts for half a second.
Deno.test("the CI script waits for a process that shows no environment yet", async () => {
  await leaves((sleep) =>
    `setsid env -i /bin/bash -c "/bin/sleep 0.5; CI_RUN_MARK=$CI_RUN_MARK exec /bin/${sleep}"`
  );
});

Deno.test("the CI script ends a step that hangs, leaves the rest out, and does not pass", async () => {
  const { code, text, last } = await play({
    install: "sleep 600;",
    seconds: 5,
    part: "program",
  });
  assert.match(
    text,
    /^left out: locked dependencies: no time is left for the rest of it$/m,
  );
  assert.match(text, /^left out: types: no time is left$/m);
  assert.match(text, /^failed: no time is left for the tests$/m);
  assert.equal(last, "0 passed, 1 failed");
  assert.equal(code, 1);
});

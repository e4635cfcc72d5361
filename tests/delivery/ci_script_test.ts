/**
 * `.ci/run` with stubs in place of Deno and of the tools: what it counts, skips
 * and ends.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "../../scripts/delivery/generate.ts";

/** Shell commands in place of steps; a step without one succeeds. */
interface Stubs {
  /** `deno install`. */
  readonly install?: string;
  /** `deno task check`. */
  readonly check?: string;
  /** `deno task test … tests/unit tests/delivery`. */
  readonly unit?: string;
  /** `deno task test … --ignore=tests/unit,tests/delivery`. */
  readonly integration?: string;
  /** `deno audit`. */
  readonly audit?: string;
  /** `check_image.ts`. */
  readonly image?: string;
  /** `pip`, which installs Python packages. */
  readonly pip?: string;
}

const PASS = "echo '10 passed, 0 failed, 1 skipped'";
/** Checks beside the tests. */
const CHECKS = 5;

/** Runs the script and returns its output, last line and exit code. */
async function runScript(stubs: Stubs) {
  const folder = await Deno.makeTempDir({ prefix: "ci-" });
  try {
    const program = async (path: string, text: string) => {
      const file = join(folder, path);
      await Deno.mkdir(join(file, ".."), { recursive: true });
      await Deno.writeTextFile(file, `#!/bin/bash\n${text}\n`, { mode: 0o755 });
    };
    // npx -y deno@2.9.6 COMMAND ARGUMENTS…
    await program(
      "bin/npx",
      `case "\${*:3}" in
        install*) ${stubs.install ?? ":"} ;;
        audit) ${stubs.audit ?? ":"} ;;
        "task check") ${stubs.check ?? ":"} ;;
        "task test "*" tests/unit tests/delivery") ${stubs.unit ?? PASS} ;;
        "task test "*" --ignore="*) ${stubs.integration ?? PASS} ;;
        "run -A "*) ${stubs.image ?? ":"} ;;
      esac`,
    );
    const tools = ["python3", "go", "nginx", "haproxy", "chromium", "promtool"];
    for (const name of [...tools, "buildah", "bwrap"]) {
      await program(`bin/${name}`, "");
    }
    await program("bin/cargo", "exit 1");
    await program("tools/python/bin/pip", stubs.pip ?? "");
    await Deno.mkdir(join(folder, "tools/schemas"));
    const { code, stdout } = await new Deno.Command("bash", {
      args: [fileURLToPath(new URL(".ci/run", ROOT))],
      env: {
        PATH: `${join(folder, "bin")}:${Deno.env.get("PATH")}`,
        CI_TOOLS: join(folder, "tools"),
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

Deno.test("the CI script adds up checks and tests", async () => {
  const { code, last } = await runScript({
    unit: "echo '10 passed, 0 failed, 1 skipped'",
    integration: "echo 'Skipped:'; echo '5 passed, 0 failed, 2 skipped'",
  });
  assert.equal(last, `${CHECKS + 15} passed, 0 failed, 3 skipped`);
  assert.equal(code, 0);
});

Deno.test("the CI script fails when tests or checks fail, and prints their output", async () => {
  const { code, text, last } = await runScript({
    unit: "echo 'the name of a test'; echo '8 passed, 2 failed, 1 skipped'; exit 1",
    check: "echo 'a lint error'; exit 1",
  });
  assert.equal(last, `${CHECKS - 1 + 18} passed, 3 failed, 2 skipped`);
  assert.match(text, /^the name of a test$/m);
  assert.match(text, /^a lint error$/m);
  assert.equal(code, 1);
});

Deno.test("the CI script fails when a test run ends early or fails outside of tests", async () => {
  const { code, last } = await runScript({
    unit: "echo 'error: out of memory'; exit 1",
    integration: `${PASS}; exit 1`,
  });
  assert.equal(last, `${CHECKS} passed, 2 failed, 0 skipped`);
  assert.equal(code, 1);
});

Deno.test("the CI script names tools and checks that it skips", async () => {
  const { code, text, last } = await runScript({
    pip: "exit 1",
    image: "echo 'skipped: the image: not root'; exit 3",
  });
  assert.match(text, /^skipped: checks with grpcio==/m);
  assert.match(text, /^skipped: the image: not root$/m);
  assert.equal(last, `${CHECKS - 1 + 20} passed, 0 failed, 3 skipped`);
  assert.equal(code, 0);
});

Deno.test("the CI script fails for a vulnerable dependency, not without a registry", async () => {
  const vulnerable = await runScript({ audit: "echo 'Found 1 vulnerabilities'; exit 1" });
  assert.equal(vulnerable.last, `${CHECKS - 1 + 20} passed, 1 failed, 2 skipped`);
  assert.match(vulnerable.text, /^Found 1 vulnerabilities$/m);
  const absent = await runScript({ audit: "echo 'error sending request' >&2; exit 1" });
  assert.equal(absent.last, `${CHECKS - 1 + 20} passed, 0 failed, 3 skipped`);
  assert.match(absent.text, /^skipped: advisories of dependencies: /m);
});

Deno.test("the CI script ends a process that a step leaves behind, and fails", async () => {
  const marker = `600.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const { code, text, last } = await runScript({
    check: `setsid sleep ${marker} >/dev/null 2>&1 & disown`,
  });
  assert.match(text, new RegExp(`sleep ${marker.replace(".", "\\.")}`));
  assert.equal(last, `${CHECKS + 20} passed, 1 failed, 2 skipped`);
  assert.equal(code, 1);
  const { code: alive } = await new Deno.Command("pgrep", {
    args: ["-f", `sleep ${marker}`],
    stdout: "null",
  }).output();
  assert.equal(alive, 1, "the process still runs");
});

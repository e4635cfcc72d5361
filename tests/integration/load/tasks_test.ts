/** `deno task attack` and `deno task soak`, as short as they can be. */
import assert from "node:assert/strict";
import manifest from "../../../deno.json" with { type: "json" };

const ROOT = new URL("../../../", import.meta.url);

/** Runs a task of the manifest with the permissions that it states. */
async function runTask(
  name: "attack" | "soak" | "completeness",
  args: readonly string[],
): Promise<{ code: number; text: string }> {
  const [, ...command] = manifest.tasks[name].command.split(" ");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...command, ...args],
    cwd: ROOT,
  }).output();
  const text = new TextDecoder();
  return { code, text: text.decode(stdout) + text.decode(stderr) };
}

Deno.test("a row of the attack is measured and judged", async () => {
  const args = ["--only", "goaway-first", "--quick", "--json"];
  const { code, text } = await runTask("attack", args);
  const row = JSON.parse(text.split("\n").find((l) => l.startsWith("{")) ?? "");
  assert.equal(row.name, "goaway-first");
  assert.equal(row.isAlive, true);
  assert.equal(row.lost, 0);
  assert(row.received["stock quotes"] > 100, text);
  assert(row.rssPeak >= row.rssBefore && row.rssBefore > 50 * 2 ** 20);
  assert.equal(code, row.failures.length === 0 ? 0 : 1);
});

Deno.test("a soak samples the proxy and reports its memory growth", async () => {
  const args = ["--minutes", "0.1", "--churn", "5", "--bound", "1e6"];
  const { code, text } = await runTask("soak", args);
  assert.equal(code, 0, text);
  assert.match(text, /min {2}RSS +\d+\.\d {2}heap/);
  assert.match(text, /RSS beyond the heap .* MiB\/h .* pass/);
});

Deno.test("invalid arguments are an error of their own", async () => {
  assert.equal((await runTask("attack", ["--only", "nothing"])).code, 2);
  assert.equal((await runTask("soak", ["--minutes", "none"])).code, 2);
  assert.equal((await runTask("completeness", ["--minutes", "none"])).code, 2);
});

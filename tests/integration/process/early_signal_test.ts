import assert from "node:assert/strict";
import { denoNeeds, OFFLINE, ROOT, startArguments } from "./child.ts";

/** Runs the program as PID 1 of a namespace of its own, as in a container. */
const AS_PID_1 = ["unshare", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"];

function mayUnshare(): boolean {
  if (Deno.build.os !== "linux") return false;
  try {
    const [command = "", ...args] = [...AS_PID_1, "true"];
    return new Deno.Command(command, { args, stderr: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function childOf(pid: number): number | undefined {
  const [child = ""] = fileText(`/proc/${pid}/task/${pid}/children`).split(" ");
  return child === "" ? undefined : Number(child);
}

function fileText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

const canUnshare = mayUnshare();

const RUNS: readonly (readonly [string, readonly string[]])[] = [[
  "a SIGTERM while the program loads ends it with 0 before anything is opened",
  [],
], ["a SIGTERM while the program loads as PID 1 ends it with 0 as well", AS_PID_1]];

for (const [name, prefix] of RUNS) {
  const isPid1 = prefix.length > 0;
  const skipped = isPid1 && !canUnshare ? " (skipped: namespaces are not permitted)" : "";
  Deno.test({
    name: `${name}${skipped}`,
    ignore: skipped !== "" || Deno.build.os === "windows",
    async fn() {
      const [command = "", ...args] = [
        ...prefix,
        Deno.execPath(),
        "run",
        "--no-prompt",
        "--preload=tests/integration/process/announce_signals.ts",
        ...startArguments(),
      ];
      const process = new Deno.Command(command, {
        args,
        cwd: ROOT,
        clearEnv: true,
        env: { ...denoNeeds(), ...OFFLINE },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const stdout = new Response(process.stdout).text();
      const stderr = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
      let said = "";
      while (!said.includes("listens to SIGTERM")) {
        const { value, done } = await stderr.read();
        assert.ok(!done, said);
        said += value;
      }
      const pid = isPid1 ? childOf(process.pid) : process.pid;
      assert.ok(pid !== undefined);
      Deno.kill(pid, "SIGTERM");
      const messages = (await stdout).trim().split("\n").map((line) => JSON.parse(line).msg);
      assert.deepEqual(messages, [
        "Starting",
        "Stopping; a second signal forces the exit",
        "Stopped",
      ]);
      assert.equal((await stderr.read()).done, true, "no error");
      assert.equal((await process.status).code, 0);
    },
  });
}

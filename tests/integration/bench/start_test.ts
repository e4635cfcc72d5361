/** The bench measures a start from outside and adds the moments that the process reports. */
import assert from "node:assert/strict";
import { measureStart } from "../../../bench/start/measure_start.ts";

const fileOf = (name: string) => new URL(`../../../bench/processes/${name}`, import.meta.url).href;

Deno.test("a start is measured until /readyz succeeds, with the start of its script", async () => {
  const flags = ["-q", "--allow-net=127.0.0.1", `--preload=${fileOf("start_marks.ts")}`];
  const { moments, cpuMs } = await measureStart({
    command: Deno.execPath(),
    args: ["run", ...flags, fileOf("start_floor.ts")],
    env: {},
  });
  const { script = 0, listening, ready } = moments;
  assert(0 < script && script < listening && listening <= ready, JSON.stringify(moments));
  assert.equal(moments.modules, undefined);
  assert.equal(cpuMs, undefined);
});

Deno.test("a process that ends before it is ready is an error", async () => {
  const args = ["eval", "-q", "Deno.exit(1)"];
  await assert.rejects(
    measureStart({ command: Deno.execPath(), args, env: {} }),
    /ended before it was ready/,
  );
});

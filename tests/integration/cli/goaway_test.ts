/** A proxy that stops does not take its idle clients with it. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("goaway_child.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../../deno.json", import.meta.url));

/** Runs the child, whose crash would otherwise end all tests. */
async function run(what: string): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-check", "--allow-net", "--allow-env"],
      ...["--config", CONFIG, CHILD, what],
    ],
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stderr));
  assert.equal(text.decode(stdout), "survived\n");
}

for (const moment of ["immediately", "with the answer", "after the answer"]) {
  Deno.test(`a client survives fifty GOAWAYs that come ${moment}`, () => run(moment));
}

Deno.test("tail survives fifty restarts of its proxy, watching and reading", () => run("restarts"));

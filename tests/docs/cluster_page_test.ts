/** The page about clusters names tests that exist. */
import assert from "node:assert/strict";
import { proseFiles } from "../../scripts/prose.ts";
import { readSource } from "../../scripts/docs/markdown.ts";

Deno.test("the tests that the failures of a cluster name exist", async () => {
  const page = await readSource("docs/cluster/README.md");
  const [, table = ""] = page.split(/^\| Event +\| Test +\|\n/m);
  const [rows = ""] = table.split("\n\n");
  const named = [...rows.matchAll(/^\|[^|]+\| `([^`]+)` +\|$/gm)].map(([, name = ""]) => name);
  assert.ok(named.length >= 10, `${named.length} tests`);
  const files = (await proseFiles("tests/")).filter((path) => path.endsWith(".ts"));
  const tests = (await Promise.all(files.map(readSource))).join("\n");
  assert.deepEqual(named.filter((name) => !tests.includes(`"${name}"`)), []);
});

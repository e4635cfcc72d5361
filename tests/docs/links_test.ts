/**
 * Links, anchors and tasks that the documentation names exist.
 *
 * @module
 */
import assert from "node:assert/strict";
import { posix } from "node:path";
import manifest from "../../deno.json" with { type: "json" };
import { commandBlocks, taskNames } from "../../scripts/docs/run_commands.ts";
import { anchorsOf, isForeign, type Link, linksOf } from "../../scripts/docs/markdown.ts";
import { markdownFiles, readSource, ROOT } from "../../scripts/docs/markdown.ts";

/** Why a link is broken; undefined if it is not. */
async function problemOf({ from, target }: Link): Promise<string | undefined> {
  const [path = "", anchor] = target.split("#");
  const file = path === ""
    ? from
    : posix.normalize(posix.join(posix.dirname(from), decodeURI(path)));
  try {
    await Deno.stat(new URL(file, ROOT));
  } catch {
    return `${from}: there is no ${file} (${target})`;
  }
  if (anchor === undefined || !file.endsWith(".md")) return undefined;
  return anchorsOf(await readSource(file)).has(anchor)
    ? undefined
    : `${from}: ${file} has no heading for #${anchor}`;
}

Deno.test("every relative link and anchor exists", async () => {
  const problems: string[] = [];
  let links = 0;
  for (const path of await markdownFiles()) {
    for (const link of linksOf(path, await readSource(path))) {
      if (isForeign(link.target)) continue;
      links++;
      const found = await problemOf(link);
      if (found) problems.push(found);
    }
  }
  assert.deepEqual(problems, []);
  assert.ok(links > 20, `${links} links were found`);
});

Deno.test("a broken link is found", async () => {
  const links = linksOf(
    "README.md",
    "# A `b` c\n[x](#a-b-c) [y](#gone) [z](no/such.md) `[c](code.md)`\n" +
      '```sh\n[f](fence.md)\n```\n<img src="no.png">',
  );
  assert.deepEqual(links.map(({ target }) => target), [
    "#a-b-c",
    "#gone",
    "no/such.md",
    "no.png",
  ]);
  const found = await Promise.all(links.slice(1).map(problemOf));
  assert.ok(found.every((text) => text !== undefined));
  assert.deepEqual([...anchorsOf("# A `b` c\n## A b c\n")], [
    "a-b-c",
    "a-b-c-1",
  ]);
});

Deno.test("every task that the documentation names exists", async () => {
  for (const path of await markdownFiles()) {
    for (const name of taskNames(await readSource(path))) {
      assert.ok(name in manifest.tasks, `${path}: there is no task ${name}`);
    }
  }
  assert.deepEqual(taskNames("npx -y deno@2.9.6 task no:such"), ["no:such"]);
});

Deno.test("every task has a description", () => {
  for (const [name, { description }] of Object.entries(manifest.tasks)) {
    assert.ok(description, name);
  }
});

Deno.test("what checks a command that is not run exists", async () => {
  for (const path of await markdownFiles()) {
    for (const { check } of commandBlocks(await readSource(path))) {
      if (check?.how !== "not run") continue;
      for (const [file] of check.reason.matchAll(/\b\w+\/[\w/.]+\.ts\b/g)) {
        assert.ok((await Deno.stat(new URL(file, ROOT))).isFile, file);
      }
    }
  }
});

Deno.test("every command of the README says how it is checked", async () => {
  const blocks = commandBlocks(await readSource("README.md"));
  for (const { text, check } of blocks) assert.ok(check, text);
  const run = blocks.filter(({ check }) => check?.how !== "not run");
  assert.ok(run.length >= 3, `${run.length} blocks are run`);
});

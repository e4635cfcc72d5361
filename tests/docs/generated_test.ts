/**
 * The generated parts of the documentation match the program.
 *
 * @module
 */
import assert from "node:assert/strict";
import manifest from "../../deno.json" with { type: "json" };
import simulator from "../../simulator/deno.json" with { type: "json" };
import { BLOCKS, REMEDY, SNIPPETS, staleDocs } from "../../scripts/docs.ts";
import { proseFiles } from "../../scripts/prose.ts";
import { sourceProse } from "../../scripts/prose/extract.ts";
import { AT_RUN_TIME, ELSEWHERE, ENDPOINTS, IMPORTS } from "../../scripts/docs/descriptions.ts";
import {
  blockNames,
  fillBlocks,
  markdownFiles,
  readSource,
  ROOT,
} from "../../scripts/docs/markdown.ts";
import { importsOf, readSources } from "../support/source_graph.ts";
import { startHarness } from "../support/harness.ts";

Deno.test("every generated block is current", async () => {
  const stale = await staleDocs();
  assert.deepEqual(stale, [], `Run ${REMEDY}: ${stale.join(", ")}`);
});

Deno.test("every generated block is used in a page", async () => {
  const texts = await Promise.all((await markdownFiles()).map(readSource));
  const used = new Set(texts.flatMap(blockNames));
  const unused = Object.keys(BLOCKS).filter((name) => !used.has(name));
  assert.deepEqual(unused, []);
});

Deno.test("each client is printed as it is run, once", async () => {
  const texts = await Promise.all((await markdownFiles()).map(readSource));
  for (const path of Object.keys(SNIPPETS)) {
    const fenced = `\n${await readSource(path)}\`\`\`\n`;
    const pages = texts.filter((text) => text.includes(fenced));
    assert.equal(pages.length, 1, path);
  }
});

Deno.test("a stale block is rewritten, and an unknown one is an error", async () => {
  const text = "<!-- generated:a -->\nold\n<!-- /generated -->";
  assert.match(await fillBlocks(text, { a: () => "new" }), /\n\nnew\n\n/);
  await assert.rejects(
    fillBlocks(text, { b: () => "" }),
    /Nothing writes.*"a"/,
  );
});

Deno.test("the documented endpoints are those of a running proxy", async () => {
  await using harness = await startHarness();
  const answer = await fetch(`${harness.health}/no-such-path`);
  const paths = [...(await answer.text()).matchAll(/^GET (\S+)$/gm)]
    .map(([, path]) => path);
  assert.ok(paths.length > 3, "The 404 names the paths");
  assert.deepEqual(
    Object.keys(ENDPOINTS).sort(),
    paths.sort(),
    "Describe each path in scripts/docs/descriptions.ts",
  );
});

Deno.test("every dependency is pinned and has a reason", () => {
  const reasons = [...Object.keys(AT_RUN_TIME), ...Object.keys(ELSEWHERE)];
  assert.deepEqual(
    reasons.sort(),
    Object.keys(IMPORTS).sort(),
    "Say in scripts/docs/descriptions.ts why each import of deno.json is there",
  );
  for (const { imports } of [manifest, simulator]) {
    for (const [name, specifier] of Object.entries(imports)) {
      assert.match(specifier, /^npm:.+@\d+\.\d+\.\d+$/);
      assert.equal(specifier, IMPORTS[name], "one version in the workspace");
    }
  }
});

Deno.test("the proxy itself imports what is said to be needed at run time", async () => {
  const entries = [
    "src/run.ts",
    "src/composition/proxy.ts",
    "src/composition/feeds.ts",
    "src/domain",
    "src/application",
    "src/infrastructure",
    "src/gen",
  ];
  const names = Object.keys(manifest.imports);
  const imported = importsOf(await readSources(ROOT, entries))
    .map(({ specifier }) =>
      names.find((name) => specifier === name || specifier.startsWith(`${name}/`))
    ).filter((name) => name !== undefined);
  assert.deepEqual(
    [...new Set(imported)].sort(),
    Object.keys(AT_RUN_TIME).sort(),
  );
});

/** `Test: `name` ([file](../path))` below each guarantee. */
const GUARANTEE_TEST = /Test:\s+`([^`]+)`\s+\(\[[^\]]+\]\(\.\.\/([^)]+)\)\)/g;
const guarantees = await readSource("docs/guarantees.md");
const guaranteeTests = [...guarantees.matchAll(GUARANTEE_TEST)];

Deno.test("every guarantee names its test", () => {
  const [, ...each] = guarantees.split(/^- /m);
  assert.ok(each.length > 50, `${each.length} guarantees`);
  assert.deepEqual(each.filter((one) => !one.match(GUARANTEE_TEST)), []);
  assert.equal(guaranteeTests.length, guarantees.match(/^ +- Test:/gm)?.length);
});

for (const [, test = "", file = ""] of guaranteeTests) {
  Deno.test(`the test of a guarantee exists: ${test}`, async () => {
    const text = await readSource(file);
    assert.ok(
      new RegExp(`["\`]${RegExp.escape(test)}["\`]`).test(text),
      `${file} has no test named "${test}"`,
    );
  });
}

/** Names between quotes in the sentences of a comment that are about tests. */
function namedTests(comment: string): string[] {
  const sentences = comment.replace(/\s*\n\s*(?:\*|\/\/)?\s*/g, " ").split(/(?<=[.;]) /);
  return sentences
    .filter((sentence) => /\btests?\b|\bfails (?:once|without)\b/i.test(sentence))
    .flatMap((sentence) => [...sentence.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name));
}

Deno.test("the tests that comments of the sources name exist", async () => {
  const sources = await readSources(ROOT, ["src", "cli", "scripts", "simulator"]);
  const tests = (await Promise.all(
    (await proseFiles("tests/")).filter((path) => path.endsWith(".ts")).map(readSource),
  )).join("\n");
  const named = [...sources].flatMap(([path, text]) =>
    sourceProse(text)
      .filter(({ text }) => /^\/[*/]/.test(text))
      .flatMap(({ text }) => namedTests(text))
      .map((name) => ({ path, name }))
  );
  assert.ok(named.length > 20, `${named.length} names`);
  const missing = named.filter(({ name }) => !tests.includes(`"${name}"`));
  assert.deepEqual(missing, []);
});

import assert from "node:assert/strict";
import { checkFile, checkProse } from "../../../scripts/prose.ts";
import { EXCEPTIONS } from "../../../scripts/prose/rules.ts";

/** Line numbers of the findings. */
function linesOf(path: string, source: string): number[] {
  return checkFile(path, source).map(({ line }) => line);
}

Deno.test("listed words are found in Markdown, but not in its code", () => {
  const text = [
    "Nobody reads this.",
    "`nobody` and [text](whoever.md)",
    "```sh",
    "whoever",
    "```",
    "<!-- whoever -->",
    "It is told\nat once.",
  ].join("\n");
  assert.deepEqual(linesOf("a.md", text), [1, 7, 8]);
});

Deno.test("listed words are found in comments and messages, but not in code", () => {
  const source = [
    "/**",
    " * Rings a bell, `desk` is code.",
    " */",
    "const bell = desk(\"desk\", 'whoever');",
    'throw new Error("nobody answers");',
    "const text = `whatever ${bell} is told`; // at once",
    "const pattern = /told at once/;",
  ].join("\n");
  assert.deepEqual(linesOf("a.ts", source).sort(), [2, 5, 6, 6, 6]);
});

Deno.test("an order book is not a finding", () => {
  assert.deepEqual(linesOf("a.md", "an order book"), []);
  assert.deepEqual(linesOf("a.md", "a book of symbols"), [1]);
});

Deno.test("long lines are found in sources, except data and URLs", () => {
  const words = "a ".repeat(60);
  const lines = [`// ${words}`, `// ${"a".repeat(120)}`, "// short"];
  assert.deepEqual(linesOf("a.ts", lines.join("\n")), [1]);
  assert.deepEqual(linesOf("a.ts", `// https://a.test ${words}`), []);
  assert.deepEqual(linesOf("a.md", words), []);
});

Deno.test("README and ARCHITECTURE have at most 180 lines", () => {
  assert.deepEqual(linesOf("README.md", "text\n".repeat(180)), []);
  assert.deepEqual(linesOf("ARCHITECTURE.md", "text\n".repeat(181)), [181]);
  assert.deepEqual(linesOf("docs/api.md", "text\n".repeat(181)), []);
});

Deno.test("an exception allows a word in its line only", () => {
  const used: string[] = [];
  const findings = checkFile("a.md", "the told word\nanother told word", {
    exceptions: [{ path: "a.md", text: "the told", reason: "a quotation" }],
    onUsed: ({ reason }) => used.push(reason),
  });
  assert.deepEqual(findings.map(({ line }) => line), [2]);
  assert.deepEqual(used, ["a quotation"]);
});

Deno.test("the repository uses plain words", async () => {
  assert.ok(EXCEPTIONS.every(({ reason }) => reason.length > 10));
  const findings = await checkProse();
  assert.deepEqual(
    findings.map(({ path, line, message }) => `${path}:${line}: ${message}`),
    [],
  );
});

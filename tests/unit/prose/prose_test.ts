import assert from "node:assert/strict";
import { checkFile, checkProse, proseFiles } from "../../../scripts/prose.ts";
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

Deno.test("listed words are found in the comments of other files", () => {
  const samples: Record<string, string> = {
    "a.proto": 'option x = "https://nobody.test"; // told\nmessage Desk {}\n// at once',
    "a.go": 'url := "whoever"\n// told\nfmt.Println("nobody")\n/// nobody',
    "a.rs": "#[told]\n/// told\nlet desk = 1;\n//! at once",
    "a.py": "#!/usr/bin/nobody\n# told\ndesk = 1\ndesk()  # at once",
    "a.yaml": "desk: a#nobody\n# told\nsummary: nobody\n- name: whoever # at once",
    "a.tpl": "{{ whoever }}\n{{/* Labels\ntold */}}\n{{- /* at once */}}",
    "a.env": "NOBODY=whoever\n# told\n#\n# `desk` at once",
    "Dockerfile": "FROM desk\n# told\nRUN whoever\n# at once",
    ".ci/run": "desk() {\n# told\nwhoever\n} # at once",
  };
  const found = Object.fromEntries(
    Object.entries(samples).map(([path, text]) => [path, linesOf(path, text)]),
  );
  assert.deepEqual(found, {
    "a.proto": [1, 3],
    "a.go": [2, 4],
    "a.rs": [2, 4],
    "a.py": [2, 4],
    "a.yaml": [2, 3, 4],
    "a.tpl": [3, 4],
    "a.env": [2, 4],
    "Dockerfile": [2, 4],
    ".ci/run": [2, 4],
  });
});

Deno.test("sources, contracts, scripts and manifests are checked", async () => {
  const files = await proseFiles();
  for (
    const path of [
      "README.md",
      "src/main.ts",
      "proto/cream/v1/stream_proxy.proto",
      "docs/clients/python/client.py",
      "docs/clients/rust/src/main.rs",
      "docs/clients/go/main.go",
      "helm/alpaca-stream-proxy/files/rules.yaml",
      "helm/alpaca-stream-proxy/templates/_helpers.tpl",
      "scripts/delivery/fetch_schemas.sh",
      "telemetry.env",
      "Dockerfile",
      ".ci/run",
    ]
  ) assert.ok(files.includes(path), path);
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
  assert.deepEqual(linesOf("a.yaml", `# ${words}`), []);
  assert.deepEqual(linesOf("a.proto", `// ${words}\n  rpc ${words}`), [1]);
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

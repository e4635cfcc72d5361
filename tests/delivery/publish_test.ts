import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);
/** What a user of the library needs; everything else belongs to the repository. */
const PUBLISHED = /^(?:src\/|client\/|proto\/|mod\.ts$|deno\.json$|LICENSE$|[A-Z]+\.md$)/;

Deno.test("the published package has the library, its contract and its documents", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, output);
  const files = Array.from(output.matchAll(/file:\/\/(\S+) \(/g), ([, path = ""]) => path);
  const published = files.map((path) => path.slice(ROOT.pathname.length));
  assert.ok(published.includes("mod.ts"), output);
  assert.deepEqual(published.filter((path) => !PUBLISHED.test(path)), []);
});

import assert from "node:assert/strict";
import { generatedFiles, REMEDY, ROOT } from "../../scripts/delivery/generate.ts";

for (const [path, wanted] of Object.entries(generatedFiles())) {
  Deno.test(`${path} follows from the program`, () => {
    const found = Deno.readTextFileSync(new URL(path, ROOT));
    assert.ok(found === wanted, `${path} is stale: run ${REMEDY}`);
  });
}

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ROOT } from "../../scripts/delivery/generate.ts";
import { requires } from "../support/requires.ts";

/** Runs the audit against a registry that has these advisories by package. */
async function audit(advisories: Readonly<Record<string, unknown>>) {
  await using registry = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => Response.json(advisories),
  );
  const { code, stdout } = await new Deno.Command("bash", {
    args: [fileURLToPath(new URL("scripts/delivery/audit.sh", ROOT))],
    cwd: fileURLToPath(ROOT),
    env: { NPM_CONFIG_REGISTRY: `http://127.0.0.1:${registry.addr.port}/` },
  }).output();
  return { code, text: new TextDecoder().decode(stdout) };
}

Deno.test(requires(["bash", "deno"], {
  name: "the audit names a locked package with an advisory",
  fn: async () => {
    const { code, text } = await audit({
      ws: [{
        id: 1,
        title: "Crash by a frame",
        severity: "high",
        url: "https://example.com/advisory",
        vulnerable_versions: "<999",
        cwe: [],
        cvss: { score: 8 },
      }],
    });
    assert.match(text, /Crash by a frame[^]*Package:\s+ws/);
    assert.equal(code, 1);
  },
}));

Deno.test(requires(["bash", "deno"], {
  name: "the audit passes without advisories",
  fn: async () => {
    assert.equal((await audit({})).code, 0);
  },
}));

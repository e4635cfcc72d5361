import assert from "node:assert/strict";
import { parse } from "yaml";
import { ROOT } from "../../scripts/delivery/generate.ts";

const folder = new URL(".github/workflows/", ROOT);
const names = [...Deno.readDirSync(folder)].map(({ name }) => name);

for (const name of names) {
  const text = Deno.readTextFileSync(new URL(name, folder));
  const workflow = parse(text);
  const jobs: [string, { permissions?: object }][] = Object.entries(
    workflow.jobs,
  );

  Deno.test(`${name} pins every action by its full commit, and says which release that is`, () => {
    const lines = text.split("\n").filter((line) => /\buses:/.test(line));
    assert.ok(lines.length > 0);
    for (const line of lines) {
      assert.match(
        line,
        /uses: (\.\/\S+|[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/,
      );
    }
  });

  Deno.test(`${name} starts from no permission and each job names its own`, () => {
    assert.deepEqual(workflow.permissions, {});
    for (const [job, { permissions }] of jobs) assert.ok(permissions, job);
    assert.ok(!("pull_request_target" in workflow.on));
  });
}

Deno.test("a release signs what it publishes, with provenance and a bill of materials", () => {
  const text = Deno.readTextFileSync(new URL("release.yml", folder));
  for (
    const part of [
      "cosign sign",
      "sbom: true",
      "provenance: mode=max",
      "helm push",
      "cosign verify",
    ]
  ) {
    assert.ok(text.includes(part), part);
  }
  assert.ok(!text.includes(":latest"));
});

Deno.test("compose.yaml runs the proxy confined and away from the network at large", () => {
  const { services } = parse(
    Deno.readTextFileSync(new URL("compose.yaml", ROOT)),
    { merge: true },
  );
  assert.deepEqual(
    Object.keys(services).sort(),
    ["grafana", "prometheus", "proxy", "simulator", "tail"],
  );
  for (const name of ["proxy", "simulator", "tail"]) {
    assert.equal(services[name].read_only, true, name);
    assert.deepEqual(services[name].cap_drop, ["ALL"], name);
  }
  assert.equal(
    services.proxy.init,
    true,
    "a signal reaches it while it starts",
  );
  for (const { ports = [] } of Object.values<{ ports?: string[] }>(services)) {
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/);
  }
});

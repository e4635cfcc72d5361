import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { ROOT } from "../../scripts/delivery/generate.ts";
import { runProgram } from "../../scripts/delivery/run_program.ts";
import { CHART } from "../../scripts/delivery/chart.ts";
import { requires } from "../support/requires.ts";
import { renderChart } from "./chart_render.ts";

const cwd = fileURLToPath(ROOT);

const folder = new URL(".github/workflows/", ROOT);
const names = [...Deno.readDirSync(folder)].map(({ name }) => name);

for (const name of names) {
  const text = Deno.readTextFileSync(new URL(name, folder));
  const workflow = parse(text);
  const jobs: [string, { permissions?: object }][] = Object.entries(
    workflow.jobs,
  );

  Deno.test(`${name} pins every action by its full commit, and names its release`, () => {
    const lines = text.split("\n").filter((line) => /\buses:/.test(line));
    assert.ok(lines.length > 0);
    for (const line of lines) {
      assert.match(
        line,
        /uses: (\.\/\S+|[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/,
      );
    }
  });

  Deno.test(`${name} grants no permission but those that each job names`, () => {
    assert.deepEqual(workflow.permissions, {});
    for (const [job, { permissions }] of jobs) assert.ok(permissions, job);
    assert.ok(!("pull_request_target" in workflow.on));
  });
}

Deno.test("a release is signed, with provenance and a software bill of materials", () => {
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
  for (const job of ["image", "chart"]) {
    const { steps } = parse(text).jobs[job];
    const attests = steps.some(({ uses = "" }) =>
      uses.startsWith("actions/attest-build-provenance")
    );
    assert.ok(attests, `${job} has no provenance`);
  }
  assert.ok(!text.includes(":latest"));
});

Deno.test(requires(["helm", "bash"], {
  name: "a published chart runs the image of its release, also with --reuse-values",
  fn: async () => {
    const { jobs } = parse(Deno.readTextFileSync(new URL("release.yml", folder)));
    const { run } = jobs.chart.steps.find(({ id }: { id?: string }) => id === "chart");
    const release = await Deno.makeTempDir();
    try {
      await runProgram("cp", ["-r", "--parents", CHART, release], { cwd });
      const [changes] = run.split("helm package");
      const digest = `sha256:${"ab".repeat(32)}`;
      const env = { GITHUB_REF_NAME: "v9.8.7", GITHUB_REPOSITORY: "Fork/Proxy", DIGEST: digest };
      await runProgram("bash", ["-euc", changes], { cwd: release, env });
      const chart = `${release}/${CHART}`;
      const imageOf = async (image: object) => {
        const values = { credentials: { existingSecret: "alpaca" }, image };
        const text = await renderChart(values, { chart });
        return /image: (.*)/.exec(text)?.[1];
      };
      assert.equal(await imageOf({}), `ghcr.io/fork/proxy@${digest}`);
      assert.equal(await imageOf({ tag: "1.2.3" }), "ghcr.io/fork/proxy:1.2.3");
      assert.doesNotMatch(Deno.readTextFileSync(`${chart}/values.yaml`), new RegExp(digest));
    } finally {
      await Deno.remove(release, { recursive: true });
    }
  },
}));

Deno.test("compose.yaml confines the proxy and publishes ports on loopback only", () => {
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
    "a signal during the start reaches it",
  );
  for (const { ports = [] } of Object.values<{ ports?: string[] }>(services)) {
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/);
  }
});

Deno.test(requires(["actionlint"], {
  name: "actionlint accepts the workflows",
  fn: async () => {
    const files = names.map((name) => `.github/workflows/${name}`);
    await runProgram("actionlint", ["-no-color", ...files], { cwd });
  },
}));

Deno.test(requires(["hadolint"], {
  name: "hadolint accepts the Dockerfile",
  fn: async () => {
    const args = ["--failure-threshold", "info", "Dockerfile"];
    await runProgram("hadolint", args, { cwd });
  },
}));

Deno.test(requires(["compose-spec"], {
  name: "compose.yaml is valid, and compose.alpaca.yaml removes the simulator",
  fn: async () => {
    await runProgram("compose-spec", ["compose.yaml"], { cwd });
    const { stdout } = await runProgram("compose-spec", [
      ...["-no-interpolation", "-format", "json"],
      ...["compose.yaml", "compose.alpaca.yaml"],
    ], { cwd });
    const { proxy } = JSON.parse(stdout).services;
    assert.ok(proxy.build && proxy.read_only);
    assert.ok(!proxy.command, "the command of the image applies");
    assert.doesNotMatch(stdout, /simulator/);
  },
}));

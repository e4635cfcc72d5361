/** The cluster of compose.cluster.yaml: its parts, permissions and configuration files. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { ROOT } from "../../scripts/delivery/generate.ts";
import { runProgram } from "../../scripts/delivery/run_program.ts";
import { parseConfig } from "../../src/infrastructure/config/parse_config.ts";
import { requires } from "../support/requires.ts";

const cwd = fileURLToPath(ROOT);
const FILE = "compose.cluster.yaml";

interface Service {
  readonly read_only?: boolean;
  readonly init?: boolean;
  readonly cap_drop?: readonly string[];
  readonly ports?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const { services }: { services: Readonly<Record<string, Service>> } = parse(
  Deno.readTextFileSync(new URL(FILE, ROOT)),
  { merge: true },
);

const ROLES = { "hub-a": "hub", "hub-b": "hub", "edge-a": "edge", "edge-b": "edge" };

/** Addresses that a service may use. */
function addresses({ command = [] }: Service): string[] {
  const flag = "--allow-net=";
  return command.find((one) => one.startsWith(flag))?.slice(flag.length).split(",") ?? [];
}

Deno.test("compose.cluster.yaml confines hubs and edges, and publishes on loopback only", () => {
  for (const name of Object.keys(ROLES)) {
    const service = services[name];
    assert.equal(service?.read_only, true, name);
    assert.equal(service.init, true, name);
    assert.deepEqual(service.cap_drop, ["ALL"], name);
    assert.equal(service.ports, undefined, "only haproxy publishes ports");
  }
  for (const port of services.front?.ports ?? []) assert.match(port, /^127\.0\.0\.1:/);
});

for (const [name, role] of Object.entries(ROLES)) {
  Deno.test(`the program accepts the settings of ${name} in compose.cluster.yaml`, () => {
    const service = services[name];
    assert.ok(service);
    const variables = Object.entries(service.environment ?? {}).map(([variable, value]) => [
      variable,
      value.replace(/^\$\{\w+:-(.*)\}$/, "$1"),
    ]);
    const config = parseConfig(Object.fromEntries(variables));
    assert.equal(config.cluster.role, role);
    const keys = Object.keys(service.environment ?? {}).filter((one) => /KEY|SECRET/.test(one));
    assert.equal(keys.length > 0, role === "hub", "only hubs have Alpaca's keys");
    const allowed = addresses(service);
    assert.equal(allowed.includes("simulator:8765"), role === "hub");
    assert.equal(allowed.includes("0.0.0.0:50052"), role === "edge");
    assert.ok(allowed.includes("nats:4222") && allowed.includes("0.0.0.0:8082"));
  });
}

Deno.test(requires(["compose-spec"], {
  name: "compose.cluster.yaml is valid, with the simulator of compose.yaml",
  fn: async () => {
    const { stdout } = await runProgram("compose-spec", ["-format", "json", FILE], { cwd });
    const { simulator, "hub-a": hub } = JSON.parse(stdout).services;
    assert.ok(simulator.command.includes("/app/simulator/main.ts"));
    assert.ok(hub.build, "one service builds the image");
  },
}));

Deno.test(requires(["haproxy"], {
  name: "haproxy accepts the configuration in front of the edges",
  fn: async () => {
    await runProgram("haproxy", ["-c", "-f", "docs/cluster/haproxy.cfg"], { cwd });
  },
}));

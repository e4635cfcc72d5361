/**
 * Invariants of every rendered chart: credentials only in Secrets, confined
 * containers, one replica or a cluster by roles, and permissions that cover the
 * settings.
 *
 * @module
 */
import assert from "node:assert/strict";
import { SECRET_SETTINGS } from "../../scripts/delivery/chart.ts";
import { ALPACA_HOSTS, RUNTIME_VARIABLES } from "../../scripts/delivery/permissions.ts";
import { parseConfig } from "../../src/infrastructure/config/parse_config.ts";
import { certificatePath } from "../support/proxy_certificates.ts";
import { type ContainerSpec, type Manifest, podSpec } from "./chart_render.ts";

/** A Deployment of the program and what belongs to it. */
export interface Part {
  /** `proxy`, or in a cluster `hub` or `edge`. */
  readonly role: string;
  readonly deployment: DeploymentSpec;
  readonly container: ContainerSpec;
  /** Its ConfigMap. */
  readonly settings: Readonly<Record<string, string>>;
  readonly policy: PolicySpec | undefined;
}

interface Selector {
  readonly matchLabels: Readonly<Record<string, string>>;
}

/** The parts of a Deployment's spec that the tests read. */
export interface DeploymentSpec {
  readonly replicas?: number;
  readonly strategy: { readonly type: string };
  readonly selector: Selector;
}

interface PolicySpec {
  readonly podSelector: Selector;
  readonly egress: readonly { readonly ports: readonly { readonly port: number }[] }[];
}

const COMPONENT = "app.kubernetes.io/component";

/** The Deployments of a rendered chart, by role. */
export function partsOf(manifests: readonly Manifest[]): Readonly<Record<string, Part>> {
  const policies = manifests.filter(({ kind }) => kind === "NetworkPolicy")
    .map(({ spec }) => spec as PolicySpec);
  const parts = manifests.filter(({ kind }) => kind === "Deployment").map((manifest) => {
    const deployment = manifest.spec as DeploymentSpec;
    const role = deployment.selector.matchLabels[COMPONENT] ?? "";
    const container = podSpec(manifest)?.containers.find(({ name }) => name === "proxy");
    const name = `${manifest.metadata.name}-config`;
    const settings = manifests.find(({ kind, metadata }) =>
      kind === "ConfigMap" && metadata.name === name
    )?.data;
    assert.ok(container && settings, `no container or no ConfigMap of ${role}`);
    const policy = policies.find(({ podSelector }) => podSelector.matchLabels[COMPONENT] === role);
    return [role, { role, deployment, container, settings, policy }] as const;
  });
  return Object.fromEntries(parts);
}

/** @throws {assert.AssertionError} naming the first broken invariant */
export function checkInvariants(manifests: readonly Manifest[]): void {
  checkSecrets(manifests);
  for (const manifest of manifests) checkPod(manifest);
  const parts = Object.values(partsOf(manifests));
  assert.ok(["proxy", "edge,hub"].includes(parts.map(({ role }) => role).sort().join()));
  for (const part of parts) {
    checkDeployment(part);
    checkCredentials(part);
    checkHeap(part);
    checkEgress(part);
    checkProgramAgrees(part);
    checkCertificateFiles(part);
    checkProbes(part);
  }
}

/** No credential in a ConfigMap, an argument or a plain variable. */
function checkSecrets(manifests: readonly Manifest[]): void {
  const secrets = manifests.filter(({ kind }) => kind === "Secret")
    .flatMap(({ stringData = {} }) => Object.values(stringData));
  const elsewhere = JSON.stringify(
    manifests.filter(({ kind }) => kind !== "Secret"),
  );
  for (const secret of secrets) {
    assert.ok(!elsewhere.includes(secret), "a credential outside a Secret");
  }
  const names = new Set(SECRET_SETTINGS.map(({ name }) => name));
  for (const { kind, data = {}, metadata } of manifests) {
    if (kind !== "ConfigMap") continue;
    for (const name of Object.keys(data)) {
      assert.ok(!names.has(name), `${metadata.name} holds ${name}`);
    }
  }
  for (const manifest of manifests) {
    const spec = podSpec(manifest);
    for (const container of spec?.containers ?? []) {
      for (const { name, value } of container.env ?? []) {
        assert.ok(!names.has(name) || value === undefined, name);
      }
    }
  }
}

/** The containers of the image are confined, and no pod gets a token. */
function checkPod(manifest: Manifest): void {
  const spec = podSpec(manifest);
  if (spec === undefined) return;
  const where = `${manifest.kind} ${manifest.metadata.name}`;
  assert.equal(spec.automountServiceAccountToken, false, where);
  const pod = spec.securityContext as Record<string, unknown>;
  assert.equal(pod.runAsNonRoot, true, where);
  assert.deepEqual(pod.seccompProfile, { type: "RuntimeDefault" }, where);
  const ours = ["proxy", "tail", "grpc-health"];
  const all = [...spec.containers, ...spec.initContainers ?? []];
  for (const { name, securityContext } of all) {
    if (!ours.includes(name)) continue;
    assert.deepEqual(securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ["ALL"] },
    }, `${where}, container ${name}`);
  }
}

function checkDeployment({ role, deployment: { replicas = 1, strategy } }: Part): void {
  if (role !== "proxy") return assert.equal(strategy.type, "RollingUpdate");
  assert.ok(replicas <= 1, "Alpaca allows one session per feed and account");
  assert.equal(strategy.type, "Recreate");
}

/** Edges have nothing of Alpaca's, and log in to NATS with a Secret of their own. */
function checkCredentials({ role, container }: Part): void {
  const names = container.env?.map(({ name }) => name) ?? [];
  assert.equal(names.includes("ALPACA_SECRET"), role !== "edge");
  if (role !== "edge") return;
  assert.deepEqual(names.filter((name) => name.startsWith("ALPACA_")), []);
  assert.ok(!JSON.stringify(container.env).includes("ALPACA_"), "a key of Alpaca's of the Secret");
}

/** The heap limit is below the container's memory limit. */
function checkHeap({ container: { args = [], resources } }: Part): void {
  const flag = "--v8-flags=--max-old-space-size=";
  const heap = args.find((arg) => arg.startsWith(flag))?.slice(flag.length);
  if (heap === undefined) return;
  const limit = String(resources?.limits?.memory ?? "");
  const [, number, unit = ""] = /^([0-9.]+(?:e[0-9]+)?)([A-Za-z]*)$/.exec(limit) ?? [];
  const bytes = Number(number) * (UNITS[unit] ?? NaN);
  assert.ok(Number(heap) * 1_048_576 < bytes, `heap ${heap}, limit ${limit}`);
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  G: 1e9,
  Mi: 1_048_576,
  Gi: 1_073_741_824,
};

/** The NetworkPolicy allows the ports of all outgoing connections. */
function checkEgress({ role, policy, settings }: Part): void {
  if (policy === undefined) return;
  const open = policy.egress.flatMap(({ ports }) => ports).map(({ port }) => port);
  const urls = role === "edge" ? [] : [["Alpaca", "https://alpaca"] as const];
  for (const [name, value] of [...Object.entries(settings), ...urls]) {
    const isOff = name.startsWith("OTEL_") && settings.OTEL_ENABLED !== "true";
    if (isOff || !isConnected(role, name)) continue;
    for (const port of addressesOf(value).map(portOf)) {
      assert.ok(open.includes(port), `${name}: ${port} is not among ${open}`);
    }
  }
}

/** Whether the role connects to the address in this setting. */
function isConnected(role: string, name: string): boolean {
  return role !== "edge" || !name.startsWith("ALPACA_");
}

/** The URLs in a setting. */
function addressesOf(value: string): string[] {
  return value.split(",").filter((one) => URL_SETTING.test(one));
}

const URL_SETTING = /^(wss?|https?|nats|tls):/;

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  https: 443,
  wss: 443,
  nats: 4222,
  tls: 4222,
};

function portOf(text: string): number {
  const [scheme = ""] = text.split(":");
  return Number(new URL(text.replace(/^\w+/, "http")).port) || (DEFAULT_PORTS[scheme] ?? 80);
}

/**
 * The program accepts the ConfigMap, and its permissions let it read these
 * settings, listen on their ports and connect to their URLs.
 */
function checkProgramAgrees({ role, container, settings }: Part): void {
  const files = Object.entries(TEST_FILES).filter(([name]) => settings[name]);
  const config = parseConfig({
    ...settings,
    ...Object.fromEntries(files),
    ...role === "edge" ? {} : { ALPACA_KEY: "k", ALPACA_SECRET: "s" },
    ...settings.STREAM_PROXY_NATS_USER ? { STREAM_PROXY_NATS_PASSWORD: "p" } : {},
  });
  const env = list(container.args, "--allow-env=");
  for (
    const name of [
      ...Object.keys(settings),
      ...SECRET_SETTINGS.map((row) => row.name),
      ...RUNTIME_VARIABLES,
    ]
  ) {
    assert.ok(env.includes(name), `the proxy may not read ${name}`);
  }
  const net = list(container.args, "--allow-net=");
  const host = settings.STREAM_PROXY_HOST ?? "";
  const listen = host.includes(":") ? `[${host}]` : host;
  const declared = container.ports?.map((one) => one.containerPort) ?? [];
  const { port: grpc } = config.grpc;
  assert.equal(net.includes(`${listen}:${grpc}`), role !== "hub", `${listen}:${grpc} in ${net}`);
  assert.equal(declared.includes(grpc), role !== "hub", `port ${grpc}`);
  for (const port of [config.health.port, config.metrics.port].filter((port) => port !== 0)) {
    assert.ok(
      net.includes(`${listen}:${port}`),
      `no ${listen}:${port} in ${net}`,
    );
    assert.ok(declared.includes(port), `port ${port} is not declared`);
  }
  for (const [name, value] of Object.entries(settings)) {
    if (!isConnected(role, name)) continue;
    for (const url of addressesOf(value)) {
      const address = `${new URL(url.replace(/^\w+/, "http")).hostname}:${portOf(url)}`;
      assert.ok(net.includes(address), `no ${address} in ${net}`);
    }
  }
  for (const alpaca of ALPACA_HOSTS) {
    assert.equal(net.includes(`${alpaca}:443`), role !== "edge", alpaca);
  }
}

/** Files that exist here, in place of those in a pod. */
const TEST_FILES: Readonly<Record<string, string>> = {
  STREAM_PROXY_TLS_CERT_FILE: certificatePath("proxy.pem"),
  STREAM_PROXY_TLS_KEY_FILE: certificatePath("proxy.key"),
};

function list(args: readonly string[] | undefined, flag: string): string[] {
  const found = args?.find((arg) => arg.startsWith(flag));
  assert.ok(found, `no ${flag}`);
  return found.slice(flag.length).split(",");
}

/** The variables of the proxy's container that are set as text, from all sources. */
function variablesOf({ container, settings }: Part): Readonly<Record<string, string>> {
  const own = container.env ?? [];
  const values = own.flatMap(({ name, value }) => value === undefined ? [] : [[name, value]]);
  return { ...settings, ...Object.fromEntries(values) };
}

/** The proxy may read the files of its certificates only, all from read-only mounts. */
function checkCertificateFiles(part: Part): void {
  const files = Object.entries(variablesOf(part))
    .filter(([name, value]) => name.endsWith("_FILE") && value !== "")
    .map(([, value]) => value);
  const { args = [], volumeMounts = [] } = part.container;
  const read = args.filter((arg) => arg.startsWith("--allow-read"));
  const expected = files.length === 0 ? [] : [`--allow-read=${files.sort().join(",")}`];
  assert.deepEqual(read, expected);
  for (const file of files) {
    const mount = volumeMounts.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
    assert.equal(mount?.readOnly, true, `no read-only mount of ${file}`);
  }
}

/** Probes use HTTPS where the health port has TLS, and only there. */
function checkProbes(part: Part): void {
  const variables = variablesOf(part);
  const { STREAM_PROXY_TLS_CERT, STREAM_PROXY_TLS_CERT_FILE, STREAM_PROXY_TLS_PORTS } = variables;
  const hasCertificate = Boolean(STREAM_PROXY_TLS_CERT || STREAM_PROXY_TLS_CERT_FILE);
  const hasTls = hasCertificate && STREAM_PROXY_TLS_PORTS?.includes("health");
  const container = part.container as unknown as Record<string, Probe | undefined>;
  for (const name of ["startupProbe", "livenessProbe", "readinessProbe"]) {
    const http = container[name]?.httpGet;
    if (http) assert.equal(http.scheme ?? "HTTP", hasTls ? "HTTPS" : "HTTP", name);
  }
}

interface Probe {
  readonly httpGet?: { readonly scheme?: string };
}

/**
 * Invariants of every rendered chart: credentials only in Secrets, confined
 * containers, one replica, and permissions that cover the settings.
 *
 * @module
 */
import assert from "node:assert/strict";
import { SECRET_SETTINGS } from "../../scripts/delivery/chart.ts";
import { RUNTIME_VARIABLES } from "../../scripts/delivery/permissions.ts";
import { parseConfig } from "../../src/infrastructure/config/parse_config.ts";
import { certificatePath } from "../support/proxy_certificates.ts";
import { type ContainerSpec, type Manifest, podSpec } from "./chart_render.ts";

/** @throws {assert.AssertionError} naming the first broken invariant */
export function checkInvariants(manifests: readonly Manifest[]): void {
  checkSecrets(manifests);
  for (const manifest of manifests) checkPod(manifest);
  checkDeployment(manifests);
  checkHeap(manifests);
  checkEgress(manifests);
  checkProgramAgrees(manifests);
  checkCertificateFiles(manifests);
  checkProbes(manifests);
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

interface DeploymentSpec {
  readonly replicas: number;
  readonly strategy: { readonly type: string };
}

function checkDeployment(manifests: readonly Manifest[]): void {
  const deployment = manifests.find(({ kind }) => kind === "Deployment");
  assert.ok(deployment);
  const { replicas, strategy } = deployment.spec as DeploymentSpec;
  assert.ok(replicas <= 1, "Alpaca allows one session per feed and account");
  assert.equal(strategy.type, "Recreate");
}

/** The proxy's container. */
function proxyContainer(manifests: readonly Manifest[]): ContainerSpec {
  const container = manifests.map(podSpec)
    .find((spec) => spec !== undefined)?.containers
    .find(({ name }) => name === "proxy");
  assert.ok(container);
  return container;
}

/** The heap limit is below the container's memory limit. */
function checkHeap(manifests: readonly Manifest[]): void {
  const { args = [], resources } = proxyContainer(manifests);
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
function checkEgress(manifests: readonly Manifest[]): void {
  const policy = manifests.find(({ kind }) => kind === "NetworkPolicy");
  if (policy === undefined) return;
  const { egress } = policy.spec as {
    egress: { ports: { port: number }[] }[];
  };
  const open = egress.flatMap(({ ports }) => ports).map(({ port }) => port);
  const settings = Object.entries(settingsOf(manifests));
  for (const [name, value] of [...settings, ["", "https://alpaca"]] as const) {
    const isOff = name.startsWith("OTEL_") &&
      !settings.some(([other, on]) => other === "OTEL_ENABLED" && on === "true");
    if (isOff || !URL_SETTING.test(value)) continue;
    const port = portOf(value);
    assert.ok(open.includes(port), `${name}: ${port} is not among ${open}`);
  }
}

const URL_SETTING = /^(wss?|https?):/;

function portOf(text: string): number {
  const url = new URL(text.replace(/^ws/, "http"));
  return Number(url.port) || (url.protocol === "https:" ? 443 : 80);
}

function settingsOf(
  manifests: readonly Manifest[],
): Readonly<Record<string, string>> {
  const settings = manifests.find(({ kind, metadata }) =>
    kind === "ConfigMap" && metadata.name.endsWith("-config")
  )?.data;
  assert.ok(settings, "no ConfigMap with the settings");
  return settings;
}

/**
 * The program accepts the ConfigMap, and its permissions let it read these
 * settings, listen on their ports and connect to their URLs.
 */
function checkProgramAgrees(manifests: readonly Manifest[]): void {
  const settings = settingsOf(manifests);
  const files = Object.entries(TEST_FILES).filter(([name]) => settings[name]);
  const config = parseConfig({
    ...settings,
    ...Object.fromEntries(files),
    ALPACA_KEY: "k",
    ALPACA_SECRET: "s",
  });
  const container = proxyContainer(manifests);
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
  const ports = [config.grpc.port, config.health.port, config.metrics.port];
  for (const port of ports.filter((port) => port !== 0)) {
    assert.ok(
      net.includes(`${listen}:${port}`),
      `no ${listen}:${port} in ${net}`,
    );
    const declared: number[] | undefined = container.ports?.map((one) => one.containerPort);
    assert.ok(declared?.includes(port), `port ${port} is not declared`);
  }
  for (const value of Object.values(settings)) {
    if (!URL_SETTING.test(value)) continue;
    const { hostname } = new URL(value.replace(/^ws/, "http"));
    const address = `${hostname}:${portOf(value)}`;
    assert.ok(net.includes(address), `no ${address} in ${net}`);
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
function variablesOf(manifests: readonly Manifest[]): Readonly<Record<string, string>> {
  const own = proxyContainer(manifests).env ?? [];
  const values = own.flatMap(({ name, value }) => value === undefined ? [] : [[name, value]]);
  return { ...settingsOf(manifests), ...Object.fromEntries(values) };
}

/** The proxy may read the files of its certificates only, all from read-only mounts. */
function checkCertificateFiles(manifests: readonly Manifest[]): void {
  const files = Object.entries(variablesOf(manifests))
    .filter(([name, value]) => name.endsWith("_FILE") && value !== "")
    .map(([, value]) => value);
  const { args = [], volumeMounts = [] } = proxyContainer(manifests);
  const read = args.filter((arg) => arg.startsWith("--allow-read"));
  const expected = files.length === 0 ? [] : [`--allow-read=${files.sort().join(",")}`];
  assert.deepEqual(read, expected);
  for (const file of files) {
    const mount = volumeMounts.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
    assert.equal(mount?.readOnly, true, `no read-only mount of ${file}`);
  }
}

/** Probes use HTTPS where the health port has TLS, and only there. */
function checkProbes(manifests: readonly Manifest[]): void {
  const variables = variablesOf(manifests);
  const { STREAM_PROXY_TLS_CERT, STREAM_PROXY_TLS_CERT_FILE, STREAM_PROXY_TLS_PORTS } = variables;
  const hasCertificate = Boolean(STREAM_PROXY_TLS_CERT || STREAM_PROXY_TLS_CERT_FILE);
  const hasTls = hasCertificate && STREAM_PROXY_TLS_PORTS?.includes("health");
  const container = proxyContainer(manifests) as unknown as Record<string, Probe | undefined>;
  for (const name of ["startupProbe", "livenessProbe", "readinessProbe"]) {
    const http = container[name]?.httpGet;
    if (http) assert.equal(http.scheme ?? "HTTP", hasTls ? "HTTPS" : "HTTP", name);
  }
}

interface Probe {
  readonly httpGet?: { readonly scheme?: string };
}

/** What mode `cluster` of the chart renders, and the chart that brings NATS along. */
import assert from "node:assert/strict";
import { parse, stringify } from "yaml";
import { ROOT } from "../../scripts/delivery/generate.ts";
import { natsPermissions } from "../../scripts/delivery/nats_permissions.ts";
import { runProgram } from "../../scripts/delivery/run_program.ts";
import { requires } from "../support/requires.ts";
import { CHART_CASES } from "./chart_cases.ts";
import { CLUSTER, CLUSTER_CASES } from "./chart_cluster_cases.ts";
import { partsOf } from "./chart_invariants.ts";
import { CHART_PATH, type Manifest, parseManifests, renderChart } from "./chart_render.ts";
import { renderNotes } from "./chart_render.ts";

type Values = Readonly<Record<string, unknown>>;

const NAME = "proxy-alpaca-stream-proxy";

async function render(values: Values): Promise<Manifest[]> {
  return parseManifests(await renderChart(values));
}

/** The spec of an object, as far as a test reads it. */
function specOf<Spec>(manifests: readonly Manifest[], kind: string, name: string): Spec {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
  assert.ok(found, `no ${kind} ${name}`);
  return found.spec as Spec;
}

Deno.test(requires(["helm"], {
  name: "mode single renders the same with any values of hubs and edges",
  fn: async () => {
    const [, { values: cluster }] = CLUSTER_CASES as [unknown, { values: Values }];
    const { hub, edge } = cluster;
    for (const { name, values } of CHART_CASES) {
      const expected = await renderChart(values);
      assert.equal(await renderChart({ ...values, mode: "single", hub, edge }), expected, name);
    }
  },
}));

Deno.test(requires(["helm"], {
  name: "clients reach edges at the name that a single proxy has",
  fn: async () => {
    const manifests = await render(CLUSTER);
    const component = "app.kubernetes.io/component";
    type Service = { selector: Record<string, string>; ports: { name: string }[] };
    const expected = { "": "edge", "-monitoring": "edge", "-hub": "hub" };
    for (const [name, role] of Object.entries(expected)) {
      const { selector } = specOf<Service>(manifests, "Service", `${NAME}${name}`);
      assert.equal(selector[component], role, name);
    }
    const { ports } = specOf<Service>(manifests, "Service", `${NAME}-hub`);
    assert.deepEqual(ports.map(({ name }) => name), ["health", "metrics"]);
  },
}));

Deno.test(requires(["helm"], {
  name: "hubs and edges have their roles, and settings of their own",
  fn: async () => {
    const { hub, edge } = partsOf(
      await render({
        ...CLUSTER,
        hub: { config: { LOG_LEVEL: "debug", STREAM_PROXY_NATS_USER: "hub" } },
        edge: { config: { STREAM_PROXY_GRPC_WEB: false, STREAM_PROXY_NATS_USER: "edge" } },
        config: { STREAM_PROXY_NATS_URL: "nats://nats:4222", STREAM_PROXY_GRPC_WEB: true },
      }),
    );
    assert.equal(hub?.settings.STREAM_PROXY_ROLE, "hub");
    assert.equal(edge?.settings.STREAM_PROXY_ROLE, "edge");
    assert.equal(hub?.settings.STREAM_PROXY_NATS_USER, "hub");
    assert.equal(edge?.settings.STREAM_PROXY_NATS_USER, "edge");
    assert.equal(hub?.settings.LOG_LEVEL, "debug");
    assert.equal(edge?.settings.LOG_LEVEL, "info");
    assert.equal(hub?.settings.STREAM_PROXY_GRPC_WEB, "true");
    assert.equal(edge?.settings.STREAM_PROXY_GRPC_WEB, "false");
  },
}));

Deno.test(requires(["helm"], {
  name: "edges have the access policy of a single proxy, and their own user of NATS",
  fn: async () => {
    const credentials = {
      existingSecret: "alpaca",
      secretNames: { STREAM_PROXY_ACCESS: "policy", STREAM_PROXY_NATS_CREDS: "hub-nats" },
    };
    const { hub, edge } = partsOf(await render({ ...CLUSTER, credentials }));
    const secretOf = (part: typeof edge, variable: string) =>
      part?.container.env?.find(({ name }) => name === variable)?.valueFrom?.secretKeyRef?.name;
    assert.equal(secretOf(edge, "STREAM_PROXY_ACCESS"), "policy");
    assert.equal(secretOf(edge, "STREAM_PROXY_TLS_KEY"), "alpaca");
    assert.equal(secretOf(edge, "STREAM_PROXY_NATS_CREDS"), "edge-nats");
    assert.equal(secretOf(edge, "STREAM_PROXY_NATS_PASSWORD"), "edge-nats");
    assert.equal(secretOf(edge, "ALPACA_SECRET"), undefined);
    assert.equal(secretOf(hub, "STREAM_PROXY_NATS_CREDS"), "hub-nats");
    assert.equal(secretOf(hub, "ALPACA_SECRET"), "alpaca");
    const anonymous = partsOf(await render({ ...CLUSTER, credentials, edge: {} })).edge;
    assert.equal(secretOf(anonymous, "STREAM_PROXY_NATS_CREDS"), undefined);
    assert.equal(secretOf(anonymous, "STREAM_PROXY_ACCESS"), "policy");
  },
}));

Deno.test(requires(["helm"], {
  name: "edges scale by the metrics that values name, always by CPU",
  fn: async () => {
    type Scaler = {
      metrics: {
        resource?: { target: { averageValue: string } };
        pods?: { metric: { name: string }; target: { averageValue: string } };
      }[];
    };
    const targets = async (autoscaling: Values) => {
      const manifests = await render({ ...CLUSTER, edge: { autoscaling } });
      const { metrics } = specOf<Scaler>(manifests, "HorizontalPodAutoscaler", `${NAME}-edge`);
      return metrics.map(({ resource, pods }) =>
        `${pods?.metric.name ?? "cpu"} ${(pods ?? resource)?.target.averageValue}`
      );
    };
    assert.deepEqual(await targets({}), ["cpu 600m"]);
    assert.deepEqual(await targets({ cpu: "1", streams: 10_000_000, lag: "250m" }), [
      "cpu 1",
      "alpaca_proxy_grpc_clients 10000000",
      "alpaca_proxy_event_loop_delay_p99_seconds 250m",
    ]);
  },
}));

Deno.test(requires(["helm"], {
  name: "the notes of a cluster name its parts",
  fn: async () => {
    const notes = await renderNotes(CLUSTER);
    assert.match(notes, new RegExp(`logs deploy/${NAME}-edge`));
    assert.match(notes, new RegExp(`deploy/${NAME}-hub`));
    assert.match(notes, /rollout restart deploy\/\S+-hub/);
    assert.match(notes, /Without the stream test: only hubs have the credentials/);
    assert.doesNotMatch(notes, new RegExp(`deploy/${NAME}\\s`));
    assert.doesNotMatch(notes, /log in to NATS without credentials/);
    const anonymous = await renderNotes({ ...CLUSTER, edge: {} });
    assert.match(anonymous, /WARNING: edge\.credentials\.existingSecret is empty/);
  },
}));

const CLUSTER_CHART = new URL(`${CHART_PATH}-cluster/`, "file:///");

/** The chart with NATS and its dependencies, of which that of NATS only shows its values. */
async function renderWithNats(values: Values = {}): Promise<Manifest[]> {
  const copy = await Deno.makeTempDir();
  try {
    await runProgram("cp", ["-r", `${CLUSTER_CHART.pathname}.`, copy]);
    await Deno.mkdir(`${copy}/charts/nats/templates`, { recursive: true });
    await runProgram("cp", ["-r", CHART_PATH, `${copy}/charts/`]);
    const chart = { apiVersion: "v2", name: "nats", version: "1.3.0" };
    await Deno.writeTextFile(`${copy}/charts/nats/Chart.yaml`, stringify(chart));
    await Deno.writeTextFile(
      `${copy}/charts/nats/templates/values.yaml`,
      "kind: Nats\nmetadata: {name: nats}\nspec:\n  {{- toYaml .Values | nindent 2 }}\n",
    );
    return parseManifests(await renderChart(values, { chart: copy }));
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

interface NatsUser {
  readonly user: string;
  readonly password: string;
  readonly permissions: unknown;
}

Deno.test(requires(["helm"], {
  name: "the chart with NATS connects hubs and edges to it, each with its own user",
  fn: async () => {
    const manifests = await renderWithNats();
    const { hub, edge } = partsOf(manifests);
    const nats = specOf<{
      fullnameOverride: string;
      container: { env: Record<string, { valueFrom: { secretKeyRef: unknown } }> };
      config: { merge: { authorization: { users: NatsUser[] } } };
    }>(manifests, "Nats", "nats");
    const conf = await Deno.readTextFile(new URL("docs/cluster/nats.conf", ROOT));
    for (const part of [hub, edge]) {
      assert.ok(part);
      const { settings, container } = part;
      assert.equal(settings.STREAM_PROXY_NATS_URL, `nats://${nats.fullnameOverride}:4222`);
      const user = nats.config.merge.authorization.users.find(({ user }) =>
        user === settings.STREAM_PROXY_NATS_USER
      );
      assert.deepEqual(user?.permissions, natsPermissions(conf, part.role));
      const variable = user.password.replace(/^<< \$(\w+) >>$/, "$1");
      const own = container.env?.find(({ name }) => name === "STREAM_PROXY_NATS_PASSWORD");
      const { name, key } = own?.valueFrom?.secretKeyRef ?? {};
      assert.deepEqual(nats.container.env[variable]?.valueFrom.secretKeyRef, { name, key });
    }
    const external = await renderWithNats({ nats: { enabled: false } });
    assert.ok(!external.some(({ kind }) => kind === "Nats"));
  },
}));

Deno.test("the charts have the same version, and the one with NATS depends on the other", () => {
  const read = (folder: string) => parse(Deno.readTextFileSync(`${folder}/Chart.yaml`));
  const [single, cluster] = [read(CHART_PATH), read(CLUSTER_CHART.pathname)];
  assert.equal(single.dependencies, undefined, "it renders without a network");
  for (const key of ["version", "appVersion", "kubeVersion"]) {
    assert.equal(cluster[key], single[key], key);
  }
  const names = cluster.dependencies.map(({ name }: { name: string }) => name);
  assert.deepEqual(names, [single.name, "nats"]);
});

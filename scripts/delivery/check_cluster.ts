/**
 * Installs the chart into a real Kubernetes API server: every set of values by
 * server-side dry run with strict field validation, one for real, with an
 * upgrade and a removal.
 *
 * ```sh
 * deno run -A scripts/delivery/check_cluster.ts [--install]
 * ```
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { commandBlocks } from "../docs/commands.ts";
import {
  type ApiServer,
  findApiServer,
  startApiServer,
  VERSION,
} from "./api_server.ts";
import { ROOT } from "./generate.ts";
import { MATRIX } from "./matrix.ts";
import {
  chartPath,
  type Manifest,
  NAMESPACE,
  podSpec,
  readManifests,
  RELEASE,
  renderText,
} from "./render.ts";
import { say } from "./say.ts";
import { findSchemas, type Schemas } from "./schemas.ts";
import { run, withTools } from "./tools.ts";

/** Does the check, or says why it was left out. */
export async function checkCluster(): Promise<void> {
  const what = `chart: installed into kube-apiserver ${VERSION}`;
  const server = await findApiServer();
  if (server === undefined) {
    say(
      `LEFT OUT  ${what}: no kube-apiserver (CI=true or --install builds it)`,
    );
    return;
  }
  const schemas = await findSchemas();
  if (schemas === undefined) return say(`LEFT OUT  ${what}: no schemas`);
  await withTools(what, {
    tools: ["helm", "kubectl", "etcd", "openssl"],
    check: async ({ helm = "", kubectl = "", etcd = "" }) => {
      await using cluster = await startApiServer({ etcd, server });
      await prepare(cluster, schemas);
      for (const { name, values } of MATRIX) {
        try {
          await dryRun(
            cluster,
            await renderText({
              helm,
              values,
              kubernetes: VERSION,
            }),
          );
        } catch (error) {
          throw new Error(`With "${name}": ${(error as Error).message}`);
        }
      }
      await live({ helm, cluster });
      await followReadme({ programs: [helm, kubectl], cluster });
    },
  });
}

/** Definitions of the kinds that Kubernetes lacks, a namespace, its needs. */
async function prepare(
  cluster: ApiServer,
  { definitions }: Schemas,
): Promise<void> {
  for (const text of definitions) {
    await cluster.create(
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
      parse(text),
    );
  }
  await cluster.create("/api/v1/namespaces", {
    metadata: {
      name: NAMESPACE,
      // The strictest of the Pod Security Standards.
      labels: { "pod-security.kubernetes.io/enforce": "restricted" },
    },
  });
  await cluster.create("/api/v1/namespaces", {
    metadata: { name: "monitoring" },
  });
  await cluster.create("/apis/node.k8s.io/v1/runtimeclasses", {
    metadata: { name: "gvisor" },
    handler: "runsc",
  });
}

const PATHS: Readonly<Record<string, string>> = {
  ConfigMap: "/api/v1/namespaces/NS/configmaps",
  Deployment: "/apis/apps/v1/namespaces/NS/deployments",
  GRPCRoute: "/apis/gateway.networking.k8s.io/v1/namespaces/NS/grpcroutes",
  HTTPRoute: "/apis/gateway.networking.k8s.io/v1/namespaces/NS/httproutes",
  Ingress: "/apis/networking.k8s.io/v1/namespaces/NS/ingresses",
  NetworkPolicy: "/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies",
  Pod: "/api/v1/namespaces/NS/pods",
  PodDisruptionBudget: "/apis/policy/v1/namespaces/NS/poddisruptionbudgets",
  PodMonitor: "/apis/monitoring.coreos.com/v1/namespaces/NS/podmonitors",
  PrometheusRule:
    "/apis/monitoring.coreos.com/v1/namespaces/NS/prometheusrules",
  Secret: "/api/v1/namespaces/NS/secrets",
  Service: "/api/v1/namespaces/NS/services",
  ServiceAccount: "/api/v1/namespaces/NS/serviceaccounts",
  ServiceMonitor:
    "/apis/monitoring.coreos.com/v1/namespaces/NS/servicemonitors",
};

/** Sends every object as a creation that is judged and not kept. */
async function dryRun(cluster: ApiServer, text: string): Promise<void> {
  const manifests = readManifests(text);
  for (const manifest of [...manifests, ...manifests.flatMap(podOf)]) {
    const path = PATHS[manifest.kind];
    if (path === undefined) throw new Error(`Where do ${manifest.kind}s go?`);
    const { namespace = NAMESPACE } = manifest.metadata;
    await patiently(() =>
      cluster.create(
        `${path.replace("NS", namespace)}?dryRun=All&fieldValidation=Strict`,
        manifest satisfies Manifest,
      )
    );
  }
}

/**
 * The pod that a Deployment would make, as only pods are judged by the Pod
 * Security Standards; none where an operator has put containers of his own in.
 */
function podOf(manifest: Manifest): Manifest[] {
  const spec = manifest.kind === "Deployment" ? podSpec(manifest) : undefined;
  const all = [...spec?.containers ?? [], ...spec?.initContainers ?? []];
  if (spec === undefined || all.length > 1) return [];
  return [{ kind: "Pod", metadata: { name: "from-template" }, spec }];
}

/** A new definition is served some moments after it was made. */
async function patiently(action: () => Promise<void>): Promise<void> {
  for (let left = 50;; left--) {
    try {
      return await action();
    } catch (error) {
      const early = (error as Error).message.includes("404 page not found");
      if (!early || left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** Install, upgrade, roll back, remove: as an operator does it. */
async function live(
  { helm, cluster }: { helm: string; cluster: ApiServer },
): Promise<void> {
  const first = MATRIX.find(({ name }) => name.startsWith("everything that"));
  assert.ok(first);
  const common = ["--namespace", NAMESPACE, "--kubeconfig", cluster.kubeconfig];
  const values = (more: object) => ({
    input: stringify({ ...first.values, ...more }),
  });
  const { stdout } = await run(helm, [
    ...["install", RELEASE, chartPath, ...common, "--values", "-"],
  ], values({}));
  assert.match(stdout, /STATUS: deployed/);
  assert.match(
    stdout,
    new RegExp(`${RELEASE}-alpaca-stream-proxy.${NAMESPACE}`),
  );
  assert.match(stdout, /rollout restart/, "NOTES tell how to rotate");
  assert.ok(!stdout.includes("WARNING"), stdout);
  const open = MATRIX.find(({ name }) => name.startsWith("reachable from"));
  assert.ok(open);
  const { stdout: notes } = await run(helm, [
    ...["install", "open", chartPath, ...common, "--values", "-"],
    "--dry-run=server",
  ], { input: stringify(open.values) });
  assert.match(notes, /WARNING: networkPolicy.ingress.grpcFrom is empty/);
  await run(helm, [
    ...["upgrade", RELEASE, chartPath, ...common, "--values", "-"],
  ], values({ config: { LOG_LEVEL: "debug" } }));
  await run(helm, ["rollback", RELEASE, "1", ...common]);
  await run(helm, ["uninstall", RELEASE, ...common]);
}

/** Ends in a pod that streams, and here is no node to run one. */
const WANTS_NODES = /^helm test /;

/** Runs the README's commands for a cluster, as they stand there. */
async function followReadme(
  { programs, cluster }: {
    readonly programs: readonly string[];
    readonly cluster: ApiServer;
  },
): Promise<void> {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const block = commandBlocks(readme).map(({ text }) => text)
    .find((text) => text.includes("helm install"));
  assert.ok(block, "the README tells how to install the chart");
  const lines = block.split("\n");
  const left = lines.filter((line) => WANTS_NODES.test(line));
  for (const line of left) say(`LEFT OUT  ${line}: no node runs its pod`);
  const text = lines.filter((line) => !left.includes(line)).join("\n");
  const path = [...programs.map(dirname), Deno.env.get("PATH")].join(":");
  const { stdout } = await run("bash", ["-euc", text], {
    cwd: fileURLToPath(ROOT),
    env: { PATH: path, KUBECONFIG: cluster.kubeconfig },
    seconds: 120,
  });
  assert.match(stdout, /secret\/alpaca created/);
  assert.match(stdout, /STATUS: deployed/);
  say(`ok        the README's commands for a cluster`);
}

if (import.meta.main) await checkCluster();

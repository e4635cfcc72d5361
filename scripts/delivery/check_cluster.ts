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
import { parse, stringify } from "yaml";
import {
  type ApiServer,
  findApiServer,
  startApiServer,
  VERSION,
} from "./api_server.ts";
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
import { fetchSchemas } from "./schemas.ts";
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
  await withTools(what, {
    tools: ["helm", "etcd", "go", "openssl"],
    check: async ({ helm = "", etcd = "" }) => {
      await using cluster = await startApiServer({ etcd, server });
      await prepare(cluster);
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
    },
  });
}

/** Definitions of the kinds that Kubernetes lacks, a namespace, its needs. */
async function prepare(cluster: ApiServer): Promise<void> {
  const { definitions } = await fetchSchemas();
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
  await cluster.create("/apis/node.k8s.io/v1/runtimeclasses", {
    metadata: { name: "gvisor" },
    handler: "runsc",
  });
}

const PATHS: Readonly<Record<string, string>> = {
  ConfigMap: "/api/v1/namespaces/NS/configmaps",
  Deployment: "/apis/apps/v1/namespaces/NS/deployments",
  GRPCRoute: "/apis/gateway.networking.k8s.io/v1/namespaces/NS/grpcroutes",
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
    await patiently(() =>
      cluster.create(
        `${path.replace("NS", NAMESPACE)}?dryRun=All&fieldValidation=Strict`,
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
  await run(helm, [
    ...["upgrade", RELEASE, chartPath, ...common, "--values", "-"],
  ], values({ config: { LOG_LEVEL: "debug" } }));
  await run(helm, ["rollback", RELEASE, "1", ...common]);
  await run(helm, ["uninstall", RELEASE, ...common]);
}

if (import.meta.main) await checkCluster();

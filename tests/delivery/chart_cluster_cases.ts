/**
 * Values of mode `cluster` that the chart accepts, and values that it rejects.
 *
 * @module
 */
import type { ChartCase, RejectedCase } from "./chart_cases.ts";

const credentials = { existingSecret: "alpaca" };
const config = { STREAM_PROXY_NATS_URL: "tls://nats.nats.svc" };
const ownSecret = { credentials: { existingSecret: "edge-nats" } };

/** The least that a cluster needs. */
export const CLUSTER: Readonly<Record<string, unknown>> = {
  mode: "cluster",
  credentials,
  config,
  edge: ownSecret,
};

const KINDS = ["HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget"];

/** Values of mode `cluster` that render to valid manifests. */
export const CLUSTER_CASES: readonly ChartCase[] = [
  { name: "a cluster", values: CLUSTER, kinds: KINDS },
  {
    name: "a cluster whose edges scale by streams and lag, with TLS and a policy",
    values: {
      mode: "cluster",
      credentials: {
        ...credentials,
        secretNames: {
          STREAM_PROXY_ACCESS: "access-policy",
          STREAM_PROXY_NATS_CREDS: "hub-nats",
        },
      },
      config: {
        STREAM_PROXY_NATS_URL: "tls://nats-0.nats.svc:4333,tls://nats-1.nats.svc",
        STREAM_PROXY_NATS_REPLICAS: 3,
        STREAM_PROXY_HOST: "::",
      },
      hub: {
        replicaCount: 3,
        config: { STREAM_PROXY_NATS_USER: "hub", LOG_LEVEL: "debug" },
        resources: { limits: { memory: "2Gi" } },
        podDisruptionBudget: { minAvailable: "50%" },
      },
      edge: {
        ...ownSecret,
        config: { STREAM_PROXY_NATS_USER: "edge", STREAM_PROXY_QUEUE_MEMORY_MB: 1_000 },
        resources: { limits: { memory: "3Gi" } },
        autoscaling: { minReplicas: 3, maxReplicas: 40, streams: 1_000, lag: "250m" },
        podDisruptionBudget: { maxUnavailable: "25%" },
      },
      tls: { existingSecret: "proxy-tls", clientCaKey: "ca.crt" },
      networkPolicy: {
        egress: {
          natsTo: [{ namespaceSelector: { matchLabels: { app: "nats" } } }],
          httpsTo: [{ ipBlock: { cidr: "0.0.0.0/0" } }],
        },
      },
      service: { headless: { enabled: true } },
      serviceMonitor: { enabled: true },
      prometheusRule: { enabled: true },
      tests: { symbol: "AAPL", tokenSecret: "test-token", clientSecret: "test-certificate" },
    },
    kinds: [...KINDS, "ServiceMonitor", "PrometheusRule"],
  },
  {
    name: "a cluster with a fixed number of edges, a PodMonitor and NATS without users",
    values: {
      mode: "cluster",
      credentials: {
        values: {
          ALPACA_KEY: "PKTEST",
          ALPACA_SECRET: "very-secret-text",
          STREAM_PROXY_ACCESS: '{"roles":{}}',
        },
      },
      config: {
        STREAM_PROXY_NATS_URL: "nats://nats:4222",
        STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM: true,
        STREAM_PROXY_METRICS_PORT: 0,
        STREAM_PROXY_FEEDS: "sip",
      },
      hub: { replicaCount: 0, podDisruptionBudget: { enabled: false } },
      edge: { replicaCount: 5, autoscaling: { enabled: false } },
      affinity: { nodeAffinity: {} },
      topologySpreadConstraints: [{
        maxSkew: 1,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "DoNotSchedule",
        labelSelector: { matchLabels: { team: "trading" } },
      }],
      networkPolicy: { ingress: { metricsFrom: [] } },
      podMonitor: { enabled: true },
    },
    kinds: ["PodDisruptionBudget", "PodMonitor", "Secret"],
  },
  {
    name: "a cluster with the longest name and without network policies",
    values: { ...CLUSTER, fullnameOverride: "a".repeat(63), networkPolicy: { enabled: false } },
    kinds: ["HorizontalPodAutoscaler"],
  },
];

/** Values of mode `cluster` that the chart rejects. */
export const REJECTED_CLUSTERS: readonly RejectedCase[] = [
  {
    name: "another mode",
    values: { credentials, mode: "edge" },
    error: /mode/,
  },
  {
    name: "a cluster without NATS",
    values: { ...CLUSTER, config: {} },
    error: /config\.STREAM_PROXY_NATS_URL is empty: name the NATS servers/,
  },
  {
    name: "a cluster without Alpaca's credentials",
    values: { ...CLUSTER, credentials: {} },
    error: /credentials\.existingSecret is empty/,
  },
  {
    name: "a role among the settings",
    values: { credentials, config: { ...config, STREAM_PROXY_ROLE: "hub" } },
    error: /config\.STREAM_PROXY_ROLE is hub, but roles follow from mode/,
  },
  {
    name: "a role among the settings of edges",
    values: { ...CLUSTER, edge: { config: { STREAM_PROXY_ROLE: "hub" } } },
    error: /edge\.config\.STREAM_PROXY_ROLE is hub, but roles follow from mode/,
  },
  ...[
    { STREAM_PROXY_GRPC_PORT: 6_000 },
    { STREAM_PROXY_FEEDS: "sip" },
    { STREAM_PROXY_NATS_PREFIX: "other" },
    { STREAM_PROXY_TLS_PORTS: "grpc" },
    { CREAM_ENV: "LIVE" },
    { ALPACA_FEED: "iex" },
  ].map((own) => ({
    name: `edges with a ${Object.keys(own)[0]} of their own`,
    values: { ...CLUSTER, edge: { config: own } },
    error: /edge\.config\.\w+ would differ between hubs and edges: set it in config/,
  })),
  {
    name: "an unknown setting of hubs",
    values: { ...CLUSTER, hub: { config: { STREAM_PROXY_GRPC_PROT: 1 } } },
    error: /STREAM_PROXY_GRPC_PROT/,
  },
  {
    name: "edges that log in to NATS as hubs do",
    values: { ...CLUSTER, edge: { credentials: { existingSecret: "alpaca" } } },
    error: /edge\.credentials\.existingSecret is alpaca, which has the credentials of the hubs/,
  },
  {
    name: "fewer edges at most than at least",
    values: { ...CLUSTER, edge: { autoscaling: { minReplicas: 20 } } },
    error: /maxReplicas \(10\) is below minReplicas \(20\)/,
  },
  {
    name: "queues of edges larger than their heap",
    values: { ...CLUSTER, edge: { config: { STREAM_PROXY_QUEUE_MEMORY_MB: 500 } } },
    error: /heap limit is 682 MiB.*may need 749 MiB/,
  },
];

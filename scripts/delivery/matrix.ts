/**
 * Values that the chart is rendered with, and values that it must refuse.
 *
 * @module
 */

/** One way to install the chart. */
export interface MatrixEntry {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** Kinds beyond the usual ones that must come out. */
  readonly kinds?: readonly string[];
}

/** What must not be installed, and what is said about it. */
export interface Refusal {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly says: RegExp;
}

const credentials = { existingSecret: "alpaca" };

const monitoring = {
  serviceMonitor: { enabled: true, labels: { release: "prometheus" } },
  prometheusRule: {
    enabled: true,
    labels: { release: "prometheus" },
    alertLabels: { team: "trading" },
  },
  dashboard: {
    enabled: true,
    namespace: "monitoring",
    annotations: { folder: "Trading" },
  },
};

/** Ways to install the chart that must come out valid. */
export const MATRIX: readonly MatrixEntry[] = [
  { name: "defaults with an existing Secret", values: { credentials } },
  {
    name: "credentials in the values",
    values: {
      credentials: {
        values: {
          ALPACA_KEY: "PKTEST",
          ALPACA_SECRET: "very-secret-text",
          ALPACA_DATA_KEY: "AKTEST",
          ALPACA_DATA_SECRET: "another-secret-text",
        },
        annotations: { note: "for trying out" },
      },
    },
    kinds: ["Secret"],
  },
  {
    name: "entries of the Secret under other names",
    values: {
      credentials: {
        existingSecret: "broker",
        keys: { ALPACA_KEY: "key-id", ALPACA_SECRET: "secret.key" },
      },
    },
  },
  {
    name: "everything that watches, by Service",
    values: { credentials, ...monitoring },
    kinds: ["ServiceMonitor", "PrometheusRule"],
  },
  {
    name: "everything that watches, by pod, without a metrics port",
    values: {
      credentials,
      config: { STREAM_PROXY_METRICS_PORT: 0, STREAM_PROXY_FEEDS: "sip" },
      podMonitor: {
        enabled: true,
        namespace: "monitoring",
        labels: { release: "prometheus" },
        relabelings: [{ targetLabel: "cluster", replacement: "main" }],
      },
      prometheusRule: {
        ...monitoring.prometheusRule,
        disabled: ["AlpacaProtocolDrift"],
        marketHolidays: [],
        selector: 'job="proxy"',
      },
    },
    kinds: ["PodMonitor", "PrometheusRule"],
  },
  {
    name: "reachable from outside by every way",
    values: {
      credentials,
      service: {
        type: "LoadBalancer",
        nodePort: 30_052,
        labels: { exposed: "true" },
        externalTrafficPolicy: "Local",
        ipFamilyPolicy: "SingleStack",
        ipFamilies: ["IPv4"],
        loadBalancerClass: "example.com/lb",
        loadBalancerSourceRanges: ["10.0.0.0/8"],
        annotations: { "example.com/internal": "true" },
        publishNotReadyAddresses: true,
        headless: { enabled: true, annotations: { "a.b/c": "d" } },
      },
      ingress: {
        enabled: true,
        className: "nginx",
        hosts: ["stream.example.com"],
        tls: [{ hosts: ["stream.example.com"], secretName: "stream-tls" }],
      },
      gateway: {
        enabled: true,
        parentRefs: [{ name: "public", namespace: "gateways" }],
        hostnames: ["stream.example.com"],
      },
    },
    kinds: ["Ingress", "GRPCRoute"],
  },
  {
    name: "a route without a limit on the length of a stream",
    values: {
      credentials,
      gateway: {
        enabled: true,
        kind: "HTTPRoute",
        parentRefs: [{ name: "public" }],
      },
    },
    kinds: ["HTTPRoute"],
  },
  {
    name: "every setting off its default",
    values: {
      credentials,
      config: {
        CREAM_ENV: "LIVE",
        STREAM_PROXY_FEEDS: "sip,trading",
        ALPACA_FEED: "iex",
        ALPACA_OPTIONS_FEED: "indicative",
        ALPACA_STOCK_STREAM_URL: "ws://simulator:8765/v2/iex",
        ALPACA_OPTION_STREAM_URL:
          "wss://options.example.com/v1beta1/indicative",
        ALPACA_TRADING_STREAM_URL: "ws://simulator:8765/stream",
        ALPACA_TRADING_API_URL: "http://simulator:8765",
        ALPACA_DATA_API_URL: "http://simulator:8765",
        STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM: true,
        STREAM_PROXY_HOST: "::",
        STREAM_PROXY_GRPC_PORT: 6000,
        STREAM_PROXY_HEALTH_PORT: 6001,
        STREAM_PROXY_METRICS_PORT: 6002,
        LOG_LEVEL: "debug",
        OTEL_ENABLED: true,
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://otel-collector:4318",
        STREAM_PROXY_HEARTBEAT_INTERVAL_SECS: 10,
        STREAM_PROXY_RECONNECT_DELAY_MULTIPLIER: 1.5,
        STREAM_PROXY_STOCK_QUOTES_CAPACITY: 10_000_000,
        STREAM_PROXY_OPTIONS_QUOTES_CAPACITY: 1_000_000,
        STREAM_PROXY_QUEUE_MEMORY_MB: 3_000,
        STREAM_PROXY_MAX_SYMBOLS: 100_000,
      },
      resources: { limits: { memory: "6Gi" } },
      heapLimitMiB: 4_096,
    },
  },
  {
    name: "every hook for the operator",
    values: {
      credentials,
      nameOverride: "quotes",
      fullnameOverride: "market-quotes",
      global: { cluster: "main" },
      replicaCount: 0,
      image: {
        registry: "registry.example.com",
        repository: "trading/proxy",
        digest: `sha256:${"ab".repeat(32)}`,
        pullPolicy: "Always",
      },
      imagePullSecrets: [{ name: "registry" }],
      extraEnv: [{ name: "GRPC_VERBOSITY", value: "ERROR" }],
      extraEnvFrom: [{ secretRef: { name: "more" } }],
      permissions: { extraNet: ["proxy.corp:3128"], extraEnv: ["NO_PROXY"] },
      serviceAccount: { create: false },
      networkPolicy: {
        ingress: {
          clientLabels: { tier: "trading" },
          grpcFrom: [{ namespaceSelector: { matchLabels: { team: "quant" } } }],
          metricsFrom: [],
        },
        egress: {
          dnsTo: [{ namespaceSelector: {} }],
          httpsTo: [{ ipBlock: { cidr: "0.0.0.0/0" } }],
          extra: [{ ports: [{ port: 3128, protocol: "TCP" }] }],
        },
      },
      podDisruptionBudget: { enabled: true },
      probes: {
        startup: null,
        readiness: { httpGet: null, grpc: { port: 50_052 } },
      },
      preStopSleepSeconds: 0,
      terminationGracePeriodSeconds: 30,
      commonLabels: { team: "trading" },
      commonAnnotations: { "example.com/owner": "trading" },
      deploymentAnnotations: { "reloader.stakater.com/auto": "true" },
      podLabels: { "sidecar.istio.io/inject": "false" },
      podAnnotations: { "example.com/note": "one" },
      nodeSelector: { "kubernetes.io/os": "linux" },
      tolerations: [{ key: "trading", operator: "Exists" }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{
              matchExpressions: [{
                key: "topology.kubernetes.io/zone",
                operator: "In",
                values: ["us-east-1a"],
              }],
            }],
          },
        },
      },
      topologySpreadConstraints: [{
        maxSkew: 1,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: { team: "trading" } },
      }],
      priorityClassName: "system-cluster-critical",
      runtimeClassName: "gvisor",
      schedulerName: "default-scheduler",
      dnsPolicy: "ClusterFirst",
      dnsConfig: { options: [{ name: "ndots", value: "1" }] },
      hostAliases: [{ ip: "10.0.0.1", hostnames: ["simulator"] }],
      initContainers: [{ name: "wait", image: "busybox:1.36" }],
      extraContainers: [{ name: "side", image: "busybox:1.36" }],
      extraPodSpec: { hostUsers: false, setHostnameAsFQDN: true },
      extraVolumes: [{ name: "tmp", emptyDir: {} }],
      extraVolumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
      extraObjects: [
        {
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name: '{{ include "asp.fullname" . }}-more' },
          data: { a: "b" },
        },
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n" +
        "  name: {{ .Release.Name }}-text\n",
      ],
      tests: { symbol: "AAPL", seconds: 30 },
    },
    kinds: ["PodDisruptionBudget"],
  },
  {
    name: "closed to the world and without tests",
    values: {
      credentials,
      networkPolicy: { enabled: false },
      tests: { health: false, stream: false },
    },
  },
  {
    name: "a collector and everybody as a client",
    values: {
      credentials,
      config: {
        ALPACA_FEED: "test",
        STREAM_PROXY_FEEDS: "sip",
        OTEL_ENABLED: true,
        OTEL_EXPORTER_OTLP_ENDPOINT: "https://otlp.example.com",
      },
      networkPolicy: {
        ingress: {
          clientLabels: {},
          grpcFrom: [{ ipBlock: { cidr: "0.0.0.0/0" } }],
        },
        egress: { otlpTo: [{ namespaceSelector: {} }] },
      },
    },
  },
];

/** What must be refused. */
export const REFUSALS: readonly Refusal[] = [
  {
    name: "two replicas",
    values: { credentials, replicaCount: 2 },
    says: /replicaCount/,
  },
  {
    name: "no credentials",
    values: {},
    says: /credentials\.existingSecret is empty/,
  },
  {
    name: "half of the credentials",
    values: { credentials: { values: { ALPACA_KEY: "PKTEST" } } },
    says: /credentials\.values\.ALPACA_SECRET/,
  },
  {
    name: "a secret among the settings",
    values: { credentials, config: { ALPACA_SECRET: "very-secret-text" } },
    says: /ALPACA_SECRET/,
  },
  {
    name: "a misspelt setting",
    values: { credentials, config: { STREAM_PROXY_GRPC_PROT: 50_052 } },
    says: /STREAM_PROXY_GRPC_PROT/,
  },
  {
    name: "an unknown value",
    values: { credentials, replicas: 1 },
    says: /replicas/,
  },
  {
    name: "queues that do not fit into the heap",
    values: { credentials, config: { STREAM_PROXY_QUEUE_MEMORY_MB: 500 } },
    says:
      /heap limit is 682 MiB.*QUEUE_MEMORY_MB \(500\).*may need 725 MiB.*memory/,
  },
  {
    name: "symbols that do not fit into the heap",
    values: { credentials, config: { STREAM_PROXY_MAX_SYMBOLS: 1_000_000 } },
    says: /MAX_SYMBOLS \(1000000\).*may need 1640 MiB/,
  },
  {
    name: "a container that is too small for the settings",
    values: { credentials, resources: { limits: { memory: "512Mi" } } },
    says: /heap limit is 341 MiB.*raise resources\.limits\.memory/,
  },
  {
    name: "a capacity that all queues together cannot hold",
    values: {
      credentials,
      config: { STREAM_PROXY_OPTIONS_QUOTES_CAPACITY: 10_000_000 },
    },
    says: /OPTIONS_QUOTES_CAPACITY is 10000000.*holds 932067 such messages/,
  },
  {
    name: "a word that the program does not know",
    values: { credentials, config: { CREAM_ENV: "STAGING" } },
    says: /CREAM_ENV/,
  },
  {
    name: "a port that the program does not have",
    values: { credentials, config: { STREAM_PROXY_GRPC_PORT: 70_000 } },
    says: /STREAM_PROXY_GRPC_PORT/,
  },
  {
    name: "one port twice",
    values: { credentials, config: { STREAM_PROXY_METRICS_PORT: 8082 } },
    says: /another port of config has already/,
  },
  {
    name: "a stop that does not fit",
    values: { credentials, preStopSleepSeconds: 20 },
    says: /terminationGracePeriodSeconds is 40/,
  },
  {
    name: "two monitors",
    values: {
      credentials,
      serviceMonitor: { enabled: true },
      podMonitor: { enabled: true },
    },
    says: /both enabled/,
  },
  {
    name: "a route without a Gateway",
    values: { credentials, gateway: { enabled: true } },
    says: /gateway\.parentRefs/,
  },
  {
    name: "an Ingress without a host",
    values: { credentials, ingress: { enabled: true } },
    says: /ingress\.hosts/,
  },
];

/**
 * Values that the chart accepts and values that it rejects.
 *
 * @module
 */

/** Values that render to valid manifests. */
export interface ChartCase {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** Kinds that are rendered beyond ConfigMap, Deployment and Service. */
  readonly kinds?: readonly string[];
}

/** Values that the chart rejects, and its error message. */
export interface RejectedCase {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly error: RegExp;
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

/** Values that render to valid manifests. */
export const CHART_CASES: readonly ChartCase[] = [
  { name: "defaults with an existing Secret", values: { credentials } },
  {
    name: "TLS by a Secret with a client CA",
    values: {
      credentials,
      tls: { existingSecret: "proxy-tls", clientCaKey: "ca.crt" },
      serviceMonitor: { enabled: true },
    },
    kinds: ["ServiceMonitor"],
  },
  {
    name: "TLS on the gRPC port only",
    values: {
      credentials,
      tls: { existingSecret: "proxy-tls" },
      config: { STREAM_PROXY_TLS_PORTS: "grpc" },
    },
  },
  {
    name: "TLS by a Secret, and Helm tests with a token and a certificate",
    values: {
      credentials: { ...credentials, secretNames: { STREAM_PROXY_ACCESS: "access-policy" } },
      tls: { existingSecret: "proxy-tls", clientCaKey: "ca.crt" },
      tests: { symbol: "AAPL", tokenSecret: "test-token", clientSecret: "test-certificate" },
    },
  },
  {
    name: "certificate files in a volume of the operator's",
    values: {
      credentials,
      config: {
        STREAM_PROXY_TLS_CERT_FILE: "/certificates/proxy.pem",
        STREAM_PROXY_TLS_KEY_FILE: "/certificates/proxy.key",
      },
      extraVolumes: [{ name: "certificates", secret: { secretName: "own" } }],
      extraVolumeMounts: [{ name: "certificates", mountPath: "/certificates", readOnly: true }],
    },
  },
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
    name: "other keys in the Secret",
    values: {
      credentials: {
        existingSecret: "broker",
        keys: { ALPACA_KEY: "key-id", ALPACA_SECRET: "secret.key" },
      },
    },
  },
  {
    name: "an access policy in a Secret of its own",
    values: {
      credentials: {
        existingSecret: "broker",
        keys: { STREAM_PROXY_ACCESS: "policy.json" },
        secretNames: { STREAM_PROXY_ACCESS: "access-policy" },
      },
    },
  },
  {
    name: "all monitoring, through a Service",
    values: { credentials, ...monitoring },
    kinds: ["ServiceMonitor", "PrometheusRule"],
  },
  {
    name: "all monitoring, through a PodMonitor, without a metrics port",
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
        marketHolidays: ["2026-12-25"],
        selector: 'job="proxy"',
      },
    },
    kinds: ["PodMonitor", "PrometheusRule"],
  },
  {
    name: "every way in from outside the cluster",
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
    name: "an HTTPRoute without a stream time limit",
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
    name: "every setting changed from its default",
    values: {
      credentials,
      config: {
        CREAM_ENV: "LIVE",
        STREAM_PROXY_FEEDS: "sip,trading",
        ALPACA_FEED: "iex",
        ALPACA_OPTIONS_FEED: "indicative",
        ALPACA_STOCK_STREAM_URL: "ws://simulator:8765/v2/iex",
        ALPACA_OPTION_STREAM_URL: "wss://options.example.com/v1beta1/indicative",
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
        STREAM_PROXY_QUEUE_MEMORY_MB: 3_300,
        STREAM_PROXY_MAX_SYMBOLS: 100_000,
      },
      resources: { limits: { memory: "6Gi" } },
      heapLimitMiB: 4_096,
    },
  },
  {
    name: "every extension point for the operator",
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
    name: "no network policy and no Helm tests",
    values: {
      credentials,
      networkPolicy: { enabled: false },
      tests: { health: false, stream: false },
    },
  },
  {
    name: "a collector, and clients from every address",
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
  {
    name: "blocks set to null",
    values: {
      credentials,
      config: null,
      service: null,
      monitoringService: null,
      networkPolicy: null,
      ingress: null,
      gateway: null,
      serviceMonitor: null,
      prometheusRule: null,
      dashboard: null,
      commonLabels: null,
      podAnnotations: null,
      tolerations: null,
      heapLimitMiB: null,
      tests: null,
    },
  },
  {
    name: "probes and resources removed by null",
    values: { credentials, probes: null, resources: null },
  },
  {
    name: "parts of blocks set to null",
    values: {
      credentials,
      config: { STREAM_PROXY_METRICS_PORT: null, LOG_LEVEL: null, ALPACA_PLAN: "basic" },
      service: { headless: null, type: "ClusterIP" },
      networkPolicy: { ingress: { clientLabels: null }, egress: null },
      image: { tag: null },
      probes: { startup: null },
    },
  },
  {
    name: "no fixed user, as OpenShift needs",
    values: {
      credentials,
      podSecurityContext: { runAsUser: null, runAsGroup: null, fsGroup: null },
    },
  },
  {
    name: "another namespace than the release's",
    values: { credentials, namespaceOverride: "streams", ...monitoring },
    kinds: ["ServiceMonitor", "PrometheusRule"],
  },
  {
    name: "a load balancer",
    values: { credentials, service: { type: "LoadBalancer" } },
  },
  {
    name: "a load balancer that publishes health and metrics",
    values: { credentials, service: { type: "LoadBalancer", monitoringPorts: true } },
  },
  {
    name: "a node port",
    values: { credentials, service: { type: "NodePort", nodePort: 30_052 } },
  },
  {
    name: "health and metrics in a Service of their own only",
    values: {
      credentials,
      service: { monitoringPorts: false },
      monitoringService: {
        labels: { scrape: "true" },
        annotations: { "prometheus.io/scrape": "true", "prometheus.io/port": "9090" },
      },
    },
  },
  {
    name: "a memory limit in exponent notation",
    values: {
      credentials,
      resources: { limits: { memory: "1e9" } },
      config: { STREAM_PROXY_QUEUE_MEMORY_MB: 128 },
    },
  },
  {
    name: "a memory limit as a number of bytes",
    values: { credentials, resources: { limits: { memory: 2_147_483_648 } } },
  },
  {
    name: "a memory limit with a decimal unit",
    values: { credentials, resources: { limits: { memory: "1.5G" } } },
  },
  {
    name: "no memory limit",
    values: { credentials, resources: { limits: { memory: null } } },
  },
  {
    name: "no old ReplicaSets and no rollout delay",
    values: { credentials, revisionHistoryLimit: 0, preStopSleepSeconds: 0 },
  },
  {
    name: "common labels that other labels repeat",
    values: {
      credentials,
      commonLabels: { team: "trading", release: "proxy", grafana_dashboard: "0" },
      commonAnnotations: { "example.com/owner": "trading", folder: "Other" },
      podLabels: { team: "quant" },
      ...monitoring,
    },
    kinds: ["ServiceMonitor", "PrometheusRule"],
  },
  {
    name: "IPv6",
    values: {
      credentials,
      config: { STREAM_PROXY_HOST: "::" },
      service: { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6", "IPv4"] },
    },
  },
  {
    name: "announced closures and allowed hosts",
    values: {
      credentials,
      config: {
        STREAM_PROXY_MARKET_CLOSURES: "2025-01-09",
        STREAM_PROXY_ALLOWED_HOSTS: "proxy.example.org",
      },
    },
  },
  {
    name: "an HTTP proxy to Alpaca",
    values: {
      credentials,
      config: { HTTPS_PROXY: "http://proxy.corp:3128", NO_PROXY: "simulator.corp" },
    },
  },
  {
    name: "order updates in NATS",
    values: {
      credentials,
      config: { STREAM_PROXY_NATS_URL: "tls://nats-0.nats.svc:4333,tls://nats-1.nats.svc" },
    },
  },
  {
    name: "the longest name",
    values: {
      credentials,
      fullnameOverride: "a".repeat(63),
      podDisruptionBudget: { enabled: true },
    },
    kinds: ["PodDisruptionBudget"],
  },
  {
    name: "a service account of the operator's",
    values: { credentials, serviceAccount: { create: false, name: "streams" } },
  },
];

/** Values that the chart rejects. */
export const REJECTED_CASES: readonly RejectedCase[] = [
  {
    name: "two replicas",
    values: { credentials, replicaCount: 2 },
    error: /replicaCount/,
  },
  {
    name: "no credentials",
    values: {},
    error: /credentials\.existingSecret is empty/,
  },
  {
    name: "a key without its secret",
    values: { credentials: { values: { ALPACA_KEY: "PKTEST" } } },
    error: /credentials\.values\.ALPACA_SECRET/,
  },
  {
    name: "a secret among the settings",
    values: { credentials, config: { ALPACA_SECRET: "very-secret-text" } },
    error: /ALPACA_SECRET/,
  },
  {
    name: "a misspelled setting",
    values: { credentials, config: { STREAM_PROXY_GRPC_PROT: 50_052 } },
    error: /STREAM_PROXY_GRPC_PROT/,
  },
  {
    name: "an unknown value",
    values: { credentials, replicas: 1 },
    error: /replicas/,
  },
  {
    name: "queues larger than the heap",
    values: { credentials, config: { STREAM_PROXY_QUEUE_MEMORY_MB: 500 } },
    error: /heap limit is 682 MiB.*QUEUE_MEMORY_MB \(500\).*may need 749 MiB.*memory/,
  },
  {
    name: "more symbols than the heap can hold",
    values: { credentials, config: { STREAM_PROXY_MAX_SYMBOLS: 1_000_000 } },
    error: /MAX_SYMBOLS \(1000000\).*may need 1664 MiB/,
  },
  {
    name: "a memory limit below what the settings need",
    values: { credentials, resources: { limits: { memory: "512Mi" } } },
    error: /heap limit is 341 MiB.*raise resources\.limits\.memory/,
  },
  {
    name: "a queue capacity above the total queue memory",
    values: {
      credentials,
      config: { STREAM_PROXY_OPTIONS_QUOTES_CAPACITY: 10_000_000 },
    },
    error: /OPTIONS_QUOTES_CAPACITY is 10000000.*holds 860370 such messages/,
  },
  {
    name: "an enum value that the program rejects",
    values: { credentials, config: { CREAM_ENV: "STAGING" } },
    error: /CREAM_ENV/,
  },
  {
    name: "a port out of range",
    values: { credentials, config: { STREAM_PROXY_GRPC_PORT: 70_000 } },
    error: /STREAM_PROXY_GRPC_PORT/,
  },
  {
    name: "the same port for two servers",
    values: { credentials, config: { STREAM_PROXY_METRICS_PORT: 8082 } },
    error: /is also another port of config/,
  },
  {
    name: "a pre-stop delay that exceeds the grace period",
    values: { credentials, preStopSleepSeconds: 20, terminationGracePeriodSeconds: 40 },
    error: /terminationGracePeriodSeconds is 40/,
  },
  {
    name: "a time for streams to end that exceeds the grace period",
    values: {
      credentials,
      config: { STREAM_PROXY_DRAIN_SECS: 30 },
      terminationGracePeriodSeconds: 40,
    },
    error: /STREAM_PROXY_DRAIN_SECS\) need 55/,
  },
  {
    name: "a ServiceMonitor and a PodMonitor",
    values: {
      credentials,
      serviceMonitor: { enabled: true },
      podMonitor: { enabled: true },
    },
    error: /both enabled/,
  },
  ...[
    ...["127.0.0.1", "127.1.2.3", "::1", "0::1", "0:0:0:0:0:0:0:1"],
    ...["0000:0000:0000:0000:0000:0000:0000:0001", "::ffff:127.0.0.1", "::FFFF:7F00:1"],
    ...["localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "proxy.localhost"],
  ].map((host) => ({
    name: `a proxy that listens on ${host}`,
    values: { credentials, config: { STREAM_PROXY_HOST: host } },
    error: /STREAM_PROXY_HOST is .* only the pod itself can reach.*0\.0\.0\.0/,
  })),
  ...["app.kubernetes.io/name", "app.kubernetes.io/instance", "helm.sh/chart"].map((label) => ({
    name: `the common label ${label}`,
    values: { credentials, commonLabels: { [label]: "mine" } },
    error: /commonLabels sets .*, which the chart sets itself.*choose another label/,
  })),
  {
    name: "a pod label that Services select by",
    values: { credentials, podLabels: { "app.kubernetes.io/component": "mine" } },
    error: /podLabels sets app\.kubernetes\.io\/component/,
  },
  {
    name: "a memory limit that is no quantity",
    values: { credentials, resources: { limits: { memory: "1GB" } } },
    error: /resources\.limits\.memory is 1GB.*write for example 1Gi/,
  },
  {
    name: "a memory limit with an exponent and a unit",
    values: { credentials, resources: { limits: { memory: "1E3Ki" } } },
    error: /resources\.limits\.memory is 1E3Ki.*write for example 1Gi/,
  },
  ...[0, 512, 1024, "1024", 1_048_576, "1000m", "1Mi"].map((memory) => ({
    name: `a memory limit of ${JSON.stringify(memory)}`,
    values: { credentials, resources: { limits: { memory } } },
    error: /heap limit is 64 MiB.*may need 505 MiB.*raise resources\.limits\.memory/,
  })),
  {
    name: "a route without a Gateway",
    values: { credentials, gateway: { enabled: true } },
    error: /gateway\.parentRefs/,
  },
  {
    name: "an Ingress without a host",
    values: { credentials, ingress: { enabled: true } },
    error: /ingress\.hosts/,
  },
];

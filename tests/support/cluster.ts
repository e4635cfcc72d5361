/**
 * A simulator, a NATS server, a hub and edges in one process, for end-to-end tests.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Clock } from "../../src/application/ports/clock.ts";
import { type RunningHub, startHub } from "../../src/composition/hub.ts";
import { parseConfig } from "../../src/infrastructure/config/parse_config.ts";
import { type RunningProxy, startProxy } from "../../src/composition/proxy.ts";
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "@alpaca-stream-proxy/simulator";
import { FREE_PORTS, type Harness, type HarnessOptions } from "./harness.ts";
import { documentedUsers, NatsServer } from "./nats_server.ts";
import { RecordingLog } from "./recording_log.ts";
import { until } from "./until.ts";

/** Options of a cluster. */
export interface ClusterOptions {
  readonly simulator?: SimulatorOptions;
  /** Settings of hubs and edges besides those that connect them. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further settings of hubs. */
  readonly hubEnv?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** Whether edges serve the WebSocket API, on a free port. @default false */
  readonly websocket?: boolean;
  /** @default 1 */
  readonly edges?: number;
}

/** An edge, with what a harness has of a single process. */
export type Edge = Harness;

/** A running cluster, whose hubs and edges are the documented users of NATS. */
export interface Cluster extends AsyncDisposable {
  readonly simulator: Simulator;
  readonly nats: NatsServer;
  readonly hub: RunningHub;
  readonly hubLog: RecordingLog;
  readonly edges: readonly Edge[];
  /** The logs of all edges, also of those that are starting. */
  readonly edgeLogs: readonly RecordingLog[];
  /** Starts another hub, which stands by. */
  addHub(): Promise<RunningHub>;
  /** Starts another edge. */
  addEdge(): Promise<Edge>;
}

/** Variables of Alpaca's account, which an edge must not have. */
const KEYS = /^ALPACA_(?:DATA_)?(?:KEY|SECRET)$/;
/** Addresses of Alpaca, which an edge does not need. */
const ADDRESS = /_URL$/;

/** Settings of hubs and edges of the same cluster. */
export function clusterEnv(
  simulator: Pick<Simulator, "environment">,
  nats: Pick<NatsServer, "url">,
  env: Readonly<Record<string, string>> = {},
): { readonly hub: Record<string, string>; readonly edge: Record<string, string> } {
  const hub = {
    ...simulator.environment(),
    ...FREE_PORTS,
    STREAM_PROXY_NATS_URL: nats.url,
    STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS: "10",
    STREAM_PROXY_UNSUBSCRIBE_GRACE_MS: "50",
    ...env,
    STREAM_PROXY_ROLE: "hub",
  };
  const edge: Record<string, string> = { ...hub, STREAM_PROXY_ROLE: "edge" };
  for (const name of Object.keys(edge)) {
    const isOfAlpaca = KEYS.test(name) || (ADDRESS.test(name) && name.startsWith("ALPACA_"));
    if (isOfAlpaca) delete edge[name];
  }
  return { hub, edge };
}

/** Starts a simulator that sends only what a test emits, a hub on it, and edges. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  await using made = new AsyncDisposableStack();
  const simulator = made.use(
    await startSimulator({ messagesPerSecond: 0, ...options.simulator }),
  );
  const nats = made.use(await NatsServer.start(await documentedUsers()));
  const env = clusterEnv(simulator, nats, options.env);
  const clock = options.clock && { clock: options.clock };
  const hubLog = new RecordingLog();
  const edgeLogs: RecordingLog[] = [];
  const hubConfig = () => parseConfig({ ...env.hub, ...loginOf("hub"), ...options.hubEnv });
  const start = async (resources: AsyncDisposableStack) => {
    const log = new RecordingLog();
    edgeLogs.push(log);
    const config = parseConfig({ ...env.edge, ...loginOf("edge") });
    const websocket = { ...config.websocket, isEphemeral: options.websocket ?? false };
    const proxy = resources.use(await startProxy({ ...config, websocket }, { log, ...clock }));
    return edgeOf(simulator, proxy, log);
  };
  const hub = made.use(await startHub(hubConfig(), { log: hubLog, ...clock }));
  // So that edges connect with their first attempt.
  await untilReady({ health: `http://127.0.0.1:${hub.ports.health}` });
  const edges: Edge[] = [];
  for (let count = options.edges ?? 1; count > 0; count--) edges.push(await start(made));
  for (const edge of edges) await untilReady(edge);
  const kept = made.move();
  return {
    simulator,
    nats,
    hub,
    hubLog,
    edges,
    edgeLogs,
    addHub: async () => kept.use(await startHub(hubConfig(), { log: hubLog, ...clock })),
    async addEdge() {
      const edge = await start(kept);
      await untilReady(edge);
      edges.push(edge);
      return edge;
    },
    async [Symbol.asyncDispose]() {
      await kept.disposeAsync();
      const refused = [hubLog, ...edgeLogs].flatMap(({ records }) =>
        records.filter(({ message }) => message === "NATS refused a request")
      );
      assert.deepEqual(refused, [], "the documented permissions suffice");
    },
  };
}

/** The user of NATS of a role. */
function loginOf(role: "hub" | "edge") {
  return { STREAM_PROXY_NATS_USER: role, STREAM_PROXY_NATS_PASSWORD: role };
}

/** Starts a cluster with one edge, as a harness of that. */
export async function startEdgeHarness(options: HarnessOptions): Promise<Harness> {
  const cluster = await startCluster(options);
  const [edge] = cluster.edges;
  if (!edge) throw new Error("There is no edge");
  return { ...edge, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

function edgeOf(simulator: Simulator, proxy: RunningProxy, log: RecordingLog): Edge {
  return {
    simulator,
    proxy,
    log,
    address: `127.0.0.1:${proxy.ports.grpc}`,
    websocket: `ws://127.0.0.1:${proxy.ports.websocket}`,
    health: `http://127.0.0.1:${proxy.ports.health}`,
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

/** Waits until every feed of a hub or an edge is connected, and what was missed is known. */
export async function untilReady({ health }: Pick<Edge, "health">): Promise<void> {
  let last = "";
  await until(() => `every feed is connected: ${last}`, async () => {
    const response = await fetch(`${health}/health`);
    last = await response.text();
    const { status, feeds } = JSON.parse(last) as HealthBody;
    const isRecovering = Object.values(feeds).some((feed) =>
      feed.freshness?.state === "recovering"
    );
    return status === "healthy" && !isRecovering;
  });
}

/** What is read of `/health`. */
interface HealthBody {
  readonly status: string;
  readonly feeds: Readonly<Record<string, { readonly freshness?: { readonly state: string } }>>;
}

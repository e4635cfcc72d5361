/**
 * A simulator, a NATS server, hubs and edges as processes of their own.
 *
 * @module
 */
import { Remote } from "../../bench/control.ts";
import type { SimulatorOptions } from "@alpaca-stream-proxy/simulator";
import { clusterEnv } from "../../tests/support/cluster.ts";
import { documentedUsers, NatsServer } from "../../tests/support/nats_server.ts";
import { NICE } from "../rig/child_processes.ts";
import { EdgeConnections, type Member, NatsMember, pause, ProxyMember, within } from "./members.ts";
import type { SessionChange } from "./sessions.ts";

const COMMAND_MS = 30_000;
/** Pause between two looks at the health of the parts. */
const LOOK_MS = 100;
/** Pause between two groups of orders. */
const TRADE_MS = 1_000;

/** How a cluster is started. */
export interface ClusterOptions {
  readonly simulator: SimulatorOptions;
  readonly hubs: number;
  readonly edges: number;
  readonly leaseMs: number;
  /** Whether NATS retains what hubs publish. */
  readonly retain: boolean;
}

/** The settings of hubs with which it does. */
const RETAINING = { STREAM_PROXY_NATS_RETAIN_MB: "64", STREAM_PROXY_NATS_RETAIN_SECS: "60" };

/** The running simulator. */
class ChaosSimulator implements AsyncDisposable {
  readonly url: string;
  readonly stocks: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly #remote: Remote;

  private constructor(
    remote: Remote,
    { url, stocks, environment }: Pick<ChaosSimulator, "url" | "stocks" | "environment">,
  ) {
    this.#remote = remote;
    this.url = url;
    this.stocks = stocks;
    this.environment = environment;
  }

  static async start(options: SimulatorOptions): Promise<ChaosSimulator> {
    const script = new URL("./processes/simulator.ts", import.meta.url);
    const flags = ["--allow-net=127.0.0.1", "--allow-env", "--allow-read"];
    const remote = new Remote(script, { flags, under: NICE });
    const started = remote.call<ChaosSimulator>("start", options);
    return new ChaosSimulator(
      remote,
      await within(started, COMMAND_MS, "The simulator does not start"),
    );
  }

  /** Trades on the account, until the market is stopped. */
  async trade(): Promise<void> {
    await this.#call("trade", { pauseMs: TRADE_MS });
  }

  /** Ends all messages and order events. */
  async stopMarket(): Promise<void> {
    const response = await fetch(`${this.url}/_control/rate`, {
      method: "POST",
      body: JSON.stringify({ messagesPerSecond: 0 }),
      signal: AbortSignal.timeout(COMMAND_MS),
    });
    await response.body?.cancel();
    await this.#call("stopTrading");
  }

  /** Changes of its sessions so far. */
  sessions(): Promise<readonly SessionChange[]> {
    return this.#call("sessions");
  }

  #call<T>(command: string, args: unknown = {}): Promise<T> {
    return within(this.#remote.call<T>(command, args), COMMAND_MS, `No reply to ${command}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#remote[Symbol.asyncDispose]();
  }
}

/** A running cluster. */
export class Cluster implements AsyncDisposable {
  readonly simulator: ChaosSimulator;
  readonly nats: Member;
  readonly connections: Member;
  readonly hubs: readonly ProxyMember[];
  readonly edges: readonly ProxyMember[];
  readonly #resources: AsyncDisposableStack;

  private constructor(
    resources: AsyncDisposableStack,
    parts: Pick<Cluster, "simulator" | "nats" | "connections" | "hubs" | "edges">,
  ) {
    this.#resources = resources;
    this.simulator = parts.simulator;
    this.nats = parts.nats;
    this.connections = parts.connections;
    this.hubs = parts.hubs;
    this.edges = parts.edges;
  }

  /** Starts all parts and waits until every edge has data. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    await using resources = new AsyncDisposableStack();
    const simulator = resources.use(await ChaosSimulator.start(options.simulator));
    const server = resources.use(await NatsServer.start(await documentedUsers()));
    const { hub, edge } = clusterEnv({ environment: () => simulator.environment }, server, {
      STREAM_PROXY_FEEDS: "sip,trading",
      STREAM_PROXY_LEASE_TTL_SECS: String(options.leaseMs / 1_000),
      STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS: "200",
      STREAM_PROXY_RECONNECT_DELAY_MAX_SECS: "2",
      STREAM_PROXY_HEARTBEAT_INTERVAL_SECS: "2",
      STREAM_PROXY_HEARTBEAT_TIMEOUT_SECS: "2",
      ...options.retain && RETAINING,
    });
    const members = (kind: string, count: number, env: Readonly<Record<string, string>>) =>
      Array.from(
        { length: count },
        (_, index) => resources.use(new ProxyMember(`${kind} ${index + 1}`, env)),
      );
    const hubs = members("hub", options.hubs, hub);
    const edges = members("edge", options.edges, edge);
    await Promise.all([...hubs, ...edges].map((member) => member.start()));
    const connections = new EdgeConnections(server);
    const parts = { simulator, nats: new NatsMember(server), connections, hubs, edges };
    const cluster = new Cluster(resources.move(), parts);
    try {
      await cluster.untilHealthy(COMMAND_MS);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  /** The hub that has the lease. */
  async leader(): Promise<ProxyMember | undefined> {
    const healths = await Promise.all(this.hubs.map((hub) => hub.health()));
    return this.hubs[healths.findIndex((health) => health?.cluster?.lease?.held === true)];
  }

  /**
   * Waits until one hub has the lease and all feeds, the others stand by, and all edges have data.
   *
   * @throws Error with the state of all parts when it takes longer
   */
  async untilHealthy(ms: number): Promise<void> {
    const end = Date.now() + ms;
    for (;;) {
      const hubs = await Promise.all(this.hubs.map((hub) => hub.health()));
      const edges = await Promise.all(this.edges.map((edge) => edge.health()));
      const leading = hubs.filter((hub) =>
        hub?.cluster?.lease?.held === true && hub.status === "healthy"
      );
      const standing = hubs.filter((hub) => hub?.status === "standby");
      const isHealthy = leading.length === 1 && standing.length === hubs.length - 1 &&
        edges.every((edge) => edge?.status === "healthy");
      if (isHealthy) return;
      if (Date.now() > end) {
        const states = [...this.hubs, ...this.edges].map(({ name }, index) =>
          `${name}: ${[...hubs, ...edges][index]?.status ?? "no reply"}`
        );
        throw new Error(`Not healthy within ${ms} ms (${states.join(", ")})`);
      }
      await pause(LOOK_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

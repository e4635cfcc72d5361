/**
 * The other end of the demo: a local Alpaca, and the proxy in front of it.
 *
 * @module
 */
import type { Log } from "../application/ports/log.ts";
import { parseConfig } from "../infrastructure/config/parse_config.ts";
import { noTracing } from "../infrastructure/telemetry/tracing.ts";
import { startProxy } from "../run_proxy.ts";
import { type Simulator, startSimulator } from "@alpaca-stream-proxy/simulator";
import type { DemoTask } from "./demo_arguments.ts";
import type { DemoAddresses } from "./demo_state.ts";
import { chooseContracts } from "./demo_contracts.ts";
import { UsageError } from "./usage_error.ts";

/** A bar is a minute long at Alpaca; nobody waits that long for a first look. */
const BAR_SECONDS = 5;

/** How fast the proxy of the demo finds a mute feed out, in seconds. */
const HEARTBEAT_SECONDS = "2";

const HOST = "127.0.0.1";

/** The ports that the documentation names, where they are free. */
const PORTS = { grpc: 50052, health: 8082, metrics: 9090 } as const;

/** A running market with a proxy; disposing it stops both. */
export interface DemoMarket extends AsyncDisposable {
  readonly addresses: DemoAddresses;
  /** The same as `addresses`, without a name to look up. */
  readonly dial: { readonly grpc: string; readonly metrics: string };
  readonly stocks: readonly string[];
  /** Option contracts worth following, by OCC symbol. */
  readonly options: readonly string[];
  /** Drops a connection to Alpaca, each in turn; says what it did. */
  drop(): string;
  /** Leaves a connection open and silent, each in turn; says what it did. */
  mute(): string;
}

/**
 * Starts both, the market first.
 *
 * @throws {UsageError} for a symbol that the market does not list.
 */
export async function startDemoMarket(
  task: DemoTask,
  log: Log,
): Promise<DemoMarket> {
  await using parts = new AsyncDisposableStack();
  const simulator = parts.use(await startDemoSimulator(task));
  const stocks = listed(task.symbols, simulator);
  const config = parseConfig({
    ...simulator.environment(),
    STREAM_PROXY_HOST: HOST,
    STREAM_PROXY_GRPC_PORT: freePort(PORTS.grpc),
    STREAM_PROXY_HEALTH_PORT: freePort(PORTS.health),
    STREAM_PROXY_METRICS_PORT: freePort(PORTS.metrics),
    STREAM_PROXY_HEARTBEAT_INTERVAL_SECS: HEARTBEAT_SECONDS,
    STREAM_PROXY_HEARTBEAT_TIMEOUT_SECS: HEARTBEAT_SECONDS,
  });
  const { ports } = parts.use(
    await startProxy(config, { log, tracing: noTracing }),
  );
  const running = parts.move();
  const metrics = ports.metrics ?? ports.health;
  return {
    addresses: {
      grpc: `localhost:${ports.grpc}`,
      health: `localhost:${ports.health}`,
      metrics: `localhost:${metrics}`,
    },
    dial: { grpc: `${HOST}:${ports.grpc}`, metrics: `${HOST}:${metrics}` },
    stocks,
    options: chooseContracts(stocks, simulator.market),
    ...faultsOf(simulator),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function startDemoSimulator(task: DemoTask): Promise<Simulator> {
  return startSimulator({
    seed: task.seed,
    messagesPerSecond: task.messagesPerSecond,
    barSeconds: BAR_SECONDS,
    // So that what a message says about its age is the way, not the beat.
    tickMs: 2,
    // A dropped connection may come back at once.
    ghostSeconds: 0,
    trading: {
      autoTrader: { ordersPerSecond: 1, symbols: task.symbols.slice(0, 5) },
    },
  });
}

function listed(
  symbols: readonly string[],
  { market }: Simulator,
): readonly string[] {
  const unknown = symbols.find((one) => market.lastPrice(one) === undefined);
  if (unknown === undefined) return symbols;
  const known = market.stockSymbols().join(" ");
  throw new UsageError(
    `--symbols ${unknown}`,
    `the simulated market lists ${known}`,
  );
}

/** The port as a setting, or 0 when somebody listens on it already. */
function freePort(port: number): string {
  try {
    Deno.listen({ hostname: HOST, port }).close();
    return String(port);
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return "0";
    throw error;
  }
}

/** Attempts that fail after a drop, so that there is something to see. */
const REFUSALS = 2;

const FEEDS = [
  { endpoint: "sip", name: "stock" },
  { endpoint: "opra", name: "option" },
  { endpoint: "trading", name: "order" },
] as const;

type FeedName = typeof FEEDS[number];

function faultsOf(
  { connections, faults }: Simulator,
): Pick<DemoMarket, "drop" | "mute"> {
  const drop = inTurn(({ endpoint, name }) => {
    if (connections.drop({ endpoint }) === 0) return undefined;
    faults.rejectUpgrades(endpoint, 502, REFUSALS);
    return `you dropped the ${name} feed; Alpaca refuses it ${REFUSALS} times`;
  });
  const mute = inTurn(({ endpoint, name }) =>
    connections.mute({ endpoint }) > 0
      ? `you muted the ${name} feed: its socket stays open, nothing comes`
      : undefined
  );
  return { drop, mute };
}

/** Applies a fault to the next feed that is connected, round and round. */
function inTurn(fault: (feed: FeedName) => string | undefined): () => string {
  let turn = 0;
  return () => {
    for (let tries = 0; tries < FEEDS.length; tries++) {
      const feed = FEEDS[turn++ % FEEDS.length];
      const done = feed && fault(feed);
      if (done !== undefined) return done;
    }
    return "no feed is connected";
  };
}

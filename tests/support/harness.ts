/**
 * A simulator and a proxy connected to it, for end-to-end tests.
 *
 * @module
 */
import type { Clock } from "../../src/application/ports/clock.ts";
import { parseConfig } from "../../src/infrastructure/config/parse_config.ts";
import { type RunningProxy, startProxy } from "../../src/composition/proxy.ts";
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "@alpaca-stream-proxy/simulator";
import { RecordingLog } from "./recording_log.ts";

/** Options of the harness. */
export interface HarnessOptions {
  readonly simulator?: SimulatorOptions;
  /** Settings of the proxy besides those that connect it to the simulator. */
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** Whether the WebSocket API is served, on a free port. @default false */
  readonly websocket?: boolean;
}

/** A running pair. */
export interface Harness extends AsyncDisposable {
  readonly simulator: Simulator;
  readonly proxy: RunningProxy;
  readonly log: RecordingLog;
  /** `127.0.0.1:port` of the gRPC server. */
  readonly address: string;
  /** `ws://127.0.0.1:port` of the WebSocket API. */
  readonly websocket: string;
  /** Base of the health port. */
  readonly health: string;
}

/** Ports that the system chooses. */
export const FREE_PORTS: Readonly<Record<string, string>> = {
  STREAM_PROXY_HOST: "127.0.0.1",
  STREAM_PROXY_GRPC_PORT: "0",
  STREAM_PROXY_WEBSOCKET_PORT: "0",
  STREAM_PROXY_HEALTH_PORT: "0",
  STREAM_PROXY_METRICS_PORT: "0",
};

/** Variable with which the same tests run against an edge, of a hub that is on the simulator. */
export const TEST_ROLE = "TEST_ROLE";

/**
 * Starts a simulator that sends only what a test emits, and a proxy on it; an edge and its hub
 * while {@linkcode TEST_ROLE} says so.
 */
export async function startHarness(
  options: HarnessOptions = {},
): Promise<Harness> {
  if (Deno.env.get(TEST_ROLE) === "edge") {
    const { startEdgeHarness } = await import("./cluster.ts");
    return await startEdgeHarness(options);
  }
  await using made = new AsyncDisposableStack();
  const simulator = made.use(
    await startSimulator({ messagesPerSecond: 0, ...options.simulator }),
  );
  const log = new RecordingLog();
  const config = parseConfig({
    ...simulator.environment(),
    ...FREE_PORTS,
    STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS: "10",
    STREAM_PROXY_UNSUBSCRIBE_GRACE_MS: "50",
    ...options.env,
  });
  const parts = options.clock ? { log, clock: options.clock } : { log };
  const websocket = { ...config.websocket, isEphemeral: options.websocket ?? false };
  const proxy = made.use(await startProxy({ ...config, websocket }, parts));
  const kept = made.move();
  return {
    simulator,
    proxy,
    log,
    address: `127.0.0.1:${proxy.ports.grpc}`,
    websocket: `ws://127.0.0.1:${proxy.ports.websocket}`,
    health: `http://127.0.0.1:${proxy.ports.health}`,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Whether the simulator's session of an endpoint has these symbols. */
export function areSubscribed(
  simulator: Simulator,
  place: { readonly endpoint: string; readonly channel: string },
  symbols: readonly string[],
): boolean {
  const subscribed = simulator.sessions()
    .filter((session) => session.endpoint === place.endpoint)
    .flatMap((session) => session.subscriptions[place.channel] ?? []);
  return symbols.every((symbol) => subscribed.includes(symbol));
}

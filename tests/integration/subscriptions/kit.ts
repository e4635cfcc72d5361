/**
 * Requests that upstream received and reports of the proxy, for tests.
 *
 * @module
 */
import { ConnectError } from "@connectrpc/connect";
import { RpcError } from "../../../client/rpc_client.ts";
import { QuotaFailureSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";
import type { LoggedRequest, Simulator } from "@alpaca-stream-proxy/simulator";
import type { Clock } from "../../../src/application/ports/clock.ts";
import { parseConfig } from "../../../src/infrastructure/config/parse_config.ts";
import { startProxy } from "../../../src/composition/proxy.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { FREE_PORTS, type Harness } from "../../support/harness.ts";
import { clientOf, METHODS } from "../../support/streams.ts";

/** Starts a proxy on a simulator that was there before and stays. */
export async function proxyOn(
  simulator: Simulator,
  clock?: Clock,
): Promise<Harness> {
  const log = new RecordingLog();
  const config = parseConfig({ ...simulator.environment(), ...FREE_PORTS });
  const proxy = await startProxy(config, clock ? { log, clock } : { log });
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

/** Subscribes and unsubscribes that an endpoint saw. */
export function changes(
  { simulator }: Harness,
  endpoint: string,
): readonly LoggedRequest[] {
  return simulator.requests().filter((request) =>
    request.endpoint === endpoint &&
    (request.action === "subscribe" || request.action === "unsubscribe")
  );
}

/** The symbols that the sessions of an endpoint have subscribed on a channel. */
export function subscribed(
  simulator: Simulator,
  place: { readonly endpoint: string; readonly channel: string },
): ReadonlySet<string> {
  return new Set(
    simulator.sessions()
      .filter(({ endpoint, state }) => endpoint === place.endpoint && state === "authenticated")
      .flatMap(({ subscriptions }) => subscriptions[place.channel] ?? []),
  );
}

/** One series of the metrics page. */
export async function metric(
  harness: Harness,
  series: string,
): Promise<number> {
  const page = await fetch(`${harness.health}/metrics`).then((r) => r.text());
  const line = page.split("\n").find((each) => each.startsWith(`${series} `));
  if (!line) throw new Error(`There is no series ${series}`);
  return Number(line.slice(series.length));
}

/** What a feed's status says, with its subscriptions. */
export async function statusOf(harness: Harness, index: "sip" | "opra") {
  using client = clientOf(harness);
  const { status } = await client.call(METHODS.getConnectionStatus, {
    includeSubscriptions: true,
  });
  const feed = status?.feeds[index === "sip" ? 0 : 1];
  if (!feed) throw new Error(`The status has no feed ${index}`);
  return feed;
}

/** The error of a refused stream, as text and as details. */
export function refusal(ending: unknown) {
  if (!(ending instanceof RpcError)) {
    throw new Error(`Not refused but: ${ending}`);
  }
  const { code, details, cause } = ending;
  const failures = cause instanceof ConnectError ? cause.findDetails(QuotaFailureSchema) : [];
  const violations = failures.flatMap(({ violations }) =>
    violations.map(({ subject, description }) => ({ subject, description }))
  );
  return { code, details, violations };
}

/** Symbols that the simulator takes for stocks. */
export function stocks(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => `S${from + index}`);
}

/** Option contracts that the simulator takes for well-formed. */
export function contracts(count: number, from = 0): string[] {
  return Array.from(
    { length: count },
    (_, index) => `AAPL990115C${String(1_000 + from + index).padStart(8, "0")}`,
  );
}

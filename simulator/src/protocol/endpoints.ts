import type { ChannelName } from "./channels.ts";
import { OPTION_CHANNELS, STOCK_CHANNELS } from "./channels.ts";

/** Names the simulator's market-data streams go by. */
export type EndpointName =
  | "sip"
  | "iex"
  | "delayed_sip"
  | "boats"
  | "overnight"
  | "test"
  | "opra"
  | "indicative";

/** One market-data stream: what it carries and where it is found. */
export interface Endpoint {
  readonly name: EndpointName;
  /** Stocks (JSON or MessagePack) or options (MessagePack only). */
  readonly kind: "stocks" | "options";
  /** The path SDKs of today use; first one is the canonical. */
  readonly paths: readonly string[];
  /** Channels in the order of the acknowledgement. */
  readonly channels: readonly ChannelName[];
}

function stocks(name: EndpointName, ...paths: string[]): Endpoint {
  return { name, kind: "stocks", paths, channels: STOCK_CHANNELS };
}

function options(name: EndpointName): Endpoint {
  const paths = [`/v1beta1/${name}`];
  return { name, kind: "options", paths, channels: OPTION_CHANNELS };
}

/**
 * Every market-data stream. The version of the boats and overnight paths
 * differs between Alpaca's documents and its Go SDK, so both are accepted.
 */
export const ENDPOINTS: readonly Endpoint[] = [
  stocks("sip", "/v2/sip"),
  stocks("iex", "/v2/iex"),
  stocks("delayed_sip", "/v2/delayed_sip"),
  stocks("boats", "/v1beta1/boats", "/v2/boats"),
  stocks("overnight", "/v1beta1/overnight", "/v2/overnight"),
  stocks("test", "/v2/test"),
  options("opra"),
  options("indicative"),
];

const BY_PATH = new Map(
  ENDPOINTS.flatMap((endpoint) =>
    endpoint.paths.map((path) => [path, endpoint])
  ),
);

/** The stream at a path, undefined when there is none. */
export function findEndpoint(path: string): Endpoint | undefined {
  return BY_PATH.get(path.length > 1 ? path.replace(/\/$/, "") : path);
}

/** The stream of a name; throws a RangeError for any other word. */
export function endpointNamed(name: string): Endpoint {
  const found = ENDPOINTS.find((endpoint) => endpoint.name === name);
  if (found) return found;
  const known = ENDPOINTS.map((endpoint) => endpoint.name).join(", ");
  throw new RangeError(`unknown endpoint "${name}"; use one of ${known}`);
}

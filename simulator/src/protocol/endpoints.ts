/**
 * The market-data and news streams of Alpaca: endpoints, channels and error codes.
 *
 * @module
 */

/** Names of the market-data streams. */
export type EndpointName =
  | "sip"
  | "iex"
  | "delayed_sip"
  | "boats"
  | "overnight"
  | "test"
  | "opra"
  | "indicative"
  | CryptoEndpoint
  | "news";

/** Names of the crypto streams, by location. */
export type CryptoEndpoint = "crypto/us" | "crypto/us-1" | "crypto/eu-1";

/** What a stream carries. */
export type StreamKind = "stocks" | "options" | "crypto" | "news";

/** Every channel, as acknowledged. */
export type ChannelName =
  | "trades"
  | "quotes"
  | "bars"
  | "updatedBars"
  | "dailyBars"
  | "statuses"
  | "lulds"
  | "imbalances"
  | "corrections"
  | "cancelErrors"
  | "orderbooks"
  | "news";

/** One market-data stream. */
export interface Endpoint {
  readonly name: EndpointName;
  /** Options are sent in MessagePack only, the others also in JSON. */
  readonly kind: StreamKind;
  /** Paths of the WebSocket; the first one is canonical. */
  readonly paths: readonly string[];
  /** Channels in the order of the acknowledgement. */
  readonly channels: readonly ChannelName[];
}

/** Channels of a stock stream in the order of Alpaca's examples. */
const STOCK_CHANNELS: readonly ChannelName[] = [
  "trades",
  "quotes",
  "bars",
  "updatedBars",
  "dailyBars",
  "statuses",
  "lulds",
  "corrections",
  "cancelErrors",
  "imbalances",
];

const OPTION_CHANNELS: readonly ChannelName[] = ["trades", "quotes"];

const CRYPTO_CHANNELS: readonly ChannelName[] = [
  "trades",
  "quotes",
  "orderbooks",
  "bars",
  "updatedBars",
  "dailyBars",
];

/** Channels that follow `trades` and cannot be requested. */
export const AUTOMATIC_CHANNELS: readonly ChannelName[] = [
  "corrections",
  "cancelErrors",
];

/** Channels of all Alpaca streams; other keys of a request are ignored. */
export const ANY_CHANNEL: ReadonlySet<string> = new Set([
  ...STOCK_CHANNELS,
  ...CRYPTO_CHANNELS,
  "news",
  "pricing",
]);

const CHANNEL_OF_TYPE: Readonly<Record<string, ChannelName>> = {
  t: "trades",
  q: "quotes",
  b: "bars",
  u: "updatedBars",
  d: "dailyBars",
  s: "statuses",
  l: "lulds",
  i: "imbalances",
  c: "corrections",
  x: "cancelErrors",
  o: "orderbooks",
  n: "news",
};

/** The channel whose subscribers receive a message type. */
export function channelOfType(type: string): ChannelName | undefined {
  return CHANNEL_OF_TYPE[type];
}

function stocks(name: EndpointName, ...paths: string[]): Endpoint {
  return { name, kind: "stocks", paths, channels: STOCK_CHANNELS };
}

function options(name: EndpointName): Endpoint {
  const paths = [`/v1beta1/${name}`];
  return { name, kind: "options", paths, channels: OPTION_CHANNELS };
}

function crypto(location: string, name: CryptoEndpoint): Endpoint {
  const paths = [`/v1beta3/crypto/${location}`];
  return { name, kind: "crypto", paths, channels: CRYPTO_CHANNELS };
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
  crypto("us", "crypto/us"),
  crypto("us-1", "crypto/us-1"),
  crypto("eu-1", "crypto/eu-1"),
  { name: "news", kind: "news", paths: ["/v1beta1/news"], channels: ["news"] },
];

const BY_PATH = new Map(
  ENDPOINTS.flatMap((endpoint) => endpoint.paths.map((path) => [path, endpoint])),
);

/** The stream at a path; undefined if there is none. */
export function findEndpoint(path: string): Endpoint | undefined {
  return BY_PATH.get(path.length > 1 ? path.replace(/\/$/, "") : path);
}

/** The stream of a name; throws a RangeError for an unknown name. */
export function endpointNamed(name: string): Endpoint {
  const found = ENDPOINTS.find((endpoint) => endpoint.name === name);
  if (found) return found;
  const known = ENDPOINTS.map((endpoint) => endpoint.name).join(", ");
  throw new RangeError(`unknown endpoint "${name}"; use one of ${known}`);
}

/** The error codes of Alpaca's market-data streams with their exact texts. */
export const ERROR_TEXTS = {
  400: "invalid syntax",
  401: "not authenticated",
  402: "auth failed",
  403: "already authenticated",
  404: "auth timeout",
  405: "symbol limit exceeded",
  406: "connection limit exceeded",
  407: "slow client",
  408: "v2 not enabled",
  409: "insufficient subscription",
  410: "invalid subscribe action for this feed",
  411: "insufficient scope",
  412: "option messages are only available in MsgPack format",
  413: "star subscription is not allowed for option quotes",
  500: "internal error",
} as const;

/** A documented error code of the market-data streams. */
export type ErrorCode = keyof typeof ERROR_TEXTS;

/** The exact text of a code; "internal error" for an undocumented one. */
export function errorText(code: number): string {
  return code in ERROR_TEXTS ? ERROR_TEXTS[code as ErrorCode] : ERROR_TEXTS[500];
}

/**
 * Errors after which the simulator closes the socket. Only 404 and 407 are
 * documented; after the others a client cannot succeed on the same socket.
 */
export const CLOSING_ERRORS: ReadonlySet<number> = new Set([402, 404, 407, 409, 411]);

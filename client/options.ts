/**
 * What a stream of the client can do, and what it reports.
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  DeliveryPolicy,
  type FeedNotice,
  Freshness,
  type Hello,
  type Notice,
  type StreamOptionsSchema,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { StreamGap } from "./gaps.ts";
import type { StreamPosition } from "./progress.ts";
import type { RpcError } from "./rpc_client.ts";

/**
 * What happens when the consumer is slow: the oldest message is dropped and
 * reported as a gap; older messages of a symbol are replaced by newer ones; the
 * stream ends, and is resumed.
 */
export type Delivery = "every" | "latest" | "every_or_end";

/** A feed, or some symbols of it, became stale or live. */
export interface FreshnessChange {
  /**
   * `stale`: no message although some are expected; `recovering`: connected
   * again, not complete; `closed`: no session of the market is open.
   */
  readonly freshness: "live" | "stale" | "recovering" | "closed";
  /** Symbols concerned; empty means the whole feed. */
  readonly symbols: readonly string[];
  /** Why; empty for `live`. */
  readonly reason: string;
  /** When the state began. */
  readonly since: Timestamp | undefined;
}

/** A connection is being opened, was accepted, or was lost and is opened again. */
export type ConnectionChange =
  | { readonly state: "connecting" }
  | { readonly state: "accepted" }
  | { readonly state: "lost"; readonly error: RpcError; readonly retryInMs: number };

/** Options of a stream. Handlers are called in order with the messages. */
export interface StreamOptions {
  /**
   * Starts with the last known message of each symbol, at the first connection
   * and again when a resume is not exact.
   */
  readonly snapshot?: boolean;
  /** What happens when the consumer is slow. Default `every`; of orders `every_or_end`. */
  readonly delivery?: Delivery;
  /** With `latest`: least ms between two messages of a symbol, 10 to 60,000. */
  readonly minInterval?: number;
  /**
   * Most messages that are sent beyond the last processed one; 0 for no limit.
   * It bounds how old a message is when a slow consumer takes it.
   *
   * @default 256 with `latest`, else 0
   */
  readonly maxUnacknowledged?: number;
  /** Trades and bars: fetches from REST what was missed while Alpaca's stream was down. */
  readonly backfill?: boolean;
  /** Continues after the position of an earlier stream, also of another process. */
  readonly resume?: StreamPosition;
  /**
   * Milliseconds between two heartbeats, 1,000 to 3,600,000. A connection
   * without a message for two of them is replaced.
   *
   * @default 10_000
   */
  readonly heartbeatInterval?: number;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /** Whether a stream that ends is opened again. Default true. */
  readonly reconnect?: boolean;
  /**
   * Opens the stream without options, for a proxy that has none: no metadata,
   * notices, resume, or check of sequences. Default false.
   */
  readonly basic?: boolean;
  /** Messages are missing here. */
  readonly onGap?: (gap: StreamGap) => void;
  /** The feed or some symbols became stale, or live again. */
  readonly onStale?: (change: FreshnessChange) => void;
  /** Receives every notice of the proxy, also those of the other handlers. */
  readonly onNotice?: (notice: Notice) => void;
  /** The connection of the stream has changed. */
  readonly onConnection?: (change: ConnectionChange) => void;
}

const DEFAULT_HEARTBEAT_MS = 10_000;
const DEFAULT_WINDOW = 256;

const POLICIES: Readonly<Record<Delivery, DeliveryPolicy>> = {
  every: DeliveryPolicy.EVERY,
  latest: DeliveryPolicy.LATEST,
  every_or_end: DeliveryPolicy.EVERY_OR_END,
};

/** The interval of heartbeats that a stream requests, in ms. */
export function requestedHeartbeat(options: StreamOptions): number {
  return options.heartbeatInterval ?? DEFAULT_HEARTBEAT_MS;
}

/** The options of a request. */
export function requestOptions(
  options: StreamOptions,
  position: StreamPosition | undefined,
): MessageInitShape<typeof StreamOptionsSchema> {
  const { delivery, minInterval, backfill = false, snapshot = false } = options;
  const window = options.maxUnacknowledged ?? (delivery === "latest" ? DEFAULT_WINDOW : 0);
  return {
    meta: true,
    notices: true,
    heartbeatInterval: durationOf(requestedHeartbeat(options)),
    snapshot: snapshot && position === undefined,
    delivery: delivery === undefined ? DeliveryPolicy.UNSPECIFIED : POLICIES[delivery],
    ...(minInterval !== undefined && { minInterval: durationOf(minInterval) }),
    ...(position && { resume: { ...position } }),
    backfill,
    maxUnacknowledged: window,
  };
}

/** Ms after which a connection without a message is silent: two intervals in force. */
export function silenceMs({ options }: Hello, requested: number): number {
  const interval = options?.heartbeatInterval;
  const ms = interval ? Number(interval.seconds) * 1000 + interval.nanos / 1e6 : requested;
  return 2 * ms;
}

function durationOf(ms: number): { readonly seconds: bigint; readonly nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

const FRESHNESS: Readonly<Record<Freshness, FreshnessChange["freshness"] | undefined>> = {
  [Freshness.UNSPECIFIED]: undefined,
  [Freshness.LIVE]: "live",
  [Freshness.STALE]: "stale",
  [Freshness.RECOVERING]: "recovering",
  [Freshness.CLOSED]: "closed",
};

/** The change of a notice; undefined for a value that this client does not know. */
export function freshnessOf(
  { freshness, symbols, reason, since }: FeedNotice,
): FreshnessChange | undefined {
  const name = FRESHNESS[freshness];
  return name && { freshness: name, symbols, reason, since };
}

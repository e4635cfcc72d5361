/**
 * All counters, as plain numbers.
 *
 * The hot path only increments; the metrics adapter reads at scrape time. Label
 * cardinality is bounded: the labels are the keys of these records.
 *
 * @module
 */
import { FAILURE_TYPES } from "../../domain/connection/failure.ts";
import { type FeedId, perFeed } from "../../domain/connection/feed.ts";
import {
  type ChannelName,
  CHANNELS,
  type RelayName,
  RELAYS,
  type StreamKind,
} from "../../domain/market/channels.ts";
import { GAP_REASONS, type GapReason } from "../../domain/market/notices.ts";
import type { Envelope } from "../broadcast/envelope.ts";

/** Types of upstream messages: values of the `message_type` label. */
export const MESSAGE_TYPES = [
  "quote",
  "trade",
  "bar",
  "updated_bar",
  "daily_bar",
  "status",
  "luld",
  "correction",
  "cancel_error",
  "imbalance",
  "orderbook",
  "article",
  "order_update",
  "control",
  "unknown",
] as const;

/** One type of upstream message. */
export type MessageType = typeof MESSAGE_TYPES[number];

/** Types of WebSocket errors: values of the `error_type` label. */
export const ERROR_TYPES = [
  ...FAILURE_TYPES,
  "malformed_frame",
  "malformed_element",
  "unknown_type",
  "unknown_word",
] as const;

/** One type of WebSocket error. */
export type ErrorType = typeof ERROR_TYPES[number];

/** Groups of `accept` failures: values of the `reason` label. */
const ACCEPT_FAILURES = [
  "descriptors",
  "memory",
  "aborted",
  "other",
] as const;

/** One reason for which `accept` failed. */
export type AcceptFailure = typeof ACCEPT_FAILURES[number];

/** Limits at which clients are refused: values of the `limit` label. */
const REFUSAL_REASONS = [
  "connections",
  "http_connections",
  "connections_per_address",
  "viewers",
  "descriptors",
  "handshakes",
  "handshake_time",
  "handshake",
  "streams_per_connection",
  "streams",
  "stream_openings",
  "request_bytes",
  "request_time",
  "metadata",
  "frames",
  "pings",
  "answers",
  "symbols",
  "identity",
  "share",
  "stalled",
] as const;

/** One limit at which clients are refused. */
export type RefusalReason = typeof REFUSAL_REASONS[number];

/** Why a client has no access: values of the `reason` label. */
const ACCESS_REFUSALS = [
  "missing",
  "invalid",
  "expired",
  "blocked",
  "unavailable",
  "denied",
] as const;

/** One reason for which a client has no access; `denied` is an identity without the grant. */
export type AccessRefusal = typeof ACCESS_REFUSALS[number];

/** What REST requests are for: values of the `purpose` label. */
export const REST_PURPOSES = [
  "catalog",
  "prices",
  "first_events",
  "snapshot",
  "backfill",
  "orders",
] as const;

/** One purpose of REST requests. */
export type RestPurpose = typeof REST_PURPOSES[number];

/** How REST requests end: values of the `outcome` label. */
const REST_OUTCOMES = ["ok", "rate_limited", "rejected", "failed"] as const;

/** One outcome of a REST request; `rejected` is another status below 500. */
export type RestOutcome = typeof REST_OUTCOMES[number];

/** REST requests, each attempt counted. */
export type RestCounters = Readonly<Record<RestPurpose, Record<RestOutcome, number>>>;

/** Upper bounds in seconds of the histograms of work inside the proxy. */
export const PROCESSING_BUCKETS: readonly number[] = [
  0.00001,
  0.000025,
  0.00005,
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.05,
  0.1,
  0.5,
];

/** Upper bounds in seconds of the histogram of end-to-end delays. */
export const DELAY_BUCKETS: readonly number[] = [
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  60,
  300,
];

/** Upper bounds in seconds of the histogram of requests to a hub. */
const REQUEST_BUCKETS: readonly number[] = [
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  60,
];

/** Latency counts per bucket; the last entry is everything above the last bound. */
export interface Latency {
  /** Upper bounds in seconds, ascending. */
  readonly bounds: readonly number[];
  readonly counts: number[];
  /** Seconds, summed. */
  sum: number;
}

/** Counters of one upstream feed. */
export interface FeedCounters {
  readonly received: Record<MessageType, number>;
  readonly errors: Record<ErrorType, number>;
  /** Messages that were delivered with a value rounded or left out. */
  inexact: number;
  /** Reconnection attempts, since the process started. */
  reconnects: number;
  /** From a frame's arrival until its messages are in every queue. */
  readonly processing: Latency;
}

/** Counters of one broadcast channel. */
export interface ChannelCounters {
  /** Events put into queues, once per stream. */
  published: number;
  /** Events handed to the transports of streams, once per stream. */
  sent: number;
  /** Events replaced by a newer one of the same symbol, once per stream. */
  conflated: number;
  /** Events that were dropped because a stream fell behind, once per stream. */
  dropped: number;
  /** Called with the oldest event of the next batch that is sent, while a sample is due. */
  onSent?: ((oldest: Envelope<unknown>) => void) | undefined;
}

/** Counters of streams with options. */
export interface StreamCounters {
  /** Gaps that streams had, by reason. */
  readonly gaps: Record<GapReason, number>;
  /** Streams that continued after a position, exactly or with a gap. */
  readonly resumes: { exact: number; inexact: number };
}

/** Counters of the order updates that are completed from REST. */
export interface OrderCounters {
  /**
   * Readings after the trading stream was connected: completed; failed, to be repeated; abandoned,
   * because too many updates arrived meanwhile.
   */
  readonly reconciliations: { completed: number; failed: number; abandoned: number };
  /** Orders that were compared. */
  checked: number;
  /** Updates that were derived. */
  derived: number;
  /** Updates that were received again, or after they were derived. */
  duplicates: number;
}

/** Counters of the order updates that outlive the process; all zero where none are stored. */
export interface OrderStoreCounters {
  /** Updates that were read at the start. */
  loaded: number;
  /** Updates that were stored. */
  stored: number;
  /** Updates that were given up; a gap is stored in their place. */
  lost: number;
  /** Attempts to store that failed, to be repeated. */
  failed: number;
  /** Updates that wait to be stored. */
  pending: number;
}

/** What a hub publishes of one feed. */
export interface PublishedCounters {
  /** Frames, with those that were dropped. */
  frames: number;
  /** Bytes of batches that were handed to NATS. */
  bytes: number;
  /** Entries that were not published because NATS did not take them; edges notice each. */
  dropped: number;
}

/** What edges request of a hub: values of the `kind` label. */
export const EDGE_REQUESTS = ["attach", "subscribe", "rest"] as const;

/** One kind of requests of edges. */
export type EdgeRequest = typeof EDGE_REQUESTS[number];

/**
 * How requests of edges end: values of the `outcome` label. `refused` is by the hub or by Alpaca,
 * `invalid` cannot be read, `dropped` were too many or had a reply that NATS did not take.
 */
const EDGE_OUTCOMES = ["ok", "refused", "invalid", "dropped"] as const;

/** One outcome of a request of an edge. */
export type EdgeOutcome = typeof EDGE_OUTCOMES[number];

/** What a hub does for its edges; all zero in other roles. */
export interface DistributionCounters {
  readonly published: Readonly<Record<FeedId, PublishedCounters>>;
  readonly requests: Readonly<Record<EdgeRequest, Record<EdgeOutcome, number>>>;
}

/** What an edge receives of one feed from its hub. */
export interface EdgeFeedCounters {
  /** Entries that did not arrive and were not recovered. */
  missing: number;
  /** Entries that did not arrive and were read from what NATS retains. */
  recovered: number;
  /** Batches that were dropped because too much waited; their entries are missing, or recovered. */
  dropped: number;
  /** Term of the hub; 0 before the first one. */
  term: number;
  /** Wall clock ms since which the edge follows the hub of this term; `undefined` before. */
  followedSince: number | undefined;
  /** Wall clock ms at which something last arrived; `undefined` before. */
  lastEntryAt: number | undefined;
}

/** What an edge has of its hub; all zero in a process with sessions of its own. */
export interface EdgeCounters {
  readonly feeds: Readonly<Record<FeedId, EdgeFeedCounters>>;
  /** Time until a request was answered. */
  readonly requests: Readonly<Record<EdgeRequest, Latency>>;
  /** Requests without an answer. */
  readonly unanswered: Record<EdgeRequest, number>;
}

/** The certificate of the proxy, where it has one. */
export interface TlsCounters {
  /** New files that were read, and those that could not be used. */
  readonly reloads: { loaded: number; failed: number };
  /** End of the validity of the certificate in force, in epoch ms; undefined without TLS. */
  expiresAt: number | undefined;
}

/** What connections to NATS are for: values of the `connection` label. */
export type NatsPurpose = "edge" | "feeds" | "lease" | "orders";

/** Whether each connection to NATS that the process keeps is open. */
export type NatsConnections = Partial<Record<NatsPurpose, boolean>>;

/** All counters of one proxy. */
export interface ProxyCounters {
  readonly feeds: Readonly<Record<FeedId, FeedCounters>>;
  readonly channels: Readonly<Record<ChannelName, ChannelCounters>>;
  /** Messages that are delivered as upstream sent them. */
  readonly relays: Readonly<Record<RelayName, ChannelCounters>>;
  readonly streams: StreamCounters;
  readonly orders: OrderCounters;
  readonly orderStore: OrderStoreCounters;
  readonly distribution: DistributionCounters;
  /** Refusals of connections, streams and requests, by limit. */
  readonly refusals: Record<RefusalReason, number>;
  /** Requests of clients without access, by reason. */
  readonly access: Record<AccessRefusal, number>;
  /** REST requests to Alpaca. */
  readonly rest: RestCounters;
  readonly tls: TlsCounters;
  readonly edge: EdgeCounters;
  readonly nats: NatsConnections;
  /** Connections that could not be accepted, by reason. */
  readonly acceptFailures: Record<AcceptFailure, number>;
  /** How late timers fire. */
  readonly loopDelay: Latency;
  /** Age of messages when they are handed to the transport, sampled. */
  readonly endToEnd: Readonly<Record<StreamKind, Latency>>;
}

function zeroes<K extends string>(keys: readonly K[]): Record<K, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
}

function feedCounters(): FeedCounters {
  return {
    received: zeroes(MESSAGE_TYPES),
    errors: zeroes(ERROR_TYPES),
    inexact: 0,
    reconnects: 0,
    processing: emptyLatency(),
  };
}

function channelCounters<K extends string>(names: readonly K[]): Record<K, ChannelCounters> {
  return Object.fromEntries(
    names.map((name) => [name, { published: 0, sent: 0, conflated: 0, dropped: 0 }]),
  ) as Record<K, ChannelCounters>;
}

function emptyLatency(bounds = PROCESSING_BUCKETS): Latency {
  return { bounds, counts: new Array(bounds.length + 1).fill(0), sum: 0 };
}

function perRequest<T>(make: () => T): Record<EdgeRequest, T> {
  return { attach: make(), subscribe: make(), rest: make() };
}

/** Makes a set of counters, all zero. */
export function createCounters(): ProxyCounters {
  return {
    feeds: perFeed(feedCounters),
    channels: channelCounters(CHANNELS),
    relays: channelCounters(RELAYS),
    streams: { gaps: zeroes(GAP_REASONS), resumes: { exact: 0, inexact: 0 } },
    orders: {
      reconciliations: { completed: 0, failed: 0, abandoned: 0 },
      checked: 0,
      derived: 0,
      duplicates: 0,
    },
    orderStore: { loaded: 0, stored: 0, lost: 0, failed: 0, pending: 0 },
    distribution: {
      published: perFeed(() => ({ frames: 0, bytes: 0, dropped: 0 })),
      requests: Object.fromEntries(
        EDGE_REQUESTS.map((kind) => [kind, zeroes(EDGE_OUTCOMES)]),
      ) as DistributionCounters["requests"],
    },
    refusals: zeroes(REFUSAL_REASONS),
    access: zeroes(ACCESS_REFUSALS),
    rest: Object.fromEntries(
      REST_PURPOSES.map((purpose) => [purpose, zeroes(REST_OUTCOMES)]),
    ) as RestCounters,
    tls: { reloads: { loaded: 0, failed: 0 }, expiresAt: undefined },
    edge: {
      feeds: perFeed(() => ({
        missing: 0,
        recovered: 0,
        dropped: 0,
        term: 0,
        followedSince: undefined,
        lastEntryAt: undefined,
      })),
      requests: perRequest(() => emptyLatency(REQUEST_BUCKETS)),
      unanswered: zeroes(EDGE_REQUESTS),
    },
    nats: {},
    acceptFailures: zeroes(ACCEPT_FAILURES),
    loopDelay: emptyLatency(),
    endToEnd: Object.fromEntries(
      [...CHANNELS, ...RELAYS].map((kind) => [kind, emptyLatency(DELAY_BUCKETS)]),
    ) as Record<StreamKind, Latency>,
  };
}

/** Data messages of a feed since the process started. */
export function messagesReceived(counters: FeedCounters): number {
  let sum = 0;
  for (const type of MESSAGE_TYPES) {
    if (type !== "control" && type !== "unknown") {
      sum += counters.received[type];
    }
  }
  return sum;
}

/** Deliveries of all kinds since the process started, once per stream. */
export function deliveriesMade({ channels, relays }: ProxyCounters): number {
  let sum = 0;
  for (const relay of RELAYS) sum += relays[relay].published;
  for (const channel of CHANNELS) sum += channels[channel].published;
  return sum;
}

/** Counts `messages` that were processed within `seconds`. */
export function observe(
  latency: Latency,
  sample: { readonly seconds: number; readonly messages: number },
): void {
  const { seconds, messages } = sample;
  let bucket = 0;
  for (const bound of latency.bounds) {
    if (seconds <= bound) break;
    bucket++;
  }
  latency.counts[bucket] = (latency.counts[bucket] ?? 0) + messages;
  latency.sum += seconds * messages;
}

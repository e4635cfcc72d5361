/**
 * The proxy's Prometheus metrics: one row has the name, type, help and labels
 * of a metric and the function that reads it at scrape time.
 *
 * Names and types of the first nine are a contract with existing dashboards,
 * which is why `alpaca_proxy_subscriptions_total` is a gauge. Label cardinality
 * is bounded: symbols and messages are never labels, and identities only those
 * of the policy whose role limits their symbol slots. Every series exists from
 * the start, at zero, so that rates and alerts include the first event.
 *
 * @module
 */
import type { Metric as ClientMetric, Registry as ClientRegistry } from "prom-client";
// The index of prom-client 15.1.3 loads its HTTP client, its cluster and another copy of the
// OpenTelemetry API as well: a sixth of the time that the whole program takes to load.
import Registry from "prom-client/lib/registry.js";
import {
  EDGE_REQUESTS,
  type FeedCounters,
  type PublishedCounters,
  REST_PURPOSES,
} from "../../application/status/counters.ts";
import type { FeedQuota } from "../../application/status/reports.ts";
import type {
  DistributionReport,
  FeedStatus,
  LeaseReport,
} from "../../application/status/status.ts";
import { MARKETS } from "../../domain/calendar/market_calendar.ts";
import { FEED_NAMES } from "../../domain/connection/feed.ts";
import type { LinkState } from "../../domain/connection/link.ts";
import { CHANNELS, RELAYS, type StreamKind } from "../../domain/market/channels.ts";
import { EDGE_METRICS } from "./edge_metrics.ts";
import { histogram, type Metric, type MetricsSources, seriesOf } from "./metric.ts";
import { PROCESS_METRICS } from "./process_metrics.ts";

/** Value of the `message_type` label for each channel and relay. */
export const MESSAGE_TYPE_LABELS: Readonly<Record<StreamKind, string>> = {
  stockQuotes: "stock_quote",
  stockTrades: "stock_trade",
  stockBars: "stock_bar",
  stockUpdatedBars: "stock_updated_bar",
  stockDailyBars: "stock_daily_bar",
  tradingStatuses: "trading_status",
  priceBands: "price_band",
  tradeCorrections: "trade_correction",
  imbalances: "imbalance",
  optionQuotes: "option_quote",
  optionTrades: "option_trade",
  orderUpdates: "order_update",
  cryptoQuotes: "crypto_quote",
  cryptoTrades: "crypto_trade",
  cryptoBars: "crypto_bar",
  cryptoUpdatedBars: "crypto_updated_bar",
  cryptoDailyBars: "crypto_daily_bar",
  orderbooks: "orderbook",
  news: "article",
  stockMessages: "stock_message",
  optionMessages: "option_message",
  cryptoMessages: "crypto_message",
  newsMessages: "news_message",
};

/** Every state; true where the session has an open socket. */
const STATES: Readonly<Record<LinkState, boolean>> = {
  disconnected: false,
  connecting: false,
  authenticating: true,
  connected: true,
  reconnecting: false,
  error: false,
};

const STATE_NAMES = Object.keys(STATES) as LinkState[];

/** All metrics in the order in which they are exposed. */
export const METRICS = {
  received: {
    name: "alpaca_proxy_messages_received_total",
    type: "counter",
    help: "Messages received from Alpaca, by feed and type",
    labels: ["feed", "message_type"],
    read: perFeedAnd("message_type", ({ received }) => received),
  },
  sent: {
    name: "alpaca_proxy_messages_sent_total",
    type: "counter",
    help: "Messages sent to client streams, once per stream",
    labels: ["message_type"],
    read: perChannel("sent"),
  },
  dropped: {
    name: "alpaca_proxy_messages_dropped_total",
    type: "counter",
    help: "Messages dropped because the client stream fell behind",
    labels: ["message_type"],
    read: perChannel("dropped"),
  },
  conflated: {
    name: "alpaca_proxy_messages_conflated_total",
    type: "counter",
    help: "Messages replaced by a newer one of the symbol before they were sent, by type",
    labels: ["message_type"],
    read: perChannel("conflated"),
  },
  gaps: {
    name: "alpaca_proxy_gaps_total",
    type: "counter",
    help: "Gaps of client streams with options, once per stream, by reason",
    labels: ["reason"],
    read: ({ counters }) => seriesOf("reason", counters.streams.gaps),
  },
  resumes: {
    name: "alpaca_proxy_resumes_total",
    type: "counter",
    help: "Client streams resumed without a gap (exact) or with one (inexact)",
    labels: ["result"],
    read: ({ counters }) => seriesOf("result", counters.streams.resumes),
  },
  reconciliations: {
    name: "alpaca_proxy_order_reconciliations_total",
    type: "counter",
    help: "Readings of all orders after the trading stream was connected, by result",
    labels: ["result"],
    read: ({ counters }) => seriesOf("result", counters.orders.reconciliations),
  },
  checkedOrders: {
    name: "alpaca_proxy_orders_checked_total",
    type: "counter",
    help: "Orders that were compared with REST after the trading stream was connected",
    read: ({ counters }) => counters.orders.checked,
  },
  derivedUpdates: {
    name: "alpaca_proxy_order_updates_derived_total",
    type: "counter",
    help: "Order updates missed in an outage and derived from REST",
    read: ({ counters }) => counters.orders.derived,
  },
  duplicateUpdates: {
    name: "alpaca_proxy_order_updates_duplicate_total",
    type: "counter",
    help: "Order updates that Alpaca sent again, or after they were derived",
    read: ({ counters }) => counters.orders.duplicates,
  },
  storedUpdates: {
    name: "alpaca_proxy_order_updates_stored_total",
    type: "counter",
    help: "Order updates that were stored in NATS",
    read: ({ counters }) => counters.orderStore.stored,
  },
  unstoredUpdates: {
    name: "alpaca_proxy_order_updates_unstored_total",
    type: "counter",
    help: "Order updates that were given up before they were stored in NATS",
    read: ({ counters }) => counters.orderStore.lost,
  },
  pendingUpdates: {
    name: "alpaca_proxy_order_updates_pending",
    type: "gauge",
    help: "Order updates that wait to be stored in NATS",
    read: ({ counters }) => counters.orderStore.pending,
  },
  storeFailures: {
    name: "alpaca_proxy_order_store_failures_total",
    type: "counter",
    help: "Attempts to store order updates in NATS that failed and were repeated",
    read: ({ counters }) => counters.orderStore.failed,
  },
  connections: {
    name: "alpaca_proxy_websocket_connections",
    type: "gauge",
    help: "Open WebSocket connections to Alpaca",
    labels: ["feed"],
    read: perFeed(({ state }) => Number(STATES[state])),
  },
  clients: {
    name: "alpaca_proxy_grpc_clients",
    type: "gauge",
    help: "Open client streams, of gRPC and of the WebSocket API",
    read: ({ status }) => status().clientCount,
  },
  subscriptions: {
    name: "alpaca_proxy_subscriptions_total",
    type: "gauge",
    help: "Subscriptions that Alpaca has acknowledged, by feed",
    labels: ["feed"],
    read: perFeed(({ subscriptionCount }) => subscriptionCount),
  },
  errors: {
    name: "alpaca_proxy_websocket_errors_total",
    type: "counter",
    help: "Errors of the WebSocket sessions and their messages",
    labels: ["feed", "error_type"],
    read: perFeedAnd("error_type", ({ errors }) => errors),
  },
  inexact: {
    name: "alpaca_proxy_messages_inexact_total",
    type: "counter",
    help: "Messages delivered with a size rounded or an odd field left out, by feed",
    labels: ["feed"],
    read: ({ status, counters }) =>
      status().feeds.map(({ feed }) => ({
        labels: { feed },
        value: counters.feeds[feed].inexact,
      })),
  },
  reconnects: {
    name: "alpaca_proxy_reconnects_total",
    type: "counter",
    help: "Reconnection attempts, by feed",
    labels: ["feed"],
    read: ({ status, counters }) =>
      status().feeds.map(({ feed }) => ({
        labels: { feed },
        value: counters.feeds[feed].reconnects,
      })),
  },
  processing: {
    name: "alpaca_proxy_message_processing_seconds",
    type: "histogram",
    help: "Time from a frame's arrival until its messages are queued",
    labels: ["feed"],
    read: ({ status, counters }) =>
      status().feeds.flatMap(({ feed }) =>
        histogram("alpaca_proxy_message_processing_seconds", counters.feeds[feed].processing, {
          feed,
        })
      ),
  },
  feedInfo: {
    name: "alpaca_proxy_feed_info",
    type: "gauge",
    help: "Always 1; the labels name the feed and the product that its session carries",
    labels: ["feed", "name", "product"],
    read: ({ status }) =>
      status().feeds.map(({ feed, kind }) => ({
        labels: { feed, name: FEED_NAMES[feed], product: kind },
        value: 1,
      })),
  },
  feedState: {
    name: "alpaca_proxy_feed_state",
    type: "gauge",
    help: "1 for the present state of the feed's session, 0 for the others",
    labels: ["feed", "state"],
    read: ({ status }) =>
      status().feeds.flatMap(({ feed, state: present }) =>
        STATE_NAMES.map((state) => ({
          labels: { feed, state },
          value: Number(state === present),
        }))
      ),
  },
  feedStateSeconds: {
    name: "alpaca_proxy_feed_state_seconds_total",
    type: "counter",
    help: "Time that the feed's session has been in each state",
    labels: ["feed", "state"],
    read: ({ status }) =>
      status().feeds.flatMap(({ feed, stateMs = {} }) =>
        STATE_NAMES.map((state) => ({
          labels: { feed, state },
          value: (stateMs[state] ?? 0) / 1_000,
        }))
      ),
  },
  dataAge: {
    name: "alpaca_proxy_data_age_seconds",
    type: "gauge",
    help: "Age of the newest data of a feed, to a second; absent before the first",
    labels: ["feed"],
    read: ({ status, activity }) =>
      status().feeds.flatMap(({ feed }) => {
        const at = activity?.lastMessageAt(feed);
        return at === undefined ? [] : { labels: { feed }, value: (status().now - at) / 1_000 };
      }),
  },
  staleSeconds: {
    name: "alpaca_proxy_feed_stale_seconds",
    type: "gauge",
    help:
      "Time for which a feed's data has not been current; 0 while it is or the market is closed",
    labels: ["feed"],
    read: perFeed(({ freshness }) => freshness?.staleSeconds ?? 0),
  },
  staleSymbols: {
    name: "alpaca_proxy_stale_symbols",
    type: "gauge",
    help: "Symbols without data although it is expected, counted once per channel",
    labels: ["feed"],
    read: perFeed(({ freshness }) => freshness?.staleSymbols ?? 0),
  },
  marketOpen: {
    name: "alpaca_proxy_market_open",
    type: "gauge",
    help: "1 while the US market has the hours that the label names, by its calendar",
    labels: ["market"],
    read: ({ status, calendar }) =>
      MARKETS.map((market) => ({
        labels: { market },
        value: Number(calendar.isOpen(market, status().now)),
      })),
  },
  dataExpected: {
    name: "alpaca_proxy_data_expected",
    type: "gauge",
    help: "1 while the market of the feed's product is open",
    labels: ["feed"],
    read: ({ status, calendar }) =>
      status().feeds.map(({ feed, kind }) => ({
        labels: { feed },
        value: Number(calendar.isDataExpected(kind, status().now)),
      })),
  },
  budgetLimit: {
    name: "alpaca_proxy_symbol_budget_limit",
    type: "gauge",
    help: "Symbol quota of a feed; +Inf while no limit is known",
    labels: ["feed"],
    read: perQuota("limit"),
  },
  budgetUsed: {
    name: "alpaca_proxy_symbol_budget_used",
    type: "gauge",
    help: "Slots of the symbol quota that client streams request, by feed",
    labels: ["feed"],
    read: perQuota("used"),
  },
  identitySlots: {
    name: "alpaca_proxy_identity_symbol_slots",
    type: "gauge",
    help: "Slots of the symbol quota that an identity's symbols and contracts hold, by feed",
    labels: ["feed", "identity"],
    read: perIdentity("used"),
  },
  identityReserved: {
    name: "alpaca_proxy_identity_reserved_slots",
    type: "gauge",
    help: "Slots of the symbol quota that are reserved for an identity, by feed",
    labels: ["feed", "identity"],
    read: perIdentity("reserved"),
  },
  symbolsWaiting: {
    name: "alpaca_proxy_symbols_waiting",
    type: "gauge",
    help: "Requested symbols that wait for a slot of the symbol quota",
    labels: ["feed"],
    read: perQuota("waiting"),
  },
  contractsMissing: {
    name: "alpaca_proxy_option_contracts_missing",
    type: "gauge",
    help: "Option contracts that selections of underlyings lack, because no slot is free",
    labels: ["channel"],
    read: ({ expansions = () => [] }) => {
      const missing = { quotes: 0, trades: 0 };
      for (const { channel, wanted, contracts } of expansions()) {
        if (channel === "quotes" || channel === "trades") missing[channel] += wanted - contracts;
      }
      return seriesOf("channel", missing);
    },
  },
  symbolsRefused: {
    name: "alpaca_proxy_symbols_refused",
    type: "gauge",
    help: "Requested symbols that Alpaca rejects on this connection",
    labels: ["feed"],
    read: perQuota("rejected"),
  },
  refusals: {
    name: "alpaca_proxy_refusals_total",
    type: "counter",
    help: "Connections, streams and requests refused or ended at a limit",
    labels: ["limit"],
    read: ({ counters }) => seriesOf("limit", counters.refusals),
  },
  accessRefusals: {
    name: "alpaca_proxy_access_refusals_total",
    type: "counter",
    help: "Requests of clients that are not authenticated or lack a grant (denied), by reason",
    labels: ["reason"],
    read: ({ counters }) => seriesOf("reason", counters.access),
  },
  tlsExpiry: {
    name: "alpaca_proxy_tls_certificate_expiry_seconds",
    type: "gauge",
    help: "Time until the certificate of the proxy expires, negative afterwards; only with TLS",
    read: ({ counters, status }) => {
      const { expiresAt } = counters.tls;
      return expiresAt === undefined ? [] : (expiresAt - status().now) / 1000;
    },
  },
  tlsReloads: {
    name: "alpaca_proxy_tls_reloads_total",
    type: "counter",
    help: "New certificate files that were loaded, or failed and were not used",
    labels: ["result"],
    read: ({ counters }) => seriesOf("result", counters.tls.reloads),
  },
  restRequests: {
    name: "alpaca_proxy_rest_requests_total",
    type: "counter",
    help: "REST requests to Alpaca, by purpose and outcome; each attempt counts",
    labels: ["purpose", "outcome"],
    read: ({ counters }) =>
      REST_PURPOSES.flatMap((purpose) =>
        seriesOf("outcome", counters.rest[purpose]).map(({ labels, value }) => ({
          labels: { purpose, ...labels },
          value,
        }))
      ),
  },
  queueMemory: {
    name: "alpaca_proxy_queue_memory_bytes",
    type: "gauge",
    help: "Estimated bytes that the queues of all client streams hold",
    read: ({ queueMemory }) => queueMemory?.bytes ?? 0,
  },
  queueMemoryLimit: {
    name: "alpaca_proxy_queue_memory_limit_bytes",
    type: "gauge",
    help: "Limit above which the longest queues drop their oldest messages",
    read: ({ queueMemory }) => queueMemory?.limit ?? 0,
  },
  endToEnd: {
    name: "alpaca_proxy_end_to_end_delay_seconds",
    type: "histogram",
    help: "Time from Alpaca's timestamp until the message is handed to the transport, sampled",
    labels: ["message_type"],
    read: ({ counters }) =>
      [...CHANNELS, ...RELAYS].flatMap((kind) =>
        histogram("alpaca_proxy_end_to_end_delay_seconds", counters.endToEnd[kind], {
          message_type: MESSAGE_TYPE_LABELS[kind],
        })
      ),
  },
  fullestQueue: {
    name: "alpaca_proxy_fullest_queue_ratio",
    type: "gauge",
    help: "Share of its capacity that the fullest queue of a client stream holds, by type",
    labels: ["message_type"],
    read: ({ clients }) => {
      const fullest = clients?.fullestQueues();
      return [...CHANNELS, ...RELAYS].map((channel) => ({
        labels: { message_type: MESSAGE_TYPE_LABELS[channel] },
        value: fullest?.get(channel) ?? 0,
      }));
    },
  },
  loopDelay: {
    name: "alpaca_proxy_event_loop_delay_seconds",
    type: "histogram",
    help: "How late timers fire, sampled every 100 ms",
    read: ({ counters }) =>
      histogram("alpaca_proxy_event_loop_delay_seconds", counters.loopDelay, {}),
  },
  acceptFailures: {
    name: "alpaca_proxy_accept_failures_total",
    type: "counter",
    help: "Connections that could not be accepted, by reason",
    labels: ["reason"],
    read: ({ counters }) => seriesOf("reason", counters.acceptFailures),
  },
  grpcConnections: {
    name: "alpaca_proxy_grpc_connections",
    type: "gauge",
    help: "Open gRPC connections",
    read: ({ connections }) => connections?.().grpc ?? [],
  },
  websocketConnections: {
    name: "alpaca_proxy_websocket_client_connections",
    type: "gauge",
    help: "Open connections of clients of the WebSocket API",
    read: ({ connections }) => connections?.().websocket ?? [],
  },
  httpConnections: {
    name: "alpaca_proxy_http_connections",
    type: "gauge",
    help: "Open connections of the health and metrics ports",
    read: ({ connections }) => connections?.().http ?? [],
  },
  openDescriptors: {
    name: "alpaca_proxy_open_descriptors",
    type: "gauge",
    help: "File descriptors in use, at least; measured every 15 s",
    read: ({ connections }) => connections?.().descriptors ?? [],
  },
  descriptorLimit: {
    name: "alpaca_proxy_descriptor_limit",
    type: "gauge",
    help: "Most open file descriptors, learned when none is left; +Inf until then",
    read: ({ connections }) => connections ? connections().descriptorLimit ?? Infinity : [],
  },
  draining: {
    name: "alpaca_proxy_draining",
    type: "gauge",
    help: "1 while new streams are refused: an operator drains the proxy, or it stops",
    read: ({ status }) => Number(status().draining),
  },
  role: {
    name: "alpaca_proxy_role_info",
    type: "gauge",
    help: "Always 1; the label is the part of the process in a cluster, absent for a single one",
    labels: ["role"],
    read: ({ status }) => {
      const { cluster } = status();
      return cluster ? [{ labels: { role: cluster.role }, value: 1 }] : [];
    },
  },
  natsConnected: {
    name: "alpaca_proxy_nats_connected",
    type: "gauge",
    help: "1 while a connection to NATS is open, 0 while it is opened; absent without NATS",
    labels: ["connection"],
    read: ({ counters }) =>
      Object.entries(counters.nats).map(([connection, isOpen]) => ({
        labels: { connection },
        value: Number(isOpen),
      })),
  },
  leaseHeld: {
    name: "alpaca_proxy_lease_held",
    type: "gauge",
    help: "1 while this hub has the lease, and with it the sessions; 0 while it stands by",
    read: ofLease(({ term }) => Number(term !== undefined)),
  },
  leaseTerm: {
    name: "alpaca_proxy_lease_term",
    type: "gauge",
    help: "Term of this hub, higher than those before; 0 while it stands by",
    read: ofLease(({ term = 0n }) => Number(term)),
  },
  leaseSeconds: {
    name: "alpaca_proxy_lease_state_seconds",
    type: "gauge",
    help: "Time for which this hub has had the lease, or has stood by",
    read: ofLease(({ since }, now) => (now - since) / 1_000),
  },
  leaseReachable: {
    name: "alpaca_proxy_lease_reachable",
    type: "gauge",
    help: "1 while this hub can ask for its lease in NATS, 0 while it cannot",
    read: ofLease(({ problem }) => Number(problem === undefined)),
  },
  takeovers: {
    name: "alpaca_proxy_lease_takeovers_total",
    type: "counter",
    help: "How often this hub has taken the lease",
    read: ofLease(({ takeovers }) => takeovers),
  },
  leaseLosses: {
    name: "alpaca_proxy_lease_losses_total",
    type: "counter",
    help: "How often this hub has lost the lease before it stopped",
    read: ofLease(({ losses }) => losses),
  },
  hubFrames: {
    name: "alpaca_proxy_hub_frames_total",
    type: "counter",
    help: "Frames of Alpaca that this hub has received for its edges",
    labels: ["feed"],
    read: perPublished("frames"),
  },
  hubBytes: {
    name: "alpaca_proxy_hub_published_bytes_total",
    type: "counter",
    help: "Bytes of batches of frames that NATS has taken from this hub",
    labels: ["feed"],
    read: perPublished("bytes"),
  },
  hubDropped: {
    name: "alpaca_proxy_hub_dropped_entries_total",
    type: "counter",
    help: "Frames, and ends of sessions, that NATS did not take from this hub; edges notice",
    labels: ["feed"],
    read: perPublished("dropped"),
  },
  hubPending: {
    name: "alpaca_proxy_hub_pending_bytes",
    type: "gauge",
    help: "Bytes that wait until NATS takes them from this hub; above 32 MiB they are dropped",
    read: ofDistribution(({ pendingBytes }) => pendingBytes),
  },
  hubEdges: {
    name: "alpaca_proxy_hub_edges",
    type: "gauge",
    help: "Edges that are attached to this hub; 0 while it stands by",
    read: ofDistribution(({ edges }) => edges.length),
  },
  hubSubscriptions: {
    name: "alpaca_proxy_hub_edge_subscriptions",
    type: "gauge",
    help: "Pairs of channel and symbol that edges have subscribed, each once per edge",
    read: ofDistribution(({ edges }) => edges.reduce((sum, { pairs }) => sum + pairs, 0)),
  },
  hubRequests: {
    name: "alpaca_proxy_hub_requests_total",
    type: "counter",
    help: "Requests of edges to this hub, by kind and outcome",
    labels: ["kind", "outcome"],
    read: ({ counters, status }) =>
      status().cluster?.role !== "hub"
        ? []
        : EDGE_REQUESTS.flatMap((kind) =>
          seriesOf("outcome", counters.distribution.requests[kind]).map(({ labels, value }) => ({
            labels: { kind, ...labels },
            value,
          }))
        ),
  },
  build: {
    name: "alpaca_proxy_build_info",
    type: "gauge",
    help: "Always 1; the labels identify the build",
    labels: ["version", "deno", "environment"],
    read: ({ status }) => {
      const { version, environment } = status();
      return [{ labels: { version, deno: Deno.version.deno, environment }, value: 1 }];
    },
  },
  ...EDGE_METRICS,
  ...PROCESS_METRICS,
} as const satisfies Readonly<Record<string, Metric>>;

/** Makes a function that reads all metrics and renders the Prometheus text format. */
export function createMetrics(sources: MetricsSources): () => Promise<string> {
  const registry: ClientRegistry = new Registry();
  for (const { name, type, help, read } of Object.values<Metric>(METRICS)) {
    const get = () => {
      const values = read(sources);
      return Promise.resolve({
        name,
        type,
        help,
        values: typeof values === "number" ? [{ labels: {}, value: values }] : values,
      });
    };
    // prom-client 15.1.3 renders what `get` returns; its own classes would copy
    // every value first and cannot take over the buckets of a histogram.
    registry.registerMetric({ name, get } as unknown as ClientMetric);
  }
  return () => registry.metrics();
}

/** Reads a figure of the lease; none of a process that is not a hub. */
function ofLease(read: (lease: LeaseReport, now: number) => number): Metric["read"] {
  return ({ status }) => {
    const { cluster, now } = status();
    return cluster?.lease ? read(cluster.lease, now) : [];
  };
}

/** Reads a figure of the distribution; none of a process that is not a hub. */
function ofDistribution(read: (report: DistributionReport) => number): Metric["read"] {
  return ({ status }) => {
    const { distribution } = status().cluster ?? {};
    return distribution ? read(distribution) : [];
  };
}

/** Reads what a hub has published of each enabled feed. */
function perPublished(figure: keyof PublishedCounters): Metric["read"] {
  return ({ status, counters }) => {
    const { cluster, feeds } = status();
    if (cluster?.role !== "hub") return [];
    return feeds.map(({ feed }) => ({
      labels: { feed },
      value: counters.distribution.published[feed][figure],
    }));
  };
}

function perFeed(read: (feed: FeedStatus) => number): Metric["read"] {
  return ({ status }) =>
    status().feeds.map((feed) => ({ labels: { feed: feed.feed }, value: read(feed) }));
}

function perFeedAnd(
  label: string,
  counts: (counters: FeedCounters) => Readonly<Record<string, number>>,
): Metric["read"] {
  return ({ status, counters }) =>
    status().feeds.flatMap(({ feed }) =>
      seriesOf(label, counts(counters.feeds[feed])).map(({ labels, value }) => ({
        labels: { feed, ...labels },
        value,
      }))
    );
}

function perChannel(count: "sent" | "conflated" | "dropped"): Metric["read"] {
  return ({ counters }) =>
    Object.entries({ ...counters.channels, ...counters.relays }).map(([kind, own]) => ({
      labels: { message_type: MESSAGE_TYPE_LABELS[kind as StreamKind] },
      value: own[count],
    }));
}

function perQuota(figure: "limit" | "used" | "waiting" | "rejected"): Metric["read"] {
  const valueOf = ({ [figure]: value = Infinity }: FeedQuota) => value;
  return ({ quotas = () => [] }) =>
    quotas().map((quota) => ({ labels: { feed: quota.feed }, value: valueOf(quota) }));
}

/** Reads a figure of each identity whose slots are limited, and of all others together. */
function perIdentity(figure: "used" | "reserved"): Metric["read"] {
  return ({ quotas = () => [] }) =>
    quotas().flatMap(({ feed, shares = [] }) =>
      shares.map((share) => ({
        labels: { feed, identity: share.identity },
        value: share[figure],
      }))
    );
}

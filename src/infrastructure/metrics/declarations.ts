/**
 * Every metric of the program: name, type, help, labels.
 *
 * Names and types of the first nine are a contract with existing dashboards,
 * which is why `alpaca_proxy_subscriptions_total` is a gauge. Label cardinality
 * is bounded; symbols and messages are never labels.
 *
 * @module
 */
import type { ChannelName } from "../../domain/market/channels.ts";

/** Declares one metric. */
export interface MetricDeclaration {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
}

/** All metrics, by the short name that the collector uses. */
export const METRICS = {
  received: {
    name: "alpaca_proxy_messages_received_total",
    type: "counter",
    help: "Messages received from Alpaca, by feed and type",
    labels: ["feed", "message_type"],
  },
  sent: {
    name: "alpaca_proxy_messages_sent_total",
    type: "counter",
    help: "Messages delivered to client streams, once per stream",
    labels: ["message_type"],
  },
  dropped: {
    name: "alpaca_proxy_messages_dropped_total",
    type: "counter",
    help: "Messages that client streams lost because they fell behind",
    labels: ["message_type"],
  },
  connections: {
    name: "alpaca_proxy_websocket_connections",
    type: "gauge",
    help: "Open WebSocket connections to Alpaca",
    labels: ["feed"],
  },
  clients: {
    name: "alpaca_proxy_grpc_clients",
    type: "gauge",
    help: "Open gRPC client streams",
    labels: [],
  },
  subscriptions: {
    name: "alpaca_proxy_subscriptions_total",
    type: "gauge",
    help: "Subscriptions that Alpaca has acknowledged, by feed",
    labels: ["feed"],
  },
  errors: {
    name: "alpaca_proxy_websocket_errors_total",
    type: "counter",
    help: "Errors of the WebSocket sessions and their messages",
    labels: ["feed", "error_type"],
  },
  reconnects: {
    name: "alpaca_proxy_reconnects_total",
    type: "counter",
    help: "Reconnection attempts, by feed",
    labels: ["feed"],
  },
  processing: {
    name: "alpaca_proxy_message_processing_seconds",
    type: "histogram",
    help: "Time from a frame's arrival until its messages are queued",
    labels: ["feed"],
  },
  feedState: {
    name: "alpaca_proxy_feed_state",
    type: "gauge",
    help: "1 for the present state of the feed's session, 0 for the others",
    labels: ["feed", "state"],
  },
  budgetLimit: {
    name: "alpaca_proxy_symbol_budget_limit",
    type: "gauge",
    help: "Symbol quota of a feed; +Inf while no limit is known",
    labels: ["feed"],
  },
  budgetUsed: {
    name: "alpaca_proxy_symbol_budget_used",
    type: "gauge",
    help: "Slots of the symbol quota that client streams request, by feed",
    labels: ["feed"],
  },
  symbolsWaiting: {
    name: "alpaca_proxy_symbols_waiting",
    type: "gauge",
    help: "Requested symbols that wait for a slot of the symbol quota",
    labels: ["feed"],
  },
  symbolsRefused: {
    name: "alpaca_proxy_symbols_refused",
    type: "gauge",
    help: "Requested symbols that Alpaca rejects on this connection",
    labels: ["feed"],
  },
  refusals: {
    name: "alpaca_proxy_refusals_total",
    type: "counter",
    help: "Connections, streams and requests rejected or ended at a limit",
    labels: ["limit"],
  },
  queueMemory: {
    name: "alpaca_proxy_queue_memory_bytes",
    type: "gauge",
    help: "Estimated bytes that the queues of all client streams hold",
    labels: [],
  },
  queueMemoryLimit: {
    name: "alpaca_proxy_queue_memory_limit_bytes",
    type: "gauge",
    help: "Limit above which the longest queues lose their oldest messages",
    labels: [],
  },
  acceptFailures: {
    name: "alpaca_proxy_accept_failures_total",
    type: "counter",
    help: "Connections that could not be accepted, by reason",
    labels: ["reason"],
  },
  grpcConnections: {
    name: "alpaca_proxy_grpc_connections",
    type: "gauge",
    help: "Open gRPC connections",
    labels: [],
  },
  httpConnections: {
    name: "alpaca_proxy_http_connections",
    type: "gauge",
    help: "Open connections of the health and metrics ports",
    labels: [],
  },
  openDescriptors: {
    name: "alpaca_proxy_open_descriptors",
    type: "gauge",
    help: "File descriptors in use, at least; measured every 15 s",
    labels: [],
  },
  descriptorLimit: {
    name: "alpaca_proxy_descriptor_limit",
    type: "gauge",
    help: "Most open file descriptors, learned when none is left; +Inf until then",
    labels: [],
  },
  draining: {
    name: "alpaca_proxy_draining",
    type: "gauge",
    help: "1 as soon as shutdown has begun",
    labels: [],
  },
  build: {
    name: "alpaca_proxy_build_info",
    type: "gauge",
    help: "Always 1; the labels identify the build",
    labels: ["version", "deno", "environment"],
  },
  residentMemory: {
    name: "process_resident_memory_bytes",
    type: "gauge",
    help: "Resident memory size in bytes",
    labels: [],
  },
  heapUsed: {
    name: "process_heap_used_bytes",
    type: "gauge",
    help: "JavaScript heap in use in bytes",
    labels: [],
  },
  heapTotal: {
    name: "process_heap_total_bytes",
    type: "gauge",
    help: "JavaScript heap reserved in bytes",
    labels: [],
  },
  heapLimit: {
    name: "process_heap_limit_bytes",
    type: "gauge",
    help: "JavaScript heap at which the runtime ends the process in bytes",
    labels: [],
  },
  cpu: {
    name: "process_cpu_seconds_total",
    type: "counter",
    help: "User and system CPU time spent in seconds",
    labels: [],
  },
  startTime: {
    name: "process_start_time_seconds",
    type: "gauge",
    help: "Start time of the process since the Unix epoch in seconds",
    labels: [],
  },
} as const satisfies Readonly<Record<string, MetricDeclaration>>;

/** All metrics in the order in which they are exposed. */
export const ALL_METRICS: readonly MetricDeclaration[] = Object.values(METRICS);

/** Value of the `message_type` label for each channel. */
export const CHANNEL_LABELS: Readonly<Record<ChannelName, string>> = {
  stockQuotes: "stock_quote",
  stockTrades: "stock_trade",
  stockBars: "stock_bar",
  optionQuotes: "option_quote",
  optionTrades: "option_trade",
  orderUpdates: "order_update",
};

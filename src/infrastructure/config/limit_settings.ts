/**
 * Settings that bound what clients can use up, and how far streams may fall
 * behind. Each limit has a total over all clients.
 *
 * @module
 */
import { hostPatterns, integer } from "./kinds.ts";
import { section } from "./setting.ts";

const SECONDS = integer(1, 3_600);
const CAPACITY = integer(1, 10_000_000);
const CONNECTIONS = integer(1, 1_000_000);
const STREAMS = integer(1, 1_000_000);

const limits = section("Limits");
const capacities = section("Channel capacities");

/** Limits and capacities, by the short name that the parser uses. */
export const LIMIT_SETTINGS = {
  maxConnections: limits("STREAM_PROXY_MAX_CONNECTIONS", CONNECTIONS, {
    description:
      "gRPC connections at a time; ones without a stream make room, else more are reset",
    fallback: "2048",
  }),
  maxHttpConnections: limits("STREAM_PROXY_MAX_HTTP_CONNECTIONS", CONNECTIONS, {
    description:
      "Connections of the health and metrics ports together; idle ones make room",
    fallback: "256",
  }),
  httpIdle: limits("STREAM_PROXY_HTTP_IDLE_SECS", SECONDS, {
    description:
      "Longest wait for an HTTP client: for its request, or until it reads",
    // Longer than the 60 s of common load balancers and scrapes: where the
    // server closes first, their next request can meet a closed connection.
    fallback: "75",
  }),
  allowedHosts: limits("STREAM_PROXY_ALLOWED_HOSTS", hostPatterns, {
    description:
      "Names with a dot that the status page is served under, beside IP addresses",
    otherwise: "none",
  }),
  maxStreamsPerConnection: limits(
    "STREAM_PROXY_MAX_STREAMS_PER_CONNECTION",
    STREAMS,
    {
      description:
        "Streams of one gRPC connection; announced to clients, more are refused with REFUSED_STREAM",
      fallback: "1000",
    },
  ),
  maxStreams: limits("STREAM_PROXY_MAX_STREAMS", STREAMS, {
    description:
      "Open streaming calls; more are refused with RESOURCE_EXHAUSTED",
    fallback: "5000",
  }),
  maxPendingRequest: limits(
    "STREAM_PROXY_MAX_PENDING_REQUEST_MB",
    integer(8, 65_536),
    {
      description:
        "Megabytes of all unfinished requests; the largest is refused with RESOURCE_EXHAUSTED",
      fallback: "32",
    },
  ),
  requestTimeout: limits("STREAM_PROXY_REQUEST_TIMEOUT_SECS", SECONDS, {
    description:
      "Time in which a request has to arrive whole; later ones end with DEADLINE_EXCEEDED",
    fallback: "10",
  }),
  maxSymbolsInAll: limits(
    "STREAM_PROXY_MAX_SYMBOLS",
    integer(1, 10_000_000),
    {
      description:
        "Symbols, underlyings and order ids of all open streams; a symbol that another stream of its type names counts as a tenth; a stream beyond it is refused",
      fallback: "100000",
    },
  ),
  queueMemory: limits(
    "STREAM_PROXY_QUEUE_MEMORY_MB",
    integer(16, 1_048_576),
    {
      description:
        "MiB that the queues of all streams may hold together; beyond it the longest queues lose their oldest messages, which are counted as lost",
      fallback: "256",
    },
  ),
  stalledStream: limits(
    "STREAM_PROXY_STALLED_STREAM_SECS",
    integer(0, 86_400),
    {
      description:
        "A stream with waiting messages that has taken none for this long is ended with `UNAVAILABLE`; 0 never",
      fallback: "300",
    },
  ),

  stockQuotes: capacities("STREAM_PROXY_STOCK_QUOTES_CAPACITY", CAPACITY, {
    description: "Stock quotes a stream may fall behind",
    fallback: "10000",
  }),
  stockTrades: capacities("STREAM_PROXY_STOCK_TRADES_CAPACITY", CAPACITY, {
    description: "Stock trades a stream may fall behind",
    fallback: "10000",
  }),
  stockBars: capacities("STREAM_PROXY_STOCK_BARS_CAPACITY", CAPACITY, {
    description: "Stock bars a stream may fall behind",
    fallback: "1000",
  }),
  optionQuotes: capacities("STREAM_PROXY_OPTIONS_QUOTES_CAPACITY", CAPACITY, {
    description: "Option quotes a stream may fall behind",
    fallback: "50000",
  }),
  optionTrades: capacities("STREAM_PROXY_OPTIONS_TRADES_CAPACITY", CAPACITY, {
    description: "Option trades a stream may fall behind",
    fallback: "10000",
  }),
  orderUpdates: capacities("STREAM_PROXY_ORDER_UPDATES_CAPACITY", CAPACITY, {
    description: "Order updates a stream may fall behind",
    fallback: "1000",
  }),
} as const;

/**
 * Every setting of the program in one table. Parsing, the documentation, the
 * settings line of the log, the chart's schema and the search for misspelled
 * names are derived from it.
 *
 * An empty or blank value counts as unset, because compose files and charts
 * pass unset variables that way. Values are trimmed.
 *
 * @module
 */
import {
  type CryptoLocation,
  type Environment,
  FEEDS,
  type OptionFeedKind,
  type StockFeedKind,
} from "../../domain/connection/feed.ts";
import { ROLES } from "../../domain/cluster/role.ts";
import { STOCK_CHANNELS } from "../../domain/subscription/pairs.ts";
import { SELECTION_BOUNDS } from "../../domain/options/selection.ts";
import { type ClientAuth, TLS_PORTS } from "../../application/connections/connection_security.ts";
import { accessPolicy } from "./access_policy.ts";
import {
  credential,
  dateList,
  decimal,
  filePath,
  flag,
  host,
  hostPatterns,
  hostSuffixes,
  httpProxy,
  integer,
  listOf,
  logLevel,
  natsCredentials,
  natsServers,
  oneOf,
  originList,
  pem,
  plan,
  privateKey,
  subjectPrefix,
  url,
  userName,
} from "./parsers.ts";
import { row, section, type Setting } from "./setting.ts";
import { DATA_API_URL, NEWS_STREAM_URL } from "./upstream_urls.ts";

/** Stock feeds that can be followed. */
export const STOCK_FEEDS: readonly StockFeedKind[] = [
  "sip",
  "iex",
  "delayed_sip",
  "boats",
  "overnight",
  "test",
];
/** Option feeds that can be followed. */
export const OPTION_FEEDS: readonly OptionFeedKind[] = ["opra", "indicative"];
/** Crypto locations that can be followed. */
export const CRYPTO_LOCATIONS: readonly CryptoLocation[] = ["us", "us-1", "us-2", "eu-1", "bs-1"];

const {
  days: DAYS,
  maxExpiries: EXPIRIES,
  strikesEachSide: STRIKES,
  strikeWindowPercent: WINDOW,
  maxContracts: CONTRACTS,
} = SELECTION_BOUNDS;

const PORT = integer(0, 65_535);
const SECONDS = integer(1, 3_600);
const COUNT = integer(1, 1_000_000);
const COUNT_OR_NONE = integer(0, 1_000_000);
const CAPACITY = integer(1, 10_000_000);
const STOCK_CHANNEL_LIST = listOf(STOCK_CHANNELS, "none");
const OPTION_CHANNEL_LIST = listOf(["trades", "quotes", "bars"], "none");
const STREAM_URL = url(["wss", "ws"]);
const API_URL = url(["https", "http"]);

/** All settings, by variable. */
export const SETTINGS = {
  ...section("Credentials", {
    ALPACA_KEY: row(credential, "credentials.trading.key", {
      description: "Alpaca API key",
      aliases: ["APCA_API_KEY_ID"],
      whenUnset: "required",
      secret: true,
    }),
    ALPACA_SECRET: row(credential, "credentials.trading.secret", {
      description: "Alpaca API secret",
      aliases: ["APCA_API_SECRET_KEY"],
      whenUnset: "required",
      secret: true,
    }),
    ALPACA_DATA_KEY: row(credential, "credentials.data.key", {
      description: "Key for stocks and options, where it differs",
      whenUnset: "`ALPACA_KEY`",
      secret: true,
    }),
    ALPACA_DATA_SECRET: row(credential, "credentials.data.secret", {
      description: "Secret for stocks and options, where it differs",
      whenUnset: "`ALPACA_SECRET`",
      secret: true,
    }),
  }),
  ...section("Feeds", {
    CREAM_ENV: row(oneOf<Environment>(["PAPER", "LIVE"]), "environment", {
      description: "Paper account or real money",
      default: "PAPER",
    }),
    STREAM_PROXY_FEEDS: row(listOf(FEEDS), "feeds", {
      description: "Sessions to open: stocks, options, trade updates, also `crypto` and `news`",
      default: "sip,opra,trading",
    }),
    ALPACA_FEED: row(oneOf(STOCK_FEEDS), "stock.kind", {
      description: "Stock feed: `sip` is all exchanges, `iex` is the free one",
      default: "sip",
    }),
    ALPACA_OPTIONS_FEED: row(oneOf(OPTION_FEEDS), "option.kind", {
      description: "Option feed: `opra` is the full one, `indicative` is free",
      whenUnset: "`opra` with `LIVE`, `indicative` with `PAPER`",
    }),
    ALPACA_CRYPTO_LOCATION: row(oneOf(CRYPTO_LOCATIONS), "crypto.location", {
      description: "Where crypto trades: `us` is Alpaca, `us-1` and `eu-1` are Kraken",
      default: "us",
    }),
    STREAM_PROXY_MAX_ARTICLE_MB: row(integer(1, 64), "news.maxBytes", {
      description: "Most MiB of a news article; larger ones are counted as invalid. gRPC clients " +
        "need a higher limit on messages for more than 4",
      default: "4",
    }),
    STREAM_PROXY_MARKET_CLOSURES: row(dateList, "marketClosures", {
      description: "Announced days without trading; holidays and early closes are known",
      whenUnset: "none",
    }),
  }),
  ...section("Addresses of Alpaca", {
    ALPACA_STOCK_STREAM_URL: row(STREAM_URL, "stock.url", {
      description: "WebSocket of the stock feed; a path that ends in a feed name selects that feed",
      whenUnset: "Alpaca's, by `ALPACA_FEED`",
    }),
    ALPACA_OPTION_STREAM_URL: row(STREAM_URL, "option.url", {
      description: "WebSocket of the option feed; a path that ends in a feed name selects " +
        "that feed",
      whenUnset: "Alpaca's, by `ALPACA_OPTIONS_FEED`",
    }),
    ALPACA_CRYPTO_STREAM_URL: row(STREAM_URL, "crypto.url", {
      description: "WebSocket of the crypto feed; a path that ends in a location selects it",
      whenUnset: "Alpaca's, by `ALPACA_CRYPTO_LOCATION`",
    }),
    ALPACA_NEWS_STREAM_URL: row(STREAM_URL, "news.url", {
      description: "WebSocket of the news",
      default: NEWS_STREAM_URL,
    }),
    ALPACA_TRADING_STREAM_URL: row(STREAM_URL, "trading.url", {
      description: "WebSocket of the trade updates",
      whenUnset: "Alpaca's, by `CREAM_ENV`",
    }),
    ALPACA_TRADING_API_URL: row(API_URL, "trading.apiUrl", {
      description: "Trading REST API",
      whenUnset: "Alpaca's, by `CREAM_ENV`",
    }),
    ALPACA_DATA_API_URL: row(API_URL, "dataApiUrl", {
      description: "Market data REST API",
      default: DATA_API_URL,
    }),
    HTTPS_PROXY: row(httpProxy, "httpsProxy", {
      description: "HTTP proxy through which Alpaca is reached, REST and WebSockets",
      aliases: ["https_proxy"],
      whenUnset: "none",
    }),
    NO_PROXY: row(hostSuffixes, "noProxy", {
      description: "Hosts that are reached without `HTTPS_PROXY`, and all names below them",
      aliases: ["no_proxy"],
      whenUnset: "none",
    }),
    STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM: row(flag, "allowPlaintextUpstream", {
      description: "Accept `ws:` and `http:` addresses of other machines, for a simulator",
      default: "false",
    }),
  }),
  ...section("Listening", {
    STREAM_PROXY_HOST: row(host, ["grpc.host", "websocket.host", "health.host", "metrics.host"], {
      description: "Address that all ports listen on",
      default: "0.0.0.0",
    }),
    STREAM_PROXY_GRPC_PORT: row(PORT, "grpc.port", {
      description: "gRPC server port; 0 picks a free one",
      default: "50052",
    }),
    STREAM_PROXY_WEBSOCKET_PORT: row(PORT, "websocket.port", {
      description: "Port of the Alpaca-compatible WebSocket API; 0 turns it off",
      default: "8765",
    }),
    STREAM_PROXY_HEALTH_PORT: row(PORT, "health.port", {
      description: "Health check HTTP port; 0 picks a free one",
      default: "8082",
    }),
    STREAM_PROXY_METRICS_PORT: row(PORT, "metrics.port", {
      description: "Prometheus metrics port; 0 turns it off",
      default: "9090",
    }),
    STREAM_PROXY_GRPC_WEB: row(flag, "web.enabled", {
      description: "Serve the gRPC services on the health port too, by gRPC-Web and Connect " +
        "over HTTP/1.1, for browsers and networks without end-to-end HTTP/2",
      default: "false",
    }),
    STREAM_PROXY_CORS_ORIGINS: row(originList, "web.origins", {
      description: "Origins of web pages that may call the services, which turns " +
        "`STREAM_PROXY_GRPC_WEB` on, and connect to the WebSocket API; `*` is every page, and " +
        "needs `STREAM_PROXY_ACCESS`",
      whenUnset: "only pages of the same host and port",
    }),
    STREAM_PROXY_MAX_BATCH_DELAY_MS: row(integer(0, 100), "grpc.maxBatchDelayMs", {
      description: "Longest time that a busy stream may delay messages to send fewer, " +
        "larger writes; the first message after a pause is never delayed",
      default: "0",
    }),
    STREAM_PROXY_WEBSOCKET_PING_SECS: row(integer(1, 3_600), "websocket.pingMs", {
      description: "Time between two pings of a WebSocket client, which is disconnected when " +
        "nothing arrives from it in twice that time",
      default: "20",
    }),
    STREAM_PROXY_WEBSOCKET_MAX_MESSAGE_KB: row(
      integer(16, 65_536),
      "websocket.maxMessageBytes",
      {
        description: "Largest message of a WebSocket client that is logged in, in KiB; 10,000 " +
          "symbols on three channels have 250",
        default: "1024",
      },
    ),
    STREAM_PROXY_WEBSOCKET_COMPRESS_FROM_BYTES: row(
      integer(0, 1_048_576),
      "websocket.compressFromBytes",
      {
        description: "Size from which market data is compressed for WebSocket clients that " +
          "negotiate permessage-deflate; 0 compresses nothing",
        default: "0",
      },
    ),
    STREAM_PROXY_GRPC_KEEPALIVE_SECS: row(integer(5, 3_600), "grpc.keepaliveMs", {
      description: "Time between two pings of a gRPC connection, which is closed when a " +
        "reply takes over 20 s; set it below the idle timeout of a load balancer " +
        "in between",
      default: "60",
    }),
  }),
  ...section("Cluster", {
    STREAM_PROXY_ROLE: row(oneOf(ROLES), "cluster.role", {
      description: "`single` is one process for all; with NATS, a `hub` holds the sessions with " +
        "Alpaca and an `edge`, without keys of Alpaca, serves clients",
      default: "single",
    }),
    STREAM_PROXY_LEASE_TTL_SECS: row(integer(2, 60), "cluster.leaseMs", {
      description:
        "Time after which a hub that was killed or cannot reach NATS is replaced by another",
      default: "5",
    }),
  }),
  ...section("NATS", {
    STREAM_PROXY_NATS_URL: row(natsServers, "nats.servers", {
      description: "NATS servers with JetStream, in which order updates outlive the process",
      whenUnset: "order updates are kept in memory only",
    }),
    STREAM_PROXY_NATS_USER: row(userName, "nats.user", {
      description: "User name for NATS",
      whenUnset: "none",
    }),
    STREAM_PROXY_NATS_PASSWORD: row(credential, "nats.password", {
      description: "Password for NATS",
      whenUnset: "none",
      secret: true,
    }),
    STREAM_PROXY_NATS_TOKEN: row(credential, "nats.token", {
      description: "Token for NATS, in place of a user name",
      whenUnset: "none",
      secret: true,
    }),
    STREAM_PROXY_NATS_CREDS: row(natsCredentials, "nats.credentials", {
      description: "Text of a `.creds` file for NATS, in place of a user name",
      whenUnset: "none",
      secret: true,
    }),
    STREAM_PROXY_NATS_NKEY: row(credential, "nats.seed", {
      description: "Seed of an NKey for NATS, in place of a user name",
      whenUnset: "none",
      secret: true,
    }),
    STREAM_PROXY_NATS_CA: row(pem("CERTIFICATE"), "nats.ca", {
      description: "CAs of the NATS servers, as PEM text",
      whenUnset: "those of the system",
    }),
    STREAM_PROXY_NATS_CERT: row(pem("CERTIFICATE"), "nats.certificate", {
      description: "Certificate for NATS servers that ask for one, as PEM text",
      whenUnset: "none",
    }),
    STREAM_PROXY_NATS_KEY: row(privateKey, "nats.key", {
      description: "Private key of that certificate, as PEM text",
      whenUnset: "none",
      secret: true,
    }),
    STREAM_PROXY_NATS_PREFIX: row(subjectPrefix, "nats.prefix", {
      description: "Prefix of subjects, and in capitals of streams, in NATS",
      default: "alpaca",
    }),
    STREAM_PROXY_NATS_REPLICAS: row(integer(1, 5), "nats.replicas", {
      description: "NATS servers that keep a copy of a stream which the proxy creates",
      default: "1",
    }),
    STREAM_PROXY_NATS_RETAIN_MB: row(integer(0, 10_485_760), "nats.retainBytes", {
      description: "MiB of Alpaca's frames that a hub keeps in JetStream, so that edges can read " +
        "what they have missed and a past span can be recorded; 0 keeps none",
      default: "0",
    }),
    STREAM_PROXY_NATS_RETAIN_SECS: row(integer(60, 2_592_000), "nats.retainAgeMs", {
      description: "Age up to which these frames are kept",
      default: "900",
    }),
  }),
  ...section("TLS", {
    STREAM_PROXY_TLS_CERT: row(pem("CERTIFICATE"), "tls.certificate", {
      description:
        "Certificate of the proxy and the intermediate ones, as PEM text; without one, " +
        "no port has TLS",
      whenUnset: "none",
    }),
    STREAM_PROXY_TLS_KEY: row(privateKey, "tls.key", {
      description: "Private key of the certificate, as PEM text",
      whenUnset: "none",
      secret: true,
    }),
    STREAM_PROXY_TLS_CLIENT_CA: row(pem("CERTIFICATE"), "tls.clientCa", {
      description: "CAs that sign the certificates of gRPC and WebSocket clients, as PEM text",
      whenUnset: "no client certificates",
    }),
    STREAM_PROXY_TLS_CERT_FILE: row(filePath, "tls.certificateFile", {
      description: "File in place of `STREAM_PROXY_TLS_CERT`; a new one is used without a restart",
      whenUnset: "none",
    }),
    STREAM_PROXY_TLS_KEY_FILE: row(filePath, "tls.keyFile", {
      description: "File in place of `STREAM_PROXY_TLS_KEY`",
      whenUnset: "none",
    }),
    STREAM_PROXY_TLS_CLIENT_CA_FILE: row(filePath, "tls.clientCaFile", {
      description: "File in place of `STREAM_PROXY_TLS_CLIENT_CA`",
      whenUnset: "none",
    }),
    STREAM_PROXY_TLS_CLIENT_AUTH: row(oneOf<ClientAuth>(["require", "request"]), "tls.clientAuth", {
      description:
        "With a client CA: whether gRPC and WebSocket clients have to send a certificate " +
        "(`require`) or may (`request`)",
      whenUnset: "`require`",
    }),
    STREAM_PROXY_TLS_PORTS: row(listOf(TLS_PORTS), "tls.ports", {
      description: "Ports that have TLS once there is a certificate",
      default: "grpc,websocket,health,metrics",
    }),
  }),
  ...section("Logs and traces", {
    LOG_LEVEL: row(logLevel, "logLevel", {
      description: "Least severe lines to log: trace, debug, info, warn, error, off",
      aliases: ["RUST_LOG"],
      default: "info",
    }),
    OTEL_ENABLED: row(flag, "telemetry.enabled", {
      description: "OpenTelemetry tracing",
      default: "true",
    }),
    OTEL_EXPORTER_OTLP_ENDPOINT: row(API_URL, "telemetry.endpoint", {
      description: "OTLP/HTTP collector",
      default: "http://localhost:4318",
    }),
  }),
  ...section("Subscriptions", {
    ALPACA_PLAN: row(plan, "subscriptions.plan", {
      description: "Limits of the data plan: `auto` (learned), `basic`, `plus`, `unlimited`, " +
        "or numbers such as `stocks=30,options=200`",
      default: "auto",
    }),
    STREAM_PROXY_STOCK_LIMIT_CHANNELS: row(STOCK_CHANNEL_LIST, "subscriptions.counting.stocks", {
      description: "Channels whose symbols count against the stock limit",
      default: "trades,quotes",
    }),
    STREAM_PROXY_OPTION_LIMIT_CHANNELS: row(OPTION_CHANNEL_LIST, "subscriptions.counting.options", {
      description: "Channels whose symbols count against the option limit",
      default: "quotes",
    }),
    STREAM_PROXY_UNSUBSCRIBE_GRACE_MS: row(integer(0, 600_000), "subscriptions.graceMs", {
      description: "How long a symbol that no stream requests any more stays subscribed, so " +
        "that a restarting client changes no subscription",
      default: "5000",
    }),
    STREAM_PROXY_SUBSCRIBE_CHUNK_SYMBOLS: row(integer(1, 10_000), "subscriptions.chunks.maxPairs", {
      description: "Most symbols in one request to Alpaca",
      default: "400",
    }),
    STREAM_PROXY_SUBSCRIBE_CHUNK_BYTES: row(
      integer(64, 1_000_000),
      "subscriptions.chunks.maxBytes",
      {
        description: "Most bytes of symbols in one request to Alpaca",
        default: "15000",
      },
    ),
    STREAM_PROXY_MAX_SYMBOLS_PER_STREAM: row(
      integer(1, 1_000_000),
      "subscriptions.maxSymbolsPerStream",
      {
        description: "Most symbols, underlyings or order ids of one stream",
        default: "20000",
      },
    ),
    STREAM_PROXY_OPTION_CHAINS: row(flag, "options.chains", {
      description: "Whether underlyings are resolved to contracts through Alpaca's REST API",
      default: "true",
    }),
    STREAM_PROXY_OPTION_PRICE_INTERVAL_SECS: row(integer(1, 3_600), "options.priceIntervalMs", {
      description: "How often the prices of underlyings are looked up while streams follow " +
        "their options",
      default: "15",
    }),
    STREAM_PROXY_OPTION_MAX_DAYS: row(integer(DAYS.min, DAYS.max), "options.selection.maxDays", {
      description: "Farthest expiry, in days, of an underlying's contracts, for streams " +
        "that do not set one",
      default: "45",
    }),
    STREAM_PROXY_OPTION_MAX_EXPIRIES: row(
      integer(EXPIRIES.min, EXPIRIES.max),
      "options.selection.maxExpiries",
      {
        description: "Most expiries of one underlying, the nearest first, for streams that do " +
          "not set a number",
        whenUnset: "no limit",
      },
    ),
    STREAM_PROXY_OPTION_STRIKES_EACH_SIDE: row(
      integer(STRIKES.min, STRIKES.max),
      "options.selection.strikesEachSide",
      {
        description: "Strikes of each expiry on each side of the price, instead of the window, " +
          "for streams that set no strikes",
        whenUnset: "the window",
      },
    ),
    STREAM_PROXY_OPTION_STRIKE_WINDOW_PERCENT: row(
      decimal(WINDOW.min, WINDOW.max),
      "options.selection.strikeWindowPercent",
      {
        description: "Strikes within this many percent of the underlying's price, for streams " +
          "that do not set a window",
        default: "10",
      },
    ),
    STREAM_PROXY_OPTION_MAX_CONTRACTS: row(
      integer(CONTRACTS.min, CONTRACTS.max),
      "options.selection.maxContracts",
      {
        description: "Most contracts of one underlying, for streams that do not set a limit; " +
          "the symbol quota may allow fewer",
        default: "100",
      },
    ),
  }),
  ...section("WebSocket tuning", {
    STREAM_PROXY_HEARTBEAT_INTERVAL_SECS: row(SECONDS, "heartbeat.intervalMs", {
      description: "Time without a frame after which a heartbeat is sent to Alpaca",
      default: "30",
    }),
    STREAM_PROXY_HEARTBEAT_TIMEOUT_SECS: row(SECONDS, "heartbeat.timeoutMs", {
      description: "How long its reply may take",
      default: "60",
    }),
    STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS: row(
      integer(1, 3_600_000),
      "reconnect.initialDelayMs",
      {
        description: "Delay before the first reconnection",
        default: "500",
      },
    ),
    STREAM_PROXY_RECONNECT_DELAY_MAX_SECS: row(SECONDS, "reconnect.maxDelayMs", {
      description: "Longest delay between two attempts",
      default: "30",
    }),
    STREAM_PROXY_RECONNECT_DELAY_MULTIPLIER: row(decimal(1, 10), "reconnect.multiplier", {
      description: "Growth of the delay per attempt",
      default: "2.0",
    }),
    STREAM_PROXY_MAX_RECONNECT_ATTEMPTS: row(integer(0, 1_000_000), "reconnect.maxAttempts", {
      description: "Attempts before giving up; 0 is unlimited",
      default: "0",
    }),
  }),
  ...section("Access", {
    STREAM_PROXY_ACCESS: row(accessPolicy, "access", {
      description: "Who may use the proxy, and what: roles, identities, JWTs, as JSON; see " +
        "docs/security.md",
      whenUnset: "authentication is off",
      secret: true,
    }),
  }),
  ...section("Limits", {
    STREAM_PROXY_MAX_CONNECTIONS: row(COUNT, "limits.maxConnections", {
      description: "gRPC connections at a time, and as many WebSocket connections; above it, " +
        "those without a stream are closed, or else new ones are reset",
      default: "2048",
    }),
    STREAM_PROXY_MAX_CONNECTIONS_PER_ADDRESS: row(
      COUNT_OR_NONE,
      "limits.maxConnectionsPerAddress",
      {
        description: "gRPC connections of one address (IPv6: of one /64) at a time, and as many " +
          "WebSocket connections; 0 for no limit. Clients behind one balancer or NAT share an " +
          "address",
        default: "1024",
      },
    ),
    STREAM_PROXY_MAX_CONNECTION_AGE_SECS: row(
      integer(0, 2_592_000),
      "limits.maxConnectionAgeMs",
      {
        description: "Age, give or take 10 %, at which a gRPC connection is sent GOAWAY, so that " +
          "clients connect again; 0 never",
        default: "0",
      },
    ),
    STREAM_PROXY_MAX_CONNECTION_AGE_GRACE_SECS: row(
      integer(1, 86_400),
      "limits.connectionGraceMs",
      {
        description: "Time that the streams of such a connection have until they end with " +
          "`UNAVAILABLE`",
        default: "300",
      },
    ),
    STREAM_PROXY_MAX_HTTP_CONNECTIONS: row(COUNT, "limits.maxHttpConnections", {
      description: "Connections of the health and metrics ports together; idle ones are " +
        "closed to make room",
      default: "256",
    }),
    STREAM_PROXY_MAX_HTTP_CONNECTIONS_PER_ADDRESS: row(
      COUNT_OR_NONE,
      "limits.maxHttpConnectionsPerAddress",
      {
        description: "Those of one address (IPv6: of one /64), of which half may be calls by " +
          "gRPC-Web and Connect; 0 for no limit",
        default: "192",
      },
    ),
    STREAM_PROXY_MAX_VIEWERS: row(COUNT, "limits.maxViewers", {
      description: "Status pages that are open and updated at a time",
      default: "50",
    }),
    STREAM_PROXY_MAX_VIEWERS_PER_ADDRESS: row(COUNT_OR_NONE, "limits.maxViewersPerAddress", {
      description: "Those of one address (IPv6: of one /64); 0 for no limit",
      default: "25",
    }),
    STREAM_PROXY_HTTP_IDLE_SECS: row(SECONDS, "limits.httpIdleMs", {
      description: "Longest wait for an HTTP client: for its request, or until it reads the " +
        "response",
      // Longer than the 60 s of common load balancers and scrapes: where the
      // server closes first, their next request can meet a closed connection.
      default: "75",
    }),
    STREAM_PROXY_ALLOWED_HOSTS: row(hostPatterns, "limits.allowedHosts", {
      description: "Names with a dot under which browsers are served, besides IP addresses",
      whenUnset: "none",
    }),
    STREAM_PROXY_MAX_STREAMS_PER_CONNECTION: row(COUNT, "limits.maxStreamsPerConnection", {
      description: "Streams of one gRPC connection; announced to clients, more are refused " +
        "with REFUSED_STREAM",
      default: "1000",
    }),
    STREAM_PROXY_MAX_STREAMS: row(COUNT, "limits.maxStreams", {
      description: "Open streaming calls; more are refused with RESOURCE_EXHAUSTED",
      default: "5000",
    }),
    STREAM_PROXY_MAX_STREAM_OPENINGS_PER_SEC: row(COUNT_OR_NONE, "limits.maxOpeningsPerSec", {
      description: "Streams that an address (IPv6: a /64) or identity may open per second, after " +
        "50 s' worth together, and half of it for one connection; more are refused with " +
        "RESOURCE_EXHAUSTED; 0 for no limit",
      default: "200",
    }),
    STREAM_PROXY_MAX_PENDING_REQUEST_MB: row(integer(8, 65_536), "limits.maxPendingRequestBytes", {
      description: "Megabytes of all unfinished gRPC requests, of which the largest is refused " +
        "with RESOURCE_EXHAUSTED, and as many of messages of WebSocket clients",
      default: "32",
    }),
    STREAM_PROXY_REQUEST_TIMEOUT_SECS: row(SECONDS, "limits.requestTimeoutMs", {
      description: "Time in which a request has to arrive completely; later ones end with " +
        "DEADLINE_EXCEEDED, or the connection of a WebSocket client with 1008",
      default: "10",
    }),
    STREAM_PROXY_MAX_SYMBOLS: row(integer(1, 10_000_000), "limits.maxSymbols", {
      description: "Symbols, underlyings and order ids of all open streams; a symbol that " +
        "another stream of its type requests counts as a tenth",
      default: "100000",
    }),
    STREAM_PROXY_QUEUE_MEMORY_MB: row(integer(16, 1_048_576), "limits.queueMemoryBytes", {
      description: "MiB that the queues of all streams may hold together; above it the " +
        "longest queues drop their oldest messages, which are counted",
      default: "256",
    }),
    STREAM_PROXY_RETAIN_MESSAGES: row(integer(0, 10_000_000), "limits.retainedMessages", {
      description: "Messages per channel that are retained for streams that resume; 0 for none",
      whenUnset: "the capacity of the channel",
    }),
    STREAM_PROXY_ORDER_JOURNAL_UPDATES: row(
      integer(1, 1_000_000),
      "limits.orderJournalUpdates",
      {
        description: "Order updates that are retained for streams that resume",
        default: "10000",
      },
    ),
    STREAM_PROXY_ORDER_JOURNAL_HOURS: row(integer(1, 8_760), "limits.orderJournalMs", {
      description: "How long order updates are retained",
      default: "72",
    }),
    STREAM_PROXY_DRAIN_SECS: row(integer(1, 600), "limits.drainMs", {
      description: "How long client streams may take to end when the proxy stops; more than ten " +
        "end one after the other, over at most half of it",
      default: "10",
    }),
    STREAM_PROXY_WEBSOCKET_SLOW_SECS: row(integer(0, 86_400), "websocket.maxSlowMs", {
      description: "A WebSocket client that has lost messages and has not caught up for this " +
        "long is disconnected; 0 never",
      default: "60",
    }),
    STREAM_PROXY_STALLED_STREAM_SECS: row(integer(0, 86_400), "limits.stalledStreamMs", {
      description: "A stream with queued messages that has taken none for this long is " +
        "ended with `UNAVAILABLE`; 0 never",
      default: "300",
    }),
  }),
  ...section("Channel capacities", {
    STREAM_PROXY_STOCK_QUOTES_CAPACITY: row(CAPACITY, "capacities.stockQuotes", {
      description: "Stock quotes a stream may fall behind",
      default: "10000",
    }),
    STREAM_PROXY_STOCK_TRADES_CAPACITY: row(CAPACITY, "capacities.stockTrades", {
      description: "Stock trades a stream may fall behind",
      default: "10000",
    }),
    STREAM_PROXY_STOCK_BARS_CAPACITY: row(CAPACITY, "capacities.stockBars", {
      description: "Stock bars a stream may fall behind",
      default: "1000",
    }),
    STREAM_PROXY_STOCK_UPDATED_BARS_CAPACITY: row(CAPACITY, "capacities.stockUpdatedBars", {
      description: "Updated bars a stream may fall behind",
      default: "1000",
    }),
    STREAM_PROXY_STOCK_DAILY_BARS_CAPACITY: row(CAPACITY, "capacities.stockDailyBars", {
      description: "Daily bars a stream may fall behind",
      default: "1000",
    }),
    STREAM_PROXY_TRADING_STATUSES_CAPACITY: row(CAPACITY, "capacities.tradingStatuses", {
      description: "Trading statuses a stream may fall behind",
      default: "1000",
    }),
    STREAM_PROXY_PRICE_BANDS_CAPACITY: row(CAPACITY, "capacities.priceBands", {
      description: "Price bands a stream may fall behind",
      default: "1000",
    }),
    STREAM_PROXY_TRADE_CORRECTIONS_CAPACITY: row(CAPACITY, "capacities.tradeCorrections", {
      description: "Trade corrections and cancels a stream may fall behind",
      default: "1000",
    }),
    STREAM_PROXY_IMBALANCES_CAPACITY: row(CAPACITY, "capacities.imbalances", {
      description: "Imbalances a stream may fall behind",
      default: "1000",
    }),
    STREAM_PROXY_OPTIONS_QUOTES_CAPACITY: row(CAPACITY, "capacities.optionQuotes", {
      description: "Option quotes a stream may fall behind",
      default: "50000",
    }),
    STREAM_PROXY_OPTIONS_TRADES_CAPACITY: row(CAPACITY, "capacities.optionTrades", {
      description: "Option trades a stream may fall behind",
      default: "10000",
    }),
    STREAM_PROXY_ORDER_UPDATES_CAPACITY: row(CAPACITY, "capacities.orderUpdates", {
      description: "Order updates a stream may fall behind",
      default: "1000",
    }),
    STREAM_PROXY_CRYPTO_QUOTES_CAPACITY: row(CAPACITY, "capacities.cryptoQuotes", {
      description: "Crypto quotes a stream may fall behind",
      default: "10000",
    }),
    STREAM_PROXY_CRYPTO_TRADES_CAPACITY: row(CAPACITY, "capacities.cryptoTrades", {
      description: "Crypto trades a stream may fall behind",
      default: "10000",
    }),
    STREAM_PROXY_CRYPTO_BARS_CAPACITY: row(CAPACITY, "capacities.cryptoBars", {
      description: "Crypto bars a stream may fall behind",
      default: "1000",
    }),
    STREAM_PROXY_CRYPTO_UPDATED_BARS_CAPACITY: row(CAPACITY, "capacities.cryptoUpdatedBars", {
      description: "Updated crypto bars a stream may fall behind",
      default: "1000",
    }),
    STREAM_PROXY_CRYPTO_DAILY_BARS_CAPACITY: row(CAPACITY, "capacities.cryptoDailyBars", {
      description: "Daily crypto bars a stream may fall behind",
      default: "1000",
    }),
    STREAM_PROXY_ORDERBOOKS_CAPACITY: row(CAPACITY, "capacities.orderbooks", {
      description: "Changes of order books a stream may fall behind before it ends",
      default: "10000",
    }),
    STREAM_PROXY_NEWS_CAPACITY: row(CAPACITY, "capacities.news", {
      description: "Articles a stream may fall behind",
      default: "1000",
    }),
    STREAM_PROXY_WEBSOCKET_CAPACITY: row(CAPACITY, "websocket.capacity", {
      description: "Market data messages a WebSocket client may fall behind, of all types together",
      default: "50000",
    }),
  }),
} as const;

/** All settings in the order of the documentation. */
export const ALL_SETTINGS: readonly Setting[] = Object.values(SETTINGS);

/** Headings under which the documentation lists the settings. */
export const SECTIONS: readonly string[] = [
  ...new Set(ALL_SETTINGS.map((setting) => setting.section)),
];

/** The settings that most users change. */
export const MAIN_SETTINGS: readonly Setting[] = [
  SETTINGS.ALPACA_KEY,
  SETTINGS.ALPACA_SECRET,
  SETTINGS.CREAM_ENV,
  SETTINGS.STREAM_PROXY_FEEDS,
  SETTINGS.ALPACA_FEED,
  SETTINGS.ALPACA_OPTIONS_FEED,
  SETTINGS.ALPACA_PLAN,
  SETTINGS.STREAM_PROXY_GRPC_PORT,
];

/**
 * Every setting of the program, in one table: parsing, the documentation, the
 * settings line of the log and the search for misspelt names all read it.
 *
 * An empty or blank value counts as unset, as compose files and charts pass
 * unset variables that way. Values are trimmed.
 *
 * @module
 */
import {
  type Environment,
  FEEDS,
  type OptionFeedKind,
  type StockFeedKind,
} from "../../domain/connection/feed.ts";
import { SELECTION_BOUNDS } from "../../domain/options/selection.ts";
import {
  channelList,
  credential,
  decimal,
  feedList,
  flag,
  host,
  integer,
  logLevel,
  plan,
  url,
  word,
} from "./kinds.ts";
import { LIMIT_SETTINGS } from "./limit_settings.ts";
import { section, type Setting } from "./setting.ts";
import { DATA_API_URL } from "./upstream_urls.ts";

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

const {
  days: DAYS,
  strikeWindowPercent: WINDOW,
  maxContracts: CONTRACTS,
} = SELECTION_BOUNDS;

const PORT = integer(0, 65_535);
const SECONDS = integer(1, 3_600);
const STREAM_URL = url(["wss", "ws"]);
const API_URL = url(["https", "http"]);

const credentials = section("Credentials");
const feeds = section("Feeds");
const upstream = section("Upstream addresses");
const listening = section("Listening");
const signals = section("Logs and traces");
const subscriptions = section("Subscriptions");
const tuning = section("WebSocket tuning");

/** All settings, by the short name that the parser uses. */
export const SETTINGS = {
  key: credentials("ALPACA_KEY", credential, {
    description: "Alpaca API key",
    aliases: ["APCA_API_KEY_ID"],
    otherwise: "required",
    secret: true,
  }),
  secret: credentials("ALPACA_SECRET", credential, {
    description: "Alpaca API secret",
    aliases: ["APCA_API_SECRET_KEY"],
    otherwise: "required",
    secret: true,
  }),
  dataKey: credentials("ALPACA_DATA_KEY", credential, {
    description: "Key for stocks and options, where it differs",
    otherwise: "`ALPACA_KEY`",
    secret: true,
  }),
  dataSecret: credentials("ALPACA_DATA_SECRET", credential, {
    description: "Secret for stocks and options, where it differs",
    otherwise: "`ALPACA_SECRET`",
    secret: true,
  }),

  environment: feeds("CREAM_ENV", word<Environment>(["PAPER", "LIVE"]), {
    description: "Paper account or real money",
    fallback: "PAPER",
  }),
  feeds: feeds("STREAM_PROXY_FEEDS", feedList(FEEDS), {
    description: "Sessions to open: stocks, options, trade updates",
    fallback: "sip,opra,trading",
  }),
  stockFeed: feeds("ALPACA_FEED", word(STOCK_FEEDS), {
    description: "Stock feed: `sip` is all exchanges, `iex` is the free one",
    fallback: "sip",
  }),
  optionFeed: feeds("ALPACA_OPTIONS_FEED", word(OPTION_FEEDS), {
    description: "Option feed: `opra` is the full one, `indicative` is free",
    otherwise: "`opra` with `LIVE`, `indicative` with `PAPER`",
  }),

  stockUrl: upstream("ALPACA_STOCK_STREAM_URL", STREAM_URL, {
    description:
      "WebSocket of the stock feed; where it ends in the name of one, that is the feed",
    otherwise: "Alpaca's, by `ALPACA_FEED`",
  }),
  optionUrl: upstream("ALPACA_OPTION_STREAM_URL", STREAM_URL, {
    description:
      "WebSocket of the option feed; where it ends in the name of one, that is the feed",
    otherwise: "Alpaca's, by `ALPACA_OPTIONS_FEED`",
  }),
  tradingUrl: upstream("ALPACA_TRADING_STREAM_URL", STREAM_URL, {
    description: "WebSocket of the trade updates",
    otherwise: "Alpaca's, by `CREAM_ENV`",
  }),
  tradingApiUrl: upstream("ALPACA_TRADING_API_URL", API_URL, {
    description: "Trading REST API",
    otherwise: "Alpaca's, by `CREAM_ENV`",
  }),
  dataApiUrl: upstream("ALPACA_DATA_API_URL", API_URL, {
    description: "Market data REST API",
    fallback: DATA_API_URL,
  }),
  allowPlaintext: upstream("STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM", flag, {
    description:
      "Accept `ws:` and `http:` addresses beyond this machine, for a simulator",
    fallback: "false",
  }),

  host: listening("STREAM_PROXY_HOST", host, {
    description: "Address that all ports listen on",
    fallback: "0.0.0.0",
  }),
  grpcPort: listening("STREAM_PROXY_GRPC_PORT", PORT, {
    description: "gRPC server port; 0 picks a free one",
    fallback: "50052",
  }),
  healthPort: listening("STREAM_PROXY_HEALTH_PORT", PORT, {
    description: "Health check HTTP port; 0 picks a free one",
    fallback: "8082",
  }),
  metricsPort: listening("STREAM_PROXY_METRICS_PORT", PORT, {
    description: "Prometheus metrics port; 0 turns it off",
    fallback: "9090",
  }),
  maxBatchDelay: listening(
    "STREAM_PROXY_MAX_BATCH_DELAY_MS",
    integer(0, 100),
    {
      description:
        "Longest time that a busy stream may hold messages back for fewer, larger writes; the first message after a silence is never held",
      fallback: "0",
    },
  ),
  grpcKeepalive: listening(
    "STREAM_PROXY_GRPC_KEEPALIVE_SECS",
    integer(5, 3_600),
    {
      description:
        "Time between two pings of a gRPC connection; one that does not answer within 20 s is ended. Set it below the idle timeout of a balancer in between",
      fallback: "60",
    },
  ),

  logLevel: signals("LOG_LEVEL", logLevel, {
    description:
      "Least severe lines to log: trace, debug, info, warn, error, off",
    aliases: ["RUST_LOG"],
    fallback: "info",
  }),
  otelEnabled: signals("OTEL_ENABLED", flag, {
    description: "OpenTelemetry tracing",
    fallback: "true",
  }),
  otelEndpoint: signals("OTEL_EXPORTER_OTLP_ENDPOINT", API_URL, {
    description: "OTLP/HTTP collector",
    fallback: "http://localhost:4318",
  }),

  plan: subscriptions("ALPACA_PLAN", plan, {
    description:
      "What the data plan allows: `auto` assumes no limit and learns from upstream's first refusal, `basic` 30 stock pairs and 200 option quotes, `plus` 1000 option quotes, `unlimited`, or numbers such as `stocks=30,options=200`",
    fallback: "auto",
  }),
  stockCounting: subscriptions(
    "STREAM_PROXY_STOCK_LIMIT_CHANNELS",
    channelList,
    {
      description: "Channels whose symbols count against the stock limit",
      fallback: "trades,quotes",
    },
  ),
  optionCounting: subscriptions(
    "STREAM_PROXY_OPTION_LIMIT_CHANNELS",
    channelList,
    {
      description: "Channels whose symbols count against the option limit",
      fallback: "quotes",
    },
  ),
  unsubscribeGrace: subscriptions(
    "STREAM_PROXY_UNSUBSCRIBE_GRACE_MS",
    integer(0, 600_000),
    {
      description:
        "How long a symbol that no stream wants any more stays subscribed, so that a client that restarts does not flap upstream",
      fallback: "5000",
    },
  ),
  chunkSymbols: subscriptions(
    "STREAM_PROXY_SUBSCRIBE_CHUNK_SYMBOLS",
    integer(1, 10_000),
    {
      description: "Most symbols in one request to upstream",
      fallback: "400",
    },
  ),
  chunkBytes: subscriptions(
    "STREAM_PROXY_SUBSCRIBE_CHUNK_BYTES",
    integer(64, 1_000_000),
    {
      description: "Most bytes of symbols in one request to upstream",
      fallback: "15000",
    },
  ),
  maxSymbols: subscriptions(
    "STREAM_PROXY_MAX_SYMBOLS_PER_STREAM",
    integer(1, 1_000_000),
    {
      description:
        "Most symbols, underlyings or order ids that one stream may name",
      fallback: "20000",
    },
  ),
  optionChains: subscriptions("STREAM_PROXY_OPTION_CHAINS", flag, {
    description:
      "Whether underlyings are resolved to contracts through Alpaca's REST API",
    fallback: "true",
  }),
  optionPriceInterval: subscriptions(
    "STREAM_PROXY_OPTION_PRICE_INTERVAL_SECS",
    integer(1, 3_600),
    {
      description:
        "How often the prices of underlyings are looked up while streams follow their options",
      fallback: "15",
    },
  ),
  optionMaxDays: subscriptions(
    "STREAM_PROXY_OPTION_MAX_DAYS",
    integer(DAYS.min, DAYS.max),
    {
      description:
        "Farthest expiry, in days, of an underlying's contracts for streams that do not say",
      fallback: "45",
    },
  ),
  optionWindow: subscriptions(
    "STREAM_PROXY_OPTION_STRIKE_WINDOW_PERCENT",
    decimal(WINDOW.min, WINDOW.max),
    {
      description:
        "Strikes within this many percent of the underlying's price for streams that do not say",
      fallback: "10",
    },
  ),
  optionMaxContracts: subscriptions(
    "STREAM_PROXY_OPTION_MAX_CONTRACTS",
    integer(CONTRACTS.min, CONTRACTS.max),
    {
      description:
        "Most contracts of one underlying for streams that do not say, as far as the budget has places",
      fallback: "100",
    },
  ),
  heartbeatInterval: tuning("STREAM_PROXY_HEARTBEAT_INTERVAL_SECS", SECONDS, {
    description: "Silence after which a link is asked whether it lives",
    fallback: "30",
  }),
  heartbeatTimeout: tuning("STREAM_PROXY_HEARTBEAT_TIMEOUT_SECS", SECONDS, {
    description: "How long its answer may take",
    fallback: "60",
  }),
  initialDelay: tuning(
    "STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS",
    integer(1, 3_600_000),
    { description: "Delay before the first reconnection", fallback: "500" },
  ),
  maxDelay: tuning("STREAM_PROXY_RECONNECT_DELAY_MAX_SECS", SECONDS, {
    description: "Longest delay between two attempts",
    fallback: "30",
  }),
  multiplier: tuning(
    "STREAM_PROXY_RECONNECT_DELAY_MULTIPLIER",
    decimal(1, 10),
    { description: "Growth of the delay per attempt", fallback: "2.0" },
  ),
  maxAttempts: tuning(
    "STREAM_PROXY_MAX_RECONNECT_ATTEMPTS",
    integer(0, 1_000_000),
    { description: "Attempts before giving up; 0 is unlimited", fallback: "0" },
  ),

  ...LIMIT_SETTINGS,
} as const;

/** All settings in the order of the documentation. */
export const ALL_SETTINGS: readonly Setting<unknown>[] = Object.values(
  SETTINGS,
);

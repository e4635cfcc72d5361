import assert from "node:assert/strict";
import fc from "fast-check";
import { type Config, requireCredentials } from "../../../../src/infrastructure/config/config.ts";
import { ConfigError, formatErrors } from "../../../../src/infrastructure/config/config_error.ts";
import { describeSettings } from "../../../../src/infrastructure/config/describe_settings.ts";
import { parseConfig } from "../../../../src/infrastructure/config/parse_config.ts";
import { ALL_SETTINGS, SETTINGS } from "../../../../src/infrastructure/config/settings.ts";
import { certificatePath, keyPair, PROXY_CA } from "../../../support/proxy_certificates.ts";

const TLS = keyPair("proxy");

const CREDENTIALS = { ALPACA_KEY: "KEY-1234", ALPACA_SECRET: "SECRET-1234" };

function parse(env: Record<string, string | undefined> = {}): Config {
  return parseConfig({ ...CREDENTIALS, ...env });
}

function problems(env: Record<string, string | undefined>): string[] {
  try {
    parse(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map((problem) => problem.variable);
  }
  return [];
}

function errorText(env: Record<string, string | undefined>): string {
  try {
    parse(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return "";
}

Deno.test("credentials alone give the documented defaults", () => {
  const { credentials, sources, ...config } = parse();
  assert.deepEqual(sources, { ALPACA_KEY: "ALPACA_KEY", ALPACA_SECRET: "ALPACA_SECRET" });
  assert.equal(credentials?.trading.key.reveal(), "KEY-1234");
  assert.equal(credentials?.data.secret.reveal(), "SECRET-1234");
  assert.deepEqual(config, {
    environment: "PAPER",
    feeds: new Set(["sip", "opra", "trading"]),
    stock: { kind: "sip", url: "wss://stream.data.alpaca.markets/v2/sip" },
    option: {
      kind: "indicative",
      url: "wss://stream.data.alpaca.markets/v1beta1/indicative",
    },
    crypto: { location: "us", url: "wss://stream.data.alpaca.markets/v1beta3/crypto/us" },
    nats: { prefix: "alpaca", replicas: 1, retainBytes: 0, retainAgeMs: 900_000 },
    news: { url: "wss://stream.data.alpaca.markets/v1beta1/news", maxBytes: 4 * 1_048_576 },
    trading: {
      url: "wss://paper-api.alpaca.markets/stream",
      apiUrl: "https://paper-api.alpaca.markets",
    },
    dataApiUrl: "https://data.alpaca.markets",
    allowPlaintextUpstream: false,
    httpsProxy: "",
    noProxy: [],
    cluster: { role: "single", leaseMs: 5_000 },
    marketClosures: [],
    grpc: {
      host: "0.0.0.0",
      port: 50052,
      maxBatchDelayMs: 0,
      keepaliveMs: 60_000,
    },
    websocket: {
      host: "0.0.0.0",
      port: 8765,
      capacity: 50_000,
      maxSlowMs: 60_000,
      pingMs: 20_000,
      maxMessageBytes: 1_048_576,
      compressFromBytes: 0,
    },
    health: { host: "0.0.0.0", port: 8082 },
    metrics: { host: "0.0.0.0", port: 9090 },
    web: { enabled: false, origins: [] },
    tls: { ports: new Set(["grpc", "websocket", "health", "metrics"]), material: undefined },
    telemetry: { enabled: true, endpoint: "http://localhost:4318" },
    logLevel: "info",
    subscriptions: {
      plan: { name: "auto" },
      counting: {
        stocks: new Set(["trades", "quotes"]),
        options: new Set(["quotes"]),
      },
      graceMs: 5_000,
      chunks: { maxPairs: 400, maxBytes: 15_000 },
      maxSymbolsPerStream: 20_000,
    },
    options: {
      chains: true,
      priceIntervalMs: 15_000,
      selection: {
        minDays: 0,
        maxDays: 45,
        strikeWindowPercent: 10,
        right: undefined,
        maxContracts: 100,
      },
    },
    reconnect: {
      initialDelayMs: 500,
      maxDelayMs: 30_000,
      multiplier: 2,
      maxAttempts: 0,
    },
    heartbeat: { intervalMs: 30_000, timeoutMs: 60_000 },
    limits: {
      maxConnections: 2_048,
      maxConnectionAgeMs: 0,
      connectionGraceMs: 300_000,
      maxConnectionsPerAddress: 1_024,
      maxHttpConnections: 256,
      maxHttpConnectionsPerAddress: 192,
      maxViewers: 50,
      maxViewersPerAddress: 25,
      httpIdleMs: 75_000,
      allowedHosts: [],
      maxStreamsPerConnection: 1_000,
      maxStreams: 5_000,
      maxOpeningsPerSec: 200,
      maxPendingRequestBytes: 33_554_432,
      requestTimeoutMs: 10_000,
      maxSymbols: 100_000,
      queueMemoryBytes: 256 * 1_048_576,
      orderJournalUpdates: 10_000,
      orderJournalMs: 72 * 3_600_000,
      drainMs: 10_000,
      stalledStreamMs: 300_000,
    },
    capacities: {
      stockQuotes: 10_000,
      stockTrades: 10_000,
      stockBars: 1_000,
      stockUpdatedBars: 1_000,
      stockDailyBars: 1_000,
      tradingStatuses: 1_000,
      priceBands: 1_000,
      tradeCorrections: 1_000,
      imbalances: 1_000,
      optionQuotes: 50_000,
      optionTrades: 10_000,
      orderUpdates: 1_000,
      cryptoQuotes: 10_000,
      cryptoTrades: 10_000,
      cryptoBars: 1_000,
      cryptoUpdatedBars: 1_000,
      cryptoDailyBars: 1_000,
      orderbooks: 10_000,
      news: 1_000,
    },
    warnings: [],
  });
});

Deno.test("origins of web pages turn gRPC-Web on", () => {
  const { web } = parse({ STREAM_PROXY_CORS_ORIGINS: "https://a.example" });
  assert.deepEqual(web, { enabled: true, origins: ["https://a.example"] });
});

Deno.test("an origin is as browsers send it, and all of them need authentication", () => {
  for (
    const origin of [
      "https://a.example/",
      "https://A.example",
      "a.example",
      "https://a.example:443",
      "null",
      "https://*.example",
      "https://a.example,*",
    ]
  ) {
    const text = errorText({ STREAM_PROXY_CORS_ORIGINS: origin });
    assert.match(text, /STREAM_PROXY_CORS_ORIGINS.*is not an origin/s, origin);
  }
  const text = errorText({ STREAM_PROXY_CORS_ORIGINS: "*" });
  assert.match(text, /every web page/);
  assert.match(text, /set STREAM_PROXY_ACCESS/);
});

Deno.test("every setting has an effect under its own name", () => {
  const config = parse({
    ALPACA_DATA_KEY: "DATA-KEY",
    ALPACA_DATA_SECRET: "DATA-SECRET",
    CREAM_ENV: "LIVE",
    STREAM_PROXY_FEEDS: "trading, sip",
    ALPACA_FEED: "iex",
    ALPACA_OPTIONS_FEED: "indicative",
    ALPACA_STOCK_STREAM_URL: "wss://stocks.example/v2/iex",
    ALPACA_OPTION_STREAM_URL: "wss://options.example/o",
    ALPACA_TRADING_STREAM_URL: "wss://trading.example/stream",
    ALPACA_TRADING_API_URL: "https://trading.example/",
    ALPACA_DATA_API_URL: "https://data.example",
    HTTPS_PROXY: "proxy.example:3128",
    NO_PROXY: "a.example, .b.example",
    STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM: "1",
    STREAM_PROXY_HOST: "::1",
    STREAM_PROXY_GRPC_PORT: "1",
    STREAM_PROXY_WEBSOCKET_PORT: "3",
    STREAM_PROXY_WEBSOCKET_CAPACITY: "47",
    STREAM_PROXY_WEBSOCKET_SLOW_SECS: "48",
    STREAM_PROXY_WEBSOCKET_PING_SECS: "49",
    STREAM_PROXY_WEBSOCKET_MAX_MESSAGE_KB: "50",
    STREAM_PROXY_WEBSOCKET_COMPRESS_FROM_BYTES: "51",
    STREAM_PROXY_HEALTH_PORT: "2",
    STREAM_PROXY_METRICS_PORT: "0",
    STREAM_PROXY_MAX_BATCH_DELAY_MS: "8",
    STREAM_PROXY_GRPC_KEEPALIVE_SECS: "30",
    STREAM_PROXY_TLS_CERT: TLS.cert,
    STREAM_PROXY_TLS_KEY: TLS.key,
    STREAM_PROXY_TLS_CLIENT_CA_FILE: certificatePath("ca.pem"),
    STREAM_PROXY_TLS_CLIENT_AUTH: "request",
    STREAM_PROXY_TLS_PORTS: "grpc,health",
    STREAM_PROXY_ROLE: "hub",
    STREAM_PROXY_LEASE_TTL_SECS: "7",
    STREAM_PROXY_NATS_URL: "tls://nats.example",
    STREAM_PROXY_NATS_USER: "proxy",
    STREAM_PROXY_NATS_PASSWORD: "NATS-PASSWORD",
    STREAM_PROXY_NATS_CA: PROXY_CA,
    STREAM_PROXY_NATS_CERT: TLS.cert,
    STREAM_PROXY_NATS_KEY: TLS.key,
    STREAM_PROXY_NATS_PREFIX: "desk",
    STREAM_PROXY_NATS_REPLICAS: "3",
    LOG_LEVEL: "warn",
    OTEL_ENABLED: "false",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/",
    STREAM_PROXY_HEARTBEAT_INTERVAL_SECS: "3",
    STREAM_PROXY_HEARTBEAT_TIMEOUT_SECS: "4",
    STREAM_PROXY_MAX_STREAMS_PER_CONNECTION: "31",
    STREAM_PROXY_MAX_STREAMS: "32",
    STREAM_PROXY_MAX_PENDING_REQUEST_MB: "33",
    STREAM_PROXY_REQUEST_TIMEOUT_SECS: "34",
    STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS: "5",
    STREAM_PROXY_RECONNECT_DELAY_MAX_SECS: "6",
    STREAM_PROXY_RECONNECT_DELAY_MULTIPLIER: "1.5",
    STREAM_PROXY_MAX_RECONNECT_ATTEMPTS: "7",
    STREAM_PROXY_STOCK_QUOTES_CAPACITY: "11",
    STREAM_PROXY_STOCK_TRADES_CAPACITY: "12",
    STREAM_PROXY_STOCK_BARS_CAPACITY: "13",
    STREAM_PROXY_STOCK_UPDATED_BARS_CAPACITY: "41",
    STREAM_PROXY_STOCK_DAILY_BARS_CAPACITY: "42",
    STREAM_PROXY_TRADING_STATUSES_CAPACITY: "43",
    STREAM_PROXY_PRICE_BANDS_CAPACITY: "44",
    STREAM_PROXY_TRADE_CORRECTIONS_CAPACITY: "45",
    STREAM_PROXY_IMBALANCES_CAPACITY: "46",
    STREAM_PROXY_OPTIONS_QUOTES_CAPACITY: "14",
    STREAM_PROXY_OPTIONS_TRADES_CAPACITY: "15",
    STREAM_PROXY_ORDER_UPDATES_CAPACITY: "16",
    STREAM_PROXY_CRYPTO_QUOTES_CAPACITY: "51",
    STREAM_PROXY_CRYPTO_TRADES_CAPACITY: "52",
    STREAM_PROXY_CRYPTO_BARS_CAPACITY: "53",
    STREAM_PROXY_CRYPTO_UPDATED_BARS_CAPACITY: "54",
    STREAM_PROXY_CRYPTO_DAILY_BARS_CAPACITY: "55",
    STREAM_PROXY_ORDERBOOKS_CAPACITY: "56",
    STREAM_PROXY_NEWS_CAPACITY: "57",
    ALPACA_CRYPTO_LOCATION: "eu-1",
    ALPACA_CRYPTO_STREAM_URL: "wss://crypto.example/v1beta3/crypto/eu-1",
    ALPACA_NEWS_STREAM_URL: "wss://news.example/n",
    STREAM_PROXY_MAX_ARTICLE_MB: "9",
    ALPACA_PLAN: "stocks=30, options=200",
    STREAM_PROXY_STOCK_LIMIT_CHANNELS: "bars, Statuses,updatedBars,dailyBars,lulds,imbalances",
    STREAM_PROXY_OPTION_LIMIT_CHANNELS: "none",
    STREAM_PROXY_UNSUBSCRIBE_GRACE_MS: "21",
    STREAM_PROXY_SUBSCRIBE_CHUNK_SYMBOLS: "22",
    STREAM_PROXY_SUBSCRIBE_CHUNK_BYTES: "230",
    STREAM_PROXY_MAX_SYMBOLS_PER_STREAM: "25",
    STREAM_PROXY_OPTION_CHAINS: "false",
    STREAM_PROXY_OPTION_PRICE_INTERVAL_SECS: "26",
    STREAM_PROXY_OPTION_MAX_DAYS: "27",
    STREAM_PROXY_OPTION_MAX_EXPIRIES: "4",
    STREAM_PROXY_OPTION_STRIKES_EACH_SIDE: "6",
    STREAM_PROXY_OPTION_STRIKE_WINDOW_PERCENT: "2.5",
    STREAM_PROXY_OPTION_MAX_CONTRACTS: "29",
    STREAM_PROXY_MAX_CONNECTIONS: "31",
    STREAM_PROXY_MAX_CONNECTION_AGE_SECS: "61",
    STREAM_PROXY_MAX_CONNECTION_AGE_GRACE_SECS: "62",
    STREAM_PROXY_MAX_CONNECTIONS_PER_ADDRESS: "37",
    STREAM_PROXY_MAX_HTTP_CONNECTIONS: "32",
    STREAM_PROXY_MAX_HTTP_CONNECTIONS_PER_ADDRESS: "38",
    STREAM_PROXY_MAX_VIEWERS: "39",
    STREAM_PROXY_MAX_VIEWERS_PER_ADDRESS: "40",
    STREAM_PROXY_MAX_STREAM_OPENINGS_PER_SEC: "41",
    STREAM_PROXY_HTTP_IDLE_SECS: "33",
    STREAM_PROXY_ALLOWED_HOSTS: "proxy.example.org, *.svc",
    STREAM_PROXY_MARKET_CLOSURES: "2028-02-29, 2025-01-09",
    STREAM_PROXY_GRPC_WEB: "true",
    STREAM_PROXY_CORS_ORIGINS: "https://a.example, http://localhost:5173",
    STREAM_PROXY_MAX_SYMBOLS: "34",
    STREAM_PROXY_QUEUE_MEMORY_MB: "35",
    STREAM_PROXY_RETAIN_MESSAGES: "5",
    STREAM_PROXY_ORDER_JOURNAL_UPDATES: "6",
    STREAM_PROXY_ORDER_JOURNAL_HOURS: "7",
    STREAM_PROXY_DRAIN_SECS: "37",
    STREAM_PROXY_STALLED_STREAM_SECS: "36",
    STREAM_PROXY_ACCESS: JSON.stringify({
      roles: { reader: {} },
      identities: [{ name: "dashboard", role: "reader", tokens: [`sha256:${"0".repeat(64)}`] }],
    }),
  });
  const { credentials, sources, access, tls, nats, cluster, ...rest } = config;
  assert.deepEqual(cluster, { role: "hub", leaseMs: 7_000 });
  assert.deepEqual(access?.identities.map(({ name }) => name), ["dashboard"]);
  assert.equal(sources["STREAM_PROXY_DRAIN_SECS"], "STREAM_PROXY_DRAIN_SECS");
  assert.deepEqual(nats.servers, ["tls://nats.example"]);
  assert.equal(nats.user, "proxy");
  assert.equal(nats.password?.reveal(), "NATS-PASSWORD");
  assert.equal(nats.ca, PROXY_CA);
  assert.equal(nats.certificate, TLS.cert);
  assert.equal(nats.key?.reveal(), TLS.key);
  assert.equal(nats.prefix, "desk");
  assert.equal(nats.replicas, 3);
  // tls_settings_test.ts and nats_settings_test.ts have the variables that exclude these.
  assert.equal(tls.material?.certificate, TLS.cert);
  assert.equal(tls.material?.key, TLS.key);
  assert.equal(tls.material?.clientCa, PROXY_CA);
  assert.equal(tls.clientAuth, "request");
  assert.deepEqual(tls.ports, new Set(["grpc", "health"]));
  assert.equal(credentials?.trading.key.reveal(), "KEY-1234");
  assert.equal(credentials?.data.key.reveal(), "DATA-KEY");
  assert.equal(credentials?.data.secret.reveal(), "DATA-SECRET");
  assert.deepEqual(rest, {
    environment: "LIVE",
    httpsProxy: "http://proxy.example:3128/",
    noProxy: ["a.example", ".b.example"],
    feeds: new Set(["trading", "sip"]),
    marketClosures: ["2028-02-29", "2025-01-09"],
    stock: { kind: "iex", url: "wss://stocks.example/v2/iex" },
    option: { kind: "indicative", url: "wss://options.example/o" },
    crypto: { location: "eu-1", url: "wss://crypto.example/v1beta3/crypto/eu-1" },
    news: { url: "wss://news.example/n", maxBytes: 9 * 1_048_576 },
    trading: {
      url: "wss://trading.example/stream",
      apiUrl: "https://trading.example",
    },
    dataApiUrl: "https://data.example",
    allowPlaintextUpstream: true,
    grpc: { host: "::1", port: 1, maxBatchDelayMs: 8, keepaliveMs: 30_000 },
    websocket: {
      host: "::1",
      port: 3,
      capacity: 47,
      maxSlowMs: 48_000,
      pingMs: 49_000,
      maxMessageBytes: 50 * 1_024,
      compressFromBytes: 51,
    },
    health: { host: "::1", port: 2 },
    metrics: { host: "::1", port: 0 },
    web: { enabled: true, origins: ["https://a.example", "http://localhost:5173"] },
    telemetry: { enabled: false, endpoint: "http://collector:4318" },
    logLevel: "warn",
    subscriptions: {
      plan: { name: "explicit", stocks: 30, options: 200 },
      counting: {
        stocks: new Set(["bars", "statuses", "updatedBars", "dailyBars", "lulds", "imbalances"]),
        options: new Set(),
      },
      graceMs: 21,
      chunks: { maxPairs: 22, maxBytes: 230 },
      maxSymbolsPerStream: 25,
    },
    options: {
      chains: false,
      priceIntervalMs: 26_000,
      selection: {
        minDays: 0,
        maxDays: 27,
        maxExpiries: 4,
        strikesEachSide: 6,
        strikeWindowPercent: 2.5,
        right: undefined,
        maxContracts: 29,
      },
    },
    reconnect: {
      initialDelayMs: 5,
      maxDelayMs: 6_000,
      multiplier: 1.5,
      maxAttempts: 7,
    },
    heartbeat: { intervalMs: 3_000, timeoutMs: 4_000 },
    limits: {
      maxConnections: 31,
      maxConnectionAgeMs: 61_000,
      connectionGraceMs: 62_000,
      maxConnectionsPerAddress: 37,
      maxHttpConnections: 32,
      maxHttpConnectionsPerAddress: 38,
      maxViewers: 39,
      maxViewersPerAddress: 40,
      httpIdleMs: 33_000,
      allowedHosts: ["proxy.example.org", "*.svc"],
      maxStreamsPerConnection: 31,
      maxStreams: 32,
      maxOpeningsPerSec: 41,
      maxPendingRequestBytes: 33 * 2 ** 20,
      requestTimeoutMs: 34_000,
      maxSymbols: 34,
      queueMemoryBytes: 35 * 1_048_576,
      retainedMessages: 5,
      orderJournalUpdates: 6,
      orderJournalMs: 7 * 3_600_000,
      drainMs: 37_000,
      stalledStreamMs: 36_000,
    },
    capacities: {
      stockQuotes: 11,
      stockTrades: 12,
      stockBars: 13,
      stockUpdatedBars: 41,
      stockDailyBars: 42,
      tradingStatuses: 43,
      priceBands: 44,
      tradeCorrections: 45,
      imbalances: 46,
      optionQuotes: 14,
      optionTrades: 15,
      orderUpdates: 16,
      cryptoQuotes: 51,
      cryptoTrades: 52,
      cryptoBars: 53,
      cryptoUpdatedBars: 54,
      cryptoDailyBars: 55,
      orderbooks: 56,
      news: 57,
    },
    warnings: [],
  });
});

Deno.test("LIVE means the live hosts and the full option feed", () => {
  const config = parse({ CREAM_ENV: "live" });
  assert.equal(config.trading.url, "wss://api.alpaca.markets/stream");
  assert.equal(config.trading.apiUrl, "https://api.alpaca.markets");
  assert.equal(config.option.kind, "opra");
  assert.equal(config.option.url, "wss://stream.data.alpaca.markets/v1beta1/opra");
});

Deno.test("each stock feed has its documented address", () => {
  const paths = {
    sip: "v2/sip",
    iex: "v2/iex",
    delayed_sip: "v2/delayed_sip",
    boats: "v1beta1/boats",
    overnight: "v1beta1/overnight",
    test: "v2/test",
  };
  for (const [feed, path] of Object.entries(paths)) {
    assert.equal(
      parse({ ALPACA_FEED: feed }).stock.url,
      `wss://stream.data.alpaca.markets/${path}`,
    );
  }
});

Deno.test("an empty or blank variable counts as unset", () => {
  const blank = Object.fromEntries(
    ALL_SETTINGS.filter((setting) => setting.whenUnset !== "required").map((
      setting,
    ) => [setting.name, "  "]),
  );
  assert.deepEqual(parse(blank), parse());
});

Deno.test("missing credentials are reported together", () => {
  assert.deepEqual(problems({ ALPACA_KEY: undefined, ALPACA_SECRET: "" }), [
    "ALPACA_KEY",
    "ALPACA_SECRET",
  ]);
});

Deno.test("the names of Alpaca's SDKs stand in for ours", () => {
  const { trading } = requireCredentials(parseConfig({
    APCA_API_KEY_ID: "apca-key",
    APCA_API_SECRET_KEY: "apca-secret\n",
  }));
  assert.equal(trading.key.reveal(), "apca-key");
  assert.equal(trading.secret.reveal(), "apca-secret");
});

Deno.test("two names with two different keys are a problem, equal ones are not", () => {
  assert.deepEqual(problems({ APCA_API_KEY_ID: "OTHER-9" }), ["APCA_API_KEY_ID"]);
  assert.deepEqual(problems({ APCA_API_KEY_ID: "KEY-1234" }), []);
});

Deno.test("half a pair of data credentials is a problem", () => {
  assert.deepEqual(problems({ ALPACA_DATA_KEY: "x" }), ["ALPACA_DATA_SECRET"]);
  assert.deepEqual(problems({ ALPACA_DATA_SECRET: "x" }), ["ALPACA_DATA_KEY"]);
});

Deno.test("a credential in quotes or with spaces is refused, unshown", () => {
  for (const text of ['"KEYVALUE"', "KEY VALUE", "KEYVALUÉ"]) {
    const message = errorText({ ALPACA_KEY: text });
    assert.match(message, /ALPACA_KEY /);
    assert.doesNotMatch(message, /VALU/);
  }
});

Deno.test("RUST_LOG filters count by their word for this program", () => {
  const levels = {
    "debug": "debug",
    "TRACE": "trace",
    "off": "off",
    "info,h2=warn": "info",
    "h2=warn, error": "error",
    "info,alpaca_stream_proxy=debug": "debug",
  };
  for (const [filter, level] of Object.entries(levels)) {
    assert.equal(parse({ RUST_LOG: filter }).logLevel, level, filter);
  }
  for (const filter of ["h2=warn", "verbose", "info,h2=loud", "a=b=c"]) {
    assert.deepEqual(problems({ RUST_LOG: filter }), ["RUST_LOG"], filter);
  }
});

Deno.test("LOG_LEVEL overrides RUST_LOG, with a warning", () => {
  const config = parse({ LOG_LEVEL: "warn", RUST_LOG: "debug" });
  assert.equal(config.logLevel, "warn");
  assert.deepEqual(config.warnings, ["RUST_LOG is ignored, because LOG_LEVEL is set as well"]);
});

Deno.test("a plaintext upstream is refused beyond this machine", () => {
  const refused = ["ws://simulator:8090/v2/sip", "ws://127.0.0.1.evil.test/"];
  for (const url of refused) {
    assert.deepEqual(problems({ ALPACA_STOCK_STREAM_URL: url }), ["ALPACA_STOCK_STREAM_URL"]);
    const allowed = parse({
      ALPACA_STOCK_STREAM_URL: url,
      STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM: "true",
    });
    assert.equal(allowed.stock.url, url.replace(/\/$/, ""));
  }
  for (const host of ["127.0.0.1", "127.9.9.9", "[::1]", "localhost"]) {
    const env = {
      ALPACA_OPTION_STREAM_URL: `ws://${host}:9/x`,
      ALPACA_TRADING_STREAM_URL: `ws://${host}:9/x`,
      ALPACA_TRADING_API_URL: `http://${host}:9`,
      ALPACA_DATA_API_URL: `http://${host}:9`,
    };
    assert.deepEqual(problems(env), []);
  }
  assert.deepEqual(problems({ ALPACA_DATA_API_URL: "http://data.test" }), ["ALPACA_DATA_API_URL"]);
});

Deno.test("an address with credentials in it is refused, unshown", () => {
  for (const url of ["wss://me:hunter2@x.test/", "me:hunter2@x test"]) {
    const message = errorText({ ALPACA_STOCK_STREAM_URL: url });
    assert.match(message, /ALPACA_STOCK_STREAM_URL /);
    assert.doesNotMatch(message, /hunter2/);
  }
});

Deno.test("an HTTP proxy may need a password, which is not shown", () => {
  for (const text of ["http://me:hunter2@proxy.test:3128", "me:hunter2@proxy.test:3128"]) {
    const { httpsProxy } = parse({ HTTPS_PROXY: text });
    assert.equal(httpsProxy, "http://me:hunter2@proxy.test:3128/");
    const shown = describeSettings(parse({ https_proxy: text }));
    assert.equal(shown.HTTPS_PROXY, "http://proxy.test:3128");
  }
  for (const text of ["https://me:hunter2@proxy.test", "socks5://proxy.test", "me:hunter2@x y:1"]) {
    const message = errorText({ HTTPS_PROXY: text });
    assert.match(message, /HTTPS_PROXY/);
    assert.doesNotMatch(message, /hunter2/);
  }
});

Deno.test("ports that collide are a problem, zeroes are not", () => {
  assert.deepEqual(
    problems({
      STREAM_PROXY_HEALTH_PORT: "50052",
      STREAM_PROXY_METRICS_PORT: "50052",
    }),
    ["STREAM_PROXY_HEALTH_PORT", "STREAM_PROXY_METRICS_PORT"],
  );
  const zero = { STREAM_PROXY_GRPC_PORT: "0", STREAM_PROXY_HEALTH_PORT: "0" };
  assert.deepEqual(problems(zero), []);
});

Deno.test("a longest delay below the first one is a problem", () => {
  assert.deepEqual(
    problems({
      STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS: "2001",
      STREAM_PROXY_RECONNECT_DELAY_MAX_SECS: "2",
    }),
    ["STREAM_PROXY_RECONNECT_DELAY_MAX_SECS"],
  );
});

/** Settings that any word may be a value of. */
const NAMES: ReadonlySet<string> = new Set([
  "STREAM_PROXY_HOST",
  "NO_PROXY",
  "STREAM_PROXY_NATS_USER",
  "STREAM_PROXY_NATS_PREFIX",
]);

Deno.test("invalid values are errors for every setting, never defaulted", () => {
  for (const setting of Object.values(SETTINGS)) {
    if (NAMES.has(setting.name)) continue;
    if (setting.secret) continue;
    for (const text of ["prod", "-1", "1e3", "0x10", "1.2.3", "NaN", "99e99"]) {
      assert.deepEqual(
        problems({ [setting.name]: text }),
        [setting.name],
        `${setting.name}=${text}`,
      );
    }
  }
  assert.deepEqual(problems({ STREAM_PROXY_HOST: "0.0.0.0:80" }), ["STREAM_PROXY_HOST"]);
});

Deno.test("a date that is in no calendar is a problem", () => {
  for (const date of ["2025-02-29", "2025-13-01", "2025-1-9", "2025-01-09;2025-01-10"]) {
    const message = errorText({ STREAM_PROXY_MARKET_CLOSURES: `2025-01-09,${date}` });
    assert.ok(message.includes(`contains the invalid date "${date}"`), message);
  }
});

Deno.test("numbers are held to their ranges", () => {
  const outside = {
    STREAM_PROXY_GRPC_PORT: "65536",
    STREAM_PROXY_HEARTBEAT_INTERVAL_SECS: "0",
    STREAM_PROXY_RECONNECT_DELAY_MULTIPLIER: "0.5",
    STREAM_PROXY_STOCK_BARS_CAPACITY: "0",
  };
  assert.deepEqual(problems(outside).sort(), Object.keys(outside).sort());
});

Deno.test("all problems come together: name, value, what is accepted", () => {
  const message = errorText({
    CREAM_ENV: "prod",
    ALPACA_FEED: "nyse",
    STREAM_PROXY_FEEDS: "sip,forex",
    OTEL_ENABLED: "maybe",
  });
  assert.match(message, /4 problems/);
  assert.match(message, /CREAM_ENV="prod" is not accepted. Set it to PAPER or LIVE/);
  assert.match(message, /ALPACA_FEED="nyse"/);
  assert.match(message, /STREAM_PROXY_FEEDS="sip,forex" contains the unknown value "forex"/);
  assert.match(message, /OTEL_ENABLED="maybe".*true, false, 1 or 0/);
});

Deno.test("misspelt names are pointed out, with the name that was meant", () => {
  const { warnings } = parse({
    STREAM_PROXY_GRCP_PORT: "1",
    ALPACA_SECRT: "SECRET-TEXT",
    ALPACA_SOMETHING_ELSE_ENTIRELY: "1",
    stream_proxy_host: "1",
    OTHER_VARIABLE: "1",
    STREAM_PROXY_ADDRESS: "what clients of the proxy read",
  });
  assert.deepEqual(warnings, [
    "ALPACA_SECRT is not a known setting and is ignored; did you mean ALPACA_SECRET?",
    "ALPACA_SOMETHING_ELSE_ENTIRELY is not a known setting and is ignored",
    "STREAM_PROXY_GRCP_PORT is not a known setting and is ignored; " +
    "did you mean STREAM_PROXY_GRPC_PORT?",
    "stream_proxy_host is not a known setting and is ignored; did you mean STREAM_PROXY_HOST?",
  ]);
});

Deno.test("a name that shares only its prefix with settings has no suggestion", () => {
  const names = [
    "ALPACA_TOKEN",
    ...["DEBUG", "FOO", "MODE", "TLS"].map((name) => `STREAM_PROXY_${name}`),
  ];
  const { warnings } = parse(Object.fromEntries(names.map((name) => [name, "1"])));
  assert.deepEqual(
    warnings,
    names.map((name) => `${name} is not a known setting and is ignored`),
  );
});

Deno.test("two exchanged letters count as one mistake", () => {
  assert.deepEqual(parse({ ALPACA_KYE: "1" }).warnings, [
    "ALPACA_KYE is not a known setting and is ignored; did you mean ALPACA_KEY?",
  ]);
});

Deno.test("no configuration error shows the secret of any variable", () => {
  const variables = ALL_SETTINGS.flatMap((row) => [row.name, ...row.aliases]);
  const secret = fc.string({ minLength: 8, maxLength: 40 }).map((text) =>
    `Zq9${text.replace(/\s/g, "_")}`
  );
  fc.assert(fc.property(secret, fc.subarray(variables), (text, places) => {
    const env = Object.fromEntries(places.map((name) => [name, text]));
    const message = errorText({ ALPACA_SECRET: text, ...env });
    assert.ok(!message.includes(text), message);
  }));
});

Deno.test("no configuration error shows a private key or a password, in any variable", () => {
  const values = [
    "-----BEGIN PRIVATE KEY-----\nZq9x\nZq9x\n-----END PRIVATE KEY-----",
    "-----BEGIN EC PRIVATE KEY-----\\nZq9x\\n-----END EC PRIVATE KEY-----",
    "https://user:Zq9x@app.example.org",
    "https://app.example.org, https://Zq9x@app.example.org/path",
    "user:Zq9x@app.example.org",
  ];
  for (const { name } of ALL_SETTINGS) {
    for (const value of values) assert.doesNotMatch(errorText({ [name]: value }), /Zq9x/);
  }
  assert.match(
    errorText({ STREAM_PROXY_TLS_KEY_FILE: values[0] ?? "" }),
    /STREAM_PROXY_TLS_KEY_FILE="<secret>" is not accepted\. Set it to the absolute path/,
  );
});

Deno.test("names that other programs use point to the setting that is meant", () => {
  const meant = {
    ALPACA_API_KEY: "ALPACA_KEY",
    ALPACA_SECRET_KEY: "ALPACA_SECRET",
    ALPACA_API_SECRET: "ALPACA_SECRET",
    CREAM_ENVIRONMENT: "CREAM_ENV",
    ALPACA_PAPER: "CREAM_ENV=PAPER or CREAM_ENV=LIVE",
    APCA_API_BASE_URL: "CREAM_ENV=PAPER or CREAM_ENV=LIVE",
    ALPACA_API_BASE_URL: "CREAM_ENV=PAPER or CREAM_ENV=LIVE",
    APCA_DATA_URL: "ALPACA_DATA_API_URL",
    STREAM_PROXY_PORT: "STREAM_PROXY_GRPC_PORT",
    CREAM_EMV: "CREAM_ENV",
    APCA_API_KEY_IDD: "APCA_API_KEY_ID",
  };
  for (const [name, setting] of Object.entries(meant)) {
    assert.deepEqual(parse({ [name]: "x" }).warnings, [
      `${name} is not a known setting and is ignored; did you mean ${setting}?`,
    ]);
    assert.deepEqual(parse({ [name]: " " }).warnings, []);
  }
  for (const name of ["APCA_API_KEY_ID", "APCA_API_SECRET_KEY"]) {
    const value = name.includes("SECRET") ? "SECRET-1234" : "KEY-1234";
    assert.deepEqual(parse({ [name]: value }).warnings, []);
  }
});

Deno.test("the failure text shows misspelt names, and which to rename", () => {
  const env = { ALPACA_API_KEY: "KEY-1234", ALPACA_SECRET: "SECRET-1234", STREAM_PROXY_PORT: "1" };
  assert.throws(() => parseConfig(env), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.equal(
      formatErrors(error),
      `alpaca-stream-proxy cannot start: 1 invalid setting.

  ALPACA_KEY is required and not set.
    Rename ALPACA_API_KEY to ALPACA_KEY.

Warning: STREAM_PROXY_PORT is not a known setting and is ignored; did you mean \
STREAM_PROXY_GRPC_PORT?

To try it without an account: deno task demo
docs/configuration.md lists every setting.
`,
    );
    return true;
  });
});

/**
 * The proxy's settings as a value: read once, checked, never changed.
 *
 * @module
 */
import type {
  Environment,
  FeedId,
  OptionFeedKind,
  StockFeedKind,
} from "../../domain/connection/feed.ts";
import type { ChannelName } from "../../domain/market/channels.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import type { CountingRule, Plan } from "../../domain/subscription/plans.ts";
import type { ChunkLimits } from "../../domain/subscription/request.ts";
import type { Secret } from "./secret.ts";

/** Least severe line that is written; `trace` says no more than `debug`. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "off";

/** One pair of Alpaca API credentials. */
export interface KeyPair {
  /** The API key. */
  readonly key: Secret;
  /** The API secret. */
  readonly secret: Secret;
}

/** An address to listen on. */
export interface Listen {
  /** An IP address or a host name. */
  readonly host: string;
  /** 0 lets the system choose, except for metrics, where it means "off". */
  readonly port: number;
}

/** Everything that can be set from outside. */
export interface Config {
  /** Paper account or real money. */
  readonly environment: Environment;
  /** Who the proxy is to Alpaca. */
  readonly credentials: {
    /** For trade updates and the trading API. */
    readonly trading: KeyPair;
    /** For stocks and options; the trading pair unless set apart. */
    readonly data: KeyPair;
  };
  /** Sessions to open; the others stay disconnected for good. */
  readonly feeds: ReadonlySet<FeedId>;
  /** The stock feed and its WebSocket. */
  readonly stock: { readonly kind: StockFeedKind; readonly url: string };
  /** The option feed and its WebSocket. */
  readonly option: { readonly kind: OptionFeedKind; readonly url: string };
  /** Trade updates and the trading API. */
  readonly trading: {
    /** WebSocket of the trade updates. */
    readonly url: string;
    /** Base of the trading REST API, without a slash at the end. */
    readonly apiUrl: string;
  };
  /** Base of the market data REST API, without a slash at the end. */
  readonly dataApiUrl: string;
  /** True when credentials may travel unencrypted beyond this machine. */
  readonly allowPlaintextUpstream: boolean;
  /** Where gRPC clients come in. */
  readonly grpc: Listen & {
    /** Longest time that messages are held for a larger write, in ms. */
    readonly maxBatchDelayMs: number;
    /** Time between two pings of a connection, in ms. */
    readonly keepaliveMs: number;
  };
  /** Where health checks and metrics are. */
  readonly health: Listen;
  /** Port 0 means that `/metrics` is on the health port only. */
  readonly metrics: Listen;
  /** OpenTelemetry. */
  readonly telemetry: {
    readonly enabled: boolean;
    /** Base URL of an OTLP/HTTP collector, without a slash at the end. */
    readonly endpoint: string;
  };
  /** Least severe lines to log. */
  readonly logLevel: LogLevel;
  /** How a lost session is dialed again. */
  /** What upstream is asked for, and within which limits. */
  readonly subscriptions: {
    readonly plan: Plan;
    readonly counting: CountingRule;
    /** A symbol that nobody wants any more stays subscribed for this long. */
    readonly graceMs: number;
    /** Bounds of one request to upstream. */
    readonly chunks: ChunkLimits;
    /** Symbols, underlyings or order ids that one stream may name. */
    readonly maxSymbolsPerStream: number;
  };
  /** How underlyings become contracts. */
  readonly options: {
    /** Whether underlyings are resolved to contracts. */
    readonly chains: boolean;
    readonly priceIntervalMs: number;
    /** What a stream gets that does not say which contracts it wants. */
    readonly selection: OptionSelection;
  };
  /** How long a lost feed is waited for. */
  readonly reconnect: {
    readonly initialDelayMs: number;
    readonly maxDelayMs: number;
    readonly multiplier: number;
    /** 0 means unlimited. */
    readonly maxAttempts: number;
  };
  /** How a mute session is noticed. */
  readonly heartbeat: {
    /** A link silent for this long is asked whether it lives. */
    readonly intervalMs: number;
    /** How long it may take to answer. */
    readonly timeoutMs: number;
  };
  /** What clients may use up together. */
  readonly limits: {
    /** gRPC connections at a time. */
    readonly maxConnections: number;
    /** Connections of the health and metrics ports together. */
    readonly maxHttpConnections: number;
    /** Longest wait for an HTTP client, in ms. */
    readonly httpIdleMs: number;
    /** Names with a dot under which the status page is served. */
    readonly allowedHosts: readonly string[];
    /** Streams of one gRPC connection. */
    readonly maxStreamsPerConnection: number;
    /** Streaming calls of all connections. */
    readonly maxStreams: number;
    /** Bytes of unfinished requests of all connections. */
    readonly maxPendingRequestBytes: number;
    /** Time in which a request has to arrive whole, in ms. */
    readonly requestTimeoutMs: number;
    /** Symbols, underlyings and order ids that all open streams may name. */
    readonly maxSymbols: number;
    /** Bytes that the queues of all streams may hold. */
    readonly queueMemoryBytes: number;
    /** How long waiting messages may be left untaken, in ms; 0: no limit. */
    readonly stalledStreamMs: number;
  };
  /** How many messages a stream may fall behind, per channel. */
  readonly capacities: Readonly<Record<ChannelName, number>>;
  /** What looks like a mistake but is not certainly one; log each at start. */
  readonly warnings: readonly string[];
}

/** Every secret in the settings, for whoever has to keep them out of sight. */
export function secretsOf(config: Config): readonly Secret[] {
  const { trading, data } = config.credentials;
  return [trading.key, trading.secret, data.key, data.secret];
}

/**
 * The configuration: read once, checked, immutable.
 *
 * @module
 */
import type { AccessPolicy } from "../../domain/access/policy.ts";
import type { LogLevel } from "../../application/ports/log.ts";
import type {
  CryptoLocation,
  Environment,
  FeedId,
  OptionFeedKind,
  StockFeedKind,
} from "../../domain/connection/feed.ts";
import type { Role } from "../../domain/cluster/role.ts";
import type { ChannelName } from "../../domain/market/channels.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import type { CountingRule, Plan } from "../../domain/subscription/quota.ts";
import type {
  ClientAuth,
  KeyMaterial,
  TlsPort,
} from "../../application/connections/connection_security.ts";
import type { ChunkLimits } from "../../domain/subscription/pairs.ts";
import type { Secret } from "./secret.ts";

/** One pair of Alpaca API credentials. */
export interface KeyPair {
  /** The API key. */
  readonly key: Secret;
  /** The API secret. */
  readonly secret: Secret;
}

/** Credentials of the Alpaca account. */
export interface AlpacaCredentials {
  /** For trade updates and the trading API. */
  readonly trading: KeyPair;
  /** For stocks and options; the trading pair unless set separately. */
  readonly data: KeyPair;
}

/** An address to listen on. */
export interface Listen {
  /** An IP address or a host name. */
  readonly host: string;
  /** 0 lets the system choose, except for metrics, where it means "off". */
  readonly port: number;
}

/** Where the certificate comes from, and what it is used for. */
export interface TlsSettings {
  /** Certificate of the proxy, as PEM text. */
  readonly certificate?: string | undefined;
  /** Private key of the certificate, as PEM text. */
  readonly key?: Secret | undefined;
  /** CAs of the clients, as PEM text. */
  readonly clientCa?: string | undefined;
  /** Path of a file that is used in place of the text. */
  readonly certificateFile?: string | undefined;
  /** Path of a file that is used in place of the text. */
  readonly keyFile?: string | undefined;
  /** Path of a file that is used in place of the text. */
  readonly clientCaFile?: string | undefined;
  /** Applies when there is a client CA. @default require */
  readonly clientAuth?: ClientAuth | undefined;
  /** The ports that are encrypted if there is a certificate. */
  readonly ports: ReadonlySet<TlsPort>;
}

/** How NATS is reached and used; used only with servers. */
export interface NatsSettings {
  /** URLs of the servers. @default NATS is not used */
  readonly servers?: readonly string[] | undefined;
  /** User name, with a password. */
  readonly user?: string | undefined;
  /** Password of the user. */
  readonly password?: Secret | undefined;
  /** Token in place of a user name. */
  readonly token?: Secret | undefined;
  /** Text of a `.creds` file. */
  readonly credentials?: Secret | undefined;
  /** Seed of an NKey. */
  readonly seed?: Secret | undefined;
  /** CAs of the servers, as PEM text. @default those of the system */
  readonly ca?: string | undefined;
  /** Certificate for servers that ask for one, as PEM text. */
  readonly certificate?: string | undefined;
  /** Private key of the certificate, as PEM text. */
  readonly key?: Secret | undefined;
  /** First parts of every subject. */
  readonly prefix: string;
  /** Copies of the streams that are created. */
  readonly replicas: number;
  /** Bytes of frames that a hub retains in JetStream; 0: none. */
  readonly retainBytes: number;
  /** Age up to which they are retained, in ms. */
  readonly retainAgeMs: number;
}

/** Everything that can be set from outside. */
export interface Config {
  /** Paper account or real money. */
  readonly environment: Environment;
  /** Credentials of the Alpaca account; `undefined` for an edge, which never connects to Alpaca. */
  readonly credentials?: AlpacaCredentials | undefined;
  /** How the work is divided among processes. */
  readonly cluster: {
    /** What this process does. */
    readonly role: Role;
    /** Time after which the lease of a hub expires that is not renewed, in ms. */
    readonly leaseMs: number;
  };
  /** Sessions to open; the others are never connected. */
  readonly feeds: ReadonlySet<FeedId>;
  /** The stock feed and its WebSocket. */
  readonly stock: { readonly kind: StockFeedKind; readonly url: string };
  /** The option feed and its WebSocket. */
  readonly option: { readonly kind: OptionFeedKind; readonly url: string };
  /** The crypto feed and its WebSocket; opened only if `feeds` has it. */
  readonly crypto: { readonly location: CryptoLocation; readonly url: string };
  /** The news and their WebSocket; opened only if `feeds` has them. */
  readonly news: {
    readonly url: string;
    /** Bytes of the texts of the largest article. */
    readonly maxBytes: number;
  };
  /** Trade updates and the trading API. */
  readonly trading: {
    /** WebSocket of the trade updates. */
    readonly url: string;
    /** Base of the trading REST API, without a slash at the end. */
    readonly apiUrl: string;
  };
  /** Base of the market data REST API, without a slash at the end. */
  readonly dataApiUrl: string;
  /** URL of the HTTP proxy through which Alpaca is reached, maybe with a password; "" is none. */
  readonly httpsProxy: string;
  /** Hosts that are reached without it, and all names below them; `*` is every host. */
  readonly noProxy: readonly string[];
  /** True when credentials may be sent unencrypted to other machines. */
  readonly allowPlaintextUpstream: boolean;
  /** Days without trading beside the holidays, as `2025-01-09`. */
  readonly marketClosures: readonly string[];
  /** Where the gRPC server listens. */
  readonly grpc: Listen & {
    /** Longest time that messages are delayed for a larger write, in ms. */
    readonly maxBatchDelayMs: number;
    /** Time between two pings of a connection, in ms. */
    readonly keepaliveMs: number;
  };
  /** Where the WebSocket API is served; port 0 means that it is not. */
  readonly websocket: Listen & {
    /** Opens the port also if it is 0, which then picks a free one. @default false */
    readonly isEphemeral?: boolean | undefined;
    /** Messages that a client may fall behind. */
    readonly capacity: number;
    /** How long a client that has lost messages may take to catch up, in ms; 0: no limit. */
    readonly maxSlowMs: number;
    /** Time between two pings of a client, in ms. */
    readonly pingMs: number;
    /** Bytes of the largest message of a client. */
    readonly maxMessageBytes: number;
    /** Bytes of the smallest frame that is compressed; 0 for none. */
    readonly compressFromBytes: number;
  };
  /** Where order updates are stored. */
  readonly nats: NatsSettings;
  /** Where health checks and metrics are served. */
  readonly health: Listen;
  /** Port 0 means that `/metrics` is on the health port only. */
  readonly metrics: Listen;
  /** Encryption of the ports. */
  readonly tls: TlsSettings & {
    /** What was read at start; undefined when no port has TLS. */
    readonly material?: KeyMaterial | undefined;
  };
  /** OpenTelemetry. */
  readonly telemetry: {
    readonly enabled: boolean;
    /** Base URL of an OTLP/HTTP collector, without a slash at the end. */
    readonly endpoint: string;
  };
  /** Least severe lines to log. */
  readonly logLevel: LogLevel;
  /** The services over HTTP/1.1, on the health port. */
  readonly web: {
    readonly enabled: boolean;
    /** Origins of web pages that may call; `*` is every page. */
    readonly origins: readonly string[];
  };
  /** Subscriptions at Alpaca and their limits. */
  readonly subscriptions: {
    readonly plan: Plan;
    readonly counting: CountingRule;
    /** How long a symbol that no stream requests stays subscribed. */
    readonly graceMs: number;
    /** Bounds of one request to Alpaca. */
    readonly chunks: ChunkLimits;
    /** Most symbols, underlyings or order ids of one stream. */
    readonly maxSymbolsPerStream: number;
  };
  /** Expansion of underlyings to contracts. */
  readonly options: {
    /** Whether underlyings are resolved to contracts. */
    readonly chains: boolean;
    readonly priceIntervalMs: number;
    /** Applies to streams that do not select contracts. */
    readonly selection: OptionSelection;
  };
  /** Backoff after a lost session. */
  readonly reconnect: {
    readonly initialDelayMs: number;
    readonly maxDelayMs: number;
    readonly multiplier: number;
    /** 0 means unlimited. */
    readonly maxAttempts: number;
  };
  /** Detection of sessions that are open but send nothing. */
  readonly heartbeat: {
    /** Time without a frame after which a heartbeat is sent. */
    readonly intervalMs: number;
    /** How long its reply may take. */
    readonly timeoutMs: number;
  };
  /** Who may use the proxy; `undefined` for everyone. */
  readonly access?: AccessPolicy | undefined;
  /** Limits on what all clients together may use. */
  readonly limits: {
    /** gRPC connections at a time. */
    readonly maxConnections: number;
    /** gRPC connections of one address at a time; 0: no limit. */
    readonly maxConnectionsPerAddress: number;
    /** Age at which a gRPC connection is sent GOAWAY, in ms; 0 never. */
    readonly maxConnectionAgeMs: number;
    /** Time until the streams of such a connection end, in ms. */
    readonly connectionGraceMs: number;
    /** Connections of the health and metrics ports together. */
    readonly maxHttpConnections: number;
    /** Those of one address; 0: no limit. */
    readonly maxHttpConnectionsPerAddress: number;
    /** Open status pages. */
    readonly maxViewers: number;
    /** Those of one address; 0: no limit. */
    readonly maxViewersPerAddress: number;
    /** Longest wait for an HTTP client, in ms. */
    readonly httpIdleMs: number;
    /** Names with a dot under which the status page is served. */
    readonly allowedHosts: readonly string[];
    /** Streams of one gRPC connection. */
    readonly maxStreamsPerConnection: number;
    /** Streaming calls of all connections. */
    readonly maxStreams: number;
    /** Streams that an address or identity may open per second; 0: no limit. */
    readonly maxOpeningsPerSec: number;
    /** Bytes of unfinished requests of all connections. */
    readonly maxPendingRequestBytes: number;
    /** Time in which a request has to arrive completely, in ms. */
    readonly requestTimeoutMs: number;
    /** Symbols, underlyings and order ids of all open streams. */
    readonly maxSymbols: number;
    /** Bytes that the queues of all streams may hold. */
    readonly queueMemoryBytes: number;
    /** Retained messages per channel, 0 for none. @default the capacity of the channel */
    readonly retainedMessages?: number | undefined;
    /** Order updates that are retained, and finished orders of which the state is kept. */
    readonly orderJournalUpdates: number;
    /** How long order updates are retained, in ms. */
    readonly orderJournalMs: number;
    /** How long client streams may take to end at shutdown, in ms. */
    readonly drainMs: number;
    /** How long a stream with queued messages may take none, in ms; 0: no limit. */
    readonly stalledStreamMs: number;
  };
  /** Capacity of a stream queue, per channel, in messages. */
  readonly capacities: Readonly<Record<ChannelName, number>>;
  /** The variable that has set each setting, by the name of the setting; none for defaults. */
  readonly sources: Readonly<Record<string, string>>;
  /** Probable mistakes in the settings; log each at start. */
  readonly warnings: readonly string[];
}

/**
 * The credentials of a process that connects to Alpaca.
 *
 * @throws {Error} for an edge, which has none
 */
export function requireCredentials({ credentials, cluster }: Config): AlpacaCredentials {
  if (credentials) return credentials;
  throw new Error(`A process with the role ${cluster.role} does not connect to Alpaca`);
}

/** Every secret of the configuration, for redaction. */
export function secretsOf(config: Config): readonly Secret[] {
  const { credentials, tls, nats } = config;
  const { trading, data } = credentials ?? {};
  const all = [
    ...[trading?.key, trading?.secret, data?.key, data?.secret],
    ...[tls.key, nats.password, nats.token, nats.credentials, nats.seed, nats.key],
  ];
  return all.filter((secret) => secret !== undefined);
}

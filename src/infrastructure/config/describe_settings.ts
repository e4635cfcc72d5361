/**
 * The effective settings as one flat record, fit for a log line.
 *
 * @module
 */
import type { Plan } from "../../domain/subscription/plans.ts";
import type { Config } from "./config.ts";
import { SETTINGS } from "./settings.ts";

/** Variable name to what is in force; secrets are only said to be set. */
export type EffectiveSettings = Readonly<
  Record<string, string | number | boolean>
>;

/** Every variable with the value in force; secrets as `<set>`. */
export function describeSettings(config: Config): EffectiveSettings {
  const values = {
    ...describeUpstream(config),
    ...describeSubscriptions(config),
    ...describeProcess(config),
  };
  const rows = Object.keys(SETTINGS) as (keyof typeof SETTINGS)[];
  return Object.fromEntries(rows.map((row) => {
    const { name, secret } = SETTINGS[row];
    return [name, secret ? "<set>" : values[row]];
  }));
}

type Values<K extends string> = Record<K, string | number | boolean>;
type ProcessRow = Exclude<
  keyof typeof SETTINGS,
  UpstreamRow | SubscriptionRow
>;
type SubscriptionRow =
  | "plan"
  | "stockCounting"
  | "optionCounting"
  | "unsubscribeGrace"
  | "chunkSymbols"
  | "chunkBytes"
  | "maxSymbols"
  | "optionChains"
  | "optionPriceInterval"
  | "optionMaxDays"
  | "optionWindow"
  | "optionMaxContracts";
type UpstreamRow =
  | "key"
  | "secret"
  | "dataKey"
  | "dataSecret"
  | "environment"
  | "feeds"
  | "stockFeed"
  | "optionFeed"
  | "stockUrl"
  | "optionUrl"
  | "tradingUrl"
  | "tradingApiUrl"
  | "dataApiUrl"
  | "allowPlaintext";

function describeUpstream(config: Config): Values<UpstreamRow> {
  const { trading, data } = config.credentials;
  return {
    key: String(trading.key),
    secret: String(trading.secret),
    dataKey: String(data.key),
    dataSecret: String(data.secret),
    environment: config.environment,
    feeds: [...config.feeds].join(","),
    stockFeed: config.stock.kind,
    optionFeed: config.option.kind,
    stockUrl: withoutQuery(config.stock.url),
    optionUrl: withoutQuery(config.option.url),
    tradingUrl: withoutQuery(config.trading.url),
    tradingApiUrl: withoutQuery(config.trading.apiUrl),
    dataApiUrl: withoutQuery(config.dataApiUrl),
    allowPlaintext: config.allowPlaintextUpstream,
  };
}

function describeSubscriptions(config: Config): Values<SubscriptionRow> {
  const { subscriptions, options } = config;
  const { plan, counting, chunks } = subscriptions;
  return {
    plan: describePlan(plan),
    stockCounting: [...counting.stocks].join(",") || "none",
    optionCounting: [...counting.options].join(",") || "none",
    unsubscribeGrace: subscriptions.graceMs,
    chunkSymbols: chunks.maxPairs,
    chunkBytes: chunks.maxBytes,
    maxSymbols: subscriptions.maxSymbolsPerStream,
    optionChains: options.chains,
    optionPriceInterval: options.priceIntervalMs / 1000,
    optionMaxDays: options.selection.maxDays,
    optionWindow: options.selection.strikeWindowPercent,
    optionMaxContracts: options.selection.maxContracts,
  };
}

function describePlan(plan: Plan): string {
  if (plan.name !== "explicit") return plan.name;
  const { stocks, options } = plan;
  return Object.entries({ stocks, options })
    .filter(([, limit]) => limit !== undefined)
    .map(([market, limit]) => `${market}=${limit}`)
    .join(",");
}

function describeProcess(config: Config): Values<ProcessRow> {
  return {
    host: config.grpc.host,
    grpcPort: config.grpc.port,
    healthPort: config.health.port,
    metricsPort: config.metrics.port,
    maxBatchDelay: config.grpc.maxBatchDelayMs,
    grpcKeepalive: config.grpc.keepaliveMs / 1000,
    logLevel: config.logLevel,
    otelEnabled: config.telemetry.enabled,
    otelEndpoint: withoutQuery(config.telemetry.endpoint),
    heartbeatInterval: config.heartbeat.intervalMs / 1000,
    heartbeatTimeout: config.heartbeat.timeoutMs / 1000,
    initialDelay: config.reconnect.initialDelayMs,
    maxDelay: config.reconnect.maxDelayMs / 1000,
    multiplier: config.reconnect.multiplier,
    maxAttempts: config.reconnect.maxAttempts,
    maxConnections: config.limits.maxConnections,
    maxHttpConnections: config.limits.maxHttpConnections,
    httpIdle: config.limits.httpIdleMs / 1000,
    allowedHosts: config.limits.allowedHosts.join(",") || "none",
    maxStreamsPerConnection: config.limits.maxStreamsPerConnection,
    maxStreams: config.limits.maxStreams,
    maxPendingRequest: config.limits.maxPendingRequestBytes / 2 ** 20,
    requestTimeout: config.limits.requestTimeoutMs / 1000,
    maxSymbolsInAll: config.limits.maxSymbols,
    queueMemory: config.limits.queueMemoryBytes / 1_048_576,
    stalledStream: config.limits.stalledStreamMs / 1000,
    ...config.capacities,
  };
}

/** A query may hold a token, so it is not shown. */
function withoutQuery(url: string): string {
  const [address, query] = url.split("?", 2);
  return query === undefined ? url : `${address}?…`;
}

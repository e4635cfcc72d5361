/**
 * From environment variables to settings.
 *
 * @module
 */
import { FEEDS } from "../../domain/connection/feed.ts";
import { DEFAULT_SELECTION } from "../../domain/options/selection.ts";
import type { Config, KeyPair } from "./config.ts";
import { ConfigError } from "./config_error.ts";
import { readUpstream } from "./read_upstream.ts";
import { Secret } from "./secret.ts";
import type { Setting } from "./setting.ts";
import { SETTINGS } from "./settings.ts";
import { type Env, SettingsReader } from "./settings_reader.ts";
import { unknownNames } from "./unknown_names.ts";

const MIB = 1_048_576;

/** What a refused credential is replaced by until the problems are thrown. */
const NO_SECRET = new Secret("");

/**
 * Reads all settings from `env` and checks them together.
 *
 * @throws {ConfigError} with every problem at once, if there is any.
 */
export function parseConfig(env: Env): Config {
  const reader = new SettingsReader(env);
  const config: Config = {
    ...readUpstream(reader),
    ...readListening(reader),
    credentials: readCredentials(reader),
    feeds: reader.value(SETTINGS.feeds, new Set(FEEDS)),
    telemetry: {
      enabled: reader.value(SETTINGS.otelEnabled, true),
      endpoint: reader.value(SETTINGS.otelEndpoint, ""),
    },
    logLevel: reader.value(SETTINGS.logLevel, "info"),
    subscriptions: readSubscriptions(reader),
    options: {
      chains: reader.value(SETTINGS.optionChains, true),
      priceIntervalMs: 1000 * reader.value(SETTINGS.optionPriceInterval, 0),
      selection: {
        ...DEFAULT_SELECTION,
        maxDays: reader.value(SETTINGS.optionMaxDays, 0),
        strikeWindowPercent: reader.value(SETTINGS.optionWindow, 1),
        maxContracts: reader.value(SETTINGS.optionMaxContracts, 1),
      },
    },
    reconnect: readReconnect(reader),
    heartbeat: {
      intervalMs: 1000 * reader.value(SETTINGS.heartbeatInterval, 0),
      timeoutMs: 1000 * reader.value(SETTINGS.heartbeatTimeout, 0),
    },
    limits: readLimits(reader),
    capacities: {
      stockQuotes: reader.value(SETTINGS.stockQuotes, 0),
      stockTrades: reader.value(SETTINGS.stockTrades, 0),
      stockBars: reader.value(SETTINGS.stockBars, 0),
      optionQuotes: reader.value(SETTINGS.optionQuotes, 0),
      optionTrades: reader.value(SETTINGS.optionTrades, 0),
      orderUpdates: reader.value(SETTINGS.orderUpdates, 0),
    },
    warnings: [...reader.warnings, ...unknownNames(env)],
  };
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return config;
}

function readCredentials(reader: SettingsReader): Config["credentials"] {
  const required = (setting: Setting<Secret>): Secret => {
    if (reader.find(setting) === undefined) {
      reader.refuse(setting.name, {
        received: undefined,
        message: "is required and not set",
        remedy: `Set it, or its alias ${setting.aliases.join(", ")}`,
      });
    }
    return reader.value(setting, NO_SECRET);
  };
  const trading: KeyPair = {
    key: required(SETTINGS.key),
    secret: required(SETTINGS.secret),
  };
  const key = reader.optional(SETTINGS.dataKey);
  const secret = reader.optional(SETTINGS.dataSecret);
  requireBoth(reader, [SETTINGS.dataKey, SETTINGS.dataSecret]);
  return { trading, data: key && secret ? { key, secret } : trading };
}

/** Half a pair of credentials is never what somebody meant. */
function requireBoth(
  reader: SettingsReader,
  pair: readonly [Setting<Secret>, Setting<Secret>],
): void {
  const missing = pair.filter((setting) => reader.find(setting) === undefined);
  if (missing.length !== 1) return;
  for (const setting of missing) {
    const other = pair.find((one) => one !== setting)?.name;
    reader.refuse(setting.name, {
      received: undefined,
      message: `is not set, but ${other} is`,
      remedy: "Set both or none",
    });
  }
}

function readListening(
  reader: SettingsReader,
): Pick<Config, "grpc" | "health" | "metrics"> {
  const host = reader.value(SETTINGS.host, "");
  const taken = new Map<number, string>();
  const listen = (setting: Setting<number>) => {
    const port = reader.value(setting, 0);
    const owner = port === 0 ? undefined : taken.get(port);
    taken.set(port, setting.name);
    if (owner !== undefined) {
      reader.refuse(setting.name, {
        received: String(port),
        message: `is the same port as ${owner}`,
        remedy: "Give each its own port",
      });
    }
    return { host, port };
  };
  return {
    grpc: {
      ...listen(SETTINGS.grpcPort),
      maxBatchDelayMs: reader.value(SETTINGS.maxBatchDelay, 0),
      keepaliveMs: reader.value(SETTINGS.grpcKeepalive, 60) * 1000,
    },
    health: listen(SETTINGS.healthPort),
    metrics: listen(SETTINGS.metricsPort),
  };
}

function readSubscriptions(reader: SettingsReader): Config["subscriptions"] {
  return {
    plan: reader.value(SETTINGS.plan, { name: "auto" }),
    counting: {
      stocks: reader.value(SETTINGS.stockCounting, new Set()),
      options: reader.value(SETTINGS.optionCounting, new Set()),
    },
    graceMs: reader.value(SETTINGS.unsubscribeGrace, 0),
    chunks: {
      maxPairs: reader.value(SETTINGS.chunkSymbols, 1),
      maxBytes: reader.value(SETTINGS.chunkBytes, 64),
    },
    maxSymbolsPerStream: reader.value(SETTINGS.maxSymbols, 1),
  };
}

function readLimits(reader: SettingsReader): Config["limits"] {
  return {
    maxConnections: reader.value(SETTINGS.maxConnections, 1),
    maxHttpConnections: reader.value(SETTINGS.maxHttpConnections, 1),
    httpIdleMs: 1000 * reader.value(SETTINGS.httpIdle, 1),
    allowedHosts: reader.value(SETTINGS.allowedHosts, []),
    maxStreamsPerConnection: reader.value(SETTINGS.maxStreamsPerConnection, 1),
    maxStreams: reader.value(SETTINGS.maxStreams, 1),
    maxPendingRequestBytes: 2 ** 20 *
      reader.value(SETTINGS.maxPendingRequest, 8),
    requestTimeoutMs: 1000 * reader.value(SETTINGS.requestTimeout, 1),
    maxSymbols: reader.value(SETTINGS.maxSymbolsInAll, 1),
    queueMemoryBytes: MIB * reader.value(SETTINGS.queueMemory, 16),
    stalledStreamMs: 1000 * reader.value(SETTINGS.stalledStream, 0),
  };
}

function readReconnect(reader: SettingsReader): Config["reconnect"] {
  const initialDelayMs = reader.optional(SETTINGS.initialDelay);
  const maxDelay = reader.optional(SETTINGS.maxDelay);
  if (
    initialDelayMs !== undefined && maxDelay !== undefined &&
    initialDelayMs > 1000 * maxDelay
  ) {
    reader.refuse(SETTINGS.maxDelay.name, {
      received: String(maxDelay),
      message:
        `is shorter than ${SETTINGS.initialDelay.name}=${initialDelayMs} milliseconds`,
      remedy: "Raise the one or lower the other",
    });
  }
  return {
    initialDelayMs: initialDelayMs ?? 0,
    maxDelayMs: 1000 * (maxDelay ?? 0),
    multiplier: reader.value(SETTINGS.multiplier, 1),
    maxAttempts: reader.value(SETTINGS.maxAttempts, 0),
  };
}

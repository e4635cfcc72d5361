/**
 * Makes a configuration from environment variables, and back.
 *
 * @module
 */
import type { Environment } from "../../domain/connection/feed.ts";
import { DEFAULT_SELECTION } from "../../domain/options/selection.ts";
import type { Config } from "./config.ts";
import { ConfigError } from "./config_error.ts";
import type { Secret } from "./secret.ts";
import type { Setting } from "./setting.ts";
import { ALL_SETTINGS, OPTION_FEEDS, SETTINGS, STOCK_FEEDS } from "./settings.ts";
import { type Env, SettingsReader } from "./settings_reader.ts";
import { unknownVariables } from "./unknown_variables.ts";
import {
  DATA_API_URL,
  isExposed,
  optionStreamUrl,
  stockStreamUrl,
  tradingHost,
} from "./upstream_urls.ts";

/**
 * Reads all settings from `env` and checks them together.
 *
 * @throws {ConfigError} with every problem, if there is any
 */
export function parseConfig(env: Env): Config {
  const reader = new SettingsReader(env);
  const config: Record<string, unknown> = {
    limits: { allowedHosts: [] },
    options: { selection: { ...DEFAULT_SELECTION } },
  };
  for (const setting of ALL_SETTINGS) {
    const value = reader.value(setting);
    if (value === undefined) continue;
    const scaled = typeof value === "number" ? value * setting.scale : value;
    for (const path of setting.paths) assign(config, path, scaled);
  }
  checkCredentials(reader);
  checkPorts(reader);
  checkDelays(reader);
  Object.assign(config, resolveUpstream(reader));
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  // Complete: every setting has a value or a default, or was rejected.
  const { credentials, ...rest } = config as unknown as Config;
  const { trading, data = trading } = credentials;
  return {
    ...rest,
    credentials: { trading, data },
    warnings: [...reader.warnings, ...unknownVariables(env)],
  };
}

/** Variable name to the value in force; secrets as `<set>`. */
export type EffectiveSettings = Readonly<
  Record<string, string | number | boolean>
>;

/** Every variable with the value in force, for a log line. */
export function describeSettings(config: Config): EffectiveSettings {
  return Object.fromEntries(ALL_SETTINGS.map((setting) => {
    const { name, parser, paths: [path], scale } = setting;
    const value = path.split(".").reduce<unknown>(
      (parent, key) => (parent as Record<string, unknown>)[key],
      config,
    );
    return [
      name,
      parser.format(typeof value === "number" ? value / scale : value),
    ];
  }));
}

/** Sets the value at a dotted path, making the objects on the way. */
function assign(
  target: Record<string, unknown>,
  path: string,
  value: unknown,
): void {
  const keys = path.split(".");
  const last = keys.pop() ?? "";
  let parent = target;
  for (const key of keys) {
    parent = (parent[key] ??= {}) as Record<string, unknown>;
  }
  parent[last] = value;
}

function checkCredentials(reader: SettingsReader): void {
  for (const setting of [SETTINGS.ALPACA_KEY, SETTINGS.ALPACA_SECRET]) {
    if (reader.find(setting) !== undefined) continue;
    reader.reject(setting.name, {
      received: undefined,
      message: "is required and not set",
      remedy: `Set it, or its alias ${setting.aliases.join(", ")}`,
    });
  }
  const { ALPACA_DATA_KEY, ALPACA_DATA_SECRET } = SETTINGS;
  requirePair(reader, ALPACA_DATA_KEY, ALPACA_DATA_SECRET);
  requirePair(reader, ALPACA_DATA_SECRET, ALPACA_DATA_KEY);
}

/** Rejects a missing half of a pair of credentials. */
function requirePair(
  reader: SettingsReader,
  one: Setting<Secret>,
  other: Setting<Secret>,
): void {
  const isHalf = reader.find(one) === undefined &&
    reader.find(other) !== undefined;
  if (!isHalf) return;
  reader.reject(one.name, {
    received: undefined,
    message: `is not set, but ${other.name} is`,
    remedy: "Set both or none",
  });
}

function checkPorts(reader: SettingsReader): void {
  const owners = new Map<number, string>();
  for (
    const setting of [
      SETTINGS.STREAM_PROXY_GRPC_PORT,
      SETTINGS.STREAM_PROXY_HEALTH_PORT,
      SETTINGS.STREAM_PROXY_METRICS_PORT,
    ]
  ) {
    const port = reader.value(setting);
    if (!port) continue;
    const owner = owners.get(port);
    owners.set(port, setting.name);
    if (owner === undefined) continue;
    reader.reject(setting.name, {
      received: String(port),
      message: `is the same port as ${owner}`,
      remedy: "Give each its own port",
    });
  }
}

function checkDelays(reader: SettingsReader): void {
  const initial = SETTINGS.STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS;
  const max = SETTINGS.STREAM_PROXY_RECONNECT_DELAY_MAX_SECS;
  const initialMs = reader.value(initial);
  const maxSeconds = reader.value(max);
  if (initialMs === undefined || maxSeconds === undefined) return;
  if (initialMs <= maxSeconds * max.scale) return;
  reader.reject(max.name, {
    received: String(maxSeconds),
    message: `is shorter than ${initial.name}=${initialMs} milliseconds`,
    remedy: "Raise the one or lower the other",
  });
}

/** The parts of the configuration that say where upstream is. */
type UpstreamConfig = Pick<
  Config,
  "stock" | "option" | "trading" | "dataApiUrl"
>;

/** Completes the addresses and checks that they agree with other settings. */
function resolveUpstream(reader: SettingsReader): UpstreamConfig {
  const environment = reader.value(SETTINGS.CREAM_ENV) ?? "PAPER";
  const trading = tradingHost(environment);
  const address = (setting: Setting<string>, fallback: string): string => {
    const url = reader.value(setting) ?? fallback;
    rejectExposed(reader, setting, url);
    return url;
  };
  const account = (setting: Setting<string>, fallback: string): string => {
    const url = address(setting, fallback);
    rejectOtherAccount(reader, { setting, url, environment });
    return url;
  };
  return {
    stock: resolveFeed(reader, SETTINGS.ALPACA_FEED, {
      feeds: STOCK_FEEDS,
      fallback: "sip",
      setting: SETTINGS.ALPACA_STOCK_STREAM_URL,
      url: (feed) => address(SETTINGS.ALPACA_STOCK_STREAM_URL, stockStreamUrl(feed)),
    }),
    option: resolveFeed(reader, SETTINGS.ALPACA_OPTIONS_FEED, {
      feeds: OPTION_FEEDS,
      fallback: environment === "LIVE" ? "opra" : "indicative",
      setting: SETTINGS.ALPACA_OPTION_STREAM_URL,
      url: (feed) => address(SETTINGS.ALPACA_OPTION_STREAM_URL, optionStreamUrl(feed)),
    }),
    trading: {
      url: account(
        SETTINGS.ALPACA_TRADING_STREAM_URL,
        `wss://${trading}/stream`,
      ),
      apiUrl: account(SETTINGS.ALPACA_TRADING_API_URL, `https://${trading}`),
    },
    dataApiUrl: address(SETTINGS.ALPACA_DATA_API_URL, DATA_API_URL),
  };
}

/**
 * A feed and its address. An address whose path ends in the name of a feed
 * selects that feed; one that contradicts the setting is rejected, because the
 * data of one feed would be shown as that of another.
 */
function resolveFeed<T extends string>(
  reader: SettingsReader,
  feed: Setting<T>,
  { feeds, fallback, setting, url }: {
    readonly feeds: readonly T[];
    readonly fallback: T;
    readonly setting: Setting<string>;
    readonly url: (feed: T) => string;
  },
): { readonly kind: T; readonly url: string } {
  const wanted = reader.value(feed) ?? fallback;
  const address = url(wanted);
  const { pathname } = new URL(address);
  const named = feeds.find((one) => pathname.endsWith(`/${one}`)) ?? wanted;
  if (named !== wanted && reader.find(feed) !== undefined) {
    reader.reject(setting.name, {
      received: address,
      message: `is the feed ${named}, but ${feed.name} is ${wanted}`,
      remedy: `Set ${feed.name}=${named}, or unset one of the two`,
    });
  }
  return { kind: named, url: address };
}

/** Rejects the host of the live account with paper credentials, and vice versa. */
function rejectOtherAccount(
  reader: SettingsReader,
  { setting, url, environment }: {
    readonly setting: Setting<string>;
    readonly url: string;
    readonly environment: Environment;
  },
): void {
  const other = environment === "LIVE" ? "PAPER" : "LIVE";
  if (new URL(url).hostname !== tradingHost(other)) return;
  const { name } = SETTINGS.CREAM_ENV;
  reader.reject(setting.name, {
    received: url,
    message: `is the host of ${other}, but ${name} is ${environment}`,
    remedy: `Set ${name}=${other}, or unset ${setting.name}`,
  });
}

function rejectExposed(
  reader: SettingsReader,
  setting: Setting<string>,
  url: string,
): void {
  const allow = SETTINGS.STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM;
  if (reader.value(allow) || !isExposed(url)) return;
  const safe = url.startsWith("ws:") ? "wss:" : "https:";
  reader.reject(setting.name, {
    received: url,
    message: "would send the credentials unencrypted to another machine",
    remedy: `Use ${safe}//, or set ${allow.name}=true if it is a simulator`,
  });
}

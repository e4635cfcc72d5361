/**
 * Makes a configuration from environment variables.
 *
 * @module
 */
import type { Environment } from "../../domain/connection/feed.ts";
import { DEFAULT_SELECTION } from "../../domain/options/selection.ts";
import { shareOf } from "../../domain/subscription/identity_shares.ts";
import { planLimit } from "../../domain/subscription/quota.ts";
import type { Config, TlsSettings } from "./config.ts";
import { ConfigError, type Problem } from "./config_error.ts";
import {
  describeUnknown,
  type Env,
  type UnknownVariable,
  unknownVariables,
} from "./environment.ts";
import { readKeyMaterial, UnusableKeyMaterial } from "./key_material.ts";
import { SECRET_MARK } from "./secret.ts";
import type { Setting } from "./setting.ts";
import { ALL_SETTINGS, CRYPTO_LOCATIONS, OPTION_FEEDS, SETTINGS, STOCK_FEEDS } from "./settings.ts";
import {
  cryptoStreamUrl,
  DATA_API_URL,
  isExposed,
  isLoopback,
  NEWS_STREAM_URL,
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
  const settings = new SettingsReader(env);
  const config: Record<string, unknown> = {
    limits: { allowedHosts: [] },
    marketClosures: [],
    web: { origins: [] },
    httpsProxy: "",
    noProxy: [],
    tls: {},
    options: { selection: { ...DEFAULT_SELECTION } },
  };
  for (const setting of ALL_SETTINGS) {
    const value = settings.value(setting);
    if (value === undefined) continue;
    const scaled = typeof value === "number" ? value * setting.scale : value;
    for (const path of setting.paths) assign(config, path, scaled);
  }
  const web = config.web as { enabled: boolean; origins: readonly string[] };
  web.enabled ||= web.origins.length > 0;
  checkOrigins(settings);
  if (settings.value(SETTINGS.STREAM_PROXY_ROLE) === "edge") rejectCredentials(settings);
  else checkCredentials(settings);
  checkPorts(settings);
  const tls = checkTls(settings, config.tls as TlsSettings);
  checkDelays(settings);
  checkReservations(settings);
  checkCertificates(settings);
  checkNats(settings);
  checkCluster(settings);
  Object.assign(config, resolveUpstream(settings));
  const unknown = unknownVariables(env);
  if (settings.problems.length > 0) {
    throw configError(settings.problems, settings.warnings, unknown);
  }
  // Complete: every setting has a value or a default, or was rejected.
  const { credentials: keys, ...rest } = config as unknown as Config;
  return {
    ...rest,
    tls,
    credentials: keys && { trading: keys.trading, data: keys.data ?? keys.trading },
    sources: settings.sources,
    warnings: [...settings.warnings, ...unknown.map(describeUnknown)],
  };
}

/** The problems, and what else is probably wrong: a missing setting may have another name. */
function configError(
  problems: readonly Problem[],
  warnings: readonly string[],
  unknown: readonly UnknownVariable[],
): ConfigError {
  const others = new Set(unknown);
  const completed = problems.map((problem) => {
    const { variable, isMissing } = problem;
    const other = isMissing ? unknown.find(({ meant }) => meant === variable) : undefined;
    if (other === undefined) return problem;
    others.delete(other);
    return { ...problem, remedy: `Rename ${other.name} to ${variable}` };
  });
  return new ConfigError(completed, [...warnings, ...[...others].map(describeUnknown)]);
}

/** Sets the value at a dotted path, making the objects on the way. */
function assign(target: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split(".");
  const last = keys.pop() ?? "";
  let parent = target;
  for (const key of keys) {
    parent = (parent[key] ??= {}) as Record<string, unknown>;
  }
  parent[last] = value;
}

/** Without authentication, every page that a user opens could read the account's orders. */
function checkOrigins(settings: SettingsReader): void {
  const { STREAM_PROXY_CORS_ORIGINS: origins, STREAM_PROXY_ACCESS: access } = SETTINGS;
  if (!settings.value(origins)?.includes("*") || settings.isSet(access)) return;
  settings.reject(origins.name, {
    received: "*",
    message: "lets every web page read all data, because there is no authentication",
    remedy: "List the origins, or set STREAM_PROXY_ACCESS",
  });
}

/** The content of a key file, which may be set where its path belongs, to the end of the text. */
const PEM = /-----BEGIN .*/s;
/** User name and password before a host. */
const USER_INFO = /[^\s,"/]+@/g;

/** Longest value that an error shows, in characters. */
const MAX_SHOWN = 200;

/** The settings of one environment, and what is wrong with them. */
class SettingsReader {
  /** Everything that is wrong so far. */
  readonly problems: Problem[] = [];
  /** Everything that is probably a mistake. */
  readonly warnings: string[] = [];
  /** The variable of each setting that has one, by the name of the setting. */
  readonly sources: Record<string, string> = {};
  readonly #env: Env;
  readonly #secrets: readonly string[];
  readonly #values: ReadonlyMap<Setting, unknown>;

  constructor(env: Env) {
    this.#env = env;
    // Shorter ones would redact ordinary words.
    this.#secrets = ALL_SETTINGS.filter((setting) => setting.secret).flatMap((setting) =>
      this.#texts(setting)
    ).map(({ text }) => text).filter((text) => text.length >= 4);
    this.#values = new Map(ALL_SETTINGS.map((setting) => [setting, this.#parse(setting)]));
  }

  /** Whether a variable of the setting has a text, valid or not. */
  isSet(setting: Setting): boolean {
    return this.#texts(setting).length > 0;
  }

  /** The variables of the setting that have a text. */
  variables(setting: Setting): readonly string[] {
    return this.#texts(setting).map(({ variable }) => variable);
  }

  /**
   * The setting's value or its default, as the variable has it (not scaled);
   * undefined when it has neither or its text is invalid.
   */
  value<T>(setting: Setting<T>): T | undefined {
    return this.#values.get(setting) as T | undefined;
  }

  /** Records a problem of a variable; secrets in it are redacted. */
  reject(variable: string, problem: Omit<Problem, "variable">): void {
    const { received, message } = problem;
    this.problems.push({
      ...problem,
      variable,
      received: received === undefined ? undefined : this.#redact(received),
      message: this.#redact(message),
    });
  }

  /** The setting's variables that have a text, its own name first. */
  #texts({ name, aliases }: Setting) {
    return [name, ...aliases].map((variable) => ({
      variable,
      text: this.#env[variable]?.trim() ?? "",
    })).filter(({ text }) => text !== "");
  }

  #parse(setting: Setting): unknown {
    const [found, ...others] = this.#texts(setting);
    const text = found?.text ?? setting.default;
    if (text === undefined) return undefined;
    const variable = found?.variable ?? setting.name;
    if (found) this.sources[setting.name] = variable;
    for (const other of others) {
      if (other.text === text) continue;
      if (setting.secret) {
        this.reject(other.variable, {
          received: undefined,
          message: `is set and differs from ${variable}`,
          remedy: "Keep one of the two",
        });
      } else {
        this.warnings.push(`${other.variable} is ignored, because ${variable} is set as well`);
      }
    }
    const parsed = setting.parser.parse(text);
    if ("value" in parsed) return parsed.value;
    for (const { message, remedy } of parsed.problems ?? []) {
      this.reject(variable, { received: undefined, message: `has a problem: ${message}`, remedy });
    }
    if (parsed.problems) return undefined;
    const orUnset = setting.default === undefined ? "" : `, or unset it for ${setting.default}`;
    this.reject(variable, {
      received: parsed.hide || setting.secret ? undefined : text,
      message: parsed.reason ?? "is not accepted",
      remedy: `Set it to ${setting.parser.accepts}${orUnset}`,
    });
    return undefined;
  }

  /** The value of one variable may be a secret that belongs in another. */
  #redact(text: string): string {
    const clean = this.#secrets.reduce(
      (shown, secret) => shown.replaceAll(secret, SECRET_MARK),
      text.replace(PEM, SECRET_MARK).replaceAll(USER_INFO, `${SECRET_MARK}@`),
    );
    return clean.length > MAX_SHOWN ? `${clean.slice(0, MAX_SHOWN)}…` : clean;
  }
}

function checkCredentials(settings: SettingsReader): void {
  const { ALPACA_KEY, ALPACA_SECRET, ALPACA_DATA_KEY, ALPACA_DATA_SECRET } = SETTINGS;
  for (const setting of [ALPACA_KEY, ALPACA_SECRET]) {
    if (settings.isSet(setting)) continue;
    settings.reject(setting.name, {
      received: undefined,
      message: "is required and not set",
      isMissing: true,
      remedy: `Set it, or its alias ${setting.aliases.join(", ")}`,
    });
  }
  const data = [ALPACA_DATA_KEY, ALPACA_DATA_SECRET];
  const missing = data.find((setting) => !settings.isSet(setting));
  const other = data.find((setting) => settings.isSet(setting));
  if (missing === undefined || other === undefined) return;
  settings.reject(missing.name, {
    received: undefined,
    message: `is not set, but ${other.name} is`,
    isMissing: true,
    remedy: "Set both or none",
  });
}

/** What connects to Alpaca is the hub: an edge with keys could be used to read the account. */
function rejectCredentials(settings: SettingsReader): void {
  const { ALPACA_KEY, ALPACA_SECRET, ALPACA_DATA_KEY, ALPACA_DATA_SECRET } = SETTINGS;
  for (const setting of [ALPACA_KEY, ALPACA_SECRET, ALPACA_DATA_KEY, ALPACA_DATA_SECRET]) {
    for (const variable of settings.variables(setting)) {
      settings.reject(variable, {
        received: undefined,
        message: "is set, but an edge does not connect to Alpaca",
        remedy: `Remove it, or set ${SETTINGS.STREAM_PROXY_ROLE.name}=single`,
      });
    }
  }
}

/** Hubs and edges reach each other through NATS only. */
function checkCluster(settings: SettingsReader): void {
  const { STREAM_PROXY_ROLE, STREAM_PROXY_NATS_URL } = SETTINGS;
  const role = settings.value(STREAM_PROXY_ROLE);
  if (role === undefined || role === "single" || settings.isSet(STREAM_PROXY_NATS_URL)) return;
  settings.reject(STREAM_PROXY_NATS_URL.name, {
    received: undefined,
    message: `is not set, but ${STREAM_PROXY_ROLE.name}=${role} needs it`,
    isMissing: true,
    remedy: `Set it to the NATS servers of all hubs and edges, or ${STREAM_PROXY_ROLE.name}=single`,
  });
}

function checkPorts(settings: SettingsReader): void {
  const {
    STREAM_PROXY_GRPC_PORT,
    STREAM_PROXY_WEBSOCKET_PORT,
    STREAM_PROXY_HEALTH_PORT,
    STREAM_PROXY_METRICS_PORT,
  } = SETTINGS;
  const owners = new Map<number, string>();
  for (
    const port of [
      STREAM_PROXY_GRPC_PORT,
      STREAM_PROXY_WEBSOCKET_PORT,
      STREAM_PROXY_HEALTH_PORT,
      STREAM_PROXY_METRICS_PORT,
    ]
  ) {
    const number = settings.value(port);
    if (!number) continue;
    const owner = owners.get(number);
    owners.set(number, port.name);
    if (owner === undefined) continue;
    settings.reject(port.name, {
      received: String(number),
      message: `is the same port as ${owner}`,
      remedy: "Give each its own port",
    });
  }
}

/** The settings of TLS that are one part: as text, and as the path of a file. */
const TLS_PARTS = {
  certificate: [SETTINGS.STREAM_PROXY_TLS_CERT, SETTINGS.STREAM_PROXY_TLS_CERT_FILE],
  key: [SETTINGS.STREAM_PROXY_TLS_KEY, SETTINGS.STREAM_PROXY_TLS_KEY_FILE],
  clientCa: [SETTINGS.STREAM_PROXY_TLS_CLIENT_CA, SETTINGS.STREAM_PROXY_TLS_CLIENT_CA_FILE],
} as const;

/** Reads the certificate, and checks the settings of TLS with each other. */
function checkTls(settings: SettingsReader, tls: TlsSettings): Config["tls"] {
  const { STREAM_PROXY_TLS_CLIENT_AUTH: auth, STREAM_PROXY_TLS_PORTS: ports } = SETTINGS;
  const before = settings.problems.length;
  const set = (part: keyof typeof TLS_PARTS) => TLS_PARTS[part].find((one) => settings.isSet(one));
  for (const [text, file] of Object.values(TLS_PARTS)) {
    if (!settings.isSet(text) || !settings.isSet(file)) continue;
    const message = `is set, and so is ${text.name}`;
    settings.reject(file.name, { received: undefined, message, remedy: "Keep one of the two" });
  }
  const missing = (part: keyof typeof TLS_PARTS, other: Setting | undefined) => {
    if (other === undefined || settings.value(other) === undefined || set(part)) return;
    const [text, file] = TLS_PARTS[part];
    settings.reject(text.name, {
      received: undefined,
      message: `is not set, but ${other.name} is`,
      isMissing: true,
      remedy: `Set it or ${file.name}, or unset the other`,
    });
  };
  missing("certificate", set("key") ?? set("clientCa"));
  missing("key", set("certificate"));
  missing("clientCa", settings.isSet(auth) ? auth : undefined);
  if (settings.isSet(ports) && !set("certificate")) {
    settings.warnings.push(
      `${ports.name} has no effect without ${TLS_PARTS.certificate[0].name}`,
    );
  }
  if (settings.problems.length > before) return tls;
  try {
    const read = readKeyMaterial(tls, Date.now());
    settings.warnings.push(...read?.warnings ?? []);
    return { ...tls, material: read?.material };
  } catch (error) {
    if (!(error instanceof UnusableKeyMaterial)) throw error;
    for (const { variable, ...problem } of error.problems) {
      settings.reject(variable, { received: undefined, ...problem });
    }
    return tls;
  }
}

function checkDelays(settings: SettingsReader): void {
  const initial = SETTINGS.STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS;
  const max = SETTINGS.STREAM_PROXY_RECONNECT_DELAY_MAX_SECS;
  const initialMs = settings.value(initial);
  const maxSeconds = settings.value(max);
  if (initialMs === undefined || maxSeconds === undefined) return;
  if (initialMs <= maxSeconds * max.scale) return;
  settings.reject(max.name, {
    received: String(maxSeconds),
    message: `is shorter than ${initial.name}=${initialMs} milliseconds`,
    remedy: "Raise the one or lower the other",
  });
}

/** Warns of certificates in the access policy that no client can present. */
function checkCertificates(settings: SettingsReader): void {
  const { STREAM_PROXY_ACCESS } = SETTINGS;
  const { identities = [] } = settings.value(STREAM_PROXY_ACCESS) ?? {};
  const at = identities.findIndex(({ certificates }) => certificates.length > 0);
  const [text, file] = TLS_PARTS.clientCa;
  if (at < 0 || settings.isSet(text) || settings.isSet(file)) return;
  const part = `identities[${at}].certificates`;
  settings.warnings.push(`${STREAM_PROXY_ACCESS.name}: ${part} has no effect without ${text.name}`);
}

/** Checks that the settings of NATS belong together. */
function checkNats(settings: SettingsReader): void {
  const {
    STREAM_PROXY_NATS_URL: servers,
    STREAM_PROXY_NATS_USER: user,
    STREAM_PROXY_NATS_PASSWORD: password,
    STREAM_PROXY_NATS_TOKEN: token,
    STREAM_PROXY_NATS_CREDS: credentials,
    STREAM_PROXY_NATS_NKEY: seed,
    STREAM_PROXY_NATS_CA: ca,
    STREAM_PROXY_NATS_CERT: certificate,
    STREAM_PROXY_NATS_KEY: key,
    STREAM_PROXY_FEEDS: feeds,
    STREAM_PROXY_ROLE: role,
    STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM: allow,
  } = SETTINGS;
  const received = undefined;
  const pairs: readonly (readonly [Setting, Setting])[] = [
    [user, password],
    [password, user],
    [certificate, key],
    [key, certificate],
  ];
  for (const [some, other] of pairs) {
    if (settings.value(some) === undefined || settings.isSet(other)) continue;
    const message = `is not set, but ${some.name} is`;
    settings.reject(other.name, { received, message, isMissing: true, remedy: "Set both or none" });
  }
  const [first, second] = [user, token, credentials, seed].filter((one) => settings.isSet(one));
  if (first && second) {
    const message = `is set, and so is ${first.name}`;
    settings.reject(second.name, { received, message, remedy: "Keep one of the two" });
  }
  if (!settings.isSet(servers)) {
    for (const one of [user, token, credentials, seed, ca, certificate]) {
      if (!settings.isSet(one)) continue;
      settings.warnings.push(`${one.name} has no effect without ${servers.name}`);
    }
    return;
  }
  if (settings.value(feeds)?.has("trading") === false && settings.value(role) === "single") {
    settings.warnings.push(`${servers.name} has no effect without trading in ${feeds.name}`);
  }
  const hasTls = [ca, certificate].some((one) => settings.isSet(one));
  const exposed = settings.value(servers)?.find((server) =>
    server.startsWith("nats:") && !hasTls && !isLoopback(new URL(server).hostname)
  );
  if (exposed === undefined || settings.value(allow)) return;
  settings.reject(servers.name, {
    received: exposed,
    message: "would send order updates unencrypted to another machine",
    remedy: `Use tls://, or set ${allow.name}=true if the network is trusted`,
  });
}

/** Checks that the slots which the access policy reserves exist, where the plan is known. */
function checkReservations(settings: SettingsReader): void {
  const { ALPACA_PLAN, STREAM_PROXY_ACCESS } = SETTINGS;
  const { STREAM_PROXY_STOCK_LIMIT_CHANNELS, STREAM_PROXY_OPTION_LIMIT_CHANNELS } = SETTINGS;
  const plan = settings.value(ALPACA_PLAN);
  const stocks = settings.value(STREAM_PROXY_STOCK_LIMIT_CHANNELS);
  const options = settings.value(STREAM_PROXY_OPTION_LIMIT_CHANNELS);
  const { identities = [] } = settings.value(STREAM_PROXY_ACCESS) ?? {};
  if (!plan || !stocks || !options) return;
  for (const feed of ["sip", "opra"] as const) {
    const { pairs } = planLimit(plan, { feed, counting: { stocks, options } });
    if (pairs === undefined) continue;
    const reject = (message: string) =>
      settings.reject(STREAM_PROXY_ACCESS.name, {
        received: undefined,
        message,
        remedy: `Lower reservedSlots.${feed}, or set ${ALPACA_PLAN.name} to a larger plan`,
      });
    let reserved = 0;
    for (const { name, grants: { limits } } of identities) {
      const { reservedSlots: { [feed]: own = 0 } = {}, maxShare } = limits;
      reserved += own;
      const share = shareOf(pairs, maxShare);
      if (own <= share) continue;
      reject(`reserves ${own} ${feed} slots for ${name}, whose maxShare of ${pairs} is ${share}`);
    }
    if (reserved <= pairs) continue;
    reject(
      `reserves ${reserved} ${feed} slots for its identities together, but ${ALPACA_PLAN.name} ` +
        `has ${pairs}`,
    );
  }
}

/** Completes the addresses and checks that they agree with other settings. */
function resolveUpstream(
  settings: SettingsReader,
): Pick<Config, "stock" | "option" | "crypto" | "trading" | "dataApiUrl"> {
  const environment = settings.value(SETTINGS.CREAM_ENV) ?? "PAPER";
  const address = (setting: Setting<string>, fallback: string): string => {
    const url = settings.value(setting) ?? fallback;
    rejectExposed(settings, setting, url);
    return url;
  };
  const account = (setting: Setting<string>, fallback: string): string => {
    const url = address(setting, fallback);
    rejectOtherAccount(settings, setting, { url, environment });
    return url;
  };
  const stock = settings.value(SETTINGS.ALPACA_FEED) ?? "sip";
  const option = settings.value(SETTINGS.ALPACA_OPTIONS_FEED) ??
    (environment === "LIVE" ? "opra" : "indicative");
  const location = settings.value(SETTINGS.ALPACA_CRYPTO_LOCATION) ?? "us";
  const trading = tradingHost(environment);
  rejectExposed(
    settings,
    SETTINGS.ALPACA_NEWS_STREAM_URL,
    settings.value(SETTINGS.ALPACA_NEWS_STREAM_URL) ?? NEWS_STREAM_URL,
  );
  return {
    stock: {
      kind: feedOf(settings, SETTINGS.ALPACA_STOCK_STREAM_URL, {
        feeds: STOCK_FEEDS,
        wanted: stock,
        feed: SETTINGS.ALPACA_FEED,
      }),
      url: address(SETTINGS.ALPACA_STOCK_STREAM_URL, stockStreamUrl(stock)),
    },
    option: {
      kind: feedOf(settings, SETTINGS.ALPACA_OPTION_STREAM_URL, {
        feeds: OPTION_FEEDS,
        wanted: option,
        feed: SETTINGS.ALPACA_OPTIONS_FEED,
      }),
      url: address(SETTINGS.ALPACA_OPTION_STREAM_URL, optionStreamUrl(option)),
    },
    crypto: {
      location: feedOf(settings, SETTINGS.ALPACA_CRYPTO_STREAM_URL, {
        feeds: CRYPTO_LOCATIONS,
        wanted: location,
        feed: SETTINGS.ALPACA_CRYPTO_LOCATION,
      }),
      url: address(SETTINGS.ALPACA_CRYPTO_STREAM_URL, cryptoStreamUrl(location)),
    },
    trading: {
      url: account(SETTINGS.ALPACA_TRADING_STREAM_URL, `wss://${trading}/stream`),
      apiUrl: account(SETTINGS.ALPACA_TRADING_API_URL, `https://${trading}`),
    },
    dataApiUrl: address(SETTINGS.ALPACA_DATA_API_URL, DATA_API_URL),
  };
}

/**
 * The feed at an address. One whose path ends in the name of a feed selects
 * that feed; one that contradicts the setting `feed` is rejected, because the
 * data of one feed would be shown as that of another.
 */
function feedOf<T extends string>(
  settings: SettingsReader,
  setting: Setting<string>,
  { feeds, wanted, feed }: {
    readonly feeds: readonly T[];
    readonly wanted: T;
    readonly feed: Setting<T>;
  },
): T {
  const address = settings.value(setting);
  if (address === undefined) return wanted;
  const { pathname } = new URL(address);
  const named = feeds.find((one) => pathname.endsWith(`/${one}`)) ?? wanted;
  if (named !== wanted && settings.isSet(feed)) {
    settings.reject(setting.name, {
      received: address,
      message: `is the feed ${named}, but ${feed.name} is ${wanted}`,
      remedy: `Set ${feed.name}=${named}, or unset one of the two`,
    });
  }
  return named;
}

/** Rejects the host of the live account with paper credentials, and vice versa. */
function rejectOtherAccount(
  settings: SettingsReader,
  setting: Setting<string>,
  { url, environment }: { readonly url: string; readonly environment: Environment },
): void {
  const other = environment === "LIVE" ? "PAPER" : "LIVE";
  if (new URL(url).hostname !== tradingHost(other)) return;
  const { name } = SETTINGS.CREAM_ENV;
  settings.reject(setting.name, {
    received: url,
    message: `is the host of ${other}, but ${name} is ${environment}`,
    remedy: `Set ${name}=${other}, or unset ${setting.name}`,
  });
}

function rejectExposed(settings: SettingsReader, setting: Setting<string>, url: string): void {
  const allow = SETTINGS.STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM;
  if (settings.value(allow) || !isExposed(url)) return;
  const safe = url.startsWith("ws:") ? "wss:" : "https:";
  settings.reject(setting.name, {
    received: url,
    message: "would send the credentials unencrypted to another machine",
    remedy: `Use ${safe}//, or set ${allow.name}=true if it is a simulator`,
  });
}

/**
 * Environment variables: reads them and finds misspelled settings among them.
 *
 * @module
 */
import { ALL_SETTINGS } from "./settings.ts";

/** Environment variables by name. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Names and aliases of all settings. */
const KNOWN = ALL_SETTINGS.flatMap((row) => [row.name, ...row.aliases]);

/** Variables that are read besides the settings. */
const EXTRA = ["OTEL_DENO", "OTEL_DENO_CONSOLE"];

const ENVIRONMENTS = "CREAM_ENV=PAPER or CREAM_ENV=LIVE";

/** Names that other programs use for a setting of this one, and what to set here. */
export const NEIGHBOURS: Readonly<Record<string, string>> = {
  ALPACA_API_KEY: "ALPACA_KEY",
  ALPACA_API_KEY_ID: "ALPACA_KEY",
  ALPACA_KEY_ID: "ALPACA_KEY",
  APCA_API_KEY: "ALPACA_KEY",
  ALPACA_API_SECRET: "ALPACA_SECRET",
  ALPACA_API_SECRET_KEY: "ALPACA_SECRET",
  ALPACA_SECRET_KEY: "ALPACA_SECRET",
  APCA_API_SECRET: "ALPACA_SECRET",
  ALPACA_ENV: ENVIRONMENTS,
  ALPACA_LIVE: ENVIRONMENTS,
  ALPACA_PAPER: ENVIRONMENTS,
  CREAM_ENVIRONMENT: "CREAM_ENV",
  STREAM_PROXY_ENV: "CREAM_ENV",
  ALPACA_BASE_URL: ENVIRONMENTS,
  ALPACA_API_BASE_URL: ENVIRONMENTS,
  APCA_API_BASE_URL: ENVIRONMENTS,
  APCA_API_DATA_URL: "ALPACA_DATA_API_URL",
  APCA_DATA_URL: "ALPACA_DATA_API_URL",
  APCA_API_STREAM_URL: "ALPACA_TRADING_STREAM_URL",
  ALPACA_DATA_FEED: "ALPACA_FEED",
  ALPACA_STOCK_FEED: "ALPACA_FEED",
  STREAM_PROXY_PORT: "STREAM_PROXY_GRPC_PORT",
  STREAM_PROXY_LOG_LEVEL: "LOG_LEVEL",
};

/**
 * Values that are assumed for variables that must not be read: where `console`
 * may or may not print, a log line written twice is better than none.
 */
const UNREADABLE = { OTEL_DENO_CONSOLE: "replace" };

/**
 * Reads all variables, or the known ones where `--allow-env` lists them.
 * Never prompts for a permission: what must not be read counts as unset.
 */
export function readEnvironment(): Env {
  if (Deno.permissions.querySync({ name: "env" }).state === "granted") {
    return Deno.env.toObject();
  }
  const readable = [...KNOWN, ...EXTRA, ...Object.keys(NEIGHBOURS)].filter((variable) => {
    const query = { name: "env", variable } as const;
    return Deno.permissions.querySync(query).state === "granted";
  });
  return {
    ...UNREADABLE,
    ...Object.fromEntries(readable.map((name) => [name, Deno.env.get(name)])),
  };
}

/** Prefixes of this program's variables, and of Alpaca's SDKs. */
const PREFIX = /^(STREAM_PROXY|ALPACA|CREAM|APCA)_/i;

/** Variables by which clients find the proxy; they may share its environment. */
const CLIENT_VARIABLES: ReadonlySet<string> = new Set([
  "STREAM_PROXY_ADDRESS",
  "STREAM_PROXY_CLIENT_CA",
  "STREAM_PROXY_CLIENT_CERT",
  "STREAM_PROXY_CLIENT_KEY",
  "STREAM_PROXY_ENDPOINT",
  "STREAM_PROXY_URL",
]);

/** A variable that looks like a setting and is none. */
export interface UnknownVariable {
  readonly name: string;
  /** What is probably meant: a variable, alone or with values. */
  readonly meant: string | undefined;
}

/** Every unknown variable with one of the prefixes, sorted; never a value. */
export function unknownVariables(env: Env): UnknownVariable[] {
  return Object.keys(env).filter((name) => env[name]?.trim() && PREFIX.test(name)).filter((name) =>
    !isSetting(name) && !CLIENT_VARIABLES.has(name)
  ).sort().map((name) => ({ name, meant: settingFor(name) }));
}

/** One line for the log. */
export function describeUnknown({ name, meant }: UnknownVariable): string {
  return `${name} is not a known setting and is ignored${meant ? `; did you mean ${meant}?` : ""}`;
}

/** Whether a setting has this name or alias. */
export function isSetting(name: string): boolean {
  return KNOWN.includes(name);
}

/** The setting that is probably meant by a name of any case: a variable, alone or with values. */
export function settingFor(name: string): string | undefined {
  const upper = name.toUpperCase();
  return NEIGHBOURS[upper] ?? mostSimilar(upper, KNOWN);
}

/**
 * The most similar candidate. At most one letter may differ, or a quarter of the letters after the
 * common prefix of this program's variables, which says nothing about the setting.
 */
export function mostSimilar<T extends string>(
  name: string,
  candidates: readonly T[],
): T | undefined {
  const limit = Math.max(1, Math.floor(name.replace(PREFIX, "").length / 4));
  let best: { name: T; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(name, candidate);
    if (distance <= limit && distance < (best?.distance ?? Infinity)) {
      best = { name: candidate, distance };
    }
  }
  return best?.name;
}

/** Insertions, deletions, replacements and exchanges of neighbouring letters between two names. */
function editDistance(left: string, right: string): number {
  let twoAbove: number[] = [];
  let above = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 0; row < left.length; row++) {
    const current = [row + 1];
    for (let column = 0; column < right.length; column++) {
      const isExchanged = left[row] === right[column - 1] && left[row - 1] === right[column];
      current.push(
        Math.min(
          (above[column + 1] ?? 0) + 1,
          (current[column] ?? 0) + 1,
          (above[column] ?? 0) + (left[row] === right[column] ? 0 : 1),
          isExchanged ? (twoAbove[column - 1] ?? Infinity) + 1 : Infinity,
        ),
      );
    }
    twoAbove = above;
    above = current;
  }
  return above[right.length] ?? 0;
}

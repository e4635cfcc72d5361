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
  const readable = [...KNOWN, ...EXTRA].filter((variable) => {
    const query = { name: "env", variable } as const;
    return Deno.permissions.querySync(query).state === "granted";
  });
  return {
    ...UNREADABLE,
    ...Object.fromEntries(readable.map((name) => [name, Deno.env.get(name)])),
  };
}

/** Prefixes of this program's variables. */
const PREFIX = /^(STREAM_PROXY|ALPACA)_/i;

/** Variables by which clients find the proxy; they may share its environment. */
const CLIENT_VARIABLES: ReadonlySet<string> = new Set([
  "STREAM_PROXY_ADDRESS",
  "STREAM_PROXY_ENDPOINT",
  "STREAM_PROXY_URL",
]);

/** One warning per unknown variable, with the most similar setting, no value. */
export function unknownVariables(env: Env): string[] {
  return Object.keys(env).filter((name) =>
    PREFIX.test(name) && !KNOWN.includes(name) && !CLIENT_VARIABLES.has(name)
  ).sort().map((name) => {
    const similar = mostSimilar(name);
    return `${name} is not a known setting and is ignored` +
      (similar === undefined ? "" : `; did you mean ${similar}?`);
  });
}

/** The most similar setting, unless a quarter of the letters differ. */
function mostSimilar(name: string): string | undefined {
  const limit = Math.max(2, Math.floor(name.length / 4));
  let best: { name: string; distance: number } | undefined;
  for (const candidate of KNOWN) {
    const distance = editDistance(name.toUpperCase(), candidate);
    if (distance <= limit && distance < (best?.distance ?? Infinity)) {
      best = { name: candidate, distance };
    }
  }
  return best?.name;
}

/** Levenshtein distance: insertions, deletions and replacements. */
function editDistance(left: string, right: string): number {
  let above = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...left].entries()) {
    const current = [row + 1];
    for (const [column, other] of [...right].entries()) {
      current.push(
        Math.min(
          (above[column + 1] ?? 0) + 1,
          (current[column] ?? 0) + 1,
          (above[column] ?? 0) + (letter === other ? 0 : 1),
        ),
      );
    }
    above = current;
  }
  return above[right.length] ?? 0;
}

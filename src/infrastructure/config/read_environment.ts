/**
 * Reads the environment with whatever permission there is.
 *
 * @module
 */
import { ALL_SETTINGS } from "./settings.ts";
import type { Env } from "./settings_reader.ts";

/** Variables that are read and are no settings. */
const EXTRA = ["OTEL_DENO", "OTEL_DENO_CONSOLE"];

/**
 * What is taken for true of a variable that may not be read: if `console` might
 * not print, a log line twice is better than none.
 */
const UNREADABLE = { OTEL_DENO_CONSOLE: "replace" };

/**
 * All variables, or the known ones where `--allow-env` names them one by one.
 * Never asks for a permission: what may not be read counts as unset.
 */
export function readEnvironment(): Env {
  if (Deno.permissions.querySync({ name: "env" }).state === "granted") {
    return Deno.env.toObject();
  }
  const names = ALL_SETTINGS.flatMap((row) => [row.name, ...row.aliases]);
  const readable = [...names, ...EXTRA].filter((variable) => {
    const query = { name: "env", variable } as const;
    return Deno.permissions.querySync(query).state === "granted";
  });
  return {
    ...UNREADABLE,
    ...Object.fromEntries(readable.map((name) => [name, Deno.env.get(name)])),
  };
}

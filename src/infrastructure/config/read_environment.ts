/**
 * Reads the environment with the permission that is granted.
 *
 * @module
 */
import { ALL_SETTINGS } from "./settings.ts";
import type { Env } from "./settings_reader.ts";

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

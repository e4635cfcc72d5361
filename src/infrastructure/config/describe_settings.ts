/**
 * Shows the settings in force.
 *
 * @module
 */
import type { SettingReport } from "../../application/admin/administration.ts";
import type { Config } from "./config.ts";
import { ALL_SETTINGS } from "./settings.ts";

/** Every variable with the value in force, for a log line; secrets as `<set>`. */
export function describeSettings(
  config: Config,
): Readonly<Record<string, string | number | boolean>> {
  return Object.fromEntries(ALL_SETTINGS.map(({ name, parser, paths: [path], scale }) => {
    const value = path.split(".").reduce<unknown>(
      // An edge has no credentials.
      (parent, key) => (parent as Record<string, unknown> | undefined)?.[key],
      config,
    );
    if (value === undefined) return [name, "unset"];
    const own = typeof value === "number" ? value / scale : value;
    return [name, parser.format?.(own) ?? own as string | number | boolean];
  }));
}

/** Every setting in force with the variable that has set it; secrets are replaced. */
export function reportSettings(config: Config): readonly SettingReport[] {
  return Object.entries(describeSettings(config)).map(([name, value]) => ({
    name,
    value: String(value),
    variable: config.sources[name],
  }));
}

/**
 * The settings in force for a person to read, one per line: those that differ
 * from their default, and those without a fixed one.
 */
export function formatSettings(config: Config): string {
  const values = describeSettings(config);
  const shown = ALL_SETTINGS.filter(({ name, default: fallback }) =>
    fallback === undefined
      ? values[name] !== "none" && values[name] !== "unset"
      : String(values[name]) !== fallback && Number(values[name]) !== Number(fallback)
  );
  const width = Math.max(...shown.map(({ name }) => name.length));
  const lines = shown.map(({ name }) => `  ${name.padEnd(width)}  ${values[name]}\n`);
  const others = ALL_SETTINGS.length - shown.length;
  return `${lines.join("")}  The other ${others} have their defaults; see docs/configuration.md.\n`;
}

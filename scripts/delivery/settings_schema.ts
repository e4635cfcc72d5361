/**
 * The program's settings as an operator's chart sees them: JSON Schema and
 * default value of each, read off the one table of settings.
 *
 * @module
 */
import type { Setting } from "../../src/infrastructure/config/setting.ts";
import { ALL_SETTINGS } from "../../src/infrastructure/config/settings.ts";

/** A JSON Schema of one value. */
export type Schema = Readonly<Record<string, unknown>>;

/** A value of the chart's `config`. */
export type ConfigValue = string | number | boolean;

/** Settings that hold no secret: they go into a ConfigMap. */
export const PLAIN: readonly Setting<unknown>[] = ALL_SETTINGS.filter((row) =>
  !row.secret
);

/** Settings that hold a secret: they come from a Secret. */
export const SECRET: readonly Setting<unknown>[] = ALL_SETTINGS.filter((row) =>
  row.secret
);

/** Where the chart starts from another value than the program, and why. */
export const CHART_DEFAULTS: Readonly<
  Record<string, { readonly value: ConfigValue; readonly why: string }>
> = {
  OTEL_ENABLED: {
    value: false,
    why: "no collector listens on a pod's own localhost",
  },
};

/** Ports that a Service must know beforehand: 0 cannot mean "any" here. */
const FIXED_PORTS: ReadonlySet<string> = new Set([
  "STREAM_PROXY_GRPC_PORT",
  "STREAM_PROXY_HEALTH_PORT",
]);

/** The value that the chart starts with; `""` leaves it to the program. */
export function chartDefault(setting: Setting<unknown>): ConfigValue {
  const own = CHART_DEFAULTS[setting.name];
  if (own !== undefined) return own.value;
  if (setting.default === undefined) return "";
  const { type } = schemaOf(setting);
  if (type === "integer" || type === "number") return Number(setting.default);
  if (type === "boolean") return setting.default === "true";
  return setting.default;
}

/** What the chart accepts for a setting, never more than the program does. */
export function schemaFor(setting: Setting<unknown>): Schema {
  const unset = setting.default === undefined ? orEmpty : same;
  return { description: describe(setting), ...unset(schemaOf(setting)) };
}

/** One line for people. */
export function describe(setting: Setting<unknown>): string {
  const otherwise = setting.whenUnset === undefined
    ? ""
    : `; when empty: ${setting.whenUnset}`;
  const own = CHART_DEFAULTS[setting.name];
  const why = own === undefined ? "" : `; ${own.value} here because ${own.why}`;
  return `${setting.description} (${setting.parser.accepts}${otherwise}${why})`;
}

const same = (schema: Schema): Schema => schema;

const orEmpty = (schema: Schema): Schema => ({
  anyOf: [{ const: "" }, schema],
});

/** What the setting's parser accepts, without ports that a Service cannot use. */
function schemaOf({ name, parser }: Setting<unknown>): Schema {
  return FIXED_PORTS.has(name)
    ? { ...parser.schema, minimum: 1 }
    : parser.schema;
}

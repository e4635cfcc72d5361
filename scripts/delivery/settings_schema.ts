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

/**
 * Translates what a kind says of itself. Every guess is tried on the kind, so
 * that a sentence that came to mean something else is an error, not a lie.
 */
function schemaOf(setting: Setting<unknown>): Schema {
  const { accepts } = setting.kind;
  const range = /^a (whole|decimal) number from (\S+) to (\S+)$/.exec(accepts);
  if (range !== null) return rangeSchema(setting, range);
  if (accepts === "true, false, 1 or 0") return { type: "boolean" };
  const url = /^a URL that starts with (.+)$/.exec(accepts);
  if (url !== null) {
    const schemes = words(url[1] ?? "").map((word) => word.replace("://", ""));
    return { type: "string", pattern: `^(${schemes.join("|")})://[^@#\\s]+$` };
  }
  if (accepts.startsWith("a comma-separated list of host names")) {
    const one =
      "(\\*|[0-9A-Za-z_-]+)(\\.[0-9A-Za-z_-]+)*\\.[A-Za-z][0-9A-Za-z_-]*";
    return { type: "string", pattern: `^${one}(,${one})*$` };
  }
  const list = /^a comma-separated list of (.+?)(?:, or (\w+))?$/.exec(accepts);
  if (list !== null) return listSchema(setting, list);
  if (accepts.startsWith("an IP address or a host name")) {
    return { type: "string", pattern: "^[0-9A-Za-z.:-]+$" };
  }
  if (/^\w+(, \w+)* or \w+$/.test(accepts)) {
    return { type: "string", enum: readable(setting, words(accepts)) };
  }
  const filter = /^(.+), alone or as the global part of a filter/.exec(accepts);
  if (filter !== null) return filterSchema(setting, words(filter[1] ?? ""));
  const limits = /^(.+), or limits such as (\S+)$/.exec(accepts);
  if (limits !== null) {
    return limitsSchema(setting, words(limits[1] ?? ""), limits[2] ?? "");
  }
  return ANY_TEXT;
}

/** For kinds that a schema cannot express: the program itself is stricter. */
export const ANY_TEXT: Schema = { type: "string", minLength: 1 };

/** `info`, or `info,h2=warn`. */
function filterSchema(
  setting: Setting<unknown>,
  levels: readonly string[],
): Schema {
  const level = `(${readable(setting, levels).join("|")})`;
  const target = `[A-Za-z0-9_:]+=${level}`;
  return {
    type: "string",
    pattern: `^(${target},)*${level}(,${target})*$`,
  };
}

/** `plus`, or `stocks=30,options=200`. */
function limitsSchema(
  setting: Setting<unknown>,
  names: readonly string[],
  example: string,
): Schema {
  readable(setting, [...names, example]);
  const keys = example.split(",").map((part) => part.split("=")[0] ?? "");
  const one = `(${keys.join("|")})=[0-9]{1,7}`;
  return { type: "string", pattern: `^(${names.join("|")}|${one}(,${one})*)$` };
}

function rangeSchema(
  setting: Setting<unknown>,
  [, noun, low = "", high = ""]: RegExpExecArray,
): Schema {
  readable(setting, [low, high]);
  const minimum = FIXED_PORTS.has(setting.name) ? 1 : Number(low);
  const type = noun === "whole" ? "integer" : "number";
  return { type, minimum, maximum: Number(high) };
}

function listSchema(
  setting: Setting<unknown>,
  [, members = "", alone]: RegExpExecArray,
): Schema {
  const all = words(members);
  const whole = alone === undefined ? [] : [alone];
  readable(setting, [all.join(","), ...all, ...whole]);
  const one = `(${all.join("|")})`;
  const pattern = [`${one}(,${one})*`, ...whole].join("|");
  return { type: "string", pattern: `^(${pattern})$` };
}

/** `a, b or c` as words. */
function words(text: string): string[] {
  return text.split(/, | or /).map((word) => word.trim());
}

function readable(
  setting: Setting<unknown>,
  texts: readonly string[],
): readonly string[] {
  const refused = texts.find((text) =>
    !("value" in setting.parser.parse(text))
  );
  if (refused === undefined) return texts;
  throw new Error(
    `${setting.name} says it accepts "${setting.parser.accepts}" but refuses ` +
      `"${refused}": teach scripts/delivery/settings_schema.ts this kind`,
  );
}

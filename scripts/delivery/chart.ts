/**
 * Generates the parts of the Helm chart that follow from the settings: values,
 * schema, README and the lists that templates read.
 *
 * @module
 */
import { isMap, isNode, isScalar, parse, parseDocument, stringify } from "yaml";
import type { Setting } from "../../src/infrastructure/config/setting.ts";
import { ALL_SETTINGS } from "../../src/infrastructure/config/settings.ts";
import { ALPACA_HOSTS, RUNTIME_VARIABLES } from "./permissions.ts";

/** Folder of the chart, from the root of the repository. */
export const CHART = "helm/alpaca-stream-proxy";

/** Settings without secrets; the chart puts them into a ConfigMap. */
export const PLAIN_SETTINGS: readonly Setting<unknown>[] = ALL_SETTINGS
  .filter(({ secret }) => !secret);

/** Settings with secrets; the chart reads them from a Secret. */
export const SECRET_SETTINGS: readonly Setting<unknown>[] = ALL_SETTINGS
  .filter(({ secret }) => secret);

/** Defaults that differ from the program's, with the reason. */
export const CHART_DEFAULTS: Readonly<
  Record<
    string,
    { readonly value: string | number | boolean; readonly reason: string }
  >
> = {
  OTEL_ENABLED: {
    value: false,
    reason: "a pod has no collector on its localhost",
  },
};

/** Ports that the Service names: 0, which means any port, is not valid. */
const SERVICE_PORTS: ReadonlySet<string> = new Set([
  "STREAM_PROXY_GRPC_PORT",
  "STREAM_PROXY_HEALTH_PORT",
]);

/** The default in values.yaml; `""` means the default of the program. */
function chartDefault(setting: Setting<unknown>): string | number | boolean {
  const chart = CHART_DEFAULTS[setting.name];
  if (chart !== undefined) return chart.value;
  if (setting.default === undefined) return "";
  const { type } = schemaOf(setting);
  if (type === "integer" || type === "number") return Number(setting.default);
  if (type === "boolean") return setting.default === "true";
  return setting.default;
}

/** Description in values.yaml, in the schema and in the README. */
function describe(setting: Setting<unknown>): string {
  const { name, description, parser, whenUnset } = setting;
  const empty = whenUnset === undefined ? "" : `; when empty: ${whenUnset}`;
  const chart = CHART_DEFAULTS[name];
  const reason = chart === undefined ? "" : `; ${chart.value} here because ${chart.reason}`;
  return `${description} (${parser.accepts}${empty}${reason})`;
}

type JsonSchema = Readonly<Record<string, unknown>>;

function schemaOf({ name, parser }: Setting<unknown>): JsonSchema {
  return SERVICE_PORTS.has(name) ? { ...parser.schema, minimum: 1 } : parser.schema;
}

/** Schema of a value of `config`, where `""` may mean unset. */
function configSchema(setting: Setting<unknown>): JsonSchema {
  const schema = schemaOf(setting);
  const description = describe(setting);
  return setting.default === undefined
    ? { description, anyOf: [{ const: "" }, schema] }
    : { description, ...schema };
}

/** Credentials that the program requires. */
function requiredCredentials(): string[] {
  return SECRET_SETTINGS.filter((row) => row.whenUnset === "required")
    .map((row) => row.name);
}

/** Bodies of the generated blocks of values.yaml, by name. */
export function settingsBlocks(): Record<string, string> {
  return {
    config: PLAIN_SETTINGS.map(configLine).join("\n"),
    keys: SECRET_SETTINGS.map((row) => secretLine(row, row.name)).join("\n"),
    values: SECRET_SETTINGS.map((row) => secretLine(row, "")).join("\n"),
  };
}

function configLine(setting: Setting<unknown>): string {
  const value = JSON.stringify(chartDefault(setting));
  return `  # -- ${describe(setting)}\n  ${setting.name}: ${value}`;
}

function secretLine(setting: Setting<unknown>, value: string): string {
  return `    # -- ${setting.description}\n` +
    `    ${setting.name}: ${JSON.stringify(value)}`;
}

interface ObjectSchema {
  properties: Record<string, ObjectSchema & Record<string, unknown>>;
}

/** Replaces the generated properties of values.schema.json. */
export function withSettingsSchema(schema: string): string {
  const root = JSON.parse(schema) as ObjectSchema;
  const { config, credentials } = root.properties;
  if (config === undefined || credentials === undefined) {
    throw new Error("values.schema.json has no config or no credentials");
  }
  config.properties = byName(PLAIN_SETTINGS, configSchema);
  const { keys, secretNames, values } = credentials.properties;
  if (keys === undefined || secretNames === undefined || values === undefined) {
    throw new Error("values.schema.json has no credentials.keys, .secretNames or .values");
  }
  keys.properties = byName(SECRET_SETTINGS, () => ({
    type: "string",
    pattern: "^[-._a-zA-Z0-9]*$",
  }));
  secretNames.properties = byName(SECRET_SETTINGS, () => ({
    type: "string",
    pattern: "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$",
  }));
  values.properties = byName(SECRET_SETTINGS, (row) => ({
    description: row.description,
    type: "string",
  }));
  return `${JSON.stringify(root, null, 2)}\n`;
}

/** Blocks that are passed on to Kubernetes as they are; null removes them. */
const PASSED_ON = ["probes", "resources", "podSecurityContext", "securityContext"];

/** Values that the templates use for missing ones: the defaults, or empty blocks. */
export function templateDefaults(values: string): string {
  const defaults = { ...parse(values), ...Object.fromEntries(PASSED_ON.map((key) => [key, {}])) };
  const notice = "# Generated from values.yaml by scripts/delivery/generate.ts\n";
  return notice + stringify(defaults, { lineWidth: 0 });
}

function byName(
  settings: readonly Setting<unknown>[],
  schema: (setting: Setting<unknown>) => object,
): ObjectSchema["properties"] {
  return Object.fromEntries(
    settings.map((row) => [row.name, schema(row)]),
  ) as ObjectSchema["properties"];
}

/** Fills README.template.md with tables of the documented values. */
export function readme(template: string, values: string): string {
  const rows = valueRows(values);
  const below = (path: string) => rows.filter((row) => row.path.startsWith(path));
  const rest = rows.filter((row) =>
    !row.path.startsWith("config.") &&
    !row.path.startsWith("credentials.keys.") &&
    !row.path.startsWith("credentials.values.")
  );
  const notice = "<!-- Generated from README.template.md and values.yaml by " +
    "scripts/delivery/generate.ts -->\n\n";
  return notice + template
    .replace("<!-- config -->", () => table(below("config.")))
    .replace("<!-- credentials -->", () => table(below("credentials.keys.")))
    .replace("<!-- values -->", () => table(rest));
}

/** A documented value of values.yaml. */
interface ValueRow {
  readonly path: string;
  readonly text: string;
  readonly value: unknown;
}

/** Values with a `# --` comment above them, in file order. */
export function valueRows(values: string): ValueRow[] {
  return rowsBelow(parseDocument(values).contents, { values, path: [] });
}

function rowsBelow(
  node: unknown,
  { values, path }: { values: string; path: readonly string[] },
): ValueRow[] {
  if (!isMap(node)) return [];
  return node.items.flatMap(({ key, value }) => {
    if (!isScalar(key)) return [];
    const here = [...path, String(key.value)];
    const inner = rowsBelow(value, { values, path: here });
    const text = lineAbove(values, key.range?.[0] ?? 0);
    if (text === undefined || inner.length > 0) return inner;
    const plain = isNode(value) ? value.toJSON() : null;
    return [{ path: here.join("."), text, value: plain }];
  });
}

/** The `# --` text in the line above an offset. */
function lineAbove(text: string, offset: number): string | undefined {
  const line = text.slice(0, offset).split("\n").at(-2) ?? "";
  return /^\s*# -- (.*)$/.exec(line)?.[1];
}

function table(rows: readonly ValueRow[]): string {
  return [
    "| Value | Default | Description |",
    "| --- | --- | --- |",
    ...rows.map(({ path, text, value }) =>
      `| \`${path}\` | \`${JSON.stringify(value)}\` | ${text} |`
    ),
  ].map((line) => line.replaceAll("\\|", "|")).join("\n");
}

/** Lists that the templates read, by path from the root. */
export function chartLists(): Record<string, string> {
  return {
    [`${CHART}/files/alpaca_hosts.txt`]: `${ALPACA_HOSTS.join("\n")}\n`,
    [`${CHART}/files/runtime_variables.txt`]: `${RUNTIME_VARIABLES.join("\n")}\n`,
    [`${CHART}/files/required_credentials.txt`]: `${requiredCredentials().join("\n")}\n`,
  };
}

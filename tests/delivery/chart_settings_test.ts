import assert from "node:assert/strict";
import { Ajv } from "ajv";
import { parse } from "yaml";
import {
  EVENT_BYTES,
  heapNeeded,
  SLOT_BYTES,
} from "../../src/application/broadcast/memory_needs.ts";
import { CHANNELS } from "../../src/domain/market/channels.ts";
import type { Setting } from "../../src/infrastructure/config/setting.ts";
import { ALL_SETTINGS } from "../../src/infrastructure/config/settings.ts";
import {
  CHART,
  CHART_DEFAULTS,
  PLAIN_SETTINGS,
  SECRET_SETTINGS,
  valueRows,
} from "../../scripts/delivery/chart.ts";
import { REMEDY, ROOT } from "../../scripts/delivery/generate.ts";

const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));
const valuesText = read(`${CHART}/values.yaml`);
const values = parse(valuesText);
const schema = JSON.parse(read(`${CHART}/values.schema.json`));
const readme = read(`${CHART}/README.md`);

/** Message about a setting that a generated file lacks. */
function missing(name: string, where: string): string {
  return `${name} is in settings.ts and missing in ${where}: run ${REMEDY}`;
}

Deno.test("every setting of the program can be set through the chart's values", () => {
  for (const { name } of PLAIN_SETTINGS) {
    assert.ok(name in values.config, missing(name, "values.yaml, config"));
    const known = schema.properties.config.properties;
    assert.ok(name in known, missing(name, "values.schema.json, config"));
    assert.ok(
      readme.includes(`| \`config.${name}\` |`),
      missing(name, "the chart's README.md"),
    );
  }
  for (const { name } of SECRET_SETTINGS) {
    for (const part of ["keys", "values"] as const) {
      assert.ok(
        name in values.credentials[part],
        missing(name, `values.yaml, credentials.${part}`),
      );
      assert.ok(
        name in schema.properties.credentials.properties[part].properties,
        missing(name, `values.schema.json, credentials.${part}`),
      );
    }
    assert.ok(
      readme.includes(`| \`credentials.keys.${name}\` |`),
      missing(name, "README.md"),
    );
  }
});

Deno.test("the chart's values contain only settings of the program", () => {
  const known = new Set(ALL_SETTINGS.map(({ name }) => name));
  const named = [
    ...Object.keys(values.config),
    ...Object.keys(values.credentials.keys),
    ...Object.keys(values.credentials.values),
    ...Object.keys(schema.properties.config.properties),
  ];
  for (const name of named) {
    assert.ok(
      known.has(name),
      `${name} is not in settings.ts: run ${REMEDY}`,
    );
  }
});

Deno.test("config contains no secret", () => {
  for (const { name } of SECRET_SETTINGS) {
    assert.ok(!(name in values.config), name);
  }
});

Deno.test("the chart's defaults are the program's but for documented exceptions", () => {
  for (const row of PLAIN_SETTINGS) {
    const value = values.config[row.name];
    if (row.name in CHART_DEFAULTS) {
      assert.equal(value, CHART_DEFAULTS[row.name]?.value);
      continue;
    }
    if (row.default === undefined) {
      assert.equal(value, "", `${row.name} has no default in the program`);
      continue;
    }
    assert.deepEqual(
      row.parser.parse(String(value)),
      row.parser.parse(row.default),
      `${row.name} is ${value} in values.yaml and ${row.default} in ` +
        `settings.ts: run ${REMEDY}`,
    );
  }
});

Deno.test("the program accepts every setting that the schema accepts", () => {
  const ajv = new Ajv({ strict: false });
  for (const row of PLAIN_SETTINGS) {
    const one = schema.properties.config.properties[row.name];
    const accepts = ajv.compile(one);
    for (const value of candidates(row)) {
      if (value === "" || !accepts(value)) continue;
      assert.ok(
        "value" in row.parser.parse(String(value)),
        `values.schema.json accepts ${row.name}=${value}, which the program ` +
          `rejects: correct the schema of its parser`,
      );
    }
    assert.ok(accepts(values.config[row.name]), `default of ${row.name}`);
    assert.ok(!accepts({}) && !accepts([]), `${row.name} is not an object`);
  }
});

/** Boundary values, and values of other settings. */
function candidates(row: Setting<unknown>): unknown[] {
  const numbers = (row.parser.accepts.match(/\d+/g) ?? []).map(Number)
    .flatMap((number) => [number - 1, number, number + 1, number + 0.5]);
  const words = row.parser.accepts.split(/[^\w]+/);
  return [
    ...numbers,
    ...words,
    ...words.flatMap((word) => words.map((other) => `${word},${other}`)),
    ...[true, false, -1, 0, 1, 1.5, 1e9, "1", "true", "PAPER", "paper", "x y"],
    ...[
      "https://a.example",
      "wss://a.example/x",
      "ws://u:p@a.example",
      "ftp://a",
    ],
    ...["http://", "wss://a#b", "::", "[::]", "0.0.0.0", "a_b", "info,h2=warn"],
  ];
}

Deno.test("values.yaml matches its schema", () => {
  const validate = new Ajv({ strict: false, allErrors: true }).compile(schema);
  assert.ok(validate(values), JSON.stringify(validate.errors));
});

Deno.test("the schema rejects unknown values at every level that the chart defines", () => {
  const validate = new Ajv({ strict: false }).compile(schema);
  const open = new Set([
    "global",
    "affinity",
    "dnsConfig",
    "extraPodSpec",
    "podSecurityContext",
    "securityContext",
  ]);
  for (const [name, value] of Object.entries(values)) {
    const isMap = typeof value === "object" && value !== null &&
      !Array.isArray(value);
    if (!isMap || open.has(name)) continue;
    const invalid = { ...values, [name]: { ...value, noSuchKey: { deep: 1 } } };
    assert.ok(!validate(invalid), `${name} accepts an unknown key`);
  }
  assert.ok(!validate({ ...values, noSuchKey: 1 }));
  assert.ok(!validate({ ...values, replicaCount: 2 }), "two replicas");
});

Deno.test("every value is documented in the chart's README", () => {
  const rows = new Set(valueRows(valuesText).map(({ path }) => path));
  const walk = (value: unknown, path: string): void => {
    if (rows.has(path)) return;
    const isMap = typeof value === "object" && value !== null &&
      !Array.isArray(value);
    assert.ok(
      isMap && Object.keys(value).length > 0,
      `values.yaml: ${path} has no comment; write "# -- …" above it, then ${REMEDY}`,
    );
    for (const [key, inner] of Object.entries(value)) {
      walk(inner, path === "" ? key : `${path}.${key}`);
    }
  };
  walk(values, "");
  for (const path of rows) {
    const isEntry = path.startsWith("credentials.values.");
    assert.ok(isEntry || readme.includes(`| \`${path}\` |`), path);
  }
});

Deno.test("the chart computes memory with the constants of the program", () => {
  const helpers = read(`${CHART}/templates/_helpers.tpl`);
  const needed = (maxSymbols: number) =>
    heapNeeded({
      capacities: EVENT_BYTES,
      limits: { maxSymbols, queueMemoryBytes: 0 },
    });
  const base = needed(0) / 1_048_576;
  const entry = needed(1) - needed(0);
  assert.ok(
    helpers.includes(
      `add ${base} $queues (div (add (mul $symbols ${entry}) 1048575) 1048576)`,
    ),
  );
  const [, dict = ""] = /range \$name, \$bytes := dict ([^}]*?) \}\}/.exec(
    helpers,
  ) ?? [];
  const words = dict.split(" ");
  assert.equal(words.length, 2 * CHANNELS.length);
  for (const channel of CHANNELS) {
    const name = channel.replace("option", "options")
      .replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    const at = words.indexOf(`"${name}"`);
    assert.ok(at >= 0, name);
    assert.equal(Number(words[at + 1]), EVENT_BYTES[channel] + SLOT_BYTES);
  }
});

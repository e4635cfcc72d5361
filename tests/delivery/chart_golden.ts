/**
 * Compares rendered charts with stored ones. Every manifest is flattened to one line
 * per value; the stored file of a case has the lines that differ from the defaults.
 * `UPDATE_GOLDEN=1` writes the files.
 *
 * @module
 */
import assert from "node:assert/strict";
import manifest from "../../deno.json" with { type: "json" };
import { defaultValues, type Manifest } from "./chart_render.ts";

const VERSION = manifest.version;

const FOLDER = new URL("./chart_golden/", import.meta.url);

/** Longest value that is stored; rules and the dashboard are compared elsewhere. */
const MAX_VALUE = 400;

/** @throws {assert.AssertionError} with the differences to the stored lines */
export function checkGolden(name: string, lines: readonly string[]): void {
  const file = new URL(`${name.replace(/[^a-z0-9]+/gi, "_")}.txt`, FOLDER);
  const text = lines.map((line) => `${line}\n`).join("");
  if (Deno.env.get("UPDATE_GOLDEN") === "1") Deno.writeTextFileSync(file, text);
  assert.equal(text, Deno.readTextFileSync(file), `UPDATE_GOLDEN=1 writes ${file.pathname}`);
}

/**
 * One sorted line per value: `Service/proxy spec.type: "ClusterIP"`. Settings at their
 * default and checksums are left out, and the chart's version is replaced, so that a
 * new setting or a release changes no stored file.
 */
export function flatten(manifests: readonly Manifest[]): string[] {
  const { config } = defaultValues();
  return manifests.flatMap((manifest) => {
    const { kind, metadata: { name } } = manifest;
    return leaves(manifest)
      .filter(([path, value]) => {
        const setting = /(?:data\.|env\[)(\w+)(?:\]\.value)?$/.exec(path)?.[1] ?? "";
        return value !== JSON.stringify(String(config[setting])) && !path.includes("checksum/");
      })
      .map(([path, value]) => `${kind}/${name} ${path}: ${value.replaceAll(VERSION, "VERSION")}`);
  }).sort();
}

/** The lines that `lines` lacks (`-`) and has in addition (`+`). */
export function difference(base: readonly string[], lines: readonly string[]): string[] {
  const [before, after] = [new Set(base), new Set(lines)];
  return [
    ...base.filter((line) => !after.has(line)).map((line) => `- ${line}`),
    ...lines.filter((line) => !before.has(line)).map((line) => `+ ${line}`),
  ];
}

function leaves(value: unknown, path = ""): [path: string, value: string][] {
  if (path.endsWith(".groups")) return [[path, "(rules)"]];
  if (value !== null && typeof value === "object" && Object.keys(value).length > 0) {
    return Object.entries(value).flatMap(([key, inner]) =>
      leaves(inner, Array.isArray(value) ? `${path}[${inner?.name ?? key}]` : join(path, key))
    ).filter(([inner]) => !Array.isArray(value) || !inner.endsWith("].name"));
  }
  const text = JSON.stringify(value) ?? "null";
  return [[path, text.length > MAX_VALUE ? "(long text)" : text]];
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

/**
 * Results of a scenario, as data and as a table.
 *
 * @module
 */
import { table } from "../../scripts/docs/markdown.ts";
import { type Spread, spreadOf, spreadText } from "./spread.ts";

/** Target of a figure. */
interface Aim {
  readonly text: string;
  readonly met: boolean;
}

/** One line of a scenario's table. */
interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly value: Spread;
  readonly aim?: Aim;
}

/** Rows of a table of the documentation; scenarios can share one. */
export interface DocumentTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Table of a scenario. */
export interface ScenarioResult {
  readonly scenario: string;
  readonly about: string;
  readonly figures: readonly Figure[];
  /** What the figures do not show, for example a lane that was left out. */
  readonly notes?: readonly string[];
  /** What the documentation has of it. @default none */
  readonly tables?: readonly DocumentTable[];
}

/** A figure from repeated values; `aim` is judged by the median. */
export function figure(
  what: string,
  unit: string,
  values: readonly number[],
  aim?: { readonly text: string; readonly met: (median: number) => boolean },
): Figure {
  const value = spreadOf(values);
  const plain = { what, unit, value };
  if (!aim) return plain;
  return { ...plain, aim: { text: aim.text, met: aim.met(value.median) } };
}

/** Formats a table. */
export function tableText(result: ScenarioResult): string {
  const rows = result.figures.map(({ what, unit, value, aim }) => [
    what,
    spreadText(value),
    unit,
    aim ? `${aim.met ? "pass" : "MISS"}  aim ${aim.text}` : "",
  ]);
  const widths = [0, 1, 2].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  const body = rows.map((row) =>
    "  " +
    row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd()
  );
  const notes = (result.notes ?? []).map((note) => `  ${note}`);
  return [`${result.scenario}: ${result.about}`, ...body, ...notes, ""].join("\n");
}

/** The tables of the documentation in Markdown; rows of the same title are one table. */
export function markdownText(results: readonly ScenarioResult[]): string {
  const tables = new Map<string, DocumentTable>();
  for (const each of results.flatMap(({ tables = [] }) => tables)) {
    const rows = [...tables.get(each.title)?.rows ?? [], ...each.rows];
    tables.set(each.title, { ...each, rows });
  }
  return Array.from(
    tables.values(),
    ({ title, head, rows }) => `### ${title}\n\n${table(head, rows)}\n`,
  ).join("\n");
}

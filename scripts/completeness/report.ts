/**
 * The results of a run as text.
 *
 * @module
 */
import type { StreamResult } from "./verify.ts";

/** Columns of the table: heading and value. */
const COLUMNS: readonly (readonly [string, (result: StreamResult) => string | number])[] = [
  ["stream", ({ name }) => name],
  ["produced", ({ produced }) => produced],
  ["received", ({ received }) => received],
  ["replayed", ({ replayed }) => replayed],
  ["snapshot", ({ snapshots }) => snapshots],
  ["slow", ({ slowClient }) => slowClient],
  ["conflated", ({ conflated }) => conflated],
  ["upstream", ({ upstreamLost }) => upstreamLost],
  ["not subscribed", ({ notSubscribed }) => notSubscribed],
  ["unreadable", ({ unreadable }) => unreadable],
  ["not retained", ({ notRetained }) => notRetained],
  ["opens", ({ opens }) => opens],
  ["exact", ({ exactResumes }) => exactResumes],
  ["heartbeats", ({ heartbeats }) => heartbeats],
  ["", ({ problems }) => problems.length === 0 ? "complete" : `${problems.length} problems`],
];

/** A table of all streams, and the problems. */
export function resultLines(results: readonly StreamResult[]): readonly string[] {
  const rows = [
    COLUMNS.map(([heading]) => heading),
    ...results.map((result) => COLUMNS.map(([, valueOf]) => String(valueOf(result)))),
  ];
  const widths = COLUMNS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  const table = rows.map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
    ).join("  ")
  );
  const problems = results.flatMap(({ name, problems }) =>
    problems.map((problem) => `${name}: ${problem}`)
  );
  return [...table, ...problems];
}

/** Median, 99th percentile and maximum of ages in ms. */
export function ageText(name: string, ages: readonly number[]): string {
  const sorted = [...ages].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(part * (sorted.length - 1))] ?? NaN;
  const text = (ms: number) => `${ms.toFixed(1)} ms`;
  return `${name}: age p50 ${text(at(0.5))}, p99 ${text(at(0.99))}, max ${text(at(1))}` +
    ` of ${sorted.length}`;
}

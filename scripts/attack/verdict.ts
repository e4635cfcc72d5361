/**
 * What is measured in a row, and what it has to be.
 *
 * @module
 */
import type { Row } from "./rows.ts";

/** What a row measured. Memory is in bytes. */
export interface Measured {
  readonly name: string;
  /** What the attack reports of itself. */
  readonly about: string;
  /** Longest silence of the good client without an attack, right before. */
  readonly quietGapMs: number;
  /** Longest silence of the good client while the control heard data. */
  readonly gapMs: number;
  /** Longest silence of the control, straight from the simulator. */
  readonly controlGapMs: number;
  /** Streams that the good client lost. */
  readonly lost: number;
  /** Messages of the good client by kind. */
  readonly received: Readonly<Record<string, number>>;
  /** Streams of the good client that brought nothing. */
  readonly silent: readonly string[];
  /** Longest time of a health check; Infinity when two in a row failed. */
  readonly probeMs: number;
  /** Why the first failed health check failed. */
  readonly probeFailure?: string;
  readonly rssBefore: number;
  readonly rssPeak: number;
  readonly rssAfter: number;
  readonly isAlive: boolean;
  readonly exitCode?: number;
  /** Open streams and descriptors before and after. */
  readonly streams: readonly [before: number, after: number];
  readonly descriptors: readonly [before: number, after: number];
  /** Refusals by value of the label `limit`, where there were any. */
  readonly refusals: Readonly<Record<string, number>>;
  /** What the attack found wrong. */
  readonly problems: readonly string[];
}

/** What a row has to keep to. */
export interface Limits {
  readonly gapMs: number;
  readonly probeMs: number;
  readonly rssBytes: number;
  /** How much more may be resident after a row than before it. */
  readonly rssMarginBytes: number;
  /** Descriptors that may be open beyond those before. */
  readonly descriptorMargin: number;
}

const MIB = 2 ** 20;

/** The limits of every row. */
export const LIMITS: Limits = {
  gapMs: 250,
  // What the chart gives a readiness probe.
  probeMs: 3_000,
  rssBytes: 1_024 * MIB,
  rssMarginBytes: 128 * MIB,
  descriptorMargin: 4,
};

/** What a row fails by; empty when it passes. */
export function failures(
  measured: Measured,
  row: Row,
  limits: Limits = LIMITS,
): readonly string[] {
  const found: string[] = [];
  const { rssBefore, rssPeak, rssAfter, streams, descriptors } = measured;
  const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;
  if (!measured.isAlive) {
    const { exitCode } = measured;
    found.push(`the proxy ended${exitCode ? ` with ${exitCode}` : ""}`);
  }
  if (rssPeak > limits.rssBytes) found.push(`RSS reached ${mib(rssPeak)}`);
  if (measured.gapMs > limits.gapMs) {
    found.push(`a gap of ${Math.round(measured.gapMs)} ms`);
  }
  if (measured.isAlive) found.push(...alive());
  return [...found, ...measured.problems];

  function alive(): string[] {
    const also: string[] = [];
    if (measured.lost > 0) also.push(`${measured.lost} good streams lost`);
    if (measured.silent.length > 0) {
      also.push(`nothing on ${measured.silent.join(", ")}`);
    }
    if (measured.probeMs > limits.probeMs) {
      also.push(
        measured.probeMs === Infinity
          ? `health checks failed: ${measured.probeFailure}`
          : `a health check took ${Math.round(measured.probeMs)} ms`,
      );
    }
    if (rssAfter > rssBefore + limits.rssMarginBytes) {
      also.push(`RSS stays at ${mib(rssAfter)}, before ${mib(rssBefore)}`);
    }
    if (streams[1] > streams[0]) {
      also.push(`${streams[1] - streams[0]} streams stay open`);
    }
    if (descriptors[1] > descriptors[0] + limits.descriptorMargin) {
      also.push(`${descriptors[1] - descriptors[0]} descriptors stay open`);
    }
    const { refusals = [] } = row;
    const isCounted = refusals.some((name) => measured.refusals[name]);
    if (refusals.length > 0 && !isCounted) {
      also.push(`no refusal counted as ${refusals.join(" or ")}`);
    }
    return also;
  }
}

/** The header of the table. */
export const COLUMNS: readonly string[] = [
  "row",
  "gap ms",
  "quiet",
  "control",
  "probe ms",
  "lost",
  "RSS before",
  "peak",
  "after MiB",
  "refusals",
  "result",
];

/** One line of the table. */
export function cells(
  measured: Measured,
  failed: readonly string[],
): readonly string[] {
  const whole = (value: number) =>
    Number.isFinite(value) ? String(Math.round(value)) : "failed";
  const mib = (bytes: number) => String(Math.round(bytes / MIB));
  const refusals = Object.entries(measured.refusals)
    .map(([name, count]) => `${name} ${count}`);
  return [
    measured.name,
    whole(measured.gapMs),
    whole(measured.quietGapMs),
    whole(measured.controlGapMs),
    whole(measured.probeMs),
    String(measured.lost),
    mib(measured.rssBefore),
    mib(measured.rssPeak),
    measured.isAlive ? mib(measured.rssAfter) : "-",
    refusals.join(", ") || "-",
    failed.length === 0 ? "pass" : `FAIL: ${failed.join("; ")}`,
  ];
}

/** Lines with padded columns. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = COLUMNS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  return rows.map((row) =>
    row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd()
  ).join("\n");
}

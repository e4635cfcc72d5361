/**
 * The measurements of a row and the limits that they must not exceed.
 *
 * @module
 */
import type { Row } from "./rows.ts";

/** Measurements of a row. Memory is in bytes. */
export interface Measured {
  readonly name: string;
  /** Summary of the attack. */
  readonly about: string;
  /** Longest gap of the reference client right before the attack. */
  readonly quietGapMs: number;
  /** Longest gap of the reference client while the control received data. */
  readonly gapMs: number;
  /** Longest gap of the control connection to the simulator. */
  readonly controlGapMs: number;
  /** Streams that the reference client lost. */
  readonly lost: number;
  /** Messages of the reference client by kind. */
  readonly received: Readonly<Record<string, number>>;
  /** Streams of the reference client without messages. */
  readonly silent: readonly string[];
  /** Longest time of a health check; Infinity when two in a row failed. */
  readonly probeMs: number;
  /** Why the first failed health check failed. */
  readonly probeFailure?: string;
  readonly rssBefore: number;
  readonly rssPeak: number;
  readonly rssAfter: number;
  /** Resident memory after each wave of a row with several. */
  readonly rssWaves?: readonly number[];
  readonly isAlive: boolean;
  readonly exitCode?: number;
  /** Open streams and descriptors before and after. */
  readonly streams: readonly [before: number, after: number];
  readonly descriptors: readonly [before: number, after: number];
  /** Refusals by value of the label `limit`, where there were any. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Wrong behaviour that the attack observed. */
  readonly problems: readonly string[];
}

/** Limits of a row. */
interface Limits {
  readonly gapMs: number;
  readonly probeMs: number;
  readonly rssBytes: number;
  /** Largest increase of resident memory over a row. */
  readonly rssMarginBytes: number;
  /** The same over the first wave of a row with several. */
  readonly rssFirstWaveBytes: number;
  /** Largest mean increase from one wave to the next. */
  readonly rssWaveBytes: number;
  /** Largest increase of open descriptors over a row. */
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
  rssFirstWaveBytes: 256 * MIB,
  rssWaveBytes: 16 * MIB,
  descriptorMargin: 4,
};

/** Why a row fails; empty when it passes. */
export function failures(
  measured: Measured,
  row: Row,
  limits: Limits = LIMITS,
): readonly string[] {
  const reasons: string[] = [];
  const { rssBefore, rssPeak, rssAfter, streams, descriptors } = measured;
  const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;
  if (!measured.isAlive) {
    const { exitCode } = measured;
    reasons.push(`the proxy ended${exitCode ? ` with ${exitCode}` : ""}`);
  }
  if (rssPeak > limits.rssBytes) reasons.push(`RSS reached ${mib(rssPeak)}`);
  if (measured.gapMs > limits.gapMs) {
    reasons.push(`a gap of ${Math.round(measured.gapMs)} ms`);
  }
  if (measured.isAlive) reasons.push(...lasting());
  return [...reasons, ...measured.problems];

  /** Reasons that need a running proxy. */
  function lasting(): string[] {
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
    also.push(...keptMemory());
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

  /** Reasons of memory that is not returned. */
  function keptMemory(): string[] {
    const [first = rssAfter, ...others] = measured.rssWaves ?? [];
    const [margin, after] = others.length > 0
      ? [limits.rssFirstWaveBytes, first]
      : [limits.rssMarginBytes, rssAfter];
    const kept = after > rssBefore + margin
      ? [`RSS stays at ${mib(after)}, before ${mib(rssBefore)}`]
      : [];
    const last = others.at(-1) ?? first;
    if (last <= first + others.length * limits.rssWaveBytes) return kept;
    return [...kept, `RSS grows from ${mib(first)} to ${mib(last)} in ${others.length} more waves`];
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
  const whole = (value: number) => Number.isFinite(value) ? String(Math.round(value)) : "failed";
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

/** The header of the table in Markdown. */
export const MARKDOWN_COLUMNS: readonly string[] = [
  "Attack",
  "What it did and met",
  "Gap, ms",
  "Probe, ms",
  "RSS before",
  "Peak",
  "After, MiB",
];

/** One line of the table in Markdown: bold where the row fails. */
export function markdownCells(
  measured: Measured,
  failed: readonly string[],
): readonly string[] {
  const [name = "", gap = "", , , probe = "", , before = "", peak = "", after = "", refusals] =
    cells(measured, failed);
  const counted = refusals === "-" ? "" : `; counted: ${refusals}`;
  const problem = failed.length === 0 ? "" : `; **${failed.join("; ")}**`;
  const met = `${measured.about}${counted}${problem}`;
  return [`\`${name}\``, met, gap, probe, before, peak, after];
}

/** Lines with padded columns. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = COLUMNS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd())
    .join("\n");
}

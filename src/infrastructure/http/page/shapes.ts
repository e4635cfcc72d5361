/**
 * Path data of the little drawings: state icons, bars and gauges.
 *
 * @module
 */
import type { Tone } from "./screen.ts";

/** Icons in a box of 16 by 16, to be stroked: each tone has its own shape. */
export const ICONS: Readonly<Record<Tone, string>> = {
  good: "M2 8a6 6 0 1 0 12 0a6 6 0 1 0 -12 0M5 8.2l2.2 2.2L11 6.2",
  warn: "M8 2L15 14H1ZM8 6.5V9.8M8 11.6V12",
  bad: "M2.5 2.5h11v11h-11ZM5.5 5.5l5 5M10.5 5.5l-5 5",
  off: "M2 8a6 6 0 1 0 12 0a6 6 0 1 0 -12 0M5 8h6",
  plain: "M4 8h8",
};

/** Box of {@linkcode bars}. */
export const BARS_BOX = { width: 140, height: 20 } as const;

/** Bars side by side, the tallest as tall as the box; nothing for zeroes. */
export function bars(values: readonly number[]): string {
  const tallest = Math.max(...values);
  if (!(tallest > 0)) return "";
  const { width, height } = BARS_BOX;
  const step = width / values.length;
  return values.map((value, index) => {
    if (value <= 0) return "";
    const tall = Math.max(1, Math.round(value / tallest * height));
    const left = Math.round(index * step);
    return `M${left} ${height}v${-tall}h${Math.round(step) - 2}v${tall}Z`;
  }).join("");
}

/** A gauge in a box of 100 by 4, filled from the left. */
export function gauge(share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return filled === 0 ? "" : `M0 0H${filled}V4H0Z`;
}

/**
 * SVG of the page: its icon, and path data of state icons, bars and gauges.
 *
 * @module
 */
import type { Tone } from "./page.ts";

/** The favicon: one line in, three out. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
  <rect width="32" height="32" rx="7" fill="#1f60c4"/>
  <path d="M5 16H14M14 16C19 16 18 8 27 8M14 16H27M14 16C19 16 18 24 27 24"
    fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/>
</svg>
`;

/** Path data in a box of 16 by 16, to be stroked: one shape per tone. */
export const ICONS: Readonly<Record<Tone, string>> = {
  good: "M2 8a6 6 0 1 0 12 0a6 6 0 1 0 -12 0M5 8.2l2.2 2.2L11 6.2",
  warn: "M8 2L15 14H1ZM8 6.5V9.8M8 11.6V12",
  bad: "M2.5 2.5h11v11h-11ZM5.5 5.5l5 5M10.5 5.5l-5 5",
  off: "M2 8a6 6 0 1 0 12 0a6 6 0 1 0 -12 0M5 8h6",
  plain: "M4 8h8",
};

/** Box of {@linkcode bars}. */
export const BARS_BOX = { width: 140, height: 20 } as const;

/** Bars side by side, the tallest as high as the box; empty for zeros. */
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

/**
 * Lines in which a process reports moments of its start.
 *
 * @module
 */

/** Moments that only the process itself can see. */
export type InnerMoment = "script" | "modules";

const LINE = /^@start (script|modules) ([0-9.]+)$/;

/** The time by a clock that all processes of the machine share, in ms. */
export function sharedNow(): number {
  return performance.timeOrigin + performance.now();
}

/** The line that reports that `moment` is now. */
export function markLine(moment: InnerMoment): string {
  return `@start ${moment} ${sharedNow()}`;
}

/** Reads such a line; undefined for any other. */
export function parseMark(
  line: string,
): { readonly moment: InnerMoment; readonly at: number } | undefined {
  const [, moment, at] = LINE.exec(line) ?? [];
  if (moment !== "script" && moment !== "modules") return undefined;
  return { moment, at: Number(at) };
}

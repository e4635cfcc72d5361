/**
 * Parses a `Retry-After` header in either form (RFC 9110, 10.2.3): milliseconds to
 * wait, or `undefined` when it is invalid.
 *
 * @param text the header's value
 * @param nowMs the wall clock, which a date is relative to
 */
export function parseRetryAfter(
  text: string | null | undefined,
  nowMs: number,
): number | undefined {
  const value = text?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  // A valid date names a month; `Date.parse` accepts more.
  const date = /[A-Za-z]{3}/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

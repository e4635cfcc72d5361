/**
 * Milliseconds that a `Retry-After` header asks us to wait, in both of its
 * forms (RFC 9110, 10.2.3); `undefined` when it says neither.
 *
 * @param text the header's value
 * @param nowMs the wall clock, which a date is compared with
 */
export function parseRetryAfter(
  text: string | null | undefined,
  nowMs: number,
): number | undefined {
  const value = text?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  // A date always names its weekday or month; other text is no date of ours.
  const date = /[A-Za-z]{3}/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

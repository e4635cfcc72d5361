/**
 * Which failures a client retries, and when.
 *
 * @module
 */

/**
 * Statuses of an error in the request itself. Any other status may come from a
 * load balancer, a broken connection or a limit, and is retried.
 */
const PERMANENT: ReadonlySet<string> = new Set([
  "INVALID_ARGUMENT",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "UNIMPLEMENTED",
  "NOT_FOUND",
  "FAILED_PRECONDITION",
]);

const FIRST_DELAY_MS = 500;

/** Longest delay between two attempts, in ms. */
export const MAX_DELAY_MS = 10_000;

/** Whether the same request may succeed later. */
export function isWorthRetrying(error: { readonly code: string }): boolean {
  return !PERMANENT.has(error.code);
}

/**
 * The delay before retry number `attempt`, in ms, with full jitter: a random
 * part of a bound that doubles from half a second to ten seconds.
 *
 * @param random a number in [0, 1)
 */
export function retryDelay(attempt: number, random: number): number {
  const grown = FIRST_DELAY_MS * 2 ** (Math.max(1, attempt) - 1);
  return Math.min(grown, MAX_DELAY_MS) * random;
}

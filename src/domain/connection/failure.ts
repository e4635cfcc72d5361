/**
 * Why a session could not be opened or has ended.
 *
 * @module
 */

/**
 * Reasons for a failed session, as the `error_type` label spells them. Only
 * three of them change how the proxy retries (`backoff.ts`):
 *
 * - `rate_limited`: Alpaca limits connection attempts (HTTP 429).
 * - `connection_limit`: another session uses the account's only connection
 *   (406), often a ghost session of this proxy, which Alpaca drops after about
 *   90 s.
 * - `auth`: credentials, plan or scope (402, 409, 411, `unauthorized`), which
 *   only the operator can correct.
 */
export const FAILURE_TYPES = [
  "dial",
  "rate_limited",
  "timeout",
  "auth",
  "connection_limit",
  "heartbeat",
  "closed",
  "upstream_error",
] as const;

/** One reason for a failed session. */
export type FailureType = typeof FAILURE_TYPES[number];

const TYPE_BY_CODE: ReadonlyMap<number, FailureType> = new Map([
  [402, "auth"],
  [406, "connection_limit"],
  [409, "auth"],
  [411, "auth"],
  [412, "auth"],
  [429, "rate_limited"],
]);

/** The failure that an error code of the stream protocol means. */
export function failureTypeOf(code: number): FailureType {
  return TYPE_BY_CODE.get(code) ?? "upstream_error";
}

/**
 * Why a session could not be had or could not be kept, sorted by what helps.
 *
 * @module
 */

/**
 * - `transient`: the network, a server fault, a deadline: try again soon.
 * - `rate_limited`: upstream asked for fewer attempts (HTTP 429): try later.
 * - `connection_limit`: another session holds the one place (406), often a
 *   ghost of our own that upstream drops after about 90 s.
 * - `refused`: credentials, plan or scope (402, 409, 411, `unauthorized`):
 *   only a person can help, so it is tried slowly in case one has.
 */
export type FailureKind =
  | "transient"
  | "rate_limited"
  | "connection_limit"
  | "refused";

/** Upstream error codes that say what to do about a lost session. */
const KIND_BY_CODE: ReadonlyMap<number, FailureKind> = new Map([
  [402, "refused"],
  [406, "connection_limit"],
  [409, "refused"],
  [411, "refused"],
  [412, "refused"],
  [429, "rate_limited"],
]);

/** What an error code of the stream protocol, or an HTTP status, asks for. */
export function failureKindOf(code: number): FailureKind {
  return KIND_BY_CODE.get(code) ?? "transient";
}

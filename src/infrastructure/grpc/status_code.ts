/**
 * The status codes of gRPC.
 *
 * @module
 */

/** How a call ends. */
export const Code = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** How a call ends. */
export type Code = typeof Code[keyof typeof Code];

const NAMES = Object.keys(Code);

/** The name of a code, which are numbered from 0. */
export function nameOf(code: Code): string {
  return NAMES[code] ?? "";
}

/**
 * Classifies the reasons for which a connection could not be accepted.
 *
 * @module
 */

/** Groups of reasons for which `accept` fails, as metrics spell them. */
export const ACCEPT_FAILURES = [
  "descriptors",
  "memory",
  "aborted",
  "other",
] as const;

/** One reason for which `accept` failed. */
export type AcceptFailure = typeof ACCEPT_FAILURES[number];

/** Error codes of accept(2), by group; firewalls add EPERM. */
const GROUPS: Readonly<Record<string, AcceptFailure>> = {
  EMFILE: "descriptors",
  ENFILE: "descriptors",
  ENOMEM: "memory",
  ENOBUFS: "memory",
  ECONNABORTED: "aborted",
  EINTR: "aborted",
  EPROTO: "aborted",
  EPERM: "aborted",
};

/** The error code of what `accept` threw; the error's name without one. */
export function codeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return "unknown";
  const { code } = cause as Error & { readonly code?: unknown };
  return typeof code === "string" ? code : cause.name;
}

/** The group of an error code. */
export function acceptFailureOf(code: string): AcceptFailure {
  return Object.hasOwn(GROUPS, code) ? GROUPS[code] ?? "other" : "other";
}

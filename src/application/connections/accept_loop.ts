/**
 * Accepts connections until it is stopped, across failures of `accept`.
 *
 * Out of descriptors or memory, `accept` fails and the connection stays in the
 * system's queue; a connection that is reset while it waits there fails it too.
 * Neither says anything about the port, so the loop reports the failure, pauses
 * and continues. It has no other end than its signal.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";

/** Pause after a failed accept, in ms: a shortage does not become a busy loop. */
export const ACCEPT_PAUSE_MS = 100;

/** What an accept loop works on. */
export interface AcceptLoopOptions<C> {
  /** Resolves with the next connection; rejects when it cannot be accepted. */
  readonly accept: () => Promise<C>;
  /** Receives each connection; must not throw. */
  readonly onConnection: (connection: C) => void;
  /** Receives each failure. */
  readonly onFailure: (cause: unknown) => void;
  readonly clock: Clock;
  /** Ends the loop; the owner also closes what `accept` waits on. */
  readonly signal: AbortSignal;
}

/** Runs the loop; resolves after the signal has fired, never rejects. */
export async function acceptConnections<C>(
  options: AcceptLoopOptions<C>,
): Promise<void> {
  const { accept, onConnection, onFailure, clock, signal } = options;
  while (!signal.aborted) {
    let connection: C;
    try {
      connection = await accept();
    } catch (cause) {
      if (signal.aborted) return;
      onFailure(cause);
      await clock.sleep(ACCEPT_PAUSE_MS, signal);
      continue;
    }
    onConnection(connection);
  }
}

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

/**
 * The sessions that the simulator has had during a run.
 *
 * @module
 */

/** A change of the number of connections of an endpoint. */
export interface SessionChange {
  readonly endpoint: string;
  /** Wall clock ms. */
  readonly at: number;
  /** Connections, logged in or not. */
  readonly connections: number;
  /** Connections that are logged in. */
  readonly sessions: number;
}

/** A time, in wall clock ms. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Tolerance of times of another process. */
const TOLERANCE_MS = 100;

/**
 * Times in which an endpoint had more than one connection, beside those in which the connection of
 * a suspended process, which cannot close it, was open.
 */
export function overlaps(
  changes: readonly SessionChange[],
  suspended: readonly Span[],
): readonly string[] {
  const found: string[] = [];
  for (const [endpoint, own] of Map.groupBy(changes, (change) => change.endpoint)) {
    for (const [index, { at, connections, sessions }] of own.entries()) {
      if (connections < 2) continue;
      const to = own[index + 1]?.at ?? at;
      const isSuspended = suspended.some((span) =>
        span.from - TOLERANCE_MS <= at && to <= span.to + TOLERANCE_MS
      );
      if (isSuspended) continue;
      const time = new Date(at).toISOString();
      found.push(`${endpoint}: ${connections} connections, ${sessions} sessions at ${time}`);
    }
  }
  return found;
}

/** Ms from a time until a session was opened after the one of that time had ended. */
export function takeoverMs(
  changes: readonly SessionChange[],
  endpoint: string,
  { from, to }: Span,
): number | undefined {
  const own = changes.filter((change) => change.endpoint === endpoint);
  const closed = own.find(({ at, sessions }) => from <= at && at <= to && sessions === 0);
  const opened = own.find(({ at, sessions }) => at >= (closed?.at ?? Infinity) && sessions > 0);
  return opened && opened.at - from;
}

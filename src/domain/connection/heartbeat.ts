/**
 * Decides when to probe a session and when to fail it.
 *
 * Any frame proves that the session is alive. After `intervalMs` without a frame it is probed;
 * without a frame for `timeoutMs` after that it is dead. So a dead socket is detected within
 * interval + timeout of its last frame, and an idle but healthy one replies and continues.
 *
 * A busy session is alive but may have lost subscriptions. It is audited, probed in the same way,
 * when it has not acknowledged its subscriptions for {@linkcode AUDIT_MS}. An unanswered audit does
 * not fail the session.
 *
 * @module
 */

/**
 * Interval between acknowledgements on a busy session, in ms. It bounds how long a silently lost
 * subscription goes unnoticed; the reply lists every symbol, so it is not requested often.
 */
export const AUDIT_MS = 300_000;

/** Settings of the heartbeat, in ms. */
export interface HeartbeatSettings {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** What to do next. */
type HeartbeatAction =
  | { readonly type: "wait"; readonly ms: number }
  | { readonly type: "probe" }
  /** Probe, and do not wait for the reply. */
  | { readonly type: "audit" }
  | { readonly type: "dead" };

/** Times of a session, in monotonic ms. */
interface HeartbeatFacts {
  readonly now: number;
  readonly lastFrameAt: number;
  /** When the unanswered probe was sent; `undefined` when there is none. */
  readonly probedAt: number | undefined;
  /** When subscriptions were last acknowledged or probed. */
  readonly auditedAt: number;
  /** Whether a probe is requested before it is due. @default false */
  readonly isRequested?: boolean;
}

/** Returns the next action; `wait` has the time until it can change. */
export function heartbeatAction(
  facts: HeartbeatFacts,
  settings: HeartbeatSettings,
): HeartbeatAction {
  const { now, lastFrameAt, probedAt, auditedAt, isRequested } = facts;
  if (probedAt !== undefined) {
    const left = probedAt + settings.timeoutMs - now;
    if (left <= 0) return { type: "dead" };
    // The reply may arrive immediately; the next probe is then due an interval later, which may be
    // long before this timeout.
    return { type: "wait", ms: Math.min(left, settings.intervalMs) };
  }
  const left = lastFrameAt + settings.intervalMs - now;
  if (left <= 0 || isRequested) return { type: "probe" };
  const auditIn = auditedAt + AUDIT_MS - now;
  return auditIn > 0 ? { type: "wait", ms: Math.min(left, auditIn) } : { type: "audit" };
}

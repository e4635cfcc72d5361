/**
 * When to ask a link whether it is alive and what it carries, and when to give
 * it up.
 *
 * Any frame proves life. After `intervalMs` without one the link is asked; a
 * link that says nothing for `timeoutMs` after that is dead. So a mute socket
 * is noticed within interval + timeout of its last frame, and a quiet but
 * healthy one answers and is left alone.
 *
 * A busy link proves that it lives, not that it carries what is wanted. So it
 * is audited: asked the same when it has not said for {@linkcode AUDIT_MS} what
 * it carries. Nobody's life hangs on the answer to that.
 *
 * @module
 */

/**
 * How long a link that always has traffic is believed to carry what it last
 * said, in ms. It bounds how long a subscription that was lost in silence goes
 * unnoticed; the answer lists every symbol, so it is not asked for often.
 */
export const AUDIT_MS = 300_000;

/** Settings of the rule, in milliseconds. */
export interface HeartbeatSettings {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** What to do now. */
export type HeartbeatAction =
  | { readonly type: "wait"; readonly ms: number }
  | { readonly type: "ask" }
  /** Ask, and do not wait for the answer. */
  | { readonly type: "audit" }
  | { readonly type: "dead" };

/** What is known of the link; all times on one monotonic clock, in ms. */
export interface HeartbeatFacts {
  readonly now: number;
  readonly lastFrameAt: number;
  /** When the question was asked that nothing has answered yet, if one was. */
  readonly askedAt: number | undefined;
  /** When it last said what it carries, or was last asked to. */
  readonly auditedAt: number;
}

/** Applies the rule; `wait` says how long nothing can change. */
export function judgeHeartbeat(
  facts: HeartbeatFacts,
  settings: HeartbeatSettings,
): HeartbeatAction {
  const { now, lastFrameAt, askedAt, auditedAt } = facts;
  if (askedAt !== undefined) {
    const left = askedAt + settings.timeoutMs - now;
    if (left <= 0) return { type: "dead" };
    // An answer may have come right after the question: the next one is then
    // due an interval later, which may be long before this one runs out.
    return { type: "wait", ms: Math.min(left, settings.intervalMs) };
  }
  const left = lastFrameAt + settings.intervalMs - now;
  if (left <= 0) return { type: "ask" };
  const trusted = auditedAt + AUDIT_MS - now;
  return trusted > 0
    ? { type: "wait", ms: Math.min(left, trusted) }
    : { type: "audit" };
}

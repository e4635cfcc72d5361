/**
 * When to ask a quiet link whether it is alive, and when to give it up.
 *
 * Any frame proves life. After `intervalMs` without one the link is asked; a
 * link that says nothing for `timeoutMs` after that is dead. So a mute socket
 * is noticed within interval + timeout of its last frame, and a quiet but
 * healthy one answers and is left alone.
 *
 * @module
 */

/** Settings of the rule, in milliseconds. */
export interface HeartbeatSettings {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** What to do now. */
export type HeartbeatAction =
  | { readonly type: "wait"; readonly ms: number }
  | { readonly type: "ask" }
  | { readonly type: "dead" };

/** What is known of the link; all times on one monotonic clock, in ms. */
export interface HeartbeatFacts {
  readonly now: number;
  readonly lastFrameAt: number;
  /** When the question was asked that nothing has answered yet, if one was. */
  readonly askedAt: number | undefined;
}

/** Applies the rule; `wait` says how long nothing can change. */
export function judgeHeartbeat(
  facts: HeartbeatFacts,
  settings: HeartbeatSettings,
): HeartbeatAction {
  const { now, lastFrameAt, askedAt } = facts;
  if (askedAt !== undefined) {
    const left = askedAt + settings.timeoutMs - now;
    if (left <= 0) return { type: "dead" };
    // An answer may have come right after the question: the next one is then
    // due an interval later, which may be long before this one runs out.
    return { type: "wait", ms: Math.min(left, settings.intervalMs) };
  }
  const left = lastFrameAt + settings.intervalMs - now;
  return left > 0 ? { type: "wait", ms: left } : { type: "ask" };
}

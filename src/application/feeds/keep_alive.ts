import {
  type HeartbeatSettings,
  judgeHeartbeat,
} from "../../domain/connection/heartbeat.ts";
import type { Clock } from "../ports/clock.ts";
import type { FeedSession } from "../ports/feed_connector.ts";
import { FeedFailure } from "./feed_failure.ts";
import type { UpstreamSubscriptions } from "./upstream_subscriptions.ts";

/**
 * Watches a session until `signal` fires: asks it when it is quiet, fails it
 * when it does not answer. Any frame counts as an answer. One that is never
 * quiet is asked now and then what it carries; whether it answers that is not
 * judged here.
 */
export async function keepAlive(
  session: FeedSession,
  options: {
    readonly subscriptions: UpstreamSubscriptions;
    readonly clock: Clock;
    readonly settings: HeartbeatSettings;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { subscriptions, clock, settings, signal } = options;
  let asked: { readonly at: number; readonly frames: number } | undefined;
  let auditedAt = clock.monotonic();
  while (!signal.aborted) {
    if (asked && asked.frames !== session.frames) asked = undefined;
    const now = clock.monotonic();
    const { lastFrameAt } = session;
    auditedAt = Math.max(auditedAt, subscriptions.acknowledgedAt ?? auditedAt);
    const facts = { now, lastFrameAt, askedAt: asked?.at, auditedAt };
    const action = judgeHeartbeat(facts, settings);
    if (action.type === "dead") {
      const silence = Math.round(now - lastFrameAt);
      session.fail(
        new FeedFailure(`Mute for ${silence} ms, and no answer when asked`, {
          errorType: "heartbeat",
        }),
      );
      return;
    }
    if (action.type === "wait") {
      await clock.sleep(action.ms, signal);
      continue;
    }
    if (action.type === "ask") asked = { at: now, frames: session.frames };
    auditedAt = now;
    subscriptions.ask();
  }
}

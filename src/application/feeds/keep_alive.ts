import { heartbeatAction, type HeartbeatSettings } from "../../domain/connection/heartbeat.ts";
import type { Clock } from "../ports/clock.ts";
import type { FeedSession } from "../ports/feed_connector.ts";
import { FeedFailure } from "../../domain/connection/failure.ts";
import { LinkCheck } from "./link_check.ts";
import type { UpstreamSubscriptions } from "./upstream_subscriptions.ts";

/**
 * Sends heartbeats on a session until `signal` fires: probes an idle session, and fails it when no
 * frame follows in time. Audits a busy one without waiting for the reply.
 *
 * @param options.check requests a probe before the session has been idle for the interval
 */
export async function keepAlive(
  session: FeedSession,
  options: {
    readonly subscriptions: UpstreamSubscriptions;
    readonly clock: Clock;
    readonly settings: HeartbeatSettings;
    readonly check?: LinkCheck;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { subscriptions, clock, settings, check = new LinkCheck(), signal } = options;
  let probe: { readonly at: number; readonly frames: number } | undefined;
  let auditedAt = clock.monotonic();
  while (!signal.aborted) {
    if (probe && probe.frames !== session.frames) probe = undefined;
    const now = clock.monotonic();
    const { lastFrameAt } = session;
    auditedAt = Math.max(auditedAt, subscriptions.acknowledgedAt ?? auditedAt);
    const times = { now, lastFrameAt, probedAt: probe?.at, auditedAt };
    const action = heartbeatAction({ ...times, isRequested: check.take() }, settings);
    if (action.type === "dead") {
      const idleMs = Math.round(now - lastFrameAt);
      session.fail(
        new FeedFailure(`No data for ${idleMs} ms and no heartbeat reply`, {
          errorType: "heartbeat",
        }),
      );
      return;
    }
    if (action.type === "wait") {
      await check.wait(action.ms, { clock, signal });
      continue;
    }
    if (action.type === "probe") probe = { at: now, frames: session.frames };
    auditedAt = now;
    subscriptions.probe();
  }
}

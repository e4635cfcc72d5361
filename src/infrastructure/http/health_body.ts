/**
 * The body of `GET /health`, and the two judgements made of it.
 *
 * Only feeds that are meant to run count: a proxy that was told to carry
 * stocks alone is healthy when stocks flow.
 *
 * @module
 */
import type { ProxyStatus } from "../../application/status/proxy_status.ts";
import type { FeedId, LinkState } from "../../domain/connection/feed.ts";

/** All, some or none of the enabled feeds are connected. */
export type HealthWord = "healthy" | "degraded" | "unhealthy";

/** What `/health` tells of one feed. */
export interface FeedHealth {
  readonly state: LinkState;
  readonly connected: boolean;
  readonly messages_received: number;
  readonly reconnect_attempts: number;
}

/** The JSON of `/health`. */
export interface HealthBody {
  readonly status: HealthWord;
  readonly version: string;
  /** Whole seconds since the start. */
  readonly uptime_secs: number;
  /** RFC 3339. */
  readonly current_time: string;
  readonly feeds: Readonly<Record<FeedId, FeedHealth>>;
  /** Open client streams. */
  readonly clients: { readonly total: number };
  /** Open client streams too: each stream is one receiver of its channel. */
  readonly subscriptions: { readonly broadcast_receivers: number };
}

/** Makes the body out of a snapshot; `enabled` are the feeds that count. */
export function healthBody(
  status: ProxyStatus,
  enabled: ReadonlySet<FeedId>,
): HealthBody {
  const feeds = status.feeds.map((feed): [string, FeedHealth] => [feed.feed, {
    state: feed.state,
    connected: feed.state === "connected",
    messages_received: feed.messagesReceived,
    reconnect_attempts: feed.reconnectAttempts,
  }]);
  return {
    status: judge(status, enabled),
    version: status.version,
    uptime_secs: Math.max(
      0,
      Math.floor((status.now - status.startedAt) / 1000),
    ),
    current_time: new Date(status.now).toISOString(),
    feeds: Object.fromEntries(feeds) as Record<FeedId, FeedHealth>,
    clients: { total: status.clientCount },
    subscriptions: { broadcast_receivers: status.clientCount },
  };
}

/** True while at least one enabled feed flows and nobody is shutting down. */
export function isReady(
  status: ProxyStatus,
  enabled: ReadonlySet<FeedId>,
): boolean {
  return !status.draining && judge(status, enabled) !== "unhealthy";
}

/** Judges the feeds that count. */
export function judge(
  status: ProxyStatus,
  enabled: ReadonlySet<FeedId>,
): HealthWord {
  const counting = status.feeds.filter(({ feed }) => enabled.has(feed));
  const up = counting.filter(({ state }) => state === "connected").length;
  if (up === 0) return "unhealthy";
  return up === counting.length ? "healthy" : "degraded";
}

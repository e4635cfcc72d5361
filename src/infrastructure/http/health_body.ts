/**
 * The body of `GET /health`, and the rules for health and readiness.
 *
 * Only enabled feeds count: a proxy for stocks alone is healthy when the stock feed is connected.
 *
 * @module
 */
import type { FollowedHubReport } from "../../application/status/reports.ts";
import type {
  ClusterReport,
  FreshnessReport,
  ProxyStatus,
} from "../../application/status/status.ts";
import type { Role } from "../../domain/cluster/role.ts";
import { FEED_NAMES, type FeedId, type FeedKind } from "../../domain/connection/feed.ts";
import type { LinkState } from "../../domain/connection/link.ts";
import type { Freshness } from "../../domain/market/notices.ts";

/**
 * All, some or none of the enabled feeds are connected. A hub that waits for the lease is on
 * `standby`.
 */
export type HealthStatus = "healthy" | "degraded" | "unhealthy" | "standby";

/** One feed in `/health`. */
interface FeedHealth {
  /** What people read, as on the status page: `Stocks`. */
  readonly name: string;
  /** What the session carries; the key does not change with it. */
  readonly product: FeedKind;
  readonly state: LinkState;
  readonly connected: boolean;
  readonly messages_received: number;
  readonly reconnect_attempts: number;
  /** Absent for a disabled feed. */
  readonly freshness?: FeedFreshness;
}

/** Whether the data of a feed is current. */
interface FeedFreshness {
  readonly state: Freshness;
  /** RFC 3339. */
  readonly since: string;
  /** Empty while the feed is live. */
  readonly reason: string;
  readonly stale_symbols: number;
}

/** The part of the process in a cluster. */
interface ClusterHealth {
  readonly role: Role;
  /** Only of a hub. */
  readonly lease?: {
    readonly held: boolean;
    /** Absent unless it is held. */
    readonly term?: string;
    /** RFC 3339; since when it is held, or not. */
    readonly since: string;
    readonly takeovers: number;
    /** Why the lease cannot be asked for; absent while it can. */
    readonly problem?: string;
  };
  /** Only of a hub: the edges that it serves. */
  readonly edges?: readonly EdgeHealth[];
  /** Only of an edge. */
  readonly hub?: FollowedHubHealth;
}

/** The hub that an edge follows; what is not known yet is absent. */
interface FollowedHubHealth {
  readonly term?: string;
  /** RFC 3339; since when the edge follows the hub of this term. */
  readonly since?: string;
  /** Time since something arrived, of the feed for which it is longest, in whole ms. */
  readonly silence_ms?: number;
  /** Since the start. */
  readonly entries_missing: number;
  /** Why no hub serves the edge; absent while one does. */
  readonly problem?: string;
}

/** One edge of a hub. */
interface EdgeHealth {
  readonly edge: string;
  /** RFC 3339 */
  readonly attached_at: string;
  readonly feeds: readonly FeedId[];
  /** Pairs of channel and symbol. */
  readonly subscriptions: number;
}

/** The JSON of `/health`. */
interface HealthBody {
  readonly status: HealthStatus;
  readonly version: string;
  /** Whole seconds since the start. */
  readonly uptime_secs: number;
  /** RFC 3339. */
  readonly current_time: string;
  readonly feeds: Readonly<Record<FeedId, FeedHealth>>;
  /** Open client streams. */
  readonly clients: { readonly total: number };
  /** Also open client streams: each is one receiver of its channel. */
  readonly subscriptions: { readonly broadcast_receivers: number };
  /** Absent for a single process. */
  readonly cluster?: ClusterHealth;
}

/** Makes the body from a snapshot; `enabled` are the feeds that count. */
export function healthBody(
  status: ProxyStatus,
  enabled: ReadonlySet<FeedId>,
): HealthBody {
  const feeds = status.feeds.map((feed): [string, FeedHealth] => [feed.feed, {
    name: FEED_NAMES[feed.feed],
    product: feed.kind,
    state: feed.state,
    connected: feed.state === "connected",
    messages_received: feed.messagesReceived,
    reconnect_attempts: feed.reconnectAttempts,
    ...(feed.freshness && { freshness: feedFreshness(feed.freshness) }),
  }]);
  return {
    status: healthStatus(status, enabled),
    version: status.version,
    uptime_secs: Math.max(
      0,
      Math.floor((status.now - status.startedAt) / 1000),
    ),
    current_time: new Date(status.now).toISOString(),
    feeds: Object.fromEntries(feeds) as Record<FeedId, FeedHealth>,
    clients: { total: status.clientCount },
    subscriptions: { broadcast_receivers: status.clientCount },
    ...(status.cluster && { cluster: clusterHealth(status.cluster) }),
  };
}

function clusterHealth({ role, lease, distribution, hub }: ClusterReport): ClusterHealth {
  if (hub) return { role, hub: followedHubHealth(hub) };
  if (!lease) return { role };
  const { term, since, takeovers, problem } = lease;
  return {
    role,
    lease: {
      held: term !== undefined,
      ...(term !== undefined && { term: String(term) }),
      since: new Date(since).toISOString(),
      takeovers,
      ...(problem !== undefined && { problem }),
    },
    ...(distribution && {
      edges: distribution.edges.map(({ edge, attachedAt, feeds, pairs }) => ({
        edge,
        attached_at: new Date(attachedAt).toISOString(),
        feeds,
        subscriptions: pairs,
      })),
    }),
  };
}

function followedHubHealth(hub: FollowedHubReport): FollowedHubHealth {
  const { term, since, silenceMs, missing, problem } = hub;
  return {
    ...(term !== undefined && { term: String(term) }),
    ...(since !== undefined && { since: new Date(since).toISOString() }),
    ...(silenceMs !== undefined && { silence_ms: Math.round(silenceMs) }),
    entries_missing: missing,
    ...(problem !== undefined && { problem }),
  };
}

function feedFreshness({ notice, staleSymbols }: FreshnessReport): FeedFreshness {
  const { freshness, since, reason } = notice;
  return {
    state: freshness,
    since: new Date(since).toISOString(),
    reason,
    stale_symbols: staleSymbols,
  };
}

/**
 * Whether at least one enabled feed is connected, or a hub can take the lease, and the proxy is not
 * draining.
 */
export function isReady(
  status: ProxyStatus,
  enabled: ReadonlySet<FeedId>,
): boolean {
  return !status.draining && healthStatus(status, enabled) !== "unhealthy";
}

/** The health of the enabled feeds; without the lease, a hub has no feeds to follow. */
export function healthStatus(
  { feeds, cluster }: Pick<ProxyStatus, "feeds" | "cluster">,
  enabled: ReadonlySet<FeedId>,
): HealthStatus {
  const lease = cluster?.lease;
  if (lease && lease.term === undefined) {
    return lease.problem === undefined ? "standby" : "unhealthy";
  }
  const counting = feeds.filter(({ feed }) => enabled.has(feed));
  const up = counting.filter(({ state }) => state === "connected").length;
  if (up === 0) return "unhealthy";
  return up === counting.length ? "healthy" : "degraded";
}

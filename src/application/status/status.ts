/**
 * A snapshot of the whole proxy, shared by the status RPC, `/health`, the status page and metrics.
 *
 * @module
 */
import {
  BASE_FEEDS,
  type Environment,
  type FeedId,
  type FeedKind,
  FEEDS,
} from "../../domain/connection/feed.ts";
import type { Role } from "../../domain/cluster/role.ts";
import type { LinkState } from "../../domain/connection/link.ts";
import type { FeedNotice } from "../../domain/market/notices.ts";
import type { Clock } from "../ports/clock.ts";
import { WallStamp } from "./wall_stamp.ts";
import type { EdgeReport, FollowedHubReport } from "./reports.ts";

/** Whether the data of a feed is current. */
export interface FreshnessReport {
  readonly notice: FeedNotice;
  /** Seconds for which the data has not been current; 0 while the feed is live or closed. */
  readonly staleSeconds: number;
  /** Symbols without data although it is expected, counted once per channel. */
  readonly staleSymbols: number;
}

/** State of one upstream session. */
export interface FeedStatus {
  readonly feed: FeedId;
  readonly kind: FeedKind;
  readonly state: LinkState;
  /** Wall clock ms of the last successful login; undefined before the first. */
  readonly lastConnectedAt: number | undefined;
  /** Wall clock ms since which it is not connected; undefined while it is or is disabled. */
  readonly downSince?: number | undefined;
  /** Length in ms of the outage that the last successful login ended. */
  readonly lastOutageMs?: number | undefined;
  /** Text of the last error; cleared by the next successful connection. */
  readonly errorMessage: string | undefined;
  /** What the operator can do about the last error. */
  readonly remedy?: string | undefined;
  /** Wall clock ms of the next connection attempt, while it waits for one. */
  readonly nextAttemptAt?: number | undefined;
  /** Time in each state since the process started, in ms; zero for absent ones. */
  readonly stateMs?: Readonly<Partial<Record<LinkState, number>>>;
  /** Entries in upstream's last acknowledgement; 0 while not connected. */
  readonly subscriptionCount: number;
  /** Attempts since the last success. */
  readonly reconnectAttempts: number;
  /** Data messages from upstream since the process started. */
  readonly messagesReceived: number;
  /** Absent for a disabled feed. */
  readonly freshness?: FreshnessReport | undefined;
}

/** The lease of the hubs, as this process has it. */
export interface LeaseReport {
  /** The term of this process; `undefined` unless it holds the lease. */
  readonly term: bigint | undefined;
  /** Wall clock ms since which it holds the lease, or does not. */
  readonly since: number;
  /** How often it has taken the lease. */
  readonly takeovers: number;
  /** How often it has lost the lease before it stopped. */
  readonly losses: number;
  /** Why the lease cannot be asked for or renewed; `undefined` while it can. */
  readonly problem: string | undefined;
}

/** The part of a process in a cluster. */
export interface ClusterReport {
  readonly role: Role;
  /** Only of a hub. */
  readonly lease?: LeaseReport | undefined;
  /** What a hub does for its edges; only of a hub. */
  readonly distribution?: DistributionReport | undefined;
  /** The hub that an edge follows; only of an edge. */
  readonly hub?: FollowedHubReport | undefined;
}

/** The edges of a hub, none while it stands by, and what is published for them. */
export interface DistributionReport {
  readonly edges: readonly EdgeReport[];
  /** Bytes that wait until NATS takes them. */
  readonly pendingBytes: number;
}

/** State of the whole proxy. */
export interface ProxyStatus {
  readonly version: string;
  /** Wall clock ms. */
  readonly startedAt: number;
  /** Wall clock ms of this snapshot. */
  readonly now: number;
  readonly environment: Environment;
  /** Stocks, options and trade updates, then the further feeds that are enabled. */
  readonly feeds: readonly FeedStatus[];
  /** Open client streams. */
  readonly clientCount: number;
  /** Whether new streams are refused: an operator drains the proxy, or it stops. */
  readonly draining: boolean;
  /** Absent for a single process. */
  readonly cluster?: ClusterReport | undefined;
}

/** Makes a snapshot on demand. */
export type StatusSource = () => ProxyStatus;

/** What a snapshot is read from. */
interface StatusInputs {
  readonly version: string;
  readonly environment: Environment;
  readonly clock: Clock;
  /** The links of the enabled feeds. */
  readonly links: Readonly<
    Partial<Record<FeedId, { readonly status: FeedStatus }>>
  >;
  /** Whether the data of the enabled feeds is current. @default unknown */
  readonly freshness?: Readonly<Partial<Record<FeedId, { readonly report: FreshnessReport }>>>;
  /** What each feed carries, enabled or not. */
  readonly kinds: Readonly<Record<FeedId, FeedKind>>;
  readonly streams: { readonly count: number };
  /** Whether new streams are refused. */
  readonly draining: () => boolean;
  /** The part of the process in a cluster. @default none */
  readonly cluster?: (() => ClusterReport) | undefined;
}

/** Makes a source of snapshots; a disabled feed is always `disconnected`. */
export function statusSource(inputs: StatusInputs): StatusSource {
  const started = new WallStamp(inputs.clock);
  return () => ({
    version: inputs.version,
    startedAt: started.at,
    now: inputs.clock.now(),
    environment: inputs.environment,
    feeds: FEEDS.filter((feed) => inputs.links[feed] || BASE_FEEDS.includes(feed)).map((feed) => {
      const status = inputs.links[feed]?.status;
      if (!status) return disabledFeed(feed, inputs.kinds[feed]);
      return { ...status, freshness: inputs.freshness?.[feed]?.report };
    }),
    clientCount: inputs.streams.count,
    draining: inputs.draining(),
    ...(inputs.cluster && { cluster: inputs.cluster() }),
  });
}

function disabledFeed(feed: FeedId, kind: FeedKind): FeedStatus {
  return {
    feed,
    kind,
    state: "disconnected",
    lastConnectedAt: undefined,
    errorMessage: undefined,
    subscriptionCount: 0,
    reconnectAttempts: 0,
    messagesReceived: 0,
  };
}

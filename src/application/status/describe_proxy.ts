import type {
  Environment,
  FeedId,
  FeedKind,
} from "../../domain/connection/feed.ts";
import { FEEDS } from "../../domain/connection/feed.ts";
import type { Clock } from "../ports/clock.ts";
import type { FeedStatus, ProxyStatus, StatusSource } from "./proxy_status.ts";
import { WallStamp } from "./wall_stamp.ts";

/** What a status source reads. */
export interface StatusParts {
  readonly version: string;
  readonly environment: Environment;
  readonly clock: Clock;
  /** The links of the enabled feeds. */
  readonly links: Readonly<
    Partial<Record<FeedId, { readonly status: FeedStatus }>>
  >;
  /** What each feed carries, enabled or not. */
  readonly kinds: Readonly<Record<FeedId, FeedKind>>;
  readonly streams: { readonly count: number };
  /** True from the first moment of shutting down. */
  readonly draining: () => boolean;
}

/** A source of snapshots; a feed that is not enabled is disconnected for good. */
export function statusSource(parts: StatusParts): StatusSource {
  const started = new WallStamp(parts.clock);
  return (): ProxyStatus => ({
    version: parts.version,
    startedAt: started.at,
    now: parts.clock.now(),
    environment: parts.environment,
    feeds: FEEDS.map((feed) =>
      parts.links[feed]?.status ?? neverOpened(feed, parts.kinds[feed])
    ),
    clientCount: parts.streams.count,
    draining: parts.draining(),
  });
}

function neverOpened(feed: FeedId, kind: FeedKind): FeedStatus {
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

/**
 * Everything that a person who watches the proxy is shown, at one moment.
 *
 * Parts that nobody reports are `undefined`, never made up.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import type { ChannelName } from "../../domain/market/channels.ts";
import type { ErrorType, MessageType } from "./counters.ts";
import type { LatencySummary } from "./latency_window.ts";
import type { FeedStatus, ProxyStatus } from "./proxy_status.ts";
import type { RecentError } from "./recent_errors.ts";
import type { StreamReport } from "./stream_report.ts";
import type { FeedSubscriptions, QuotaReport } from "./subscription_report.ts";

/** A total with its rate per second, where one is known. */
export interface Flow {
  readonly total: number;
  readonly perSecond: number | undefined;
}

/**
 * When the last message came: `none` ever, `at` a wall clock ms, or `unknown`,
 * when nobody wrote the moment down.
 */
export type LastMessage =
  | { readonly type: "none" | "unknown" }
  | { readonly type: "at"; readonly at: number };

/** One feed. */
export interface LiveFeed {
  readonly status: FeedStatus;
  /** False when the settings leave the feed out. */
  readonly enabled: boolean;
  /** Data messages from upstream. */
  readonly received: Flow;
  readonly lastMessage: LastMessage;
  readonly processing: LatencySummary | undefined;
  /** Errors since the start, the most frequent first; none that are zero. */
  readonly errors: readonly (readonly [ErrorType, number])[] | undefined;
  readonly quota: QuotaReport | undefined;
}

/** One channel: in from upstream, out to streams. */
export interface LiveChannel {
  readonly channel: ChannelName;
  readonly received: Flow;
  /** Once per stream. */
  readonly sent: Flow;
  /** Once per stream that fell behind. */
  readonly dropped: Flow;
}

/** Messages of a type that no channel carries. */
export interface LiveOther {
  readonly type: MessageType;
  readonly received: Flow;
}

/** Open client streams. */
export interface LiveStreams {
  readonly total: number;
  /** Those that are furthest behind; undefined when nobody reports streams. */
  readonly shown: readonly StreamReport[] | undefined;
}

/** The whole picture. */
export interface LiveView {
  readonly status: ProxyStatus;
  readonly enabled: ReadonlySet<FeedId>;
  readonly feeds: readonly LiveFeed[];
  readonly channels: readonly LiveChannel[] | undefined;
  readonly others: readonly LiveOther[] | undefined;
  readonly streams: LiveStreams;
  readonly subscriptions: readonly FeedSubscriptions[] | undefined;
  /** Newest first. */
  readonly errors: readonly RecentError[] | undefined;
}

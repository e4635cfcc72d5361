/**
 * A view of the whole proxy for the status page: every source read at one moment.
 *
 * @module
 */
import {
  type MarketCalendar,
  marketOf,
  type StockSession,
} from "../../domain/calendar/market_calendar.ts";
import type { FeedId, FeedKind } from "../../domain/connection/feed.ts";
import type { Activity, Flow } from "./activity.ts";
import type { ErrorType, ProxyCounters } from "./counters.ts";
import type { LatencySummary } from "./latency_window.ts";
import type { RecentError } from "./recent_errors.ts";
import type { FeedStatus, ProxyStatus, StatusSource } from "./status.ts";
import {
  type FeedSubscriptions,
  type QuotaReport,
  type StreamReport,
  type StreamsReport,
  type SubscriptionSource,
  withoutOrders,
} from "./reports.ts";

/** One feed. */
export interface LiveFeed {
  readonly status: FeedStatus;
  /** False when the settings disable the feed. */
  readonly enabled: boolean;
  /** Data messages. */
  readonly received: Flow;
  /** Wall clock ms of the last data message; undefined before the first. */
  readonly lastMessageAt: number | undefined;
  readonly processing: LatencySummary;
  /** From Alpaca's timestamp until a message is handed to the transport, sampled. */
  readonly delay: LatencySummary;
  /** Errors since the start, the most frequent first, without zeros. */
  readonly errors: readonly (readonly [ErrorType, number])[];
  readonly quota: QuotaReport | undefined;
  /** Set while the market of the feed's data is not open. */
  readonly closed: ClosedMarket | undefined;
}

/** A market outside of its hours. */
export interface ClosedMarket {
  /** What it is instead, for stocks. */
  readonly session: StockSession;
  /** Wall clock ms. */
  readonly opensAt: number;
}

/** Open client streams. */
interface LiveStreams {
  readonly total: number;
  /** Those that are furthest behind. */
  readonly shown: readonly StreamReport[];
}

/** Everything that the status page shows, at one moment. */
export interface LiveView {
  readonly status: ProxyStatus;
  readonly feeds: readonly LiveFeed[];
  /** Totals and rates of channels and other messages. */
  readonly flow: Activity["flow"];
  /** Events sent and dropped, by channel. */
  readonly channels: ProxyCounters["channels"];
  readonly streams: LiveStreams;
  readonly subscriptions: readonly FeedSubscriptions[];
  /** Newest first. */
  readonly errors: readonly RecentError[];
}

/** Most streams that a view lists. */
const SHOWN_STREAMS = 100;

/** Longest filter that is shown, in characters. */
const LONGEST_FILTER = 160;

/** What a view is read from. */
export interface LiveSources {
  readonly status: StatusSource;
  /** Feeds that the settings enable. */
  readonly feeds: ReadonlySet<FeedId>;
  readonly counters: ProxyCounters;
  readonly activity: Activity;
  readonly calendar: MarketCalendar;
  readonly streams: StreamsReport;
  readonly subscriptions: SubscriptionSource;
  /** Newest first. */
  readonly errors: () => readonly RecentError[];
}

/** Who views. */
interface Viewer {
  /** Whether filters of order streams are shown, and causes of errors, which quote orders. */
  readonly mayReadOrders: boolean;
}

/** Reads every source. */
export function liveView(sources: LiveSources, { mayReadOrders }: Viewer): LiveView {
  const { activity, counters } = sources;
  const status = sources.status();
  const subscriptions = sources.subscriptions();
  return {
    status,
    feeds: status.feeds.map((feed): LiveFeed => ({
      status: feed,
      enabled: sources.feeds.has(feed.feed),
      received: activity.flow(`feed.${feed.feed}`),
      lastMessageAt: activity.lastMessageAt(feed.feed),
      processing: activity.processing(feed.feed),
      delay: activity.delay(feed.feed),
      errors: Object.entries(counters.feeds[feed.feed].errors)
        .filter(([, count]) => count > 0)
        .sort(([, one], [, other]) => other - one) as [ErrorType, number][],
      quota: subscriptions.find((each) => each.feed === feed.feed)?.quota,
      closed: closedMarket(sources.calendar, feed.kind, status.now),
    })),
    flow: (name) => activity.flow(name),
    channels: counters.channels,
    streams: liveStreams(sources.streams(), mayReadOrders),
    subscriptions,
    errors: mayReadOrders ? sources.errors() : sources.errors().map(withoutOrderCause),
  };
}

function withoutOrderCause(error: RecentError): RecentError {
  return error.feed === "trading" ? { ...error, cause: undefined } : error;
}

function closedMarket(
  calendar: MarketCalendar,
  kind: FeedKind,
  now: number,
): ClosedMarket | undefined {
  const market = marketOf(kind);
  if (market === undefined || calendar.isOpen(market, now)) return undefined;
  const session = market === "regular" ? calendar.sessionAt(now) : "closed";
  return { session, opensAt: calendar.nextChange(market, now) };
}

function liveStreams(reports: readonly StreamReport[], mayReadOrders: boolean): LiveStreams {
  const shown = reports.toSorted(byLag).slice(0, SHOWN_STREAMS);
  const readable = mayReadOrders ? shown : shown.map(withoutOrders);
  return { total: reports.length, shown: readable.map(withShortFilter) };
}

/** Sorts by magnitude of the lag, so that rows do not swap with each event. */
function byLag(one: StreamReport, other: StreamReport): number {
  return magnitude(other.queued) - magnitude(one.queued) ||
    magnitude(other.dropped) - magnitude(one.dropped) ||
    one.openedAt - other.openedAt;
}

function magnitude(count: number): number {
  return count < 10 ? 0 : Math.floor(Math.log10(count));
}

function withShortFilter(report: StreamReport): StreamReport {
  const { filter } = report;
  if (filter.length <= LONGEST_FILTER) return report;
  return { ...report, filter: `${filter.slice(0, LONGEST_FILTER)}…` };
}

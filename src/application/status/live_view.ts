/**
 * A view of the whole proxy for the status page: every source read at one
 * moment, with rates and latency computed from the moments before.
 *
 * @module
 */
import { type FeedId, FEEDS } from "../../domain/connection/feed.ts";
import { type ChannelName, CHANNELS } from "../../domain/market/channels.ts";
import { ROUTES } from "../../domain/subscription/pairs.ts";
import {
  type ErrorType,
  type FeedCounters,
  MESSAGE_TYPES,
  type MessageType,
  type ProxyCounters,
} from "./counters.ts";
import { type LatencySummary, LatencyWindow } from "./latency_window.ts";
import type { RecentError } from "./recent_errors.ts";
import type { FeedStatus, ProxyStatus, StatusSource } from "./status.ts";
import type { StreamReport, StreamsReport } from "./stream_report.ts";
import type { FeedSubscriptions, QuotaReport, SubscriptionSource } from "./subscription_report.ts";

/** A total with its rate per second, where one is known. */
export interface Flow {
  readonly total: number;
  readonly perSecond: number | undefined;
}

/**
 * When the last message arrived: `none` yet, `at` a wall clock ms, or `unknown`
 * when it was not recorded.
 */
export type LastMessage =
  | { readonly type: "none" | "unknown" }
  | { readonly type: "at"; readonly at: number };

/** One feed. */
export interface LiveFeed {
  readonly status: FeedStatus;
  /** False when the settings disable the feed. */
  readonly enabled: boolean;
  /** Data messages from upstream. */
  readonly received: Flow;
  readonly lastMessage: LastMessage;
  readonly processing: LatencySummary;
  /** Errors since the start, the most frequent first, without zeros. */
  readonly errors: readonly (readonly [ErrorType, number])[];
  readonly quota: QuotaReport | undefined;
}

/** One channel: received from upstream, sent to streams. */
export interface LiveChannel {
  readonly channel: ChannelName;
  readonly received: Flow;
  /** Once per stream. */
  readonly sent: Flow;
  /** Once per stream that fell behind. */
  readonly dropped: Flow;
}

/** Messages of a type that no channel delivers. */
export interface LiveOther {
  readonly type: MessageType;
  readonly received: Flow;
}

/** Open client streams. */
export interface LiveStreams {
  readonly total: number;
  /** Those that are furthest behind. */
  readonly shown: readonly StreamReport[];
}

/** Everything that the status page shows, at one moment. */
export interface LiveView {
  readonly status: ProxyStatus;
  readonly enabled: ReadonlySet<FeedId>;
  readonly feeds: readonly LiveFeed[];
  readonly channels: readonly LiveChannel[];
  readonly others: readonly LiveOther[];
  readonly streams: LiveStreams;
  readonly subscriptions: readonly FeedSubscriptions[];
  /** Newest first. */
  readonly errors: readonly RecentError[];
}

/** Most streams that a view lists. */
const SHOWN_STREAMS = 100;

/** Longest filter that is shown, in characters. */
const LONGEST_FILTER = 160;

/** How long a view is reused, in ms. */
const FRESH_MS = 500;

/** What a view is read from. */
export interface LiveSources {
  readonly status: StatusSource;
  /** Feeds that the settings enable. */
  readonly enabled: ReadonlySet<FeedId>;
  /** Monotonic ms. */
  readonly monotonic: () => number;
  readonly counters: ProxyCounters;
  readonly streams: StreamsReport;
  readonly subscriptions: SubscriptionSource;
  /** Newest first. */
  readonly errors: () => readonly RecentError[];
  /** Wall clock ms of a feed's last data message. */
  readonly lastMessageAt: (feed: FeedId) => number | undefined;
}

/** The message type that a channel delivers. */
const MESSAGE_TYPE_OF: Readonly<Record<ChannelName, MessageType>> = {
  stockQuotes: "quote",
  stockTrades: "trade",
  stockBars: "bar",
  optionQuotes: "quote",
  optionTrades: "trade",
  orderUpdates: "order_update",
};

/**
 * Makes views of one proxy.
 *
 * A view is reused for half a second, so that any number of readers cost one
 * reading. Nothing runs between readings.
 */
export class LiveViews {
  readonly #sources: LiveSources;
  readonly #rates = new Rates();
  readonly #latency = new Map<FeedId, LatencyWindow>();
  #latest: { readonly at: number; readonly view: LiveView } | undefined;

  constructor(sources: LiveSources) {
    this.#sources = sources;
  }

  /** The present view, at most half a second old. */
  read(): LiveView {
    const at = this.#sources.monotonic();
    const latest = this.#latest;
    if (latest && at - latest.at < FRESH_MS) return latest.view;
    const view = this.#make(at);
    this.#latest = { at, view };
    return view;
  }

  #make(at: number): LiveView {
    const { status: source, enabled, counters } = this.#sources;
    const { streams, subscriptions, errors } = this.#sources;
    const status = source();
    const reports = subscriptions();
    const rates = this.#rates.next(totals(status, counters), at);
    const flow = (name: string, total: number): Flow => ({
      total,
      perSecond: rates.get(name),
    });
    return {
      status,
      enabled,
      feeds: status.feeds.map((feed): LiveFeed => ({
        status: feed,
        enabled: enabled.has(feed.feed),
        received: flow(feed.feed, feed.messagesReceived),
        lastMessage: this.#lastMessage(feed),
        processing: this.#window(feed.feed)
          .next(counters.feeds[feed.feed].processing, at),
        errors: nonZero(counters.feeds[feed.feed].errors),
        quota: reports.find(({ feed: id }) => id === feed.feed)?.quota,
      })),
      channels: CHANNELS.map((channel): LiveChannel => ({
        channel,
        received: flow(`in ${channel}`, receivedOf(channel, counters)),
        sent: flow(`out ${channel}`, counters.channels[channel].sent),
        dropped: flow(`lost ${channel}`, counters.channels[channel].dropped),
      })),
      others: others(counters).map(([type, total]): LiveOther => ({
        type,
        received: flow(`other ${type}`, total),
      })),
      streams: liveStreams(streams()),
      subscriptions: reports,
      errors: errors(),
    };
  }

  #window(feed: FeedId): LatencyWindow {
    const window = this.#latency.get(feed) ?? new LatencyWindow();
    this.#latency.set(feed, window);
    return window;
  }

  #lastMessage({ feed, messagesReceived }: FeedStatus): LastMessage {
    const at = this.#sources.lastMessageAt(feed);
    if (at !== undefined) return { type: "at", at };
    return { type: messagesReceived === 0 ? "none" : "unknown" };
  }
}

function totals(
  status: ProxyStatus,
  counters: ProxyCounters,
): Map<string, number> {
  const all = new Map<string, number>();
  for (const { feed, messagesReceived } of status.feeds) {
    all.set(feed, messagesReceived);
  }
  for (const channel of CHANNELS) {
    all.set(`in ${channel}`, receivedOf(channel, counters));
    all.set(`out ${channel}`, counters.channels[channel].sent);
    all.set(`lost ${channel}`, counters.channels[channel].dropped);
  }
  for (const [type, total] of others(counters)) all.set(`other ${type}`, total);
  return all;
}

function receivedOf(channel: ChannelName, counters: ProxyCounters): number {
  return counters.feeds[ROUTES[channel].feed]
    .received[MESSAGE_TYPE_OF[channel]];
}

/** Totals of the messages that no channel delivers, by type. */
function others(counters: ProxyCounters): [MessageType, number][] {
  const delivered = new Set(
    CHANNELS.map((channel) => `${ROUTES[channel].feed} ${MESSAGE_TYPE_OF[channel]}`),
  );
  return MESSAGE_TYPES.map((type): [MessageType, number] => [
    type,
    FEEDS.filter((feed) => !delivered.has(`${feed} ${type}`))
      .reduce((sum, feed) => sum + counters.feeds[feed].received[type], 0),
  ]);
}

function nonZero(errors: FeedCounters["errors"]): [ErrorType, number][] {
  return (Object.entries(errors) as [ErrorType, number][])
    .filter(([, count]) => count > 0)
    .toSorted(([, one], [, other]) => other - one);
}

function liveStreams(reports: readonly StreamReport[]): LiveStreams {
  const shown = reports.toSorted(byLag).slice(0, SHOWN_STREAMS);
  return { total: reports.length, shown: shown.map(withShortFilter) };
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

/** After a longer gap no rate is known, in ms. */
const MAX_STEP_MS = 5_000;

/** Computes rates per second from successive totals. */
class Rates {
  #last: { readonly at: number; readonly totals: ReadonlyMap<string, number> } = {
    at: -Infinity,
    totals: new Map(),
  };

  /**
   * Rates since the previous call; a name without a previous total has none,
   * and nothing has one after a pause of more than five seconds.
   *
   * @param at monotonic ms
   */
  next(
    totals: ReadonlyMap<string, number>,
    at: number,
  ): ReadonlyMap<string, number> {
    const rates = new Map<string, number>();
    const elapsed = at - this.#last.at;
    if (elapsed > 0 && elapsed <= MAX_STEP_MS) {
      for (const [name, total] of totals) {
        const before = this.#last.totals.get(name);
        if (before === undefined) continue;
        rates.set(name, Math.max(0, total - before) * 1000 / elapsed);
      }
    }
    this.#last = { at, totals };
    return rates;
  }
}

/**
 * Makes {@linkcode LiveView}s: reads every source once, and what needs two
 * moments (rates, latency of the last minute) out of the moment before.
 *
 * Asked again within half a second it gives the same view, so that any number
 * of readers costs one reading. It runs nothing by itself: when nobody asks,
 * nothing is done.
 *
 * @module
 */
import { type FeedId, FEEDS } from "../../domain/connection/feed.ts";
import type { ChannelName } from "../../domain/market/channels.ts";
import { CHANNELS } from "../../domain/market/channels.ts";
import { ROUTES } from "../../domain/subscription/routes.ts";
import {
  type ErrorType,
  type FeedCounters,
  MESSAGE_TYPES,
  type MessageType,
  type ProxyCounters,
} from "./counters.ts";
import { LatencyWindow } from "./latency_window.ts";
import type {
  Flow,
  LastMessage,
  LiveChannel,
  LiveFeed,
  LiveOther,
  LiveStreams,
  LiveView,
} from "./live_view.ts";
import type { FeedStatus, ProxyStatus, StatusSource } from "./proxy_status.ts";
import { Rates } from "./rates.ts";
import type { RecentError } from "./recent_errors.ts";
import type { StreamReport, StreamsReport } from "./stream_report.ts";
import type { SubscriptionSource } from "./subscription_report.ts";

/** Streams that are shown of all that are open. */
export const SHOWN_STREAMS = 100;

/** Longest filter that is shown, in characters. */
const LONGEST_FILTER = 160;

/** A view is this old at most, in ms. */
const FRESH_MS = 500;

/** Where a view comes from; what is left out is not shown. */
export interface LiveSources {
  readonly status: StatusSource;
  /** Feeds that are meant to run. */
  readonly enabled: ReadonlySet<FeedId>;
  /** Monotonic ms. */
  readonly monotonic: () => number;
  readonly counters?: ProxyCounters | undefined;
  readonly streams?: StreamsReport | undefined;
  readonly subscriptions?: SubscriptionSource | undefined;
  /** Newest first. */
  readonly errors?: (() => readonly RecentError[]) | undefined;
  /** Wall clock ms of a feed's last data message. */
  readonly lastMessageAt?: ((feed: FeedId) => number | undefined) | undefined;
}

/** The message type that a channel carries. */
const CARRIED: Readonly<Record<ChannelName, MessageType>> = {
  stockQuotes: "quote",
  stockTrades: "trade",
  stockBars: "bar",
  optionQuotes: "quote",
  optionTrades: "trade",
  orderUpdates: "order_update",
};

/** Makes views of one proxy. */
export class LiveViews {
  readonly #sources: LiveSources;
  readonly #rates = new Rates();
  readonly #latency = new Map<FeedId, LatencyWindow>();
  #latest: { readonly at: number; readonly view: LiveView } | undefined;

  constructor(sources: LiveSources) {
    this.#sources = sources;
  }

  /** The proxy as it stands, or as it stood half a second ago at most. */
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
    const reports = subscriptions?.();
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
        processing: counters && this.#window(feed.feed)
          .next(counters.feeds[feed.feed].processing, at),
        errors: counters && nonZero(counters.feeds[feed.feed].errors),
        quota: reports?.find(({ feed: id }) => id === feed.feed)?.quota,
      })),
      channels: counters && CHANNELS.map((channel): LiveChannel => ({
        channel,
        received: flow(`in ${channel}`, receivedOf(channel, counters)),
        sent: flow(`out ${channel}`, counters.channels[channel].sent),
        dropped: flow(`lost ${channel}`, counters.channels[channel].dropped),
      })),
      others: counters && others(counters).map(([type, total]): LiveOther => ({
        type,
        received: flow(`other ${type}`, total),
      })),
      streams: liveStreams(status.clientCount, streams?.()),
      subscriptions: reports,
      errors: errors?.(),
    };
  }

  #window(feed: FeedId): LatencyWindow {
    const window = this.#latency.get(feed) ?? new LatencyWindow();
    this.#latency.set(feed, window);
    return window;
  }

  #lastMessage({ feed, messagesReceived }: FeedStatus): LastMessage {
    const at = this.#sources.lastMessageAt?.(feed);
    if (at !== undefined) return { type: "at", at };
    return { type: messagesReceived === 0 ? "none" : "unknown" };
  }
}

function totals(
  status: ProxyStatus,
  counters: ProxyCounters | undefined,
): Map<string, number> {
  const all = new Map<string, number>();
  for (const { feed, messagesReceived } of status.feeds) {
    all.set(feed, messagesReceived);
  }
  if (!counters) return all;
  for (const channel of CHANNELS) {
    all.set(`in ${channel}`, receivedOf(channel, counters));
    all.set(`out ${channel}`, counters.channels[channel].sent);
    all.set(`lost ${channel}`, counters.channels[channel].dropped);
  }
  for (const [type, total] of others(counters)) all.set(`other ${type}`, total);
  return all;
}

function receivedOf(channel: ChannelName, counters: ProxyCounters): number {
  return counters.feeds[ROUTES[channel].feed].received[CARRIED[channel]];
}

/** Types of which at least one message is carried by no channel, with totals. */
function others(counters: ProxyCounters): [MessageType, number][] {
  const carried = new Set(
    CHANNELS.map((channel) => `${ROUTES[channel].feed} ${CARRIED[channel]}`),
  );
  return MESSAGE_TYPES.map((type): [MessageType, number] => [
    type,
    FEEDS.filter((feed) => !carried.has(`${feed} ${type}`))
      .reduce((sum, feed) => sum + counters.feeds[feed].received[type], 0),
  ]);
}

function nonZero(errors: FeedCounters["errors"]): [ErrorType, number][] {
  return (Object.entries(errors) as [ErrorType, number][])
    .filter(([, count]) => count > 0)
    .toSorted(([, one], [, other]) => other - one);
}

function liveStreams(
  count: number,
  reports: readonly StreamReport[] | undefined,
): LiveStreams {
  if (!reports) return { total: count, shown: undefined };
  const shown = reports.toSorted(furthestBehindFirst).slice(0, SHOWN_STREAMS);
  return { total: reports.length, shown: shown.map(withShortFilter) };
}

/** By size of the lag, not by each event of it: rows must not dance. */
function furthestBehindFirst(one: StreamReport, other: StreamReport): number {
  return sizeOf(other.waiting) - sizeOf(one.waiting) ||
    sizeOf(other.lost) - sizeOf(one.lost) || one.openedAt - other.openedAt;
}

function sizeOf(count: number): number {
  return count < 10 ? 0 : Math.floor(Math.log10(count));
}

function withShortFilter(report: StreamReport): StreamReport {
  const { filter } = report;
  if (filter.length <= LONGEST_FILTER) return report;
  return { ...report, filter: `${filter.slice(0, LONGEST_FILTER)}…` };
}

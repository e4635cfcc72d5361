import { type FeedId, FEEDS, perFeed } from "../../domain/connection/feed.ts";
import { BAR_CHANNELS, type ChannelName, CHANNELS } from "../../domain/market/channels.ts";
import { CHANNEL_SOURCES } from "../../domain/subscription/pairs.ts";
import type { Clock } from "../ports/clock.ts";
import {
  DELAY_BUCKETS,
  type Latency,
  MESSAGE_TYPES,
  messagesReceived,
  type MessageType,
  type ProxyCounters,
} from "./counters.ts";
import { type Histogram, type LatencySummary, LatencyWindow } from "./latency_window.ts";
import { WallStamp } from "./wall_stamp.ts";

/** Time between two samples in ms, and the precision of what is read from them. */
const INTERVAL_MS = 1_000;

/** Samples that are kept: five minutes. */
const KEPT = 300;

/** Channels of events with the time at which they happened; a bar has that of its start. */
const TIMED_CHANNELS = CHANNELS.filter((channel) => !BAR_CHANNELS.has(channel));

/** A total, and its rate in each of the last seconds, newest last; at most 300. */
export interface Flow {
  readonly total: number;
  readonly rates: readonly number[];
}

/** What is counted together: a feed, a direction of a channel, or other messages. */
export type FlowName =
  | `feed.${FeedId}`
  | `in.${ChannelName}`
  | `out.${ChannelName}`
  | `other.${MessageType}`;

/** The message types that a channel delivers. */
const MESSAGE_TYPES_OF: Readonly<Record<ChannelName, readonly MessageType[]>> = {
  stockQuotes: ["quote"],
  stockTrades: ["trade"],
  stockBars: ["bar"],
  stockUpdatedBars: ["updated_bar"],
  stockDailyBars: ["daily_bar"],
  tradingStatuses: ["status"],
  priceBands: ["luld"],
  tradeCorrections: ["correction", "cancel_error"],
  imbalances: ["imbalance"],
  optionQuotes: ["quote"],
  optionTrades: ["trade"],
  orderUpdates: ["order_update"],
  cryptoQuotes: ["quote"],
  cryptoTrades: ["trade"],
  cryptoBars: ["bar"],
  cryptoUpdatedBars: ["updated_bar"],
  cryptoDailyBars: ["daily_bar"],
  orderbooks: ["orderbook"],
  news: ["article"],
};

/**
 * Samples the counters once a second, so that the message path does not read the clock: rates of
 * the last five minutes, the time of each feed's last data, the processing latency and the
 * delay of data in the last minute.
 */
export class Activity {
  readonly #counters: ProxyCounters;
  readonly #clock: Clock;
  readonly #last = new Map<FeedId, WallStamp>();
  readonly #latency = perFeed(() => new LatencyWindow());
  readonly #delays = perFeed(() => new LatencyWindow());
  #flows: ReadonlyMap<FlowName, Flow>;
  /** Monotonic ms. */
  #sampledAt: number;

  constructor(counters: ProxyCounters, clock: Clock) {
    this.#counters = counters;
    this.#clock = clock;
    this.#sampledAt = clock.monotonic();
    this.#flows = new Map(totals(counters).map(([name, total]) => [name, { total, rates: [] }]));
  }

  /** Samples once a second until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(INTERVAL_MS, signal);
      if (!signal.aborted) this.#sample();
    }
  }

  /**
   * Wall clock ms of a feed's last data message; undefined before the first. The age stays correct
   * when the wall clock is set.
   */
  lastMessageAt(feed: FeedId): number | undefined {
    return this.#last.get(feed)?.at;
  }

  /** The last sample. */
  flow(name: FlowName): Flow {
    return this.#flows.get(name) ?? { total: 0, rates: [] };
  }

  /** The processing latency of a feed. */
  processing(feed: FeedId): LatencySummary {
    return this.#latency[feed].summary;
  }

  /** The delay of a feed's data, from Alpaca's timestamp until it is handed to the transport. */
  delay(feed: FeedId): LatencySummary {
    return this.#delays[feed].summary;
  }

  #sample(): void {
    const at = this.#clock.monotonic();
    const seconds = (at - this.#sampledAt) / INTERVAL_MS;
    this.#sampledAt = at;
    const flows = new Map<FlowName, Flow>();
    for (const [name, total] of totals(this.#counters)) {
      const before = this.#flows.get(name);
      // A blocked event loop skips samples; each entry stays one second.
      const rate = (total - (before?.total ?? 0)) / seconds;
      const passed = Math.min(KEPT, Math.max(1, Math.round(seconds)));
      const added = new Array<number>(passed).fill(rate);
      flows.set(name, { total, rates: [...before?.rates ?? [], ...added].slice(-KEPT) });
    }
    for (const feed of FEEDS) {
      const name = `feed.${feed}` as const;
      const isNew = flows.get(name)?.total !== this.#flows.get(name)?.total;
      if (isNew) this.#last.set(feed, new WallStamp(this.#clock));
      this.#latency[feed].add(this.#counters.feeds[feed].processing, at);
      const timed = TIMED_CHANNELS.filter((channel) => CHANNEL_SOURCES[channel].feed === feed)
        .map((channel) => this.#counters.endToEnd[channel]);
      this.#delays[feed].add(sumOf(DELAY_BUCKETS, timed), at);
    }
    this.#flows = flows;
  }
}

/** One histogram of several with the same bounds. */
function sumOf(bounds: readonly number[], latencies: readonly Latency[]): Histogram {
  const counts = Array.from(
    { length: bounds.length + 1 },
    (_, bucket) => latencies.reduce((sum, { counts }) => sum + (counts[bucket] ?? 0), 0),
  );
  return { bounds, counts };
}

/** Everything that is counted. */
function totals(counters: ProxyCounters): [FlowName, number][] {
  const { feeds, channels } = counters;
  const others = new Map(MESSAGE_TYPES.map((type) => [
    type,
    FEEDS.reduce((sum, feed) => sum + feeds[feed].received[type], 0),
  ]));
  const flows = FEEDS.map((feed): [FlowName, number] => [
    `feed.${feed}`,
    messagesReceived(feeds[feed]),
  ]);
  for (const channel of CHANNELS) {
    let received = 0;
    for (const type of MESSAGE_TYPES_OF[channel]) {
      const count = feeds[CHANNEL_SOURCES[channel].feed].received[type];
      others.set(type, (others.get(type) ?? 0) - count);
      received += count;
    }
    flows.push([`in.${channel}`, received], [`out.${channel}`, channels[channel].sent]);
  }
  // What is left is delivered by no channel.
  for (const [type, total] of others) flows.push([`other.${type}`, total]);
  return flows;
}

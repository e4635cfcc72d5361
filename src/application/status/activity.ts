import { type FeedId, FEEDS } from "../../domain/connection/feed.ts";
import { type ChannelName, CHANNELS } from "../../domain/market/channels.ts";
import { ROUTES } from "../../domain/subscription/pairs.ts";
import type { Timestamp } from "../../domain/market/timestamp.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type { Clock } from "../ports/clock.ts";
import {
  MESSAGE_TYPES,
  messagesReceived,
  type MessageType,
  type ProxyCounters,
} from "./counters.ts";
import { type LatencySummary, LatencyWindow } from "./latency_window.ts";
import { WallStamp } from "./wall_stamp.ts";

/** Time between two samples in ms, and the precision of what is read from them. */
const INTERVAL_MS = 1_000;

/** Samples that are kept: five minutes. */
const KEPT = 300;

/** How long delays of data are kept, in ms. */
const DELAY_WINDOW_MS = 60_000;

/** Channels of events with the time at which they happened; a bar has that of its start. */
const DELAY_CHANNELS = CHANNELS.filter((channel) => channel !== "stockBars");

/** A total, and its rate in each of the last seconds, newest last; at most 300. */
export interface Flow {
  readonly total: number;
  readonly rates: readonly number[];
}

/**
 * How old data is when it arrives, from Alpaca's timestamp until the frame is received, in ms:
 * a message per second and channel of the last minute.
 */
export interface DataDelay {
  readonly medianMs: number;
  readonly worstMs: number;
}

/** A channel's last published event. */
export type NewestEvents = Readonly<Record<ChannelName, { readonly newest: Newest | undefined }>>;

type Newest = Pick<Envelope<{ readonly timestamp: Timestamp | undefined }>, "event" | "receivedAt">;

/** What is counted together: a feed, a direction of a channel, or other messages. */
export type FlowName =
  | `feed.${FeedId}`
  | `in.${ChannelName}`
  | `out.${ChannelName}`
  | `other.${MessageType}`;

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
 * Samples the counters once a second, so that the message path does not read the clock: rates of
 * the last five minutes, the time of each feed's last data, the processing latency and
 * the delay of data in the last minute.
 */
export class Activity {
  readonly #counters: ProxyCounters;
  readonly #clock: Clock;
  readonly #last = new Map<FeedId, WallStamp>();
  readonly #latency: Readonly<Record<FeedId, LatencyWindow>> = {
    sip: new LatencyWindow(),
    opra: new LatencyWindow(),
    trading: new LatencyWindow(),
  };
  readonly #channels: NewestEvents | undefined;
  /** The event that each channel was sampled at last, and delays in ms with their time. */
  readonly #sampled = new Map<ChannelName, Newest>();
  readonly #delays = new Map<FeedId, { readonly at: number; readonly ms: number }[]>();
  #flows: ReadonlyMap<FlowName, Flow>;
  /** Monotonic ms. */
  #sampledAt: number;

  /** @param channels for the delay of data; without them it is not measured */
  constructor(counters: ProxyCounters, clock: Clock, channels?: NewestEvents) {
    this.#channels = channels;
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

  /** The delay of a feed's data; undefined while no stream receives any. */
  delay(feed: FeedId): DataDelay | undefined {
    const sorted = (this.#delays.get(feed) ?? []).map(({ ms }) => ms).sort((a, b) => a - b);
    const [median, worst] = [sorted[sorted.length >> 1], sorted.at(-1)];
    return median === undefined || worst === undefined
      ? undefined
      : { medianMs: median, worstMs: worst };
  }

  /** The delay of each channel's last event, if it is a new one. */
  #sampleDelays(at: number): void {
    for (const feed of FEEDS) {
      const kept = this.#delays.get(feed) ?? [];
      this.#delays.set(feed, kept.filter((each) => at - each.at < DELAY_WINDOW_MS));
    }
    for (const channel of DELAY_CHANNELS) {
      const newest = this.#channels?.[channel].newest;
      const timestamp = newest?.event.timestamp;
      if (!newest || !timestamp || this.#sampled.get(channel) === newest) continue;
      this.#sampled.set(channel, newest);
      const ms = newest.receivedAt - timestamp.seconds * 1_000 - timestamp.nanos / 1e6;
      // Below 0 where the clocks differ.
      this.#delays.get(ROUTES[channel].feed)?.push({ at, ms: Math.max(0, ms) });
    }
  }

  #sample(): void {
    const at = this.#clock.monotonic();
    const seconds = (at - this.#sampledAt) / INTERVAL_MS;
    this.#sampledAt = at;
    this.#sampleDelays(at);
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
    }
    this.#flows = flows;
  }
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
    const type = MESSAGE_TYPE_OF[channel];
    const received = feeds[ROUTES[channel].feed].received[type];
    others.set(type, (others.get(type) ?? 0) - received);
    flows.push([`in.${channel}`, received], [`out.${channel}`, channels[channel].sent]);
  }
  // What is left is delivered by no channel.
  for (const [type, total] of others) flows.push([`other.${type}`, total]);
  return flows;
}

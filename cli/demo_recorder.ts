/**
 * The state of the demo, and its computation from messages.
 *
 * It is bounded: instruments are those requested; orders, events, history and
 * latency samples have capacities and evict the oldest.
 *
 * @module
 */
import { BAR_CHANNELS, type ChannelName, CHANNELS } from "../src/domain/market/channels.ts";
import {
  ConnectionState,
  type FeedStatus,
  type OptionTrade,
  type OrderUpdate,
  type StockBar,
  type StockQuote,
  type StockTrade,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import { timestampOf } from "./message_lines.ts";
import type { StreamMessage } from "./streams.ts";
import { millisecondsOf } from "./text.ts";

/** Figures of one client stream. */
export interface StreamFigures {
  readonly total: number;
  /** Of the last whole second. */
  readonly perSecond: number;
  /** `perSecond` of the last seconds, oldest first. */
  readonly history: readonly number[];
  /** Age of a message on arrival, in ms; undefined if unknown. */
  readonly median: number | undefined;
  /** The 99th percentile of the same. */
  readonly slowest: number | undefined;
  /** Messages that the proxy reports as dropped for slow streams. */
  readonly dropped: number;
}

/** Last known values of one stock or contract. */
export interface InstrumentRow {
  readonly symbol: string;
  /** False while the feed is not connected or has sent nothing since. */
  readonly live: boolean;
  readonly book?: Pick<StockQuote, "bidPrice" | "bidSize" | "askPrice" | "askSize">;
  readonly trade?: {
    readonly price: number;
    readonly size: number;
    /** Compared with the previous trade. */
    readonly direction: -1 | 0 | 1;
  };
  readonly bar?: Pick<StockBar, "open" | "high" | "low" | "close" | "volume">;
}

/** An event that is shown to the user. */
export interface DemoEvent {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly tone: "good" | "bad" | "plain";
  readonly text: string;
}

/** Addresses of the demo's proxy. */
export interface DemoAddresses {
  /** `localhost:50052`. */
  readonly grpc: string;
  readonly health: string;
  readonly metrics: string;
}

/** How long a feed was disconnected, since it was first connected. */
export interface Outage {
  /** Length of the present outage, ms; undefined while connected. */
  readonly presentMs: number | undefined;
  /** All outages, ms. */
  readonly totalMs: number;
}

/** Everything that is shown. */
export interface DemoState {
  readonly addresses: DemoAddresses;
  readonly elapsedMs: number;
  /** Messages per second of the simulator. */
  readonly messagesPerSecond: number;
  readonly feeds: readonly FeedStatus[];
  /** By the index of the feed. */
  readonly outages: readonly Outage[];
  readonly streams: Readonly<Record<ChannelName, StreamFigures>>;
  readonly stocks: readonly InstrumentRow[];
  readonly options: readonly InstrumentRow[];
  /** Newest first. */
  readonly orders: readonly OrderUpdate[];
  /** Newest first. */
  readonly events: readonly DemoEvent[];
}

const MAX_ORDERS = 50;
const MAX_EVENTS = 20;
const MAX_HISTORY = 60;
const MAX_SAMPLES = 1_000;
/** Seconds without a message after which the last delay is discarded. */
const STALE_TICKS = 3;

/** What the demo shows. */
export interface DemoSubject extends Pick<DemoState, "addresses" | "messagesPerSecond"> {
  readonly stocks: readonly string[];
  readonly options: readonly string[];
}

/** Records messages and computes the state. */
export class DemoRecorder {
  readonly #subject: DemoSubject;
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #meters = recordOf(() => new StreamMeter());
  readonly #stocks: InstrumentValues;
  readonly #options: InstrumentValues;
  readonly #orders: OrderUpdate[] = [];
  readonly #events: DemoEvent[] = [];
  #feeds: readonly FeedStatus[] = [];
  readonly #outages: { totalMs: number; since?: number | undefined; wasConnected?: boolean }[] = [];

  /** @param now milliseconds since the epoch, with a fraction if possible */
  constructor(subject: DemoSubject, now: () => number) {
    this.#subject = subject;
    this.#now = now;
    this.#startedAt = now();
    this.#stocks = new InstrumentValues(subject.stocks, now);
    this.#options = new InstrumentValues(subject.options, now);
  }

  /** Records the messages of a stream. */
  record(channel: ChannelName, messages: readonly StreamMessage[]): void {
    const meter = this.#meters[channel];
    const now = this.#now();
    meter.count(messages.length);
    for (const message of messages) {
      this.#update(message);
      // A bar's time is the start of its minute, so it has no delay.
      const timestamp = timestampOf(message);
      if (timestamp && !BAR_CHANNELS.has(channel)) meter.sample(now - millisecondsOf(timestamp));
    }
  }

  #update(message: StreamMessage): void {
    switch (message.$typeName) {
      case "cream.v1.StockQuote":
        return this.#stocks.update(message, { book: message });
      case "cream.v1.StockTrade":
        return this.#stocks.trade(message);
      case "cream.v1.StockBar":
        return this.#stocks.update(message, { bar: message });
      case "cream.v1.OptionQuoteUpdate":
        return this.#options.update(message, { book: message });
      case "cream.v1.OptionTrade":
        return this.#options.trade(message);
      case "cream.v1.OrderUpdate":
        this.#orders.unshift(message);
        this.#orders.length = Math.min(this.#orders.length, MAX_ORDERS);
    }
  }

  /** Records the feeds of the status. */
  feeds(feeds: readonly FeedStatus[]): void {
    this.#feeds = feeds;
    for (const [at, { state }] of feeds.entries()) {
      const outage = this.#outages[at] ??= { totalMs: 0 };
      const isConnected = state === ConnectionState.CONNECTED;
      if (outage.since !== undefined && isConnected) outage.totalMs += this.#now() - outage.since;
      if (isConnected) outage.since = undefined;
      else if (outage.wasConnected) outage.since ??= this.#now();
      outage.wasConnected ||= isConnected;
    }
  }

  /** Records the number of dropped messages. */
  dropped(channel: ChannelName, count: number): void {
    this.#meters[channel].dropped = count;
  }

  /** Adds an event. */
  addEvent(tone: DemoEvent["tone"], text: string): void {
    this.#events.unshift({ at: this.#now(), tone, text });
    this.#events.length = Math.min(this.#events.length, MAX_EVENTS);
  }

  /** Computes the rates of the last `elapsedMs`; call it every second. */
  tick(elapsedMs: number): void {
    for (const name of CHANNELS) this.#meters[name].tick(elapsedMs);
  }

  /** The present state; its lists are copies or immutable. */
  state(): DemoState {
    return {
      addresses: this.#subject.addresses,
      messagesPerSecond: this.#subject.messagesPerSecond,
      elapsedMs: this.#now() - this.#startedAt,
      feeds: this.#feeds,
      outages: this.#outages.map(({ since, totalMs }) => {
        const presentMs = since === undefined ? undefined : this.#now() - since;
        return { presentMs, totalMs: totalMs + (presentMs ?? 0) };
      }),
      streams: recordOf((channel) => this.#meters[channel].figures()),
      stocks: this.#stocks.rows(this.#feeds[0]),
      options: this.#options.rows(this.#feeds[1]),
      orders: [...this.#orders],
      events: [...this.#events],
    };
  }
}

function recordOf<T>(of: (channel: ChannelName) => T): Readonly<Record<ChannelName, T>> {
  const entries = CHANNELS.map((channel) => [channel, of(channel)]);
  return Object.fromEntries(entries);
}

/** Counts one stream. */
class StreamMeter {
  dropped = 0;
  #total = 0;
  #atTick = 0;
  #perSecond = 0;
  #median: number | undefined;
  #slowest: number | undefined;
  #samples: number[] = [];
  #sampled = 0;
  #ticksWithout = 0;
  readonly #history: number[] = [];

  count(messages: number): void {
    this.#total += messages;
  }

  /** At least 0: clocks of one machine may differ in the last digits. */
  sample(milliseconds: number): void {
    this.#samples[this.#sampled++ % MAX_SAMPLES] = Math.max(0, milliseconds);
  }

  tick(elapsedMs: number): void {
    const count = this.#total - this.#atTick;
    this.#atTick = this.#total;
    this.#perSecond = elapsedMs > 0 ? 1000 * count / elapsedMs : 0;
    this.#history.push(this.#perSecond);
    if (this.#history.length > MAX_HISTORY) this.#history.shift();
    // A second without messages has no new delay.
    if (this.#samples.length === 0) {
      if (++this.#ticksWithout < STALE_TICKS) return;
      this.#median = this.#slowest = undefined;
      return;
    }
    this.#ticksWithout = 0;
    const sorted = this.#samples.sort((a, b) => a - b);
    this.#median = sorted[Math.floor(sorted.length * 0.5)];
    this.#slowest = sorted[Math.floor(sorted.length * 0.99)];
    this.#samples = [];
    this.#sampled = 0;
  }

  figures(): StreamFigures {
    return {
      total: this.#total,
      perSecond: this.#perSecond,
      history: [...this.#history],
      median: this.#median,
      slowest: this.#slowest,
      dropped: this.dropped,
    };
  }
}

/** Last values of an instrument, and their time. */
type Known = Omit<InstrumentRow, "live"> & { readonly at?: number };

/** The instruments of one feed; only the requested ones have a row. */
class InstrumentValues {
  readonly #known: Map<string, Known>;
  readonly #now: () => number;

  constructor(symbols: readonly string[], now: () => number) {
    this.#known = new Map(symbols.map((symbol) => [symbol, { symbol }]));
    this.#now = now;
  }

  update(
    { symbol }: { readonly symbol: string },
    values: Partial<Known>,
  ): void {
    const known = this.#known.get(symbol);
    if (!known) return;
    this.#known.set(symbol, { ...known, ...values, at: this.#now() });
  }

  trade({ symbol, price, size }: StockTrade | OptionTrade): void {
    const before = this.#known.get(symbol)?.trade?.price ?? price;
    const direction = price > before ? 1 : price < before ? -1 : 0;
    this.update({ symbol }, { trade: { price, size, direction } });
  }

  /** Values from before the feed's present connection are not live. */
  rows(feed: FeedStatus | undefined): InstrumentRow[] {
    const since = feed?.state === ConnectionState.CONNECTED &&
        feed.lastConnectedAt
      ? millisecondsOf(feed.lastConnectedAt)
      : Infinity;
    return [...this.#known.values()].map(({ at = -Infinity, ...row }) => ({
      ...row,
      live: at >= since,
    }));
  }
}

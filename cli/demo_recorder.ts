/**
 * Converts messages to the state of the demo.
 *
 * It is bounded: instruments are those requested; orders, events, history and
 * latency samples have capacities and evict the oldest.
 *
 * @module
 */
import { type ChannelName, CHANNELS } from "../src/domain/market/channels.ts";
import {
  ConnectionState,
  type FeedStatus,
  type OptionQuoteUpdate,
  type OptionTrade,
  type OrderUpdate,
  type StockBar,
  type StockQuote,
  type StockTrade,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import type {
  DemoAddresses,
  DemoEvent,
  DemoState,
  InstrumentRow,
  StreamFigures,
} from "./demo_state.ts";
import { millisecondsOf } from "./text.ts";

const MAX_ORDERS = 50;
const MAX_EVENTS = 20;
const MAX_HISTORY = 60;
const MAX_SAMPLES = 1_000;
/** Seconds without a message after which the last delay is discarded. */
const STALE_TICKS = 3;

/** What the demo shows. */
export interface DemoSubject {
  readonly addresses: DemoAddresses;
  readonly messagesPerSecond: number;
  readonly stocks: readonly string[];
  readonly options: readonly string[];
}

type Timed = StockQuote | StockTrade | OptionQuoteUpdate | OptionTrade;

/** Records messages and computes the state. */
export class DemoRecorder {
  readonly #subject: DemoSubject;
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #meters: Readonly<Record<ChannelName, StreamMeter>>;
  readonly #stocks: InstrumentValues;
  readonly #options: InstrumentValues;
  readonly #orders: OrderUpdate[] = [];
  readonly #events: DemoEvent[] = [];
  #feeds: readonly FeedStatus[] = [];

  /** @param now milliseconds since the epoch, with a fraction if possible */
  constructor(subject: DemoSubject, now: () => number) {
    this.#subject = subject;
    this.#now = now;
    this.#startedAt = now();
    const meters = CHANNELS.map((name) => [name, new StreamMeter()]);
    this.#meters = Object.fromEntries(meters);
    this.#stocks = new InstrumentValues(subject.stocks, now);
    this.#options = new InstrumentValues(subject.options, now);
  }

  stockQuotes(quotes: readonly StockQuote[]): void {
    this.#count("stockQuotes", quotes);
    for (const quote of quotes) this.#stocks.update(quote, { book: quote });
  }

  stockTrades(trades: readonly StockTrade[]): void {
    this.#count("stockTrades", trades);
    for (const trade of trades) this.#stocks.trade(trade);
  }

  stockBars(bars: readonly StockBar[]): void {
    // A bar's time is the start of its minute, so it has no delay.
    this.#meters.stockBars.count(bars.length);
    for (const bar of bars) this.#stocks.update(bar, { bar });
  }

  optionQuotes(quotes: readonly OptionQuoteUpdate[]): void {
    this.#count("optionQuotes", quotes);
    for (const quote of quotes) this.#options.update(quote, { book: quote });
  }

  optionTrades(trades: readonly OptionTrade[]): void {
    this.#count("optionTrades", trades);
    for (const trade of trades) this.#options.trade(trade);
  }

  orderUpdates(updates: readonly OrderUpdate[]): void {
    this.#count("orderUpdates", updates);
    this.#orders.unshift(...updates.toReversed());
    this.#orders.length = Math.min(this.#orders.length, MAX_ORDERS);
  }

  /** Records the feeds of the status. */
  feeds(feeds: readonly FeedStatus[]): void {
    this.#feeds = feeds;
  }

  /** Records the number of lost messages. */
  lost(channel: ChannelName, count: number): void {
    this.#meters[channel].lost = count;
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
      streams: {
        stockQuotes: this.#meters.stockQuotes.figures(),
        stockTrades: this.#meters.stockTrades.figures(),
        stockBars: this.#meters.stockBars.figures(),
        optionQuotes: this.#meters.optionQuotes.figures(),
        optionTrades: this.#meters.optionTrades.figures(),
        orderUpdates: this.#meters.orderUpdates.figures(),
      },
      stocks: this.#stocks.rows(this.#feeds[0]),
      options: this.#options.rows(this.#feeds[1]),
      orders: [...this.#orders],
      events: [...this.#events],
    };
  }

  #count(name: ChannelName, messages: readonly (Timed | OrderUpdate)[]): void {
    const meter = this.#meters[name];
    const now = this.#now();
    meter.count(messages.length);
    for (const { timestamp } of messages) {
      if (timestamp) meter.sample(now - millisecondsOf(timestamp));
    }
  }
}

/** Counts one stream. */
class StreamMeter {
  lost = 0;
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
      lost: this.lost,
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

/**
 * Streams of selected contracts over a scripted option catalog, on a clock turned by hand.
 *
 * @module
 */
import { createChannels } from "../../../../src/application/broadcast/channels.ts";
import type { PendingBatch } from "../../../../src/application/broadcast/event_queue.ts";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import { Expansions } from "../../../../src/application/options/expansions.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import type {
  OpenStream,
  StreamFilter,
  StreamItem,
} from "../../../../src/application/streaming/market_streams.ts";
import type { StreamOptions } from "../../../../src/application/streaming/stream_options.ts";
import { StreamRegistry } from "../../../../src/application/streaming/stream_registry.ts";
import type { SymbolChange } from "../../../../src/application/streaming/upstream_events.ts";
import { exchangeDay } from "../../../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import { FEEDS } from "../../../../src/domain/connection/feed.ts";
import { CHANNELS } from "../../../../src/domain/market/channels.ts";
import type { OptionQuote } from "../../../../src/domain/market/option_events.ts";
import {
  DEFAULT_SELECTION,
  type OptionSelection,
} from "../../../../src/domain/options/selection.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";
import type { UpstreamChannel } from "../../../../src/domain/subscription/pairs.ts";
import { LIVE } from "../../../support/live_feed.ts";
import { MANUAL_EPOCH, ManualClock, settle } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { NO_OPTIONS } from "../../../support/stream_options.ts";
import { gridOf, occSymbol, strikesFrom } from "../../domain/options/chains.ts";
import { CountingSink } from "../options/counting_sink.ts";
import { ScriptedCatalog } from "../options/scripted_catalog.ts";

/** The only listed expiry. */
export const EXPIRY = exchangeDay(MANUAL_EPOCH) + 7;
/** How often prices are asked for, in ms. */
export const INTERVAL_MS = 15_000;

/** A call of SPY. */
export function call(strike: number): string {
  return occSymbol("SPY", { expiryDay: EXPIRY, right: "call", strike });
}

/** A put of SPY. */
export function put(strike: number): string {
  return occSymbol("SPY", { expiryDay: EXPIRY, right: "put", strike });
}

/** The two calls around the price. */
export const TWO_CALLS: OptionSelection = {
  ...DEFAULT_SELECTION,
  right: "call",
  maxContracts: 2,
};

class StatefulSink extends CountingSink {
  override statesOf(_channel?: UpstreamChannel, symbols?: Iterable<string>): SymbolChange[] {
    return Array.from(symbols ?? [], (symbol) => ({ symbol, state: "requested", reason: "" }));
  }
}

/** What a {@linkcode SelectionRig} can have. */
interface RigOptions {
  /** Slots of the symbol quota. */
  readonly limit?: number;
  /** Last quotes that REST has: their bids by symbol. */
  readonly last?: ReadonlyMap<string, number>;
  readonly strikes?: readonly [number, number];
}

/** A registry with expansions of SPY, whose price is 100.4 at first. */
export class SelectionRig implements AsyncDisposable {
  readonly catalog = new ScriptedCatalog();
  readonly clock = new ManualClock();
  readonly counters = createCounters();
  readonly memory = new QueueMemory();
  readonly sink: StatefulSink;
  readonly expansions: Expansions;
  readonly streams: StreamRegistry;
  readonly channels;
  /** Symbols of each request of last quotes. */
  readonly lookUps: string[][] = [];
  /** What the answers of REST wait for. */
  answer: Promise<void> | undefined;
  readonly #end = new AbortController();
  readonly #run: Promise<void>;
  #ids = 0;

  constructor({ limit, last, strikes: [low, high] = [50, 150] }: RigOptions = {}) {
    const { catalog, clock, counters } = this;
    catalog.time = () => clock.now();
    this.sink = new StatefulSink(limit);
    const directory = new UnderlyingDirectory();
    this.expansions = new Expansions({
      catalog,
      sink: this.sink,
      directory,
      clock,
      log: new RecordingLog(),
      random: () => 0.5,
      calendar: new MarketCalendar(),
      settings: { selection: DEFAULT_SELECTION, priceIntervalMs: INTERVAL_MS, maxChains: 10 },
    });
    const capacities = Object.fromEntries(CHANNELS.map((name) => [name, 1_000]));
    this.channels = createChannels({
      capacities: capacities as Parameters<typeof createChannels>[0]["capacities"],
      counters,
      memory: this.memory,
      directory,
    });
    this.streams = new StreamRegistry({
      channels: this.channels,
      feeds: new Set(FEEDS),
      sinks: { opra: this.sink },
      underlyings: this.expansions,
      clock,
      counters,
      memory: this.memory,
      newId: () => `id${++this.#ids}`,
      freshnessOf: () => LIVE,
      lastEvents: last && {
        lookUp: async (_channel, symbols) => {
          this.lookUps.push([...symbols]);
          await this.answer;
          const found = symbols.filter((symbol) => last.has(symbol))
            .map((symbol) => [symbol, quote(symbol, last.get(symbol) ?? 0)] as const);
          // deno-lint-ignore no-explicit-any
          return new Map(found) as any;
        },
        forget: () => {},
      },
    });
    const strikes = strikesFrom(low, high);
    // The second expiry is beyond the default; a chain of one alone is confirmed first.
    catalog.listed.set("SPY", gridOf({ underlying: "SPY", days: [EXPIRY, EXPIRY + 100], strikes }));
    catalog.trades.set("SPY", 100.4);
    this.#run = this.expansions.run(this.#end.signal);
  }

  /** Opens a stream without options. */
  async openPlain(filter: Partial<StreamFilter> = {}): Promise<Received> {
    const stream = this.streams.open("optionQuotes", filterOf(filter));
    await this.clock.advance(0);
    return new Received(stream);
  }

  /** Opens a stream with options. */
  async open(
    options: Partial<StreamOptions> = {},
    filter: Partial<StreamFilter> = {},
  ): Promise<Received> {
    const all = { ...NO_OPTIONS, meta: true, notices: true, ...options };
    const stream = this.streams.openWithOptions("optionQuotes", filterOf(filter), all);
    await this.clock.advance(0);
    return new Received(stream);
  }

  /** The price moves and is asked for. */
  async move(price: number): Promise<void> {
    this.catalog.trades.set("SPY", price);
    await this.clock.advance(INTERVAL_MS);
    // A jump may have to be confirmed.
    await this.clock.advance(INTERVAL_MS);
    await this.clock.advance(INTERVAL_MS);
  }

  /** Upstream acknowledges contracts. */
  async carried(...symbols: readonly string[]): Promise<void> {
    this.streams.carried({ feed: "opra", channel: "quotes", symbols });
    await settle();
  }

  /** Upstream sends a quote of each contract. */
  publish(...symbols: readonly string[]): void {
    for (const symbol of symbols) {
      this.channels.optionQuotes.publish(quote(symbol, 1), this.clock.now());
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#run;
  }
}

function filterOf(filter: Partial<StreamFilter>): StreamFilter {
  return {
    symbols: [],
    underlyings: ["SPY"],
    selection: TWO_CALLS,
    onlySelected: true,
    ...filter,
  };
}

function quote(symbol: string, bidPrice: number): OptionQuote {
  return {
    symbol,
    bidPrice,
    timestamp: { seconds: 0, nanos: 0 },
    bidExchange: "C",
    bidSize: 1,
    askExchange: "C",
    askPrice: bidPrice + 1,
    askSize: 1,
    condition: "A",
  } as unknown as OptionQuote;
}

/** A stream whose items are read as text. */
export class Received implements Disposable {
  readonly stream: OpenStream<StreamItem<OptionQuote>>;
  readonly #batches;
  readonly #over = new AbortController();
  /** The batch that is waited for. */
  #next: Promise<IteratorResult<PendingBatch<StreamItem<OptionQuote>>, void>> | undefined;

  constructor(stream: OpenStream<StreamItem<OptionQuote>>) {
    this.stream = stream;
    this.#batches = stream.batches(this.#over.signal);
  }

  /** Takes what is ready. */
  async items(): Promise<readonly StreamItem<OptionQuote>[]> {
    const next = this.#next ??= this.#batches.next();
    const batch = await Promise.race([next, settle().then(() => undefined)]);
    if (batch) this.#next = undefined;
    return batch?.value ? batch.value.take() : [];
  }

  /** Takes what is ready, as text, without the first notices of a stream. */
  async texts(): Promise<string[]> {
    return (await this.items()).map(textOf).filter((text) => text !== "");
  }

  [Symbol.dispose](): void {
    this.stream[Symbol.dispose]();
  }
}

/** A quote as its contract, with its origin unless that is live; a notice as its change. */
export function textOf(item: StreamItem<OptionQuote>): string {
  if (!("notice" in item)) {
    const { event: { symbol, bidPrice }, origin } = item;
    return origin === "live" ? shortOf(symbol) : `${origin} ${shortOf(symbol)} ${bidPrice}`;
  }
  const { notice } = item;
  if (notice.type === "gap") return `gap ${notice.gap.reason} ${notice.gap.symbols.map(shortOf)}`;
  if (notice.type !== "subscription" || !notice.selection) return "";
  return `${notice.selection} ${shortOf(notice.symbol)} ${notice.state}: ${notice.reason}`;
}

/** `C100` of `SPY240122C00100000`. */
function shortOf(symbol: string): string {
  const tail = symbol.slice(-9);
  return symbol.length < 15 ? symbol : `${tail.charAt(0)}${Number(tail.slice(1)) / 1_000}`;
}

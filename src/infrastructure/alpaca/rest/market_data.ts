/**
 * Market data over Alpaca's REST API: the latest quotes, trades and bars, and the history of trades
 * and minute bars (Alpaca docs, "Historical Data").
 *
 * Elements have the keys of the stream without `T` and `S`, so the readers of the stream are used.
 * Of the latest values an invalid one is left out; in a history it makes the symbol incomplete.
 *
 * @module
 */
import { ApiUnavailable } from "../../../application/ports/api_unavailable.ts";
import type {
  History,
  HistoryChannel,
  HistoryQuery,
  LatestChannel,
  LatestPurpose,
  MarketData,
  TimeSpan,
} from "../../../application/ports/market_data.ts";
import type { ChannelEvents } from "../../../domain/market/channels.ts";
import type { ExactValue } from "../../../domain/market/exact_value.ts";
import { type Timestamp, toMilliseconds } from "../../../domain/market/timestamp.ts";
import {
  digitsOf,
  InexactInteger,
  InvalidField,
  isMessage,
  type Message,
  type MessageNotes,
} from "../fields.ts";
import {
  readOptionQuote,
  readOptionTrade,
  readStockBar,
  readStockQuote,
  readStockTrade,
} from "../messages.ts";
import { type ApiHost, fieldsOf, isBadRequest, listOf, mapOf, pages } from "./responses.ts";

/** Entries on a page; 2,000 trades are parsed and read in about 5 ms. */
const PAGE_SIZE = 2_000;
/** Pages of one history; pages can be shorter than requested. */
const MAX_PAGES = 50;
/** Splits of a rejected list of symbols; each of 100 symbols is found with 7. */
const MAX_SPLITS = 16;

/**
 * Reads an event with the digits of its rounded values, without trailing zeros. Nothing is counted:
 * a value that is rounded here is rounded in the stream too.
 */
function withDigits<T extends object>(read: (notes: MessageNotes) => T): T {
  const exact: ExactValue[] = [];
  const event = read({
    inexact() {},
    rounded: (field, value) => exact.push({ field, value: digitsOf(value) }),
    unknownValues() {},
  });
  return exact.length > 0 ? Object.assign(event, { exact }) : event;
}

/** How the values of a channel are requested and read. */
interface Endpoint<C extends LatestChannel> {
  readonly path: string;
  /** The key of the values in a body. */
  readonly list: string;
  readonly read: (message: Message) => ChannelEvents[C];
}

const ENDPOINTS: { readonly [C in LatestChannel]: Endpoint<C> } = {
  stockQuotes: {
    path: "/v2/stocks/quotes",
    list: "quotes",
    read: (message) => withDigits((notes) => readStockQuote(message, notes)),
  },
  stockTrades: {
    path: "/v2/stocks/trades",
    list: "trades",
    read: (message) => withDigits((notes) => readStockTrade(message, notes)),
  },
  stockBars: {
    path: "/v2/stocks/bars",
    list: "bars",
    read: (message) => withDigits((notes) => readStockBar(message, "minute", notes)),
  },
  optionQuotes: {
    path: "/v1beta1/options/quotes",
    list: "quotes",
    read: (message) => withDigits((notes) => readOptionQuote(message, notes)),
  },
  optionTrades: {
    path: "/v1beta1/options/trades",
    list: "trades",
    read: (message) => withDigits((notes) => readOptionTrade(message, notes)),
  },
};

/** Stock feeds whose stream and history have the same events at the same time. */
const STOCK_HISTORY: ReadonlySet<string> = new Set(["sip", "iex", "boats"]);
/** As above, of options: those of `indicative` are delayed. */
const OPTION_HISTORY: ReadonlySet<string> = new Set(["opra"]);

/** Dependencies of the market data. */
interface RestMarketDataOptions {
  readonly data: ApiHost;
  /** Stock feed; `undefined` for the test stream, which REST does not have. */
  readonly stockFeed: string | undefined;
  readonly optionFeed: string;
}

/** Looks up market data. */
export class RestMarketData implements MarketData {
  readonly #options: RestMarketDataOptions;

  constructor(options: RestMarketDataOptions) {
    this.#options = options;
  }

  async latest<C extends LatestChannel>(
    channel: C,
    symbols: readonly string[],
    signal: AbortSignal,
    purpose: LatestPurpose = "snapshot",
  ): Promise<ReadonlyMap<string, ChannelEvents[C]>> {
    const found = new Map<string, ChannelEvents[C]>();
    const feed = this.#feedOf(channel);
    if (feed === undefined || symbols.length === 0) return found;
    const { data: { client, url } } = this.#options;
    const { path, list, read }: Endpoint<C> = ENDPOINTS[channel];
    const groups = [symbols];
    let splits = 0;
    let rejection: unknown;
    let isRead = false;
    for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
      const address = new URL(`${url}${path}/latest`);
      address.searchParams.set("symbols", group.join(","));
      address.searchParams.set("feed", feed);
      try {
        const values = mapOf(await client.get(address, signal, purpose), list);
        isRead = true;
        for (const symbol of group) {
          const event = readEvent(read, symbol, values[symbol]);
          if (event !== undefined) found.set(symbol, event);
        }
      } catch (error) {
        // Alpaca rejects all symbols for one of them: the list is bisected to find it.
        if (!isBadRequest(error)) throw error;
        rejection = error;
        if (group.length === 1 || splits === MAX_SPLITS) continue;
        splits++;
        const half = group.length >> 1;
        groups.push(group.slice(half), group.slice(0, half));
      }
    }
    if (!isRead) throw rejection;
    return found;
  }

  async history<C extends HistoryChannel>(
    channel: C,
    { symbols, span, maxEvents }: HistoryQuery,
    signal: AbortSignal,
  ): Promise<History<ChannelEvents[C]>> {
    const { data: { client, url }, stockFeed, optionFeed } = this.#options;
    const { path, list, read }: Endpoint<C> = ENDPOINTS[channel];
    const reading = new Reading<ChannelEvents[C]>(symbols, span);
    const feed = this.#feedOf(channel);
    const isOption = channel === "optionTrades";
    if (feed === undefined || !(isOption ? OPTION_HISTORY : STOCK_HISTORY).has(feed)) {
      const name = isOption ? optionFeed : stockFeed ?? "test";
      return reading.end(`The history does not have the events of the stream "${name}"`);
    }
    const first = new URL(`${url}${path}`);
    first.searchParams.set("symbols", symbols.join(","));
    first.searchParams.set("start", new Date(span.from).toISOString());
    first.searchParams.set("end", new Date(span.to).toISOString());
    // The history of option trades has no such parameter.
    if (!isOption) first.searchParams.set("feed", feed);
    if (channel === "stockBars") first.searchParams.set("timeframe", "1Min");
    try {
      const paging = { pageSize: PAGE_SIZE, maxPages: MAX_PAGES, signal } as const;
      for await (const page of pages(client, first, { ...paging, purpose: "backfill" })) {
        const bySymbol = mapOf(page, list);
        for (const symbol of Object.keys(bySymbol).sort()) {
          reading.add(symbol, listOf(bySymbol, symbol), read);
        }
        if (reading.size >= maxEvents && hasNext(page)) {
          return reading.end(`More than ${maxEvents} events`);
        }
      }
    } catch (error) {
      if (!(error instanceof ApiUnavailable)) throw error;
      return reading.end(error.message, error.status);
    }
    return reading.complete();
  }

  #feedOf(channel: LatestChannel): string | undefined {
    const { stockFeed, optionFeed } = this.#options;
    return channel.startsWith("option") ? optionFeed : stockFeed;
  }
}

function hasNext(page: unknown): boolean {
  const next = fieldsOf(page).next_page_token;
  return typeof next === "string" && next !== "";
}

/**
 * The events of a history that were read so far. Alpaca sorts them by symbol, then by time, so that
 * the symbols before the last one are complete; if it does not, none is.
 */
class Reading<E extends { readonly timestamp: Timestamp }> {
  readonly #symbols: readonly string[];
  readonly #span: TimeSpan;
  readonly #events = new Map<string, E[]>();
  /** Symbols with an entry that is not valid. */
  readonly #invalid = new Set<string>();
  #lastSymbol = "";
  #isSorted = true;
  /** Events that were read. */
  size = 0;

  constructor(symbols: readonly string[], span: TimeSpan) {
    this.#symbols = symbols;
    this.#span = span;
  }

  /** Adds the events of a symbol on one page. */
  add(symbol: string, items: readonly unknown[], read: (message: Message) => E): void {
    if (!this.#symbols.includes(symbol)) return;
    if (symbol < this.#lastSymbol) this.#isSorted = false;
    this.#lastSymbol = symbol;
    const events = this.#events.get(symbol) ?? [];
    this.#events.set(symbol, events);
    for (const item of items) {
      // The corrected version of a trade: in the stream it is no trade, but a correction.
      if (fieldsOf(item).u === "corrected") continue;
      const event = readEvent(read, symbol, item);
      if (event === undefined) this.#invalid.add(symbol);
      else events.push(event);
      this.size++;
    }
  }

  /** Everything was read. */
  complete(): History<E> {
    const invalid = [...this.#invalid];
    return {
      events: this.#events,
      incomplete: new Map(invalid.map((symbol) => [symbol, this.#span.from])),
      problem: invalid.length > 0 ? `Invalid events of ${invalid.length} symbols` : undefined,
      status: undefined,
    };
  }

  /** Reading has ended early. */
  end(cause: string, status?: number): History<E> {
    const incomplete = new Map<string, number>();
    for (const symbol of this.#symbols) {
      const from = this.#missingFrom(symbol);
      if (from !== undefined) incomplete.set(symbol, from);
    }
    const problem = `${cause}; ${this.size} events of ${this.#events.size} symbols were read`;
    return { events: this.#events, incomplete, problem, status };
  }

  #missingFrom(symbol: string): number | undefined {
    if (!this.#isSorted || this.#invalid.has(symbol)) return this.#span.from;
    if (symbol < this.#lastSymbol) return undefined;
    if (symbol > this.#lastSymbol) return this.#span.from;
    const last = this.#events.get(symbol)?.at(-1)?.timestamp;
    return last ? toMilliseconds(last) : this.#span.from;
  }
}

/** `undefined` when the item is not valid. */
function readEvent<E>(
  read: (message: Message) => E,
  symbol: string,
  item: unknown,
): E | undefined {
  if (!isMessage(item)) return undefined;
  try {
    return read({ ...item, S: symbol });
  } catch (error) {
    if (error instanceof InvalidField || error instanceof InexactInteger) return undefined;
    throw error;
  }
}

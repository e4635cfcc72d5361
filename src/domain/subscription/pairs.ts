/**
 * Pairs of upstream channel and symbol, the requests for them and the errors that
 * upstream replies with.
 *
 * @module
 */
import type { FeedId } from "../connection/feed.ts";
import type { ChannelName } from "../market/channels.ts";

/**
 * A channel of Alpaca's market data streams, as subscriptions name it. Not to be
 * confused with a broadcast channel of the proxy ({@linkcode ChannelName}), whose
 * events one upstream channel of one feed delivers ({@linkcode CHANNEL_SOURCES}).
 */
export type UpstreamChannel =
  | "trades"
  | "quotes"
  | "bars"
  | "updatedBars"
  | "dailyBars"
  | "statuses"
  | "lulds"
  | "imbalances"
  | "orderbooks"
  | "news";

/** Every upstream channel, in the order in which requests list them. */
export const UPSTREAM_CHANNELS: readonly UpstreamChannel[] = [
  "trades",
  "quotes",
  "bars",
  "updatedBars",
  "dailyBars",
  "statuses",
  "lulds",
  "imbalances",
  "orderbooks",
  "news",
];

/** The upstream channels of stocks, in that order. */
export const STOCK_CHANNELS: readonly UpstreamChannel[] = UPSTREAM_CHANNELS.filter(
  (channel) => channel !== "orderbooks" && channel !== "news",
);

/** The source of a broadcast channel. */
interface ChannelSource {
  readonly feed: FeedId;
  /** `undefined` for order updates, which need no subscription. */
  readonly upstream: UpstreamChannel | undefined;
}

/** The source of every broadcast channel. */
export const CHANNEL_SOURCES: Readonly<Record<ChannelName, ChannelSource>> = {
  stockQuotes: { feed: "sip", upstream: "quotes" },
  stockTrades: { feed: "sip", upstream: "trades" },
  stockBars: { feed: "sip", upstream: "bars" },
  stockUpdatedBars: { feed: "sip", upstream: "updatedBars" },
  stockDailyBars: { feed: "sip", upstream: "dailyBars" },
  tradingStatuses: { feed: "sip", upstream: "statuses" },
  priceBands: { feed: "sip", upstream: "lulds" },
  // Alpaca sends corrections and cancels of the trades that are subscribed, and
  // accepts no request for them.
  tradeCorrections: { feed: "sip", upstream: "trades" },
  imbalances: { feed: "sip", upstream: "imbalances" },
  optionQuotes: { feed: "opra", upstream: "quotes" },
  optionTrades: { feed: "opra", upstream: "trades" },
  orderUpdates: { feed: "trading", upstream: undefined },
  cryptoQuotes: { feed: "crypto", upstream: "quotes" },
  cryptoTrades: { feed: "crypto", upstream: "trades" },
  cryptoBars: { feed: "crypto", upstream: "bars" },
  cryptoUpdatedBars: { feed: "crypto", upstream: "updatedBars" },
  cryptoDailyBars: { feed: "crypto", upstream: "dailyBars" },
  orderbooks: { feed: "crypto", upstream: "orderbooks" },
  news: { feed: "news", upstream: "news" },
};

/** Every symbol of a channel. */
export const WILDCARD = "*";

/**
 * One symbol on one upstream channel: the unit that is requested, acknowledged,
 * rejected and counted by the quota. `AAPL` on trades and quotes is two pairs.
 */
export interface Pair {
  readonly channel: UpstreamChannel;
  readonly symbol: string;
}

/** Symbols per channel; a channel without an entry has none. */
export type SymbolSets = ReadonlyMap<UpstreamChannel, ReadonlySet<string>>;

/** Creates one value per channel. */
export function perChannel<T>(create: () => T): Readonly<Record<UpstreamChannel, T>> {
  return {
    trades: create(),
    quotes: create(),
    bars: create(),
    updatedBars: create(),
    dailyBars: create(),
    statuses: create(),
    lulds: create(),
    imbalances: create(),
    orderbooks: create(),
    news: create(),
  };
}

/** Returns one string per pair, for use as a map key. */
export function pairKey(pair: Pair): string {
  return `${pair.channel} ${pair.symbol}`;
}

/** Number of pairs in the sets; `*` counts as one. */
export function countPairs(sets: SymbolSets): number {
  let count = 0;
  for (const symbols of sets.values()) count += symbols.size;
  return count;
}

/** Whether the sets contain a pair. */
export function hasPair(sets: SymbolSets, { channel, symbol }: Pair): boolean {
  return sets.get(channel)?.has(symbol) ?? false;
}

/** Lists every pair of the sets. */
export function pairsOf(sets: SymbolSets): readonly Pair[] {
  const pairs: Pair[] = [];
  for (const [channel, symbols] of sets) {
    for (const symbol of symbols) pairs.push({ channel, symbol });
  }
  return pairs;
}

/** Returns a copy of the sets without one pair. */
export function without(sets: SymbolSets, { channel, symbol }: Pair): SymbolSets {
  const symbols = new Set(sets.get(channel));
  symbols.delete(symbol);
  return new Map(sets).set(channel, symbols);
}

/** What a request does with its pairs. */
export type Action = "subscribe" | "unsubscribe";

/** One request to upstream. Requests carry no ids; replies arrive in order. */
export interface SubscriptionRequest {
  readonly action: Action;
  /** At most what the chunk limits allow; empty only for a probe. */
  readonly pairs: readonly Pair[];
  /** True when the request changes nothing and only asks for a reply. */
  readonly probe: boolean;
}

/** Limits of one request. */
export interface ChunkLimits {
  /** Pairs of channel and symbol per request, at least 1. */
  readonly maxPairs: number;
  /** Bytes of symbols (with quotes and commas) per request. */
  readonly maxBytes: number;
}

/** Takes from `pairs` what fits into one request; always at least one pair. */
export function takeChunk(pairs: Iterable<Pair>, limits: ChunkLimits): readonly Pair[] {
  const chunk: Pair[] = [];
  let bytes = 0;
  for (const pair of pairs) {
    // Two quotes and a comma around each symbol, which is ASCII.
    bytes += pair.symbol.length + 3;
    const full = chunk.length >= limits.maxPairs || bytes > limits.maxBytes;
    if (full && chunk.length > 0) break;
    chunk.push(pair);
  }
  return chunk;
}

/** An error frame of upstream. */
export interface UpstreamError {
  readonly code: number;
  readonly message: string;
}

/** Stands for the missing reply to a pair that was requested repeatedly. */
export const NOT_ACKNOWLEDGED: UpstreamError = { code: 0, message: "not acknowledged" };

const SYMBOL_LIMIT_EXCEEDED = 405;
const INTERNAL_ERROR = 500;

/** Formats an error; a code that upstream did not send is left out. */
export function errorText({ code, message }: UpstreamError): string {
  return code === NOT_ACKNOWLEDGED.code ? message : `${message} (code ${code})`;
}

/** Reads what {@linkcode errorText} has made of an error of upstream; otherwise `undefined`. */
export function parseErrorText(text: string): UpstreamError | undefined {
  const [, message = "", code = ""] = /^(.*) \(code (\d+)\)$/s.exec(text) ?? [];
  return code === "" ? undefined : { code: Number(code), message };
}

/** Whether an error says that the symbol limit leaves no slot for a named pair. */
export function isOverLimit({ code }: UpstreamError, { symbol }: Pair): boolean {
  return code === SYMBOL_LIMIT_EXCEEDED && symbol !== WILDCARD;
}

/** Whether an error is an internal error of upstream (5xx). */
export function isServerError({ code }: UpstreamError): boolean {
  return code >= INTERNAL_ERROR;
}

/** Whether an error rejects what was requested, rather than a temporary failure. */
export function isRejection(error: UpstreamError): boolean {
  return error.code !== NOT_ACKNOWLEDGED.code && !isServerError(error);
}

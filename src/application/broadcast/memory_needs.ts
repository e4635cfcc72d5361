/**
 * Estimates the heap that a proxy needs with its settings.
 *
 * @module
 */
import type { Orderbook } from "../../domain/market/crypto_events.ts";
import type { NewsArticle } from "../../domain/market/news_events.ts";
import type { OrderUpdate } from "../../domain/market/order_events.ts";
import type { StockTradingStatus } from "../../domain/market/stock_events.ts";
import { type ChannelName, CHANNELS } from "../../domain/market/channels.ts";

/**
 * Bytes of an event with its envelope in the heap, without slots: measured over at least 50,000
 * decoded events of each type (Deno 2.9.6) and rounded up; twice the measured size for orders,
 * which can have legs ({@linkcode orderBytes}).
 */
export const EVENT_BYTES: Readonly<Record<ChannelName, number>> = {
  stockQuotes: 324,
  stockTrades: 304,
  stockBars: 374,
  stockUpdatedBars: 374,
  stockDailyBars: 374,
  tradingStatuses: 374,
  priceBands: 294,
  tradeCorrections: 504,
  imbalances: 254,
  optionQuotes: 304,
  optionTrades: 264,
  orderUpdates: 2_000,
  cryptoQuotes: 304,
  cryptoTrades: 304,
  cryptoBars: 374,
  cryptoUpdatedBars: 374,
  cryptoDailyBars: 374,
  orderbooks: 800,
  news: 4_000,
};

/** Bytes of a trading status with its envelope; its texts may have 1,024 characters. */
export function statusBytes({ statusMessage, reasonMessage }: StockTradingStatus): number {
  return EVENT_BYTES.tradingStatuses + 2 * (statusMessage.length + reasonMessage.length);
}

/**
 * Bytes of an order update with its envelope. One with 64 legs and the longest texts has 250 times
 * the usual size.
 */
export function orderBytes({ source, ...update }: OrderUpdate): number {
  // Strings with characters beyond Latin-1 have two bytes per character.
  const bytes = Math.max(EVENT_BYTES.orderUpdates, 2 * JSON.stringify(update).length);
  return bytes + (source?.length ?? 0);
}

/** Bytes of an order book without its levels, and of one level. */
const BOOK_BYTES = { base: 400, level: 48 };

/** Bytes of an order book with its envelope; a whole one can have thousands of levels. */
export function orderbookBytes({ bids, asks }: Orderbook): number {
  return BOOK_BYTES.base + BOOK_BYTES.level * (bids.length + asks.length);
}

/** Bytes of an article without its texts and symbols, and of one symbol. */
const ARTICLE_BYTES = { base: 700, symbol: 40 };

/** Bytes of an article with its envelope and its encoded message; one can have several MiB. */
export function articleBytes(article: NewsArticle): number {
  const { headline, summary, author, content, url, symbols } = article;
  const length = headline.length + summary.length + author.length + content.length + url.length;
  // At most two bytes per character in the heap, and three in the message.
  return ARTICLE_BYTES.base + ARTICLE_BYTES.symbol * symbols.length + 5 * length;
}

/**
 * Bytes of a usual message of WebSocket clients with its envelope: a quote in JSON has 190, and as
 * many in the other format.
 */
const RELAYED_BYTES = 580;

/** Bytes of one slot of a queue. */
export const SLOT_BYTES = 8;

/**
 * Bytes for each entry of a filter, in all structures: about 440 for a symbol that no other stream
 * filters by, 1,320 for an underlying, 400 for the ten repeated symbols that count as one.
 */
const ENTRY_BYTES = 1_350;
/**
 * Bytes for everything else; an idle proxy uses about 40 MiB, what channels keep of
 * symbols without a stream ({@linkcode IdleSymbols}) up to 28 MiB.
 */
const BASE_BYTES = 120 * 1_048_576;

/** Settings that determine how much memory is needed. */
interface MemorySettings {
  readonly capacities: Readonly<Record<ChannelName, number>>;
  readonly limits: { readonly maxSymbols: number; readonly queueMemoryBytes: number };
  /** Port 0 is off. */
  readonly websocket: { readonly port: number; readonly capacity: number };
}

/** Returns the largest heap that a proxy with these settings needs, in bytes. */
export function heapNeeded({ limits }: Omit<MemorySettings, "websocket">): number {
  const { maxSymbols, queueMemoryBytes } = limits;
  return BASE_BYTES + maxSymbols * ENTRY_BYTES + queueMemoryBytes;
}

/**
 * Returns a warning for each setting that does not fit: a heap limit below what is needed, and
 * channels and WebSocket clients of which one full queue exceeds the memory of all queues. The
 * number of queues is no reason: they share messages, and the longest ones are shortened.
 *
 * @param heapLimit heap limit of the runtime in bytes
 */
export function memoryProblems(settings: MemorySettings, heapLimit: number): readonly string[] {
  const { capacities, limits: { queueMemoryBytes }, websocket } = settings;
  const problems: string[] = [];
  const check = (capacity: number, bytes: number, name: string, entries: string) => {
    const most = Math.floor(queueMemoryBytes / (bytes + SLOT_BYTES));
    if (capacity <= most) return;
    problems.push(
      `The ${name} of ${capacity} can never be used: ` +
        `STREAM_PROXY_QUEUE_MEMORY_MB=${mib(queueMemoryBytes)} holds ${most} ` +
        `${entries} in all queues; lower the one or raise the other`,
    );
  };
  for (const channel of CHANNELS) {
    const name = `${channel} capacity`;
    check(capacities[channel], EVENT_BYTES[channel], name, "events of that type");
  }
  if (websocket.port !== 0) {
    const name = "STREAM_PROXY_WEBSOCKET_CAPACITY";
    check(websocket.capacity, RELAYED_BYTES, name, "messages of usual size");
  }
  const needed = heapNeeded(settings);
  if (needed <= heapLimit) return problems;
  return [
    ...problems,
    `The heap limit of ${mib(heapLimit)} MiB may be too small: ` +
    `STREAM_PROXY_QUEUE_MEMORY_MB=${mib(queueMemoryBytes)} and ` +
    `STREAM_PROXY_MAX_SYMBOLS=${settings.limits.maxSymbols} may need ` +
    `${mib(needed)} MiB; lower them, or raise the limit ` +
    "(--v8-flags=--max-old-space-size, in MiB)",
  ];
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 1_048_576);
}

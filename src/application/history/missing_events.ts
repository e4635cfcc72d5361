/**
 * Finds the events of a history that a channel did not receive.
 *
 * @module
 */
import type { StockBar, StockTrade } from "../../domain/market/stock_events.ts";
import type { OptionTrade } from "../../domain/market/option_events.ts";
import type { Timestamp } from "../../domain/market/timestamp.ts";
import type { ChannelEvents } from "../../domain/market/channels.ts";
import type { HistoryChannel } from "../ports/market_data.ts";

/** An event with a time. */
interface TimedEvent {
  readonly symbol: string;
  readonly timestamp: Timestamp;
}

/** What identifies the events of a channel. */
export interface EventIdentity<E> {
  /** Equal for the same event, received or fetched. */
  readonly keyOf: (event: E) => string;
  /**
   * Whether events with the same key are one event. If not, as many of them are missing as the
   * history has more than were received.
   */
  readonly isUnique: boolean;
  /** Time from an event's timestamp until Alpaca can send it, in ms. */
  readonly completeAfterMs: number;
}

/** The identity of the events of each channel with a history. */
export const IDENTITIES: { readonly [C in HistoryChannel]: EventIdentity<ChannelEvents[C]> } = {
  stockTrades: { keyOf: tradeKey, isUnique: true, completeAfterMs: 0 },
  stockBars: { keyOf: barKey, isUnique: true, completeAfterMs: 60_000 },
  optionTrades: { keyOf: optionTradeKey, isUnique: false, completeAfterMs: 0 },
};

function tradeKey({ symbol, exchange, tradeId, timestamp }: StockTrade): string {
  return `${symbol} ${exchange} ${tradeId} ${timestamp.seconds} ${timestamp.nanos}`;
}

function barKey({ symbol, timestamp }: StockBar): string {
  return `${symbol} ${timestamp.seconds}`;
}

/** Option trades have no id. */
function optionTradeKey(trade: OptionTrade): string {
  const { symbol, timestamp, exchange, price, size, condition } = trade;
  const { seconds, nanos } = timestamp;
  return `${symbol} ${seconds} ${nanos} ${exchange} ${price} ${size} ${condition}`;
}

/**
 * Returns the events of a history that were not received, in the order of their timestamps; equal
 * ones in the order of the history.
 *
 * @param fetched the history, in any order
 * @param received what the channel has received, at least of the time span of the history
 */
export function missingEvents<E extends TimedEvent>(
  fetched: Iterable<E>,
  received: Iterable<E>,
  { keyOf, isUnique }: Pick<EventIdentity<E>, "keyOf" | "isUnique">,
): E[] {
  const known = new Map<string, number>();
  for (const event of received) {
    const key = keyOf(event);
    known.set(key, (known.get(key) ?? 0) + 1);
  }
  const missing: E[] = [];
  for (const event of fetched) {
    const key = keyOf(event);
    const count = known.get(key) ?? 0;
    if (count === 0) missing.push(event);
    if (isUnique) known.set(key, 1);
    else if (count > 0) known.set(key, count - 1);
  }
  return missing.sort((a, b) => compareTimes(a.timestamp, b.timestamp));
}

/** Sorts timestamps ascending. */
function compareTimes(a: Timestamp, b: Timestamp): number {
  return a.seconds - b.seconds || a.nanos - b.nanos;
}

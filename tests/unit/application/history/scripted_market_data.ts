/**
 * Market data with scripted replies that records its requests.
 *
 * @module
 */
import type {
  History,
  HistoryChannel,
  HistoryQuery,
  LatestChannel,
  LatestPurpose,
  MarketData,
} from "../../../../src/application/ports/market_data.ts";
import type { ChannelEvents } from "../../../../src/domain/market/channels.ts";
import type { StockTrade } from "../../../../src/domain/market/stock_events.ts";

/** What a reply is made of; any event of the requested channel. */
// deno-lint-ignore no-explicit-any
type Any = any;

/** Market data in the hands of a test. */
export class ScriptedMarketData implements MarketData {
  /** Requests for latest values. */
  readonly latestRequests: (readonly string[])[] = [];
  /** What they were for. */
  readonly latestPurposes: (LatestPurpose | undefined)[] = [];
  /** Requests for history. */
  readonly historyRequests: HistoryQuery[] = [];
  /** Makes the latest values; by default there are none. */
  onLatest: (
    symbols: readonly string[],
    signal: AbortSignal,
  ) => Promise<ReadonlyMap<string, Any>> = () => Promise.resolve(new Map());
  /** Makes the history; by default it is complete and empty. */
  onHistory: (query: HistoryQuery, signal: AbortSignal) => Promise<History<Any>> = () =>
    Promise.resolve(historyOf(new Map()));

  latest<C extends LatestChannel>(
    _channel: C,
    symbols: readonly string[],
    signal: AbortSignal,
    purpose?: LatestPurpose,
  ): Promise<ReadonlyMap<string, ChannelEvents[C]>> {
    this.latestRequests.push(symbols);
    this.latestPurposes.push(purpose);
    return this.onLatest(symbols, signal);
  }

  history<C extends HistoryChannel>(
    _channel: C,
    query: HistoryQuery,
    signal: AbortSignal,
  ): Promise<History<ChannelEvents[C]>> {
    this.historyRequests.push(query);
    return this.onHistory(query, signal);
  }
}

/** A complete history. */
export function historyOf<E>(events: ReadonlyMap<string, readonly E[]>): History<E> {
  return { events, incomplete: new Map(), problem: undefined, status: undefined };
}

/** A stock trade at a wall clock time in ms, which may have a fraction. */
export function tradeAt(
  symbol: string,
  ms: number,
  changes: Partial<StockTrade> = {},
): StockTrade {
  const seconds = Math.floor(ms / 1_000);
  return {
    symbol,
    timestamp: { seconds, nanos: Math.round((ms - seconds * 1_000) * 1_000_000) },
    tradeId: 1,
    exchange: "V",
    price: 10,
    size: 100,
    conditions: [],
    tape: "A",
    ...changes,
  };
}

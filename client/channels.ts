/**
 * The streams of the service: their methods, requests and messages.
 *
 * @module
 */
import type { DescMethodServerStreaming, Message } from "@bufbuild/protobuf";
import {
  type CryptoBar,
  type CryptoQuote,
  type CryptoTrade,
  type NewsArticle,
  type OptionQuoteUpdate,
  OptionRight,
  type OptionTrade,
  type Orderbook,
  type OrderImbalance,
  type OrderUpdate,
  type PriceBand,
  type StockBar,
  type StockQuote,
  type StockTrade,
  StreamProxyService,
  type TradeCorrection,
  type TradingStatus,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";

/**
 * Which contracts of underlyings to subscribe; the proxy has a default for each field. A
 * combination that is not possible is an `RpcError` with `INVALID_ARGUMENT`.
 */
export interface ContractSelection {
  /** Nearest expiry in calendar days from today. */
  readonly minDays?: number | undefined;
  /** Farthest expiry in calendar days from today. */
  readonly maxDays?: number | undefined;
  /** Exactly these expiries, `YYYY-MM-DD`; not with the other fields of expiries. */
  readonly expiries?: readonly string[] | undefined;
  /** First expiry, `YYYY-MM-DD`; instead of `minDays`. */
  readonly expiryFrom?: string | undefined;
  /** Last expiry, `YYYY-MM-DD`; instead of `maxDays`. */
  readonly expiryTo?: string | undefined;
  /** Most expiries, the nearest first. */
  readonly maxExpiries?: number | undefined;
  /** Largest distance of a strike from the underlying's price, in percent. */
  readonly strikeWindowPercent?: number | undefined;
  /** Strikes of each expiry on each side of the price; instead of `strikeWindowPercent`. */
  readonly strikesEachSide?: number | undefined;
  /** Lowest strike, USD. */
  readonly minStrike?: number | undefined;
  /** Highest strike, USD. */
  readonly maxStrike?: number | undefined;
  /** Lowest absolute delta, 0 to 1. */
  readonly minAbsDelta?: number | undefined;
  /** Highest absolute delta, 0 to 1. */
  readonly maxAbsDelta?: number | undefined;
  /** Only calls or only puts. */
  readonly right?: "call" | "put" | undefined;
  /** OCC roots, for example `SPXW` without `SPX`. */
  readonly roots?: readonly string[] | undefined;
  /** Whether adjusted contracts are selected too, after the standard ones. @default false */
  readonly includeAdjusted?: boolean | undefined;
  /** Most contracts of each underlying. */
  readonly maxContracts?: number | undefined;
  /** Most contracts of one expiry. */
  readonly maxContractsPerExpiry?: number | undefined;
  /** Share of the symbol quota relative to other selections, 1 to 100. @default 1 */
  readonly weight?: number | undefined;
  /**
   * Whether the stream receives no other contracts of the underlyings, which other streams have
   * subscribed.
   *
   * @default false
   */
  readonly onlySelected?: boolean | undefined;
}

/** What a request selects; an empty or missing list means everything. */
export interface StreamFilter {
  /** Tickers or OCC symbols. */
  readonly symbols?: readonly string[] | undefined;
  /** Option streams: contracts of these underlyings, OR-ed with `symbols`. */
  readonly underlyings?: readonly string[] | undefined;
  /** Option streams: which contracts of the underlyings to subscribe. */
  readonly selection?: ContractSelection | undefined;
  /** Order updates: Alpaca's order ids, OR-ed with `symbols`. */
  readonly orderIds?: readonly string[] | undefined;
  /** Order updates: prefixes of client order ids, AND-ed with the other fields. */
  readonly clientOrderIdPrefixes?: readonly string[] | undefined;
  /** Order updates: events as Alpaca spells them, such as `fill`; AND-ed with the other fields. */
  readonly events?: readonly string[] | undefined;
}

/** The messages of each stream. */
export interface ChannelMessages {
  /** Best bid and offer of stocks. */
  readonly quotes: StockQuote;
  /** Executions of stocks. */
  readonly trades: StockTrade;
  /** Minute bars of stocks. */
  readonly bars: StockBar;
  /** Corrections of minute bars. */
  readonly updatedBars: StockBar;
  /** The running bar of the day. */
  readonly dailyBars: StockBar;
  /** Best bid and offer of option contracts. */
  readonly optionQuotes: OptionQuoteUpdate;
  /** Executions of option contracts. */
  readonly optionTrades: OptionTrade;
  /** Halts, resumptions and other trading states. */
  readonly tradingStatuses: TradingStatus;
  /** Limit-up/limit-down price bands. */
  readonly priceBands: PriceBand;
  /** Corrections and cancellations of trades. */
  readonly tradeCorrections: TradeCorrection;
  /** Order imbalances. */
  readonly imbalances: OrderImbalance;
  /** Order events of the account. */
  readonly orderUpdates: OrderUpdate;
  /** Best bid and offer of crypto pairs. */
  readonly cryptoQuotes: CryptoQuote;
  /** Executions of crypto pairs. */
  readonly cryptoTrades: CryptoTrade;
  /** Minute bars of crypto pairs. */
  readonly cryptoBars: CryptoBar;
  /** Corrections of minute bars of crypto pairs. */
  readonly cryptoUpdatedBars: CryptoBar;
  /** The running bar of the day of crypto pairs. */
  readonly cryptoDailyBars: CryptoBar;
  /** Order books of crypto pairs: whole ones and changes. */
  readonly orderbooks: Orderbook;
  /** News articles and their new versions. */
  readonly news: NewsArticle;
}

/** The name of a stream, as the method of the client. */
export type ChannelName = keyof ChannelMessages;

/** Any message. */
export type AnyMessage = ChannelMessages[ChannelName];

const { method } = StreamProxyService;

/** The RPC of each stream. */
export const CHANNEL_METHODS: Readonly<Record<ChannelName, DescMethodServerStreaming>> = {
  quotes: method.streamQuotes,
  trades: method.streamTrades,
  bars: method.streamBars,
  updatedBars: method.streamUpdatedBars,
  dailyBars: method.streamDailyBars,
  optionQuotes: method.streamOptionQuotes,
  optionTrades: method.streamOptionTrades,
  tradingStatuses: method.streamTradingStatuses,
  priceBands: method.streamPriceBands,
  tradeCorrections: method.streamTradeCorrections,
  imbalances: method.streamImbalances,
  orderUpdates: method.streamOrderUpdates,
  cryptoQuotes: method.streamCryptoQuotes,
  cryptoTrades: method.streamCryptoTrades,
  cryptoBars: method.streamCryptoBars,
  cryptoUpdatedBars: method.streamCryptoUpdatedBars,
  cryptoDailyBars: method.streamCryptoDailyBars,
  orderbooks: method.streamOrderbooks,
  news: method.streamNews,
};

const LISTS = ["underlyings", "orderIds", "clientOrderIdPrefixes", "events"] as const;

/** The fields of a request that select messages. */
export function filterFields(filter: StreamFilter): object {
  const { symbols = [], selection } = filter;
  const lists = LISTS.map((name) => [name, [...filter[name] ?? []]] as const);
  return {
    symbols: [...symbols],
    ...Object.fromEntries(lists.filter(([, list]) => list.length > 0)),
    ...(selection && { optionSelection: selectionFields(selection) }),
  };
}

const RIGHTS = { call: OptionRight.CALL, put: OptionRight.PUT } as const;

function selectionFields({ right, ...others }: ContractSelection): object {
  const given = Object.entries(others).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), ...(right && { right: RIGHTS[right] }) };
}

/**
 * Whether a filter passes every message of its symbols, so that holes in their sequences are
 * missing messages. A contract that leaves a selection and returns to it has a hole, too.
 */
export function hasWholeSymbols(
  channel: ChannelName,
  { orderIds = [], clientOrderIdPrefixes = [], events = [], selection }: StreamFilter,
): boolean {
  const isOfSomeOrders = orderIds.length + clientOrderIdPrefixes.length + events.length > 0;
  // Another version of an article can have other symbols.
  if (channel === "news") return false;
  return !isOfSomeOrders && !selection?.onlySelected;
}

/** The name of the field with the message in the responses of a stream: `quote`. */
export function messageField(channel: ChannelName): string {
  const field = CHANNEL_METHODS[channel].output.fields.find(({ number }) => number === 1);
  if (field === undefined) throw new TypeError(`No message in the responses of ${channel}`);
  return field.localName;
}

/** The symbol of a message, by which its sequence counts. */
export function symbolOf(message: Message): string {
  const one = message as AnyMessage;
  switch (one.$typeName) {
    case "cream.v1.OrderUpdate":
      return one.order?.symbol ?? "";
    case "cream.v1.TradeCorrection":
      return one.kind.value?.symbol ?? "";
    case "cream.v1.NewsArticle":
      // Sequences count the versions of an article.
      return String(one.id);
    default:
      return one.symbol;
  }
}

/**
 * The streams of the service: their methods, requests and messages.
 *
 * @module
 */
import type { DescMethodServerStreaming, Message } from "@bufbuild/protobuf";
import {
  type OptionQuoteUpdate,
  OptionRight,
  type OptionTrade,
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

/** Which contracts of underlyings to subscribe; the proxy has a default for each field. */
export interface ContractSelection {
  /** Nearest expiry in calendar days from today. */
  readonly minDays?: number | undefined;
  /** Farthest expiry in calendar days from today. */
  readonly maxDays?: number | undefined;
  /** Largest distance of a strike from the underlying's price, in percent. */
  readonly strikeWindowPercent?: number | undefined;
  /** Only calls or only puts. */
  readonly right?: "call" | "put" | undefined;
  /** Most contracts of each underlying. */
  readonly maxContracts?: number | undefined;
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
};

/** The fields of a request that select messages. */
export function filterFields(
  { symbols = [], underlyings = [], selection, orderIds = [] }: StreamFilter,
): object {
  return {
    symbols: [...symbols],
    ...(underlyings.length > 0 && { underlyings: [...underlyings] }),
    ...(selection && { optionSelection: selectionFields(selection) }),
    ...(orderIds.length > 0 && { orderIds: [...orderIds] }),
  };
}

const RIGHTS = { call: OptionRight.CALL, put: OptionRight.PUT } as const;

function selectionFields({ right, ...numbers }: ContractSelection): object {
  const given = Object.entries(numbers).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), ...(right && { right: RIGHTS[right] }) };
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
    default:
      return one.symbol;
  }
}

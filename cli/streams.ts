/**
 * The streams of the service: their names, requests and messages.
 *
 * @module
 */
import type {
  DescMessage,
  DescMethodServerStreaming,
  Message,
  MessageInitShape,
} from "@bufbuild/protobuf";
import type { ChannelName } from "../src/domain/market/channels.ts";
import {
  type CancelledTrade,
  type CorrectedTrade,
  type OptionQuoteUpdate,
  OptionRight,
  type OptionTrade,
  type OrderImbalance,
  type OrderUpdate,
  type PriceBand,
  type StockBar,
  type StockQuote,
  type StockTrade,
  type StreamBarsResponse,
  type StreamDailyBarsResponse,
  type StreamImbalancesResponse,
  type StreamOptionQuotesResponse,
  type StreamOptionTradesResponse,
  type StreamOrderUpdatesResponse,
  type StreamPriceBandsResponse,
  StreamProxyService,
  type StreamQuotesResponse,
  type StreamTradeCorrectionsResponse,
  type StreamTradesResponse,
  type StreamTradingStatusesResponse,
  type StreamUpdatedBarsResponse,
  type TradingStatus,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import type { CallOptions, RpcClient } from "../client/rpc_client.ts";

/** Contracts of underlyings; the proxy applies its defaults where undefined. */
export interface ContractSelection {
  /** Calendar days from today. */
  readonly minDays: number | undefined;
  /** Calendar days from today. */
  readonly maxDays: number | undefined;
  /** Percent around the underlying's price. */
  readonly strikeWindowPercent: number | undefined;
  readonly right: "call" | "put" | undefined;
  /** Of each underlying. */
  readonly maxContracts: number | undefined;
}

/** Selects messages; an empty or missing list means all. */
export interface Selection {
  readonly symbols: readonly string[];
  readonly underlyings?: readonly string[];
  readonly orderIds?: readonly string[];
  /** Undefined: the contracts that the proxy chooses. */
  readonly contracts?: ContractSelection | undefined;
}

/** A response of one of the methods. */
export type StreamResponse =
  | StreamQuotesResponse
  | StreamTradesResponse
  | StreamBarsResponse
  | StreamUpdatedBarsResponse
  | StreamDailyBarsResponse
  | StreamTradingStatusesResponse
  | StreamPriceBandsResponse
  | StreamTradeCorrectionsResponse
  | StreamImbalancesResponse
  | StreamOptionQuotesResponse
  | StreamOptionTradesResponse
  | StreamOrderUpdatesResponse;

/** What a response contains. */
export type StreamMessage =
  | StockQuote
  | StockTrade
  | StockBar
  | TradingStatus
  | PriceBand
  | CorrectedTrade
  | CancelledTrade
  | OrderImbalance
  | OptionQuoteUpdate
  | OptionTrade
  | OrderUpdate;

/** One of the streams. */
export interface StreamKind {
  readonly channel: ChannelName;
  /** Which filter it has besides symbols. */
  readonly filter?: "underlying" | "order-id";
  readonly method: DescMethodServerStreaming;
  readonly request: (selection: Selection) => MessageInitShape<DescMessage>;
}

const { method } = StreamProxyService;

/** The streams by their name in `tail`. */
export const STREAM_KINDS: Readonly<Record<string, StreamKind>> = {
  quotes: { channel: "stockQuotes", method: method.streamQuotes, request: stockRequest },
  trades: { channel: "stockTrades", method: method.streamTrades, request: stockRequest },
  bars: { channel: "stockBars", method: method.streamBars, request: stockRequest },
  "updated-bars": {
    channel: "stockUpdatedBars",
    method: method.streamUpdatedBars,
    request: stockRequest,
  },
  "daily-bars": {
    channel: "stockDailyBars",
    method: method.streamDailyBars,
    request: stockRequest,
  },
  statuses: {
    channel: "tradingStatuses",
    method: method.streamTradingStatuses,
    request: stockRequest,
  },
  bands: { channel: "priceBands", method: method.streamPriceBands, request: stockRequest },
  corrections: {
    channel: "tradeCorrections",
    method: method.streamTradeCorrections,
    request: stockRequest,
  },
  imbalances: { channel: "imbalances", method: method.streamImbalances, request: stockRequest },
  "option-quotes": {
    channel: "optionQuotes",
    filter: "underlying",
    method: method.streamOptionQuotes,
    request: optionRequest,
  },
  "option-trades": {
    channel: "optionTrades",
    filter: "underlying",
    method: method.streamOptionTrades,
    request: optionRequest,
  },
  orders: {
    channel: "orderUpdates",
    filter: "order-id",
    method: method.streamOrderUpdates,
    request: ({ orderIds = [], symbols }) => ({ orderIds: [...orderIds], symbols: [...symbols] }),
  },
};

function stockRequest({ symbols }: Selection) {
  return { symbols: [...symbols] };
}

const RIGHTS = { call: OptionRight.CALL, put: OptionRight.PUT } as const;

function optionRequest({ symbols, underlyings = [], contracts }: Selection) {
  const request = { symbols: [...symbols], underlyings: [...underlyings] };
  if (contracts === undefined) return request;
  const { right, ...numbers } = contracts;
  const given = Object.entries(numbers).filter(([, value]) => value !== undefined);
  const optionSelection = {
    ...Object.fromEntries(given),
    ...(right && { right: RIGHTS[right] }),
  };
  return { ...request, optionSelection };
}

/** Opens a stream: batches of responses, oldest first. */
export function openStream(
  client: RpcClient,
  { method, request }: StreamKind,
  { selection, ...options }: CallOptions & { readonly selection: Selection },
): AsyncIterable<readonly StreamResponse[]> {
  const responses: AsyncIterable<readonly Message[]> = client.stream(
    method,
    request(selection),
    options,
  );
  // The table above has the methods with these responses, and no other.
  return responses as AsyncIterable<readonly StreamResponse[]>;
}

/** The message of a response; undefined when it has none. */
export function messageOf(response: StreamResponse): StreamMessage | undefined {
  switch (response.$typeName) {
    case "cream.v1.StreamQuotesResponse":
    case "cream.v1.StreamOptionQuotesResponse":
      return response.quote;
    case "cream.v1.StreamTradesResponse":
    case "cream.v1.StreamOptionTradesResponse":
      return response.trade;
    case "cream.v1.StreamBarsResponse":
    case "cream.v1.StreamUpdatedBarsResponse":
    case "cream.v1.StreamDailyBarsResponse":
      return response.bar;
    case "cream.v1.StreamTradingStatusesResponse":
      return response.status;
    case "cream.v1.StreamPriceBandsResponse":
      return response.band;
    case "cream.v1.StreamTradeCorrectionsResponse":
      return response.correction?.kind.value;
    case "cream.v1.StreamImbalancesResponse":
      return response.imbalance;
    case "cream.v1.StreamOrderUpdatesResponse":
      return response.update;
  }
}

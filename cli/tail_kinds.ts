/**
 * The streams that `tail` can follow.
 *
 * @module
 */
import {
  type DescMessage,
  type DescMethodServerStreaming,
  type MessageInitShape,
  type MessageShape,
  toJsonString,
} from "@bufbuild/protobuf";
import { OptionRight, StreamProxyService } from "../src/gen/cream/v1/stream_proxy_pb.ts";
import type { ProxyClient, StreamOptions } from "./grpc_client.ts";
import {
  OPTION_QUOTE_TITLE,
  OPTION_TRADE_TITLE,
  optionQuoteLine,
  optionTradeLine,
  ORDER_TITLE,
  orderLine,
  STOCK_BAR_TITLE,
  STOCK_QUOTE_TITLE,
  STOCK_TRADE_TITLE,
  stockBarLine,
  stockQuoteLine,
  stockTradeLine,
} from "./message_lines.ts";
import type { Colors } from "./colors.ts";

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

/** Selects messages; empty lists mean all. */
export interface Selection {
  readonly symbols: readonly string[];
  readonly underlyings: readonly string[];
  readonly orderIds: readonly string[];
  /** Undefined: the contracts that the proxy chooses. */
  readonly contracts: ContractSelection | undefined;
}

/** Format of the lines: canonical protobuf-JSON, or aligned text. */
export type LineStyle = "json" | Colors;

/** One stream of the service as lines. */
export interface TailKind {
  /** Column titles of the aligned text. */
  readonly title: string;
  /** Which filter it has besides symbols. */
  readonly filter: "underlying" | "order-id" | undefined;
  /** Follows the stream: batches of lines without line ends. */
  follow(
    client: ProxyClient,
    selection: Selection,
    options: StreamOptions & { readonly style: LineStyle },
  ): AsyncIterable<readonly string[]>;
}

/** The streams by their name in `tail`. */
export const TAIL_KINDS: Readonly<Record<string, TailKind>> = {
  quotes: kind(StreamProxyService.method.streamQuotes, {
    title: STOCK_QUOTE_TITLE,
    request: ({ symbols }) => ({ symbols: [...symbols] }),
    line: ({ quote }, paint) => quote && stockQuoteLine(quote, paint),
  }),
  trades: kind(StreamProxyService.method.streamTrades, {
    title: STOCK_TRADE_TITLE,
    request: ({ symbols }) => ({ symbols: [...symbols] }),
    line: ({ trade }, paint) => trade && stockTradeLine(trade, paint),
  }),
  bars: kind(StreamProxyService.method.streamBars, {
    title: STOCK_BAR_TITLE,
    request: ({ symbols }) => ({ symbols: [...symbols] }),
    line: ({ bar }, paint) => bar && stockBarLine(bar, paint),
  }),
  "option-quotes": kind(StreamProxyService.method.streamOptionQuotes, {
    title: OPTION_QUOTE_TITLE,
    filter: "underlying",
    request: optionRequest,
    line: ({ quote }, paint) => quote && optionQuoteLine(quote, paint),
  }),
  "option-trades": kind(StreamProxyService.method.streamOptionTrades, {
    title: OPTION_TRADE_TITLE,
    filter: "underlying",
    request: optionRequest,
    line: ({ trade }, paint) => trade && optionTradeLine(trade, paint),
  }),
  orders: kind(StreamProxyService.method.streamOrderUpdates, {
    title: ORDER_TITLE,
    filter: "order-id",
    request: ({ orderIds, symbols }) => ({
      orderIds: [...orderIds],
      symbols: [...symbols],
    }),
    line: ({ update }, paint) => update && orderLine(update, paint),
  }),
};

const RIGHTS = { call: OptionRight.CALL, put: OptionRight.PUT } as const;

function optionRequest({ symbols, underlyings, contracts }: Selection) {
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

interface KindParts<I extends DescMessage, O extends DescMessage> {
  readonly title: string;
  readonly filter?: "underlying" | "order-id";
  readonly request: (selection: Selection) => MessageInitShape<I>;
  /** Undefined for a message without content, which is not shown. */
  readonly line: (
    message: MessageShape<O>,
    paint: Colors,
  ) => string | undefined;
}

/** Converts the messages of one method to lines. */
function kind<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  parts: KindParts<I, O>,
): TailKind {
  return {
    title: parts.title,
    filter: parts.filter,
    async *follow(client, selection, { style, ...options }) {
      const request = parts.request(selection);
      const toLine = style === "json"
        ? (message: MessageShape<O>) => toJsonString(method.output, message)
        : (message: MessageShape<O>) => parts.line(message, style);
      for await (const batch of client.stream(method, request, options)) {
        yield batch.map(toLine).filter((line) => line !== undefined);
      }
    },
  };
}

/**
 * Formats a message as one aligned line.
 *
 * Times are UTC, to the nanosecond. Sizes are outside, prices inside, as in an
 * order book: `3 × 150.25 | 150.27 × 4`.
 *
 * @module
 */
import { OrderSide, OrderSideSchema } from "../src/gen/cream/v1/execution_pb.ts";
import { OrderTypeSchema } from "../src/gen/cream/v1/common_pb.ts";
import {
  type CancelledTrade,
  type CorrectedTrade,
  type OptionQuoteUpdate,
  OrderClass,
  type OrderDetails,
  OrderEvent,
  OrderEventSchema,
  type OrderUpdate,
  type PriceBand,
  type StockBar,
  type StockQuote,
  type StockTrade,
  type TradingStatus,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import { BAR_CHANNELS, type ChannelName } from "../src/domain/market/channels.ts";
import { CRYPTO_TITLES, type CryptoMessage, cryptoParts } from "./crypto_lines.ts";
import { META_TITLE } from "./notice_lines.ts";
import type { StreamMessage } from "./streams.ts";
import {
  age,
  type Colors,
  conditions,
  enumName,
  grouped,
  millisecondsOf,
  price,
  type Style,
  timeOfDay,
} from "./text.ts";

/** Columns of a ticker; longer ones shift the rest of the line. */
const STOCK = 6;
/** Columns of an OCC symbol with a root of four to six letters. */
const OPTION = 21;
/** Columns of `22 @ 134.85`. */
const EXECUTION = 14;

const BOOK_TITLE = `${"SIZE".padStart(6)} × ${" BID".padEnd(9)} ${" ASK".padEnd(9)} × ${
  "SIZE".padEnd(6)
}  VENUES`;
const EXECUTION_TITLE = `${" PRICE".padEnd(9)} × ${"SIZE".padStart(7)}  VENUE`;

const BAR_TITLES: readonly string[] = [
  "SYMBOL".padEnd(STOCK),
  [" OPEN", " HIGH", " LOW", " CLOSE"].map((name) => name.padEnd(9)).join(" "),
  "VOLUME".padStart(11),
  `${"TRADES".padStart(7)}  VWAP`,
];

/** Column titles after the time and the age. */
const TITLES: Readonly<Record<ChannelName, readonly string[]>> = {
  stockQuotes: ["SYMBOL".padEnd(STOCK), BOOK_TITLE, "TAPE CONDITIONS"],
  stockTrades: [
    "SYMBOL".padEnd(STOCK),
    `${EXECUTION_TITLE} TAPE ${"TRADE ID".padEnd(16)} CONDITIONS`,
  ],
  stockBars: BAR_TITLES,
  stockUpdatedBars: BAR_TITLES,
  stockDailyBars: BAR_TITLES,
  tradingStatuses: ["SYMBOL".padEnd(STOCK), "TAPE STATUS / REASON"],
  priceBands: ["SYMBOL".padEnd(STOCK), `${" DOWN".padEnd(9)} ${" UP".padEnd(9)}  TAPE INDICATOR`],
  tradeCorrections: [
    "SYMBOL".padEnd(STOCK),
    `${EXECUTION_TITLE} TAPE ${"TRADE ID".padEnd(16)} BECOMES`,
  ],
  imbalances: ["SYMBOL".padEnd(STOCK), `${" PRICE".padEnd(9)}  TAPE`],
  optionQuotes: ["CONTRACT".padEnd(OPTION), BOOK_TITLE, "CONDITION"],
  optionTrades: ["CONTRACT".padEnd(OPTION), `${EXECUTION_TITLE} CONDITION`],
  orderUpdates: [
    "EVENT".padEnd(14),
    `SIDE   QTY ${"SYMBOL".padEnd(STOCK)} ${"TYPE".padEnd(14)}`,
    `${"STATUS".padEnd(16)} ${"FILLED".padEnd(24)}`,
    "EXECUTION".padEnd(EXECUTION),
    "ORDER ID",
  ],
  ...CRYPTO_TITLES,
};

/** How the time of a message is shown. */
export interface TimeFormat {
  /** Digits of the fraction of a second. Default 9. */
  readonly digits?: 3 | 9;
  /** Shows the age of a message at this time, wall clock ms. */
  readonly now?: number | undefined;
}

/** Column titles of `messageLine`, after those of metadata with `meta`. */
export function messageTitle(
  channel: ChannelName,
  { digits = 9, now }: TimeFormat = {},
  { meta = false }: { readonly meta?: boolean } = {},
): string {
  const time = "TIME (UTC)".padEnd(9 + digits);
  const hasAge = now !== undefined && !BAR_CHANNELS.has(channel);
  const titles = [time, ...(hasAge ? ["AGE".padStart(7)] : []), ...TITLES[channel]];
  return [...(meta ? [META_TITLE] : []), ...titles].join("  ");
}

/** A message as one line, aligned with its title. */
export function messageLine(message: StreamMessage, colors: Colors, time: TimeFormat = {}): string {
  const parts = [...timeParts(message, time).map((part) => colors("dim", part))];
  parts.push(...partsOf(message, colors));
  return parts.filter((part) => part !== "").join("  ").trimEnd();
}

function timeParts(message: StreamMessage, { digits = 9, now }: TimeFormat): string[] {
  const timestamp = timestampOf(message);
  const shown = timeOfDay(timestamp, digits);
  // The time of a bar is the start of its minute.
  const isBar = message.$typeName === "cream.v1.StockBar" ||
    message.$typeName === "cream.v1.CryptoBar";
  if (now === undefined || isBar) return [shown];
  return [shown, timestamp ? age(now - millisecondsOf(timestamp)) : "-".padStart(7)];
}

/** The time of an event; of an article that of its version. */
export function timestampOf(message: StreamMessage): StockQuote["timestamp"] {
  return message.$typeName === "cream.v1.NewsArticle" ? message.updatedAt : message.timestamp;
}

function partsOf(message: StreamMessage, colors: Colors): string[] {
  switch (message.$typeName) {
    case "cream.v1.StockQuote":
      return [
        symbolPart(message, { width: STOCK, colors }),
        book(message, colors),
        `${message.tape.padEnd(4)} ${conditions(message.conditions)}`,
      ];
    case "cream.v1.OptionQuoteUpdate":
      return [
        symbolPart(message, { width: OPTION, colors }),
        book(message, colors),
        conditions([message.condition]),
      ];
    case "cream.v1.StockTrade": {
      // The wire carries the 64 bits signed; the id itself is not.
      const id = String(BigInt.asUintN(64, message.tradeId));
      return [
        symbolPart(message, { width: STOCK, colors }),
        execution(message, colors),
        `${message.exchange.padEnd(5)} ${message.tape.padEnd(4)} ${id.padEnd(16)} ${
          conditions(message.conditions)
        }`,
      ];
    }
    case "cream.v1.OptionTrade":
      return [
        symbolPart(message, { width: OPTION, colors }),
        execution(message, colors),
        `${message.exchange.padEnd(5)} ${conditions([message.condition])}`,
      ];
    case "cream.v1.StockBar":
      return barParts(message, colors);
    case "cream.v1.TradingStatus":
      return [symbolPart(message, { width: STOCK, colors }), statusText(message)];
    case "cream.v1.PriceBand":
      return [symbolPart(message, { width: STOCK, colors }), bandText(message)];
    case "cream.v1.CorrectedTrade":
    case "cream.v1.CancelledTrade":
      return correctionParts(message, colors);
    case "cream.v1.OrderImbalance":
      return [
        symbolPart(message, { width: STOCK, colors }),
        `${price(message.price)}  ${message.tape}`,
      ];
    case "cream.v1.OrderUpdate":
      return orderParts(message, colors);
    default:
      return cryptoParts(message, colors);
  }
}

function barParts(bar: StockBar, colors: Colors): string[] {
  const rising = bar.close >= bar.open;
  return [
    symbolPart(bar, { width: STOCK, colors }),
    `${price(bar.open)} ${price(bar.high)} ${price(bar.low)} ${
      colors(rising ? "green" : "red", price(bar.close))
    }`,
    `${grouped(bar.volume).padStart(11)}  ${grouped(bar.tradeCount).padStart(7)} ${
      price(bar.vwap)
    }`,
  ];
}

/** `C    H Trading Halt / T1 News Pending`; a missing reason is left out. */
function statusText(status: TradingStatus): string {
  const named = (code: string, text: string) => `${code} ${text}`.trim();
  const texts = [
    named(status.statusCode, status.statusMessage),
    named(status.reasonCode, status.reasonMessage),
  ];
  return `${status.tape.padEnd(4)} ${texts.filter((text) => text !== "").join(" / ")}`;
}

function bandText(band: PriceBand): string {
  return `${price(band.limitDownPrice)} ${price(band.limitUpPrice)}  ${
    band.tape.padEnd(4)
  } ${band.indicator}`;
}

/** The trade as it was reported, and what it becomes. */
function correctionParts(trade: CorrectedTrade | CancelledTrade, colors: Colors): string[] {
  const isCorrected = trade.$typeName === "cream.v1.CorrectedTrade";
  const reported = isCorrected
    ? { price: trade.originalPrice, size: trade.originalSize }
    : { price: trade.price, size: trade.size };
  const id = BigInt.asUintN(64, isCorrected ? trade.originalId : trade.tradeId);
  const becomes = isCorrected
    ? `${price(trade.correctedPrice)} × ${grouped(trade.correctedSize)} ${
      conditions(trade.correctedConditions)
    }`
    : `cancelled ${trade.action}`;
  return [
    symbolPart(trade, { width: STOCK, colors }),
    execution(reported, colors),
    `${trade.exchange.padEnd(5)} ${trade.tape.padEnd(4)} ${String(id).padEnd(16)} ${becomes}`,
  ];
}

function orderParts(update: OrderUpdate, colors: Colors): string[] {
  const event = enumName(OrderEventSchema, update.event);
  const executed = update.price !== undefined && update.price !== ""
    ? `${update.qty || "?"} @ ${update.price}`
    : "";
  return [
    colors(eventStyle(update.event), event.padEnd(14)),
    update.order ? describeOrder(update.order, colors) : "",
    executed.padEnd(EXECUTION),
    colors("dim", update.order?.id ?? ""),
  ];
}

/** `buy 10 AAPL limit 150.25`, its status and what is filled of it. */
function describeOrder(order: OrderDetails, colors: Colors): string {
  const side = sideOf(order);
  const symbol = order.symbol ||
    order.legs.map((leg) => leg.symbol).join(" + ") || "(no symbol)";
  const limits = [
    enumName(OrderTypeSchema, order.orderType),
    order.limitPrice ? order.limitPrice : "",
    order.stopPrice ? `stop ${order.stopPrice}` : "",
  ].filter(Boolean).join(" ");
  const what = [
    colors(
      side === "buy" ? "green" : side === "sell" ? "red" : "bold",
      side.padEnd(4),
    ),
    order.qty.padStart(5),
    colors("bold", symbol.padEnd(STOCK)),
    limits.padEnd(14),
  ].join(" ");
  const filled = order.filledQty === "" || order.filledQty === "0"
    ? ""
    : `filled ${order.filledQty}${order.filledAvgPrice ? ` avg ${order.filledAvgPrice}` : ""}`;
  return `${what}  ${order.status.padEnd(16)} ${filled.padEnd(24)}`;
}

/** `buy`, `sell`, or `mleg`: the legs of a multi-leg order have the sides. */
export function sideOf(order: OrderDetails | undefined): string {
  if (!order) return "-";
  if (order.side !== OrderSide.UNSPECIFIED) {
    return enumName(OrderSideSchema, order.side);
  }
  const multiLeg = order.orderClass === OrderClass.MLEG ||
    order.legs.length > 0;
  return multiLeg ? "mleg" : "-";
}

/** Colour of an order event: money moved, order ended badly, or neither. */
export function eventStyle(event: OrderEvent): Style {
  switch (event) {
    case OrderEvent.FILL:
    case OrderEvent.PARTIAL_FILL:
      return "green";
    case OrderEvent.REJECTED:
    case OrderEvent.CANCELED:
    case OrderEvent.EXPIRED:
    case OrderEvent.SUSPENDED:
    case OrderEvent.TRADE_BUST:
      return "red";
    default:
      return "cyan";
  }
}

function symbolPart(
  { symbol }: Exclude<StreamMessage, OrderUpdate | CryptoMessage>,
  { width, colors }: { width: number; colors: Colors },
): string {
  return colors("bold", symbol.padEnd(width));
}

function book(quote: StockQuote | OptionQuoteUpdate, colors: Colors): string {
  const bid = `${String(quote.bidSize).padStart(6)} × ${price(quote.bidPrice)}`;
  const ask = `${price(quote.askPrice)} × ${String(quote.askSize).padEnd(6)}`;
  const venues = `${quote.bidExchange || "-"}/${quote.askExchange || "-"}`;
  return `${colors("green", bid)} ${colors("red", ask)}  ${venues.padEnd(6)}`;
}

function execution(trade: Pick<StockTrade, "price" | "size">, colors: Colors): string {
  return `${colors("bold", price(trade.price))} × ${grouped(trade.size).padStart(7)}`;
}

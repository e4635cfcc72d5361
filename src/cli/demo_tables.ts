/**
 * The tables of instruments and orders in the demo.
 *
 * @module
 */
import {
  ConnectionState,
  ConnectionStateSchema,
  type FeedStatus,
  OrderEventSchema,
  type OrderUpdate,
} from "../gen/cream/v1/stream_proxy_pb.ts";
import { OrderTypeSchema } from "../gen/cream/v1/common_pb.ts";
import type { InstrumentRow, TopOfBook } from "./demo_state.ts";
import { eventStyle, sideOf } from "./message_lines.ts";
import type { Colors } from "./colors.ts";
import { enumName, grouped, price, timeOfDay } from "./text.ts";

/** A heading and rows; the caller cuts the rows to the height. */
export interface Table {
  readonly heading: string;
  readonly rows: readonly string[];
}

/** Width and colours of a table of instruments. */
export interface InstrumentTheme extends TableTheme {
  /** The feed that carries them; undefined before it is known. */
  readonly feed: FeedStatus | undefined;
}

/** Width and colours of a table. */
export interface TableTheme {
  readonly width: number;
  readonly paint: Colors;
}

/** From this width on, a bar shows all four prices. */
const FULL_BAR = 112;

/** Stocks: best bid and ask, last trade, last bar. */
export function stockRows(
  rows: readonly InstrumentRow[],
  { width, paint, feed }: InstrumentTheme,
): Table {
  const full = width >= FULL_BAR;
  const bar = full
    ? `${"OPEN".padStart(6)}      HIGH      LOW       CLOSE         VOLUME`
    : `BAR CLOSE  VOLUME`;
  const columns = `${"STOCK".padEnd(6)}${BOOK_HEADING}LAST    SIZE  ${bar}`;
  return {
    heading: heading("STOCKS", { columns, feed, paint }),
    rows: rows.map((row) => {
      const { mark, paint: style } = styleOf(row, paint);
      return `${mark}${style("bold", row.symbol.padEnd(6))}${
        book(row.book, style)
      }  ${lastTrade(row, style)}  ${barCells(row, { full, paint: style })}`;
    }),
  };
}

/** Option contracts: best bid and ask, last trade. */
export function optionRows(
  rows: readonly InstrumentRow[],
  { paint, feed }: InstrumentTheme,
): Table {
  const columns = `${"CONTRACT".padEnd(20)}${BOOK_HEADING}LAST    SIZE`;
  return {
    heading: heading("CONTRACTS", { columns, feed, paint }),
    rows: rows.map((row) => {
      const { mark, paint: style } = styleOf(row, paint);
      return `${mark}${style("bold", row.symbol.padEnd(20))}${
        book(row.book, style)
      }  ${lastTrade(row, style)}`;
    }),
  };
}

/** The column titles, or a notice that the values are not live. */
function heading(
  what: string,
  { columns, feed, paint }: {
    readonly columns: string;
    readonly feed: FeedStatus | undefined;
    readonly paint: Colors;
  },
): string {
  if (!feed || feed.state === ConnectionState.CONNECTED) {
    return paint("dim", ` ${columns}`);
  }
  const state = enumName(ConnectionStateSchema, feed.state);
  return paint("yellow", ` ${what}, NOT LIVE: last values, feed ${state}`);
}

/** Marks values that are not live, also without colours. */
function styleOf(
  row: InstrumentRow,
  paint: Colors,
): { readonly mark: string; readonly paint: Colors } {
  const known = row.book ?? row.trade ?? row.bar;
  if (row.live || known === undefined) return { mark: " ", paint };
  return { mark: "~", paint: (_style, text) => paint("dim", text) };
}

/** Order updates, newest first. */
export function orderRows(
  updates: readonly OrderUpdate[],
  { width, paint }: TableTheme,
): Table {
  const wide = width >= 100;
  const time = wide ? 18 : 12;
  return {
    heading: paint(
      "dim",
      ` ${"ORDER (UTC)".padEnd(time)}  ${"EVENT".padEnd(12)} SIDE   QTY SYMBOL`,
    ),
    rows: updates.map((update) => orderRow(update, { wide, paint })),
  };
}

const BOOK_HEADING = "   SIZE × BID          ASK   × SIZE    ";

function book(row: TopOfBook | undefined, paint: Colors): string {
  if (row === undefined) return paint("dim", "      ·".padEnd(35));
  const bid = `${String(row.bidSize).padStart(6)} × ${price(row.bidPrice)}`;
  const ask = `${price(row.askPrice)} × ${String(row.askSize).padEnd(4)}`;
  return ` ${paint("green", bid)}${paint("red", ask)}`;
}

function lastTrade({ trade }: InstrumentRow, paint: Colors): string {
  if (trade === undefined) return paint("dim", "   ·".padEnd(14));
  const style = trade.direction > 0
    ? "green"
    : trade.direction < 0
    ? "red"
    : "bold";
  return `${paint(style, price(trade.price))}${
    grouped(trade.size).padStart(5)
  }`;
}

function barCells(
  { bar }: InstrumentRow,
  { full, paint }: { readonly full: boolean; readonly paint: Colors },
): string {
  if (bar === undefined) return paint("dim", "   ·");
  const close = paint(bar.close < bar.open ? "red" : "green", price(bar.close));
  const volume = grouped(bar.volume);
  return full
    ? `${price(bar.open)} ${price(bar.high)} ${price(bar.low)} ${close} ${
      volume.padStart(9)
    }`
    : `${close} ${volume.padStart(7)}`;
}

function orderRow(
  update: OrderUpdate,
  { wide, paint }: { readonly wide: boolean; readonly paint: Colors },
): string {
  const { order } = update;
  const side = sideOf(order);
  const type = order ? enumName(OrderTypeSchema, order.orderType) : "";
  const execution = update.price
    ? `${update.qty ?? ""} at ${update.price}`
    : order?.limitPrice
    ? `${type} ${order.limitPrice}`
    : type;
  return [
    ` ${paint("dim", timeOfDay(update.timestamp, wide ? 9 : 3))} `,
    paint(
      eventStyle(update.event),
      enumName(OrderEventSchema, update.event).padEnd(12),
    ),
    paint(
      side === "buy" ? "green" : side === "sell" ? "red" : "dim",
      side.padEnd(4),
    ),
    (order?.qty ?? "").padStart(5),
    paint("bold", orderSymbol(update).padEnd(wide ? 22 : 8)),
    execution,
    wide && Number(order?.filledQty) > 0 ? `filled ${order?.filledQty}` : "",
  ].join(" ").trimEnd();
}

/** Parents of multi-leg orders have no symbol of their own. */
function orderSymbol({ order }: OrderUpdate): string {
  const [first, ...others] = order?.legs.map((leg) => leg.symbol) ?? [];
  if (order?.symbol || !first) return order?.symbol || "-";
  return others.length > 0 ? `${first} +${others.length}` : first;
}

/**
 * The tables of the demo: feeds with their streams, instruments and orders.
 *
 * @module
 */
import type { ChannelName } from "../src/domain/market/channels.ts";
import { OrderTypeSchema } from "../src/gen/cream/v1/common_pb.ts";
import {
  ConnectionState,
  ConnectionStateSchema,
  type FeedStatus,
  FeedType,
  FeedTypeSchema,
  OrderEventSchema,
  type OrderUpdate,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import { type Colors, padEnd } from "./colors.ts";
import type { DemoState, InstrumentRow, StreamFigures, TopOfBook } from "./demo_state.ts";
import { eventStyle, sideOf } from "./message_lines.ts";
import { stateStyle } from "./status_table.ts";
import { enumName, grouped, latency, price, timeOfDay } from "./text.ts";

/** Streams by the index of their feed in the status. */
export const STREAMS: readonly (readonly [ChannelName, string])[][] = [
  [["stockQuotes", "quotes"], ["stockTrades", "trades"], ["stockBars", "bars"]],
  [["optionQuotes", "option quotes"], ["optionTrades", "option trades"]],
  [["orderUpdates", "order updates"]],
];

const FEED_NAMES = ["stocks", "options", "orders"];
const FEED = 13;
const STATE = 15;
const STREAM = 13;

/** From this width on, the 99th percentile and the history are shown. */
const WIDE = 100;

/** One heading and six rows. */
export function feedTable(
  state: DemoState,
  { width, paint }: { readonly width: number; readonly paint: Colors },
): string[] {
  const history = width >= WIDE ? Math.min(40, width - 90) : 0;
  const heading = ` ${"FEED".padEnd(FEED)} ${"STATE".padEnd(STATE)}${"SUBS".padStart(5)}  ${
    "STREAM".padEnd(STREAM)
  }${"MSG/S".padStart(7)}${"TOTAL".padStart(10)}${"DELAY".padStart(8)}${
    history > 0 ? "99 %".padStart(9) : ""
  }${"LOST".padStart(5)}${history > 0 ? `  LAST ${history} s` : ""}`;
  const rows = STREAMS.flatMap((streams, at) =>
    streams.map(([channel, name], row) => {
      const feed = row === 0
        ? feedCells(state.feeds[at], { name: FEED_NAMES[at] ?? "", paint })
        : " ".repeat(FEED + STATE + 6);
      const figures = state.streams[channel];
      return ` ${feed}  ${name.padEnd(STREAM)}${streamCells(figures, { history, paint })}`;
    })
  );
  return [paint("dim", heading), ...rows];
}

function feedCells(
  feed: FeedStatus | undefined,
  { name, paint }: { readonly name: string; readonly paint: Colors },
): string {
  const label = feed && feed.feedType !== FeedType.TRADE_UPDATES
    ? `${name} ${paint("dim", enumName(FeedTypeSchema, feed.feedType))}`
    : name;
  const state = feed?.state ?? ConnectionState.DISCONNECTED;
  const dot = state === ConnectionState.CONNECTED ? "●" : "○";
  const stateText = `${dot} ${enumName(ConnectionStateSchema, state)}`;
  const subs = feed ? grouped(feed.subscriptionCount) : "-";
  return `${padEnd(label, FEED)} ${padEnd(paint(stateStyle(state), stateText), STATE)}${
    subs.padStart(5)
  }`;
}

function streamCells(
  figures: StreamFigures,
  { history, paint }: { readonly history: number; readonly paint: Colors },
): string {
  const rate = figures.perSecond > 0 && figures.perSecond < 9.95
    ? figures.perSecond.toFixed(1)
    : grouped(Math.round(figures.perSecond));
  const lost = grouped(figures.lost).padStart(5);
  return [
    paint("bold", rate.padStart(7)),
    grouped(figures.total).padStart(10),
    latency(figures.median).padStart(8),
    history > 0 ? latency(figures.slowest).padStart(9) : "",
    figures.lost > 0 ? paint("red", lost) : lost,
    history > 0 ? `  ${paint("cyan", sparkline(figures.history, history))}` : "",
  ].join("");
}

const BARS = [..."▁▂▃▄▅▆▇█"];

/** The last `width` values as bars, from nothing to the highest of them. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const highest = Math.max(...shown, 0);
  return shown.map((value) =>
    value === 0 ? " " : BARS[
      Math.min(BARS.length - 1, Math.floor(BARS.length * value / highest))
    ]
  ).join("");
}

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
      return `${mark}${style("bold", row.symbol.padEnd(6))}${book(row.book, style)}  ${
        lastTrade(row, style)
      }  ${barCells(row, { full, paint: style })}`;
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
      return `${mark}${style("bold", row.symbol.padEnd(20))}${book(row.book, style)}  ${
        lastTrade(row, style)
      }`;
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
  const style = trade.direction > 0 ? "green" : trade.direction < 0 ? "red" : "bold";
  return `${paint(style, price(trade.price))}${grouped(trade.size).padStart(5)}`;
}

function barCells(
  { bar }: InstrumentRow,
  { full, paint }: { readonly full: boolean; readonly paint: Colors },
): string {
  if (bar === undefined) return paint("dim", "   ·");
  const close = paint(bar.close < bar.open ? "red" : "green", price(bar.close));
  const volume = grouped(bar.volume);
  return full
    ? `${price(bar.open)} ${price(bar.high)} ${price(bar.low)} ${close} ${volume.padStart(9)}`
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

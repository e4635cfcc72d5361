/**
 * The tables of the demo: feeds with their streams, instruments and orders.
 *
 * Numbers that are too long for their column are abbreviated, so that columns
 * do not move.
 *
 * @module
 */
import { BASE_FEEDS, FEED_NAMES, type FeedId } from "../src/domain/connection/feed.ts";
import type { ChannelName } from "../src/domain/market/channels.ts";
import { OrderTypeSchema } from "../src/gen/cream/v1/common_pb.ts";
import {
  ConnectionState,
  ConnectionStateSchema,
  type FeedStatus,
  OrderEventSchema,
  type OrderUpdate,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import type { DemoState, InstrumentRow, StreamFigures } from "./demo_recorder.ts";
import { eventStyle, sideOf } from "./message_lines.ts";
import { feedName, stateStyle } from "./status_table.ts";
import {
  abbreviated,
  type Cell,
  type Colors,
  type Column,
  duration,
  enumName,
  latency,
  price,
  type Style,
  type Table,
  table,
  timeOfDay,
} from "./text.ts";

/** Streams by the index of their feed in the status. */
export const STREAMS: readonly (readonly [ChannelName, string])[][] = [
  [["stockQuotes", "quotes"], ["stockTrades", "trades"], ["stockBars", "bars"]],
  [["optionQuotes", "option quotes"], ["optionTrades", "option trades"]],
  [["orderUpdates", "order updates"]],
];

/** From this width on, the 99th percentile, the history and nanoseconds are shown. */
const WIDE = 100;

/** Width and colours of a table. */
export interface TableTheme {
  readonly width: number;
  readonly colors: Colors;
}

/** Six rows: each stream, the first of each feed with the feed. */
export function feedTable(state: DemoState, theme: TableTheme): Table {
  const history = theme.width >= WIDE ? Math.min(40, theme.width - 91) : 0;
  const columns: Column[] = [
    { title: "FEED", width: 14 },
    { title: "STATE", width: 16 },
    { title: "SUBS", width: 5, right: true },
    { title: " STREAM", width: 8 },
    { title: "MSG/S", width: 6, right: true },
    { title: "TOTAL", width: 9, right: true },
    { title: "DELAY", width: 7, right: true },
    ...(history > 0 ? [{ title: "99 %", width: 8, right: true }] : []),
    { title: "DROPPED", width: 7, right: true },
    ...(history > 0 ? [{ title: ` LAST ${history} s`, width: history + 1 }] : []),
  ];
  const rows = STREAMS.flatMap((streams, at) =>
    streams.map(([channel, name], row) => [
      ...(row === 0 ? feedCells(state.feeds[at], BASE_FEEDS[at]) : ["", "", ""]),
      ` ${name.split(" ").at(-1)}`,
      ...streamCells(state.streams[channel], history),
    ])
  );
  return indented(columns, rows.map((cells) => ({ cells })), theme);
}

function feedCells(feed: FeedStatus | undefined, id: FeedId = "sip"): Cell[] {
  const state = feed?.state ?? ConnectionState.DISCONNECTED;
  const dot = state === ConnectionState.CONNECTED ? "●" : "○";
  return [
    feed ? feedName(feed) : FEED_NAMES[id],
    { text: `${dot} ${enumName(ConnectionStateSchema, state)}`, style: stateStyle(state) },
    feed ? abbreviated(feed.subscriptionCount, 5) : "-",
  ];
}

function streamCells(figures: StreamFigures, history: number): Cell[] {
  const rate = figures.perSecond > 0 && figures.perSecond < 9.95
    ? figures.perSecond.toFixed(1)
    : abbreviated(Math.round(figures.perSecond), 6);
  const dropped = abbreviated(figures.dropped, 7);
  return [
    { text: rate, style: "bold" },
    abbreviated(figures.total, 9),
    latency(figures.median),
    ...(history > 0 ? [latency(figures.slowest)] : []),
    figures.dropped > 0 ? { text: dropped, style: "red" } : dropped,
    ...(history > 0
      ? [{ text: ` ${sparkline(figures.history, history)}`, style: "cyan" as const }]
      : []),
  ];
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

/** Width and colours of a table of instruments. */
export interface InstrumentTheme extends TableTheme {
  /** The feed that carries them; undefined before it is known. */
  readonly feed: FeedStatus | undefined;
  /** How long it has been disconnected, ms. */
  readonly outageMs: number | undefined;
}

const BID: Column = { title: "  SIZE ×  BID", width: 18 };
const ASK: Column = { title: " ASK     × SIZE", width: 16 };
const LAST: readonly Column[] = [
  { title: " LAST", width: 9 },
  { title: "SIZE", width: 5, right: true },
];

/** From this width on, a bar shows all four prices. */
const FULL_BAR = 112;

/** Stocks: best bid and ask, last trade, last bar. */
export function stockTable(rows: readonly InstrumentRow[], theme: InstrumentTheme): Table {
  const isFull = theme.width >= FULL_BAR;
  const prices = isFull ? [" OPEN", " HIGH", " LOW", " CLOSE"] : ["BAR CLOSE"];
  const columns: Column[] = [
    { title: "STOCK", width: 6 },
    BID,
    ASK,
    ...LAST,
    ...prices.map((title) => ({ title, width: 9 })),
    { title: "VOLUME", width: 7, right: true },
  ];
  return instrumentTable("STOCKS", columns, {
    ...theme,
    rows,
    cellsOf: (row) => [...marketCells(row), ...barCells(row, isFull)],
  });
}

/** Option contracts: best bid and ask, last trade. */
export function optionTable(rows: readonly InstrumentRow[], theme: InstrumentTheme): Table {
  const columns = [{ title: "CONTRACT", width: 20 }, BID, ASK, ...LAST];
  return instrumentTable("CONTRACTS", columns, { ...theme, rows, cellsOf: marketCells });
}

/** Values that are not live are dim and marked, and the heading says so. */
function instrumentTable(
  what: string,
  columns: readonly Column[],
  { rows, cellsOf, feed, outageMs, ...theme }: InstrumentTheme & {
    readonly rows: readonly InstrumentRow[];
    readonly cellsOf: (row: InstrumentRow) => readonly Cell[];
  },
): Table {
  const made = indented(
    columns,
    rows.map((row) => {
      const isOld = !row.live && (row.book ?? row.trade ?? row.bar) !== undefined;
      const cells = cellsOf(row);
      const dim = (cell: Cell) => typeof cell === "string" ? cell : { ...cell, style: DIM };
      return isOld ? { mark: "~", cells: cells.map(dim) } : { cells };
    }),
    theme,
  );
  if (!feed || feed.state === ConnectionState.CONNECTED) return made;
  const state = enumName(ConnectionStateSchema, feed.state);
  const since = outageMs === undefined ? "" : ` for ${duration(outageMs)}`;
  const notice = ` ${what}, NOT LIVE: last values, feed ${state}${since}`;
  return { ...made, heading: theme.colors("yellow", notice) };
}

const DIM: Style = "dim";
const NONE: Cell = { text: "   ·", style: DIM };

/** Symbol, bid, ask, last trade. */
function marketCells({ symbol, book, trade }: InstrumentRow): Cell[] {
  const direction = trade?.direction ?? 0;
  return [
    { text: symbol, style: "bold" },
    ...(book
      ? [
        {
          text: `${String(book.bidSize).padStart(6)} × ${price(book.bidPrice)}`,
          style: "green" as const,
        },
        {
          text: `${price(book.askPrice)} × ${String(book.askSize).padEnd(4)}`,
          style: "red" as const,
        },
      ]
      : [{ text: "     ·", style: DIM }, ""]),
    ...(trade
      ? [{
        text: price(trade.price),
        style: direction > 0 ? "green" as const : direction < 0 ? "red" as const : "bold" as const,
      }, abbreviated(trade.size, 5)]
      : [NONE, ""]),
  ];
}

function barCells({ bar }: InstrumentRow, isFull: boolean): Cell[] {
  if (bar === undefined) return [NONE];
  return [
    ...(isFull ? [price(bar.open), price(bar.high), price(bar.low)] : []),
    { text: price(bar.close), style: bar.close < bar.open ? "red" : "green" },
    abbreviated(bar.volume, 7),
  ];
}

/** Order updates, newest first. */
export function orderTable(updates: readonly OrderUpdate[], theme: TableTheme): Table {
  const isWide = theme.width >= WIDE;
  const columns: Column[] = [
    { title: "ORDER (UTC)", width: isWide ? 18 : 12 },
    { title: "EVENT", width: 12 },
    { title: "SIDE", width: 4 },
    { title: "QTY", width: 5, right: true },
    { title: "SYMBOL", width: isWide ? 22 : 8 },
    { title: "EXECUTION OR LIMIT", width: 18 },
    ...(isWide ? [{ title: "FILLED", right: true }] : []),
  ];
  const rows = updates.map((update) => ({ cells: orderCells(update, isWide) }));
  return indented(columns, rows, theme);
}

function orderCells(update: OrderUpdate, isWide: boolean): Cell[] {
  const { order } = update;
  const side = sideOf(order);
  const type = order ? enumName(OrderTypeSchema, order.orderType) : "";
  const execution = update.price
    ? `${update.qty ?? ""} at ${update.price}`
    : `${type} ${order?.limitPrice ?? ""}`.trim();
  return [
    { text: timeOfDay(update.timestamp, isWide ? 9 : 3), style: "dim" },
    { text: enumName(OrderEventSchema, update.event), style: eventStyle(update.event) },
    { text: side, style: side === "buy" ? "green" : side === "sell" ? "red" : "dim" },
    order?.qty ?? "",
    { text: orderSymbol(update), style: "bold" },
    execution,
    Number(order?.filledQty) > 0 ? order?.filledQty ?? "" : "",
  ];
}

/** Parents of multi-leg orders have no symbol of their own. */
function orderSymbol({ order }: OrderUpdate): string {
  const [first, ...others] = order?.legs.map((leg) => leg.symbol) ?? [];
  if (order?.symbol || !first) return order?.symbol || "-";
  return others.length > 0 ? `${first} +${others.length}` : first;
}

/** A table with a column for marks before the first. */
function indented(
  columns: readonly Column[],
  rows: readonly { readonly mark?: string; readonly cells: readonly Cell[] }[],
  { width, colors }: TableTheme,
): Table {
  const made = table(columns, rows.map(({ cells }) => cells), { colors, gap: 1, room: width - 1 });
  return {
    heading: ` ${made.heading}`,
    rows: made.rows.map((line, at) => `${rows[at]?.mark ?? " "}${line}`),
  };
}

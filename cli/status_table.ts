/**
 * The status of a proxy as tables: its feeds and its subscriptions.
 *
 * @module
 */
import { EnvironmentSchema } from "../src/gen/cream/v1/common_pb.ts";
import {
  type ChannelSubscriptions,
  ConnectionState,
  ConnectionStateSchema,
  type ConnectionStatus,
  ExpansionState,
  ExpansionStateSchema,
  type FeedStatus,
  type FeedSubscriptions,
  FeedTypeSchema,
  type OptionExpansion,
  type SymbolBudget,
  SymbolState,
  SymbolStateSchema,
  type SymbolSubscription,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import { type Colors, padEnd, type Style } from "./colors.ts";
import { duration, enumName, grouped, millisecondsOf, timeOfDay } from "./text.ts";

/** Lines of `tail status`: the proxy, then one row per feed. */
export function statusTable(
  status: ConnectionStatus,
  paint: Colors,
): readonly string[] {
  const now = status.currentTime ? millisecondsOf(status.currentTime) : 0;
  const titles = [
    "FEED",
    "STATE",
    "LAST CONNECTED (UTC)",
    "SUBS",
    "TRIES",
    "MESSAGES",
    "LAST ERROR",
  ];
  return [
    proxyLine(status, now),
    ...table(titles, status.feeds.map((feed) => feedRow(feed, now)), {
      paint,
      state: 1,
      numbers: [3, 4, 5],
    }),
  ];
}

/** Colour of a feed's state: connected, connecting or failed. */
export function stateStyle(state: ConnectionState | undefined): Style {
  switch (state) {
    case ConnectionState.CONNECTED:
      return "green";
    case ConnectionState.CONNECTING:
    case ConnectionState.AUTHENTICATING:
    case ConnectionState.RECONNECTING:
      return "yellow";
    case ConnectionState.ERROR:
      return "red";
    default:
      return "dim";
  }
}

function proxyLine(status: ConnectionStatus, now: number): string {
  const started = status.startedAt ? millisecondsOf(status.startedAt) : now;
  return `proxy ${status.version}  ${enumName(EnvironmentSchema, status.environment)}  up ${
    duration(now - started)
  }  ${status.clientCount} ${status.clientCount === 1 ? "stream" : "streams"}`;
}

function feedRow(feed: FeedStatus, now: number): Row {
  const since = feed.lastConnectedAt;
  const cells = [
    enumName(FeedTypeSchema, feed.feedType),
    enumName(ConnectionStateSchema, feed.state),
    since === undefined
      ? "never"
      : `${timeOfDay(since, 0)} (${duration(now - millisecondsOf(since))} ago)`,
    grouped(feed.subscriptionCount),
    grouped(feed.reconnectAttempts),
    grouped(feed.messagesReceived),
    feed.errorMessage ?? "",
  ];
  return { cells, style: stateStyle(feed.state) };
}

/** States in the order in which they are counted. */
const COUNTED = [
  SymbolState.ACKNOWLEDGED,
  SymbolState.REQUESTED,
  SymbolState.WAITING,
  SymbolState.REFUSED,
  SymbolState.LINGERING,
] as const;

/** Lines of `tail status --subscriptions`, after those of the status. */
export function subscriptionTables(
  status: ConnectionStatus,
  paint: Colors,
): readonly string[] {
  const tables = status.feeds.flatMap(({ feedType, subscriptions }) =>
    subscriptions === undefined ? [] : [
      "",
      ...feedLines(enumName(FeedTypeSchema, feedType), subscriptions, paint),
    ]
  );
  return tables.length > 0 ? tables : ["", "this proxy reports no subscriptions"];
}

function feedLines(
  feed: string,
  { budget, channels, expansions }: FeedSubscriptions,
  paint: Colors,
): string[] {
  const symbols = channels.flatMap(({ channel, symbols }) =>
    symbols.map((symbol) => symbolRow(channel, symbol))
  );
  return [
    `${paint("bold", feed)}  ${quotaText(budget)}`,
    ...channels.map((channel) => `  ${channelText(channel)}`),
    ...subTable(["CHANNEL", "SYMBOL", "STATE", "STREAMS", "REASON"], symbols, {
      paint,
      numbers: [3],
    }),
    ...subTable(
      [
        "UNDERLYING",
        "CHANNEL",
        "STATE",
        "CONTRACTS",
        "PRICE",
        "STREAMS",
        "REASON",
      ],
      expansions.map(expansionRow),
      { paint, numbers: [3, 4, 5] },
    ),
  ];
}

/** The symbol quota as text: used and left. */
export function quotaText(budget: SymbolBudget | undefined): string {
  const used = grouped(budget?.used ?? 0);
  if (budget?.limit === undefined) return `${used} used, no known limit`;
  const { limit, learned } = budget;
  const left = limit - budget.used;
  const rest = left < 0 ? `${grouped(-left)} over the limit` : `${grouped(left)} left`;
  const source = learned ? ", limit learned from a rejection" : "";
  return `${used} of ${grouped(limit)} used, ${rest}${source}`;
}

function channelText(
  { channel, symbols, unfilteredStreams }: ChannelSubscriptions,
): string {
  const count = (state: SymbolState) => symbols.filter((symbol) => symbol.state === state).length;
  const wanted = symbols.length - count(SymbolState.LINGERING);
  const parts = [
    `${grouped(wanted)} requested by streams`,
    ...COUNTED.map((state) => ({ state, number: count(state) }))
      .filter(({ number }) => number > 0)
      .map(({ state, number }) => `${grouped(number)} ${enumName(SymbolStateSchema, state)}`),
  ];
  if (unfilteredStreams > 0) {
    const noun = unfilteredStreams === 1 ? "stream" : "streams";
    parts.push(
      `${grouped(unfilteredStreams)} ${noun} without a filter, receiving what ` +
        "others request",
    );
  }
  return `${channel}: ${parts.join(", ")}`;
}

/** Cells of one row, and the colour of its state. */
interface Row {
  readonly cells: readonly string[];
  readonly style: Style;
}

function symbolRow(
  channel: string,
  { symbol, state, streams, reason }: SymbolSubscription,
): Row {
  return {
    style: SYMBOL_STYLES[state] ?? "dim",
    cells: [
      channel,
      symbol,
      enumName(SymbolStateSchema, state),
      grouped(streams),
      reason ?? "",
    ],
  };
}

function expansionRow(expansion: OptionExpansion): Row {
  const { underlying, channel, state, contracts, centre, streams, reason } = expansion;
  return {
    style: EXPANSION_STYLES[state] ?? "dim",
    cells: [
      underlying,
      channel,
      enumName(ExpansionStateSchema, state),
      grouped(contracts),
      centre === undefined ? "-" : centre.toFixed(2),
      grouped(streams),
      reason ?? "",
    ],
  };
}

const SYMBOL_STYLES: Readonly<Partial<Record<SymbolState, Style>>> = {
  [SymbolState.ACKNOWLEDGED]: "green",
  [SymbolState.REQUESTED]: "yellow",
  [SymbolState.WAITING]: "yellow",
  [SymbolState.REFUSED]: "red",
  [SymbolState.LINGERING]: "dim",
};

const EXPANSION_STYLES: Readonly<Partial<Record<ExpansionState, Style>>> = {
  [ExpansionState.LOADING]: "yellow",
  [ExpansionState.READY]: "green",
  [ExpansionState.OFF]: "red",
};

/** An indented table of subscriptions; empty when there are no rows. */
function subTable(
  titles: readonly string[],
  rows: readonly Row[],
  style: { readonly paint: Colors; readonly numbers: readonly number[] },
): string[] {
  if (rows.length === 0) return [];
  return table(titles, rows, { ...style, state: 2 })
    .map((line) => `  ${line}`);
}

/** Aligned lines under their titles. */
function table(
  titles: readonly string[],
  rows: readonly Row[],
  { paint, state, numbers }: {
    readonly paint: Colors;
    /** The column that is coloured. */
    readonly state: number;
    /** Columns that are aligned on the right. */
    readonly numbers: readonly number[];
  },
): string[] {
  const widths = titles.map((title, column) =>
    rows.reduce(
      (width, { cells }) => Math.max(width, cells[column]?.length ?? 0),
      title.length,
    )
  );
  const align = (cells: readonly string[]) =>
    cells.map((cell, column) => {
      const width = widths[column] ?? 0;
      return numbers.includes(column) ? cell.padStart(width) : padEnd(cell, width);
    });
  const lines = rows.map(({ cells, style }) => {
    const aligned = align(cells);
    aligned[state] = paint(style, aligned[state] ?? "");
    return aligned.join("  ").trimEnd();
  });
  return [paint("dim", align(titles).join("  ").trimEnd()), ...lines];
}

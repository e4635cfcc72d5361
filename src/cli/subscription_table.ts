/**
 * What a proxy asks of upstream, feed by feed, as tables.
 *
 * @module
 */
import {
  type ChannelSubscriptions,
  type ConnectionStatus,
  ExpansionState,
  ExpansionStateSchema,
  type FeedSubscriptions,
  FeedTypeSchema,
  type OptionExpansion,
  type SymbolBudget,
  SymbolState,
  SymbolStateSchema,
  type SymbolSubscription,
} from "../gen/cream/v1/stream_proxy_pb.ts";
import { padEnd, type Paint, type Style } from "./paint.ts";
import { grouped, word } from "./text.ts";

/** States in the order in which their numbers are told. */
const COUNTED = [
  SymbolState.ACKNOWLEDGED,
  SymbolState.REQUESTED,
  SymbolState.WAITING,
  SymbolState.REFUSED,
  SymbolState.LINGERING,
] as const;

/** Lines of `tail status --subscriptions`, to follow those of the status. */
export function subscriptionTables(
  status: ConnectionStatus,
  paint: Paint,
): readonly string[] {
  const tables = status.feeds.flatMap(({ feedType, subscriptions }) =>
    subscriptions === undefined
      ? []
      : ["", ...feedLines(word(FeedTypeSchema, feedType), subscriptions, paint)]
  );
  return tables.length > 0
    ? tables
    : ["", "this proxy tells nothing of subscriptions"];
}

function feedLines(
  feed: string,
  { budget, channels, expansions }: FeedSubscriptions,
  paint: Paint,
): string[] {
  const symbols = channels.flatMap(({ channel, symbols }) =>
    symbols.map((symbol) => symbolRow(channel, symbol))
  );
  return [
    `${paint("bold", feed)}  ${budgetText(budget)}`,
    ...channels.map((channel) => `  ${channelText(channel)}`),
    ...table(["CHANNEL", "SYMBOL", "STATE", "STREAMS", "REASON"], symbols, {
      paint,
      numbers: [3],
    }),
    ...table(
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

/** The symbol budget in words: what is used and what is left. */
export function budgetText(budget: SymbolBudget | undefined): string {
  const used = grouped(budget?.used ?? 0);
  if (budget?.limit === undefined) return `${used} used, no limit is known`;
  const { limit, learned } = budget;
  const left = limit - budget.used;
  const rest = left < 0
    ? `${grouped(-left)} more than there is room for`
    : `${grouped(left)} left`;
  const source = learned ? ", a limit learned from a refusal" : "";
  return `${used} of ${grouped(limit)} used, ${rest}${source}`;
}

function channelText(
  { channel, symbols, unfilteredStreams }: ChannelSubscriptions,
): string {
  const count = (state: SymbolState) =>
    symbols.filter((symbol) => symbol.state === state).length;
  const wanted = symbols.length - count(SymbolState.LINGERING);
  const parts = [
    `${grouped(wanted)} wanted`,
    ...COUNTED.map((state) => ({ state, number: count(state) }))
      .filter(({ number }) => number > 0)
      .map(({ state, number }) =>
        `${grouped(number)} ${word(SymbolStateSchema, state)}`
      ),
  ];
  if (unfilteredStreams > 0) {
    const noun = unfilteredStreams === 1 ? "stream" : "streams";
    parts.push(
      `${grouped(unfilteredStreams)} ${noun} without a filter, given what ` +
        "others receive",
    );
  }
  return `${channel}: ${parts.join(", ")}`;
}

/** Cells of one row, and how its state is coloured. */
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
      word(SymbolStateSchema, state),
      grouped(streams),
      reason ?? "",
    ],
  };
}

function expansionRow(expansion: OptionExpansion): Row {
  const { underlying, channel, state, contracts, centre, streams, reason } =
    expansion;
  return {
    style: EXPANSION_STYLES[state] ?? "dim",
    cells: [
      underlying,
      channel,
      word(ExpansionStateSchema, state),
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

/** The column that is coloured. */
const STATE = 2;

/** Aligned lines under their titles; none when there are no rows. */
function table(
  titles: readonly string[],
  rows: readonly Row[],
  { paint, numbers }: {
    readonly paint: Paint;
    /** Columns that are aligned on the right. */
    readonly numbers: readonly number[];
  },
): string[] {
  if (rows.length === 0) return [];
  const widths = titles.map((title, column) =>
    rows.reduce(
      (width, { cells }) => Math.max(width, cells[column]?.length ?? 0),
      title.length,
    )
  );
  const align = (cells: readonly string[]) =>
    cells.map((cell, column) => {
      const width = widths[column] ?? 0;
      return numbers.includes(column)
        ? cell.padStart(width)
        : padEnd(cell, width);
    });
  const lines = rows.map(({ cells, style }) => {
    const aligned = align(cells);
    aligned[STATE] = paint(style, aligned[STATE] ?? "");
    return `  ${aligned.join("  ")}`.trimEnd();
  });
  const head = `  ${align(titles).join("  ")}`.trimEnd();
  return [paint("dim", head), ...lines];
}

/**
 * The status of a proxy as tables: its feeds and its subscriptions.
 *
 * @module
 */
import { FEED_NAMES, type FeedId } from "../src/domain/connection/feed.ts";
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
  FeedType,
  FeedTypeSchema,
  FreshnessSchema,
  type OptionExpansion,
  type SymbolBudget,
  SymbolState,
  SymbolStateSchema,
  type SymbolSubscription,
  UnderlyingPriceSource,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  type Cell,
  type Colors,
  type Column,
  duration,
  enumName,
  grouped,
  millisecondsOf,
  type Style,
  table,
  timeOfDay,
} from "./text.ts";

/** The id that settings, health and metrics have for the feed of a product. */
export function feedIdOf(type: FeedType): FeedId {
  switch (type) {
    case FeedType.TRADE_UPDATES:
      return "trading";
    case FeedType.OPRA:
    case FeedType.INDICATIVE:
      return "opra";
    case FeedType.CRYPTO:
      return "crypto";
    case FeedType.NEWS:
      return "news";
  }
  return "sip";
}

/** Name and product of a feed: `Stocks (iex)`, `Trade updates`. */
export function feedName({ feedType }: Pick<FeedStatus, "feedType">): string {
  const id = feedIdOf(feedType);
  const product = enumName(FeedTypeSchema, feedType);
  const hasProducts = id === "sip" || id === "opra";
  return hasProducts ? `${FEED_NAMES[id]} (${product})` : FEED_NAMES[id];
}

/** Every feed that a status has. */
export function feedsOf({ feeds, furtherFeeds }: ConnectionStatus): readonly FeedStatus[] {
  return [...feeds, ...furtherFeeds];
}

const FEED_COLUMNS: readonly Column[] = [
  { title: "FEED" },
  { title: "STATE" },
  { title: "LAST CONNECTED (UTC)" },
  { title: "SUBS", right: true },
  { title: "TRIES", right: true },
  { title: "MESSAGES", right: true },
  { title: "LAST ERROR" },
];

/** Lines of `tail status`: the proxy, then one row per feed. */
export function statusTable(status: ConnectionStatus, colors: Colors): readonly string[] {
  const now = status.currentTime ? millisecondsOf(status.currentTime) : 0;
  const rows = feedsOf(status).map((feed) => feedRow(feed, now));
  const feeds = table(FEED_COLUMNS, rows, { colors });
  return [proxyLine(status, now), feeds.heading, ...feeds.rows];
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

function feedRow(feed: FeedStatus, now: number): Cell[] {
  const since = feed.lastConnectedAt;
  return [
    feedName(feed),
    { text: enumName(ConnectionStateSchema, feed.state), style: stateStyle(feed.state) },
    since === undefined
      ? "never"
      : `${timeOfDay(since, 0)} (${duration(now - millisecondsOf(since))} ago)`,
    grouped(feed.subscriptionCount),
    grouped(feed.reconnectAttempts),
    grouped(feed.messagesReceived),
    feed.errorMessage ?? "",
  ];
}

/** States in the order in which they are counted. */
const SYMBOL_STATES: ReadonlyMap<SymbolState, { readonly text: string; readonly style: Style }> =
  new Map([
    [SymbolState.ACKNOWLEDGED, { text: "acknowledged", style: "green" }],
    [SymbolState.REQUESTED, { text: "requested", style: "yellow" }],
    [SymbolState.WAITING, { text: "waiting", style: "yellow" }],
    [SymbolState.REFUSED, { text: "rejected", style: "red" }],
    [SymbolState.LINGERING, { text: "lingering", style: "dim" }],
  ]);

function stateCell(state: SymbolState): { readonly text: string; readonly style: Style } {
  return SYMBOL_STATES.get(state) ?? { text: enumName(SymbolStateSchema, state), style: "dim" };
}

/** The state of a subscription: `acknowledged`. */
export function symbolStateText(state: SymbolState): string {
  return stateCell(state).text;
}

/** Lines of `tail status --subscriptions`, after those of the status. */
export function subscriptionTables(
  status: ConnectionStatus,
  colors: Colors,
): readonly string[] {
  const now = status.currentTime ? millisecondsOf(status.currentTime) : 0;
  const tables = feedsOf(status).flatMap((feed) =>
    feed.subscriptions === undefined ? [] : [
      "",
      ...feedLines(feed, feed.subscriptions, { colors, now }),
    ]
  );
  return tables.length > 0 ? tables : ["", "this proxy reports no subscriptions"];
}

function feedLines(
  feed: FeedStatus,
  { budget, channels, expansions }: FeedSubscriptions,
  { colors, now }: { readonly colors: Colors; readonly now: number },
): string[] {
  const symbols = channels.flatMap(({ channel, symbols }) =>
    symbols.map((symbol) => symbolRow(channel, symbol))
  );
  return [
    `${colors("bold", feedName(feed))}  ${quotaText(budget)}`,
    ...freshnessLines(feed),
    ...channels.map((channel) => `  ${channelText(channel)}`),
    ...indented(SYMBOL_COLUMNS, symbols, colors),
    ...indented(EXPANSION_COLUMNS, expansions.map((each) => expansionRow(each, now)), colors),
  ];
}

/** Whether the data is current; nothing for a proxy that does not report it. */
function freshnessLines({ freshness: notice, staleSymbols = 0 }: FeedStatus): string[] {
  if (!notice) return [];
  const { freshness, since, reason } = notice;
  const start = since ? ` since ${timeOfDay(since, 0)}` : "";
  const cause = reason === "" ? "" : `: ${reason}`;
  const stale = staleSymbols === 0 ? "" : `; ${grouped(staleSymbols)} stale symbols`;
  return [`  data: ${enumName(FreshnessSchema, freshness)}${start}${cause}${stale}`];
}

const SYMBOL_COLUMNS: readonly Column[] = [
  { title: "CHANNEL" },
  { title: "SYMBOL" },
  { title: "STATE" },
  { title: "STREAMS", right: true },
  { title: "REASON" },
];

const EXPANSION_COLUMNS: readonly Column[] = [
  { title: "UNDERLYING" },
  { title: "CHANNEL" },
  { title: "STATE" },
  { title: "CONTRACTS", right: true },
  { title: "PRICE", right: true },
  { title: "FROM" },
  { title: "AGE", right: true },
  { title: "STREAMS", right: true },
  { title: "REASON" },
];

/** Indented lines of a table; none when there are no rows. */
function indented(
  columns: readonly Column[],
  cells: readonly (readonly Cell[])[],
  colors: Colors,
): string[] {
  if (cells.length === 0) return [];
  const { heading, rows } = table(columns, cells, { colors });
  return [heading, ...rows].map((line) => `  ${line}`);
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
  const requested = symbols.length - count(SymbolState.LINGERING);
  const parts = [
    `${grouped(requested)} requested by streams`,
    ...[...SYMBOL_STATES.keys()].filter((state) => count(state) > 0)
      .map((state) => `${grouped(count(state))} ${symbolStateText(state)}`),
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

function symbolRow(
  channel: string,
  { symbol, state, streams, reason, stale }: SymbolSubscription,
): Cell[] {
  const cell = stale
    ? { text: `${symbolStateText(state)}, stale`, style: "red" as const }
    : stateCell(state);
  return [channel, symbol, cell, grouped(streams), reason ?? ""];
}

function expansionRow(expansion: OptionExpansion, now: number): Cell[] {
  const { underlying, channel, state, contracts, wanted, streams, reason } = expansion;
  const { centre, priceSource, priceTime } = expansion;
  const isPriced = centre !== undefined;
  return [
    underlying,
    channel,
    { text: enumName(ExpansionStateSchema, state), style: EXPANSION_STYLES[state] ?? "dim" },
    wanted > contracts
      ? { text: `${grouped(contracts)} of ${grouped(wanted)}`, style: "yellow" }
      : grouped(contracts),
    isPriced ? centre.toFixed(2) : "-",
    isPriced ? PRICE_SOURCES[priceSource] ?? "-" : "-",
    isPriced && priceTime ? duration(now - millisecondsOf(priceTime)) : "-",
    grouped(streams),
    reason ?? "",
  ];
}

const PRICE_SOURCES: Readonly<Partial<Record<UnderlyingPriceSource, string>>> = {
  [UnderlyingPriceSource.TRADE]: "last trade",
  [UnderlyingPriceSource.PARITY]: "option quotes",
  [UnderlyingPriceSource.OPEN_INTEREST]: "open interest",
};

const EXPANSION_STYLES: Readonly<Partial<Record<ExpansionState, Style>>> = {
  [ExpansionState.LOADING]: "yellow",
  [ExpansionState.READY]: "green",
  [ExpansionState.OFF]: "red",
};

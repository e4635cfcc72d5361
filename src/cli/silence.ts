/**
 * Why a stream that is open brings nothing, as far as the proxy knows.
 *
 * @module
 */
import { usualUnderlying } from "../domain/options/underlying_directory.ts";
import {
  type ChannelSubscriptions,
  ConnectionState,
  ConnectionStateSchema,
  type ConnectionStatus,
  type FeedStatus,
  FeedType,
  FeedTypeSchema,
  SymbolState,
  SymbolStateSchema,
} from "../gen/cream/v1/stream_proxy_pb.ts";
import type { Selection } from "./tail_kinds.ts";
import { word } from "./text.ts";

/** Reasons that are told one by one; of more, only the number. */
const SHOWN = 3;

const OPTION_FEEDS: ReadonlySet<FeedType> = new Set([
  FeedType.OPRA,
  FeedType.INDICATIVE,
]);

/** Where a stream comes from. */
interface Source {
  readonly isOfFeed: (type: FeedType) => boolean;
  /** As upstream calls it; undefined for orders. */
  readonly channel: string | undefined;
  /** Whether nothing within seconds says that the market is closed. */
  readonly isLively: boolean;
}

const isOptions = (type: FeedType) => OPTION_FEEDS.has(type);
const isOrders = (type: FeedType) => type === FeedType.TRADE_UPDATES;
const isStocks = (type: FeedType) => !isOptions(type) && !isOrders(type);

/** By the word that `tail` knows a stream by. */
const SOURCES: Readonly<Record<string, Source>> = {
  quotes: { isOfFeed: isStocks, channel: "quotes", isLively: true },
  trades: { isOfFeed: isStocks, channel: "trades", isLively: true },
  bars: { isOfFeed: isStocks, channel: "bars", isLively: false },
  "option-quotes": { isOfFeed: isOptions, channel: "quotes", isLively: true },
  "option-trades": { isOfFeed: isOptions, channel: "trades", isLively: false },
  orders: { isOfFeed: isOrders, channel: undefined, isLively: false },
};

/**
 * Why nothing came yet, in one line; undefined when that is nothing unusual.
 *
 * @param status with its subscriptions
 */
export function whySilent(
  status: ConnectionStatus,
  stream: { readonly what: string; readonly selection: Selection },
): string | undefined {
  const trouble = feedTrouble(status, stream.what);
  if (trouble !== undefined) return trouble;
  const { source, feed } = originOf(status, stream.what);
  if (source === undefined || feed === undefined) return undefined;
  const reasons = reasonsOf(feed, source, stream.selection);
  if (reasons.length > SHOWN) {
    const others = reasons.splice(SHOWN).length;
    reasons.push(`and ${others} more`);
  }
  if (reasons.length > 0) return reasons.join("; ");
  return source.isLively
    ? "upstream carries it and sends nothing; the market may be closed"
    : undefined;
}

/**
 * That the feed of a kind of stream is not live, in one line; undefined while
 * it is. Symbols may well have nothing to say for a while: this is what can
 * make a stream silent that has spoken before.
 */
export function feedTrouble(
  status: ConnectionStatus,
  what: string,
): string | undefined {
  const { feed } = originOf(status, what);
  return feed === undefined || feed.state === ConnectionState.CONNECTED
    ? undefined
    : feedText(feed);
}

function originOf(status: ConnectionStatus, what: string) {
  const source = SOURCES[what];
  const feed = status.feeds.find(({ feedType }) => source?.isOfFeed(feedType));
  return { source, feed };
}

function feedText({ feedType, state, errorMessage }: FeedStatus): string {
  const name = word(FeedTypeSchema, feedType);
  const cause = errorMessage ? `: ${errorMessage}` : "";
  return `the ${name} feed is not live (${
    word(ConnectionStateSchema, state)
  })${cause}`;
}

function reasonsOf(
  { subscriptions }: FeedStatus,
  source: Source,
  { symbols, underlyings }: Selection,
): string[] {
  if (subscriptions === undefined) return [];
  const { channels, expansions } = subscriptions;
  const channel = channels.find(({ channel }) => channel === source.channel);
  if (symbols.length + underlyings.length === 0) {
    return channel ? unfilteredReasons(channel) : [];
  }
  const wanted = new Set(symbols);
  const named = (channel?.symbols ?? [])
    .filter(({ symbol, state }) =>
      wanted.has(symbol) && state !== SymbolState.ACKNOWLEDGED
    )
    .map(({ symbol, state, reason }) =>
      `${symbol} is ${word(SymbolStateSchema, state)}${withCause(reason)}`
    );
  const roots = new Set(underlyings.map(usualUnderlying));
  const chosen = expansions
    .filter(({ underlying, channel, reason, contracts }) =>
      roots.has(underlying) && channel === source.channel &&
      (reason !== undefined || contracts === 0)
    )
    .map(({ underlying, reason }) =>
      `${underlying}: ${reason ?? "its contracts are being looked up"}`
    );
  return [...named, ...chosen];
}

/** Of a stream without a filter, where `*` cannot be had. */
function unfilteredReasons(
  { symbols, unfilteredStreams }: ChannelSubscriptions,
): string[] {
  const isFed = symbols.some(({ state }) => state === SymbolState.ACKNOWLEDGED);
  if (unfilteredStreams === 0 || isFed) return [];
  return [
    "everything cannot be had here, only what other streams name, and none " +
    "names anything",
  ];
}

function withCause(reason: string | undefined): string {
  return reason ? ` (${reason})` : "";
}

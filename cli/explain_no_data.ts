/**
 * Explains why an open stream delivers nothing, by the status of the proxy.
 *
 * @module
 */
import { usualUnderlying } from "../src/domain/options/underlying_directory.ts";
import {
  type ChannelSubscriptions,
  ConnectionState,
  ConnectionStateSchema,
  type ConnectionStatus,
  type FeedStatus,
  FeedType,
  FeedTypeSchema,
  StreamProxyService,
  SymbolState,
  SymbolStateSchema,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import { ProxyClient, RpcError } from "./grpc_client.ts";
import type { StreamTask } from "./tail_arguments.ts";
import type { Selection } from "./streams.ts";
import type { Terminal } from "./terminal.ts";
import { enumName } from "./text.ts";

/** Most reasons that are listed; the rest is counted. */
const MAX_LISTED = 3;

const OPTION_FEEDS: ReadonlySet<FeedType> = new Set([
  FeedType.OPRA,
  FeedType.INDICATIVE,
]);

/** Where a stream comes from. */
interface Source {
  readonly isOfFeed: (type: FeedType) => boolean;
  /** Name of the upstream channel; undefined for orders. */
  readonly channel: string | undefined;
  /** Whether it delivers within seconds while the market is open. */
  readonly isFrequent: boolean;
}

const isOptions = (type: FeedType) => OPTION_FEEDS.has(type);
const isOrders = (type: FeedType) => type === FeedType.TRADE_UPDATES;
const isStocks = (type: FeedType) => !isOptions(type) && !isOrders(type);

/** By the name of the stream in `tail`. */
const SOURCES: Readonly<Record<string, Source>> = {
  quotes: { isOfFeed: isStocks, channel: "quotes", isFrequent: true },
  trades: { isOfFeed: isStocks, channel: "trades", isFrequent: true },
  bars: { isOfFeed: isStocks, channel: "bars", isFrequent: false },
  "option-quotes": { isOfFeed: isOptions, channel: "quotes", isFrequent: true },
  "option-trades": {
    isOfFeed: isOptions,
    channel: "trades",
    isFrequent: false,
  },
  orders: { isOfFeed: isOrders, channel: undefined, isFrequent: false },
};

/**
 * Why nothing has arrived yet, in one line; undefined when that is normal.
 *
 * @param status with its subscriptions
 */
export function explainNoData(
  status: ConnectionStatus,
  stream: { readonly what: string; readonly selection: Selection },
): string | undefined {
  const fault = explainFeed(status, stream.what);
  if (fault !== undefined) return fault;
  const { source, feed } = originOf(status, stream.what);
  if (source === undefined || feed === undefined) return undefined;
  const reasons = reasonsOf(feed, source, stream.selection);
  if (reasons.length > MAX_LISTED) {
    const others = reasons.splice(MAX_LISTED).length;
    reasons.push(`and ${others} more`);
  }
  if (reasons.length > 0) return reasons.join("; ");
  return source.isFrequent
    ? "Alpaca has acknowledged it and sends nothing; the market may be closed"
    : undefined;
}

/**
 * Why the feed of a kind of stream is not connected, in one line; undefined
 * while it is. For a stream that has delivered before, this is the only reason
 * for a pause that is not normal.
 */
function explainFeed(
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
  const name = enumName(FeedTypeSchema, feedType);
  const cause = errorMessage ? `: ${errorMessage}` : "";
  return `the ${name} feed is not connected (${enumName(ConnectionStateSchema, state)})${cause}`;
}

function reasonsOf(
  { subscriptions }: FeedStatus,
  source: Source,
  { symbols, underlyings = [] }: Selection,
): string[] {
  if (subscriptions === undefined) return [];
  const { channels, expansions } = subscriptions;
  const channel = channels.find(({ channel }) => channel === source.channel);
  if (symbols.length + underlyings.length === 0) {
    return channel ? unfilteredReasons(channel) : [];
  }
  const wanted = new Set(symbols);
  const named = (channel?.symbols ?? [])
    .filter(({ symbol, state }) => wanted.has(symbol) && state !== SymbolState.ACKNOWLEDGED)
    .map(({ symbol, state, reason }) =>
      `${symbol} is ${enumName(SymbolStateSchema, state)}${withCause(reason)}`
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

/** For a stream without a filter, where upstream does not accept `*`. */
function unfilteredReasons(
  { symbols, unfilteredStreams }: ChannelSubscriptions,
): string[] {
  const hasData = symbols.some(({ state }) => state === SymbolState.ACKNOWLEDGED);
  if (unfilteredStreams === 0 || hasData) return [];
  return [
    "Alpaca does not send everything here, only what other streams request, " +
    "and none requests anything",
  ];
}

function withCause(reason: string | undefined): string {
  return reason ? ` (${reason})` : "";
}

/** Interval of the checks whether a stream delivers. */
const CHECK_MS = 5_000;

/**
 * Reports why a stream delivers nothing, and again when the reason changes,
 * until the signal fires. After the first message, only a feed that is not
 * connected is reported, because symbols may be quiet for a while.
 */
export async function reportNoData(
  task: StreamTask,
  { terminal, received }: {
    readonly terminal: Terminal;
    readonly received: { readonly messages: number };
  },
): Promise<void> {
  const { clock, signal } = terminal;
  let idleMs = 0;
  let reported: string | undefined;
  for (;;) {
    const before = received.messages;
    await clock.sleep(CHECK_MS, signal);
    if (signal.aborted) return;
    if (received.messages !== before) {
      idleMs = 0;
      reported = undefined;
      continue;
    }
    idleMs += CHECK_MS;
    const reason = await reasonForNoData(task, { signal, before });
    if (signal.aborted) return;
    if (reason !== undefined && reason !== reported) {
      terminal.writeError(`tail: no data for ${idleMs / 1000} s: ${reason}`);
    }
    reported = reason;
  }
}

/** The reason by the status of the proxy; undefined when it has none. */
async function reasonForNoData(
  task: StreamTask,
  { signal, before }: {
    readonly signal: AbortSignal;
    /** Messages before the pause. */
    readonly before: number;
  },
): Promise<string | undefined> {
  try {
    using client = new ProxyClient(task.address);
    const { status } = await client.call(
      StreamProxyService.method.getConnectionStatus,
      { includeSubscriptions: true },
      signal,
    );
    if (status === undefined) return undefined;
    return before === 0 ? explainNoData(status, task) : explainFeed(status, task.what);
  } catch (error) {
    // The stream itself reports that the proxy is not reachable.
    if (error instanceof RpcError) return undefined;
    throw error;
  }
}

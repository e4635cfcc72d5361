/**
 * Explains why an open stream has no data, by the status of the proxy.
 *
 * @module
 */
import { credentialsOf } from "./credentials.ts";
import { addressText } from "../client/address.ts";
import { RpcClient, RpcError } from "../client/rpc_client.ts";
import { MarketCalendar } from "../src/domain/calendar/market_calendar.ts";
import { BASE_FEEDS, FEED_NAMES, type FeedId } from "../src/domain/connection/feed.ts";
import type { ChannelName } from "../src/domain/market/channels.ts";
import type { UpstreamChannel } from "../src/domain/subscription/pairs.ts";
import { usualUnderlying } from "../src/domain/options/underlying_directory.ts";
import {
  ConnectionState,
  ConnectionStateSchema,
  type ConnectionStatus,
  type FeedStatus,
  FeedType,
  StreamProxyService,
  SymbolState,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  type Normalize,
  normalizeNews,
  normalizeOption,
  normalizePair,
  normalizeStock,
} from "../src/infrastructure/grpc/normalize_symbols.ts";
import { feedIdOf, feedName, feedsOf, symbolStateText } from "./status_table.ts";
import { GRPC_PORT_TEXT } from "./describe_failure.ts";
import type { Selection, StreamKind } from "./streams.ts";
import type { StreamTask } from "./tail_arguments.ts";
import type { Terminal } from "./terminal.ts";
import { duration, enumName, millisecondsOf } from "./text.ts";

/** Why nothing arrives. */
export interface Explanation {
  readonly text: string;
  /** False where a pause is normal: a closed market, a quiet symbol. */
  readonly isProblem: boolean;
  /** Wall clock ms when the market opens; only while it is closed and nothing is received. */
  readonly closedUntil?: number;
}

/** Where the messages of a channel come from, and how often. */
interface Source {
  readonly feed: FeedId;
  /** Alpaca's channel; undefined for orders. */
  readonly channel?: UpstreamChannel;
  /** Why nothing arrives while everything works. */
  readonly quiet: string;
  /** After data, a pause of this length is reported although everything works. */
  readonly quietMs: number;
}

const QUIET_SYMBOLS = "the symbols are quiet, or do not exist (Alpaca acknowledges them too)";

const SOURCES: Readonly<Record<ChannelName, Source>> = {
  stockQuotes: { feed: "sip", channel: "quotes", quiet: QUIET_SYMBOLS, quietMs: 30_000 },
  stockTrades: { feed: "sip", channel: "trades", quiet: QUIET_SYMBOLS, quietMs: 30_000 },
  stockBars: {
    feed: "sip",
    channel: "bars",
    quiet: "a bar arrives after each minute in which its symbol was traded",
    quietMs: 120_000,
  },
  stockUpdatedBars: {
    feed: "sip",
    channel: "updatedBars",
    quiet: "an updated bar arrives when late trades change the bar of the last minute",
    quietMs: 3_600_000,
  },
  stockDailyBars: {
    feed: "sip",
    channel: "dailyBars",
    quiet: "a daily bar arrives each minute in which its symbol was traded",
    quietMs: 120_000,
  },
  tradingStatuses: {
    feed: "sip",
    channel: "statuses",
    quiet: "a status arrives when trading of its symbol is halted or resumed",
    quietMs: 86_400_000,
  },
  priceBands: {
    feed: "sip",
    channel: "lulds",
    quiet: "price bands are sent in the regular session only",
    quietMs: 300_000,
  },
  tradeCorrections: {
    feed: "sip",
    channel: "trades",
    quiet: "few trades are corrected or cancelled",
    quietMs: 86_400_000,
  },
  imbalances: {
    feed: "sip",
    channel: "imbalances",
    quiet: "imbalances are sent while a symbol is halted",
    quietMs: 86_400_000,
  },
  optionQuotes: { feed: "opra", channel: "quotes", quiet: QUIET_SYMBOLS, quietMs: 30_000 },
  optionTrades: {
    feed: "opra",
    channel: "trades",
    quiet: "contracts can go untraded for hours",
    quietMs: 30_000,
  },
  orderUpdates: {
    feed: "trading",
    quiet: "an update arrives when an order of this account changes",
    quietMs: 30_000,
  },
  cryptoQuotes: { feed: "crypto", channel: "quotes", quiet: QUIET_SYMBOLS, quietMs: 30_000 },
  cryptoTrades: {
    feed: "crypto",
    channel: "trades",
    quiet: "pairs can go untraded for minutes",
    quietMs: 300_000,
  },
  cryptoBars: {
    feed: "crypto",
    channel: "bars",
    quiet: "a bar arrives after each minute",
    quietMs: 120_000,
  },
  cryptoUpdatedBars: {
    feed: "crypto",
    channel: "updatedBars",
    quiet: "an updated bar arrives when late trades change the bar of the last minute",
    quietMs: 3_600_000,
  },
  cryptoDailyBars: {
    feed: "crypto",
    channel: "dailyBars",
    quiet: "a daily bar arrives each minute",
    quietMs: 120_000,
  },
  orderbooks: { feed: "crypto", channel: "orderbooks", quiet: QUIET_SYMBOLS, quietMs: 30_000 },
  news: {
    feed: "news",
    channel: "news",
    quiet: "a symbol can have no article for days",
    quietMs: 86_400_000,
  },
};

/** How the symbols of each feed are normalized. */
const NORMALIZE: Readonly<Record<FeedId, Normalize>> = {
  sip: normalizeStock,
  opra: normalizeOption,
  trading: normalizeOption,
  crypto: normalizePair,
  news: normalizeNews,
};

/**
 * Why a stream has no data.
 *
 * @param status with its subscriptions
 * @param stream what the stream requests
 * @param now wall clock ms, for a proxy that does not report its time
 * @param before an earlier status, to see whether the feed receives data
 */
export function explainNoData(
  status: ConnectionStatus,
  { kind, selection }: { readonly kind: StreamKind; readonly selection: Selection },
  { now, before }: { readonly now: number; readonly before?: ConnectionStatus | undefined },
): Explanation {
  const source = SOURCES[kind.channel];
  const feed = feedsOf(status).find((one) => feedIdOf(one.feedType) === source.feed);
  if (feed === undefined) {
    const isFurther = !BASE_FEEDS.includes(source.feed);
    const text = isFurther
      ? `the feed ${FEED_NAMES[source.feed]} is disabled; add ${source.feed} to STREAM_PROXY_FEEDS`
      : "the proxy does not report the state of this feed";
    return { text, isProblem: true };
  }
  const problem = feedProblem(feed) ?? listed(subscriptionProblems(feed, source, selection));
  if (problem !== undefined) return { text: problem, isProblem: true };
  const { symbols, orderIds = [], clientOrderIdPrefixes = [], events = [] } = selection;
  if (source.feed === "trading") {
    const lists = [symbols, orderIds, clientOrderIdPrefixes, events];
    const isFiltered = lists.some((list) => list.length > 0);
    return { text: source.quiet + (isFiltered ? " and matches the filter" : ""), isProblem: false };
  }
  const earlier = before && feedsOf(before).find((one) => one.feedType === feed.feedType);
  const isReceiving = earlier !== undefined && feed.messagesReceived > earlier.messagesReceived;
  const ms = status.currentTime ? millisecondsOf(status.currentTime) : now;
  const acknowledged = "Alpaca has acknowledged the subscription and sends";
  if (isReceiving) {
    return { text: `${acknowledged} other data: ${source.quiet}`, isProblem: false };
  }
  const { reason = source.quiet, closedUntil } = marketState(feed.feedType, ms);
  const text = `${acknowledged} nothing: ${reason}`;
  return { text, isProblem: false, ...(closedUntil !== undefined && { closedUntil }) };
}

function feedProblem(feed: FeedStatus): string | undefined {
  if (feed.state === ConnectionState.CONNECTED) return undefined;
  const cause = feed.errorMessage ? `: ${feed.errorMessage}` : "";
  const state = enumName(ConnectionStateSchema, feed.state);
  return `the feed ${feedName(feed)} is not connected (${state})${cause}`;
}

function subscriptionProblems(
  { subscriptions }: FeedStatus,
  source: Source,
  { symbols, underlyings = [] }: Selection,
): string[] {
  if (subscriptions === undefined) return [];
  const channel = subscriptions.channels.find((one) => one.channel === source.channel);
  const reported = channel?.symbols ?? [];
  if (symbols.length + underlyings.length === 0) {
    const hasData = reported.some(({ state }) => state === SymbolState.ACKNOWLEDGED);
    return hasData || !channel?.unfilteredStreams ? [] : [
      "Alpaca does not send everything here, only what other streams request, " +
      "and none requests anything",
    ];
  }
  const normalize = NORMALIZE[source.feed];
  const bySymbol = new Map(reported.map((one) => [one.symbol, one]));
  const hasWildcard = bySymbol.get("*")?.state === SymbolState.ACKNOWLEDGED;
  const named = source.channel === undefined || hasWildcard ? [] : symbols.flatMap((symbol) => {
    const found = bySymbol.get(normalize(symbol));
    if (found === undefined) return [`${symbol} is not subscribed`];
    if (found.state === SymbolState.ACKNOWLEDGED) return [];
    if (found.state === SymbolState.REQUESTED) return [`Alpaca has not acknowledged ${symbol} yet`];
    const cause = found.reason ? ` (${found.reason})` : "";
    return [`${symbol} is ${symbolStateText(found.state)}${cause}`];
  });
  const roots = new Set(underlyings.map(usualUnderlying));
  const chosen = subscriptions.expansions
    .filter(({ underlying, channel, reason, contracts, wanted }) =>
      roots.has(underlying) && channel === source.channel &&
      // Other reasons, such as what a maximum leaves out, keep no contract from sending data.
      (contracts === 0 || (reason !== undefined && contracts < wanted))
    )
    .map(({ underlying, reason }) =>
      `${underlying}: ${reason ?? "its contracts are being looked up"}`
    );
  return [...named, ...chosen];
}

/** Most reasons that are listed; the rest is counted. */
const MAX_LISTED = 3;

function listed(reasons: readonly string[]): string | undefined {
  const others = reasons.length - MAX_LISTED;
  const shown = reasons.slice(0, MAX_LISTED);
  if (others > 0) shown.push(`and ${others} more`);
  return shown.length > 0 ? shown.join("; ") : undefined;
}

const CALENDAR = new MarketCalendar();
const DELAY_MS = 15 * 60_000;
const DELAYED: ReadonlySet<FeedType> = new Set([
  FeedType.DELAYED_SIP,
  FeedType.OVERNIGHT,
  FeedType.INDICATIVE,
]);

const NEW_YORK = new Intl.DateTimeFormat("en-US", {
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
  timeZone: "America/New_York",
});

/** Whether and until when a product's market is closed; nothing during its session. */
interface MarketState {
  readonly reason?: string;
  /** Wall clock ms. */
  readonly closedUntil?: number;
}

function marketState(type: FeedType, now: number): MarketState {
  const ms = DELAYED.has(type) ? now - DELAY_MS : now;
  const until = (market: Parameters<MarketCalendar["nextChange"]>[0]): MarketState => {
    const opens = CALENDAR.nextChange(market, ms) + now - ms;
    const reason = `the market is closed until ${NEW_YORK.format(opens).replace(",", "")} ` +
      `in New York (in ${duration(opens - now)})`;
    return { reason, closedUntil: opens };
  };
  switch (type) {
    case FeedType.TEST:
    case FeedType.TRADE_UPDATES:
    case FeedType.CRYPTO:
    case FeedType.NEWS:
      return {};
    case FeedType.OPRA:
    case FeedType.INDICATIVE:
      return CALENDAR.isOpen("options", ms) ? {} : until("options");
    case FeedType.BOATS:
    case FeedType.OVERNIGHT:
      return CALENDAR.isOpen("overnight", ms) ? {} : until("overnight");
  }
  const session = CALENDAR.sessionAt(ms);
  if (session === "regular") return {};
  if (session === "closed" || session === "overnight") return until("premarket");
  return { reason: `it is the ${session}, in which few symbols are traded` };
}

const ANSWER_MS = 2_000;

/** Reports that the proxy has not accepted a stream, unless the signal fires before. */
export async function reportNoAnswer(
  { address }: StreamTask,
  { clock, signal, writeError }: Pick<Terminal, "clock" | "signal" | "writeError">,
): Promise<void> {
  await clock.sleep(ANSWER_MS, signal);
  if (signal.aborted) return;
  const where = addressText(address);
  writeError(
    `tail: no answer from ${where} for ${ANSWER_MS / 1000} s; check that a proxy runs there and ` +
      `that no firewall is between; ${GRPC_PORT_TEXT}`,
  );
}

/** A pause of this length is explained. */
const CHECK_MS = 3_000;
/** Interval in which a feed with data receives some. */
const SAMPLE_MS = 500;
/** Longest interval between two questions to the proxy in one pause. */
const MAX_INTERVAL_MS = 30_000;

/**
 * Reports why a stream has no data, and again when the reason changes, until
 * the signal fires. After data, a pause during which everything works is
 * reported when it is long, and a closed market once. If there is data at the
 * first check, symbols without a subscription are reported.
 */
export async function reportNoData(
  { task, kind, received }: {
    readonly task: StreamTask;
    readonly kind: StreamKind;
    readonly received: { readonly messages: number };
  },
  terminal: Terminal,
): Promise<void> {
  const { clock, signal } = terminal;
  const { quietMs } = SOURCES[kind.channel];
  // Apart from the stream, whose flow control may stop its connection.
  using client = new RpcClient(task.address, {}, credentialsOf(terminal.env));
  const stream = { kind, selection: task.selection };
  let before = received.messages;
  let idleMs = 0;
  let nextMs = CHECK_MS;
  let reported: string | undefined;
  let reportedClosure: number | undefined;
  /** Ms since the last check that the question to the proxy took. */
  let askedMs = 0;
  for (let isFirst = true;; isFirst = false) {
    await clock.sleep(Math.max(0, CHECK_MS - askedMs), signal);
    askedMs = 0;
    if (signal.aborted) return;
    if (received.messages !== before) {
      before = received.messages;
      if (isFirst) {
        const { text, isProblem } = await explain(client, stream, terminal, { hasData: true });
        if (isProblem && !signal.aborted) terminal.writeError(`tail: data is incomplete: ${text}`);
      }
      idleMs = 0;
      nextMs = CHECK_MS;
      reported = undefined;
      continue;
    }
    idleMs += CHECK_MS;
    if (idleMs < nextMs) continue;
    nextMs = idleMs + Math.min(idleMs, MAX_INTERVAL_MS);
    if (quietMs > idleMs) nextMs = Math.min(nextMs, quietMs);
    const askedAt = clock.monotonic();
    const { text, isProblem, closedUntil } = await explain(client, stream, terminal);
    askedMs = clock.monotonic() - askedAt;
    if (signal.aborted) return;
    const isClosed = closedUntil !== undefined;
    const isDue = isProblem || isClosed || before === 0 || idleMs >= quietMs;
    // The text of a closed market changes with the time until it opens.
    const isRepeated = isClosed ? closedUntil === reportedClosure : text === reported;
    if (!isDue || isRepeated) continue;
    terminal.writeError(`tail: no data for ${idleMs / 1000} s: ${text}`);
    reported = text;
    if (isClosed) reportedClosure = closedUntil;
  }
}

async function explain(
  client: RpcClient,
  stream: { readonly kind: StreamKind; readonly selection: Selection },
  { clock, signal }: Terminal,
  { hasData = false }: { readonly hasData?: boolean } = {},
): Promise<Explanation> {
  const { getConnectionStatus } = StreamProxyService.method;
  try {
    const ask = { includeSubscriptions: true };
    const { status: before } = await client.call(getConnectionStatus, ask, signal);
    if (!before) return { text: "the proxy reports no status", isProblem: true };
    const first = explainNoData(before, stream, { now: clock.now() });
    if (first.isProblem || hasData || stream.kind.channel === "orderUpdates") return first;
    await clock.sleep(SAMPLE_MS, signal);
    const { status = before } = await client.call(getConnectionStatus, ask, signal);
    return explainNoData(status, stream, { now: clock.now(), before });
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return { text: `the status of the proxy is not available (${error.code})`, isProblem: true };
  }
}

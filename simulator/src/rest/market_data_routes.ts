/**
 * Latest trades, quotes and bars, snapshots of stocks, and the history of trades
 * and bars (Alpaca docs "Historical Data"). Elements have the keys of the stream
 * without `T` and `S`; they are what the market has produced, whether or not a
 * session received it.
 *
 * @module
 */
import { PLANS } from "../accounts.ts";
import type { HistoryEntry, HistoryKind } from "../market/history.ts";
import type { EndpointName } from "../protocol/endpoints.ts";
import type { Message } from "../protocol/messages.ts";
import {
  badParameter,
  cutPage,
  ok,
  pageSize,
  type Query,
  type Reply,
  RestError,
  type RestRequest,
  type Route,
  route,
} from "./request.ts";

const STOCK_FEEDS = ["sip", "iex", "delayed_sip", "boats", "overnight"] as const;
const OPTION_FEEDS = ["opra", "indicative"] as const;
const MAX_OPTION_SYMBOLS = 100;

const DEFAULT_LIMIT = 1_000;
const MAX_LIMIT = 10_000;
const NANOS_PER_MS = 1_000_000n;
const DAY_MS = 86_400_000;
/** SIP data that a plan without the SIP stream may not query. */
const RECENT_NANOS = 15n * 60n * 1_000_000_000n;

/** One bar of the length that the simulator is set to. */
const BAR_KINDS: Readonly<Record<string, HistoryKind>> = {
  "1Min": "bars",
  "1T": "bars",
  "1Day": "dailyBars",
  "1D": "dailyBars",
};

type AssetKind = "stocks" | "options";

/** The endpoints of latest and historical market data. */
export const marketDataRoutes: readonly Route[] = [
  route("GET", "/v2/stocks/trades/latest", (request) => {
    return latest(request, "stocks", {
      name: "trades",
      find: (symbol, feed) => request.market.latestTrade(symbol, feed),
    });
  }),
  route("GET", "/v2/stocks/quotes/latest", (request) => {
    return latest(request, "stocks", {
      name: "quotes",
      find: (symbol, feed) => request.market.latestQuote(symbol, feed),
    });
  }),
  route("GET", "/v2/stocks/bars/latest", (request) => {
    return latest(request, "stocks", {
      name: "bars",
      find: (symbol, feed) => request.market.latestBar(symbol, feed),
    });
  }),
  route("GET", "/v1beta1/options/trades/latest", (request) => {
    return latest(request, "options", {
      name: "trades",
      find: (symbol, feed) => request.market.latestTrade(symbol, feed),
    });
  }),
  route("GET", "/v1beta1/options/quotes/latest", (request) => {
    return latest(request, "options", {
      name: "quotes",
      find: (symbol, feed) => request.market.latestQuote(symbol, feed),
    });
  }),
  route("GET", "/v2/stocks/snapshots", listStockSnapshots),
  route("GET", "/v2/stocks/trades", (request) => history(request, "stocks", "trades")),
  route("GET", "/v2/stocks/bars", (request) => {
    return history(request, "stocks", barKind(request.query));
  }),
  route("GET", "/v1beta1/options/trades", (request) => history(request, "options", "trades")),
];

/** The latest messages by symbol; symbols without one are left out. */
function latest(
  request: RestRequest,
  kind: AssetKind,
  { name, find }: {
    name: string;
    find: (symbol: string, feed: EndpointName) => Message | undefined;
  },
): Reply {
  const feed = selectFeed(request, kind);
  checkPlan(request, feed);
  const found: Record<string, unknown> = {};
  for (const symbol of selectSymbols(request, kind)) {
    const message = find(symbol, feed);
    if (message !== undefined) found[symbol] = withoutType(message);
  }
  return ok({ [name]: found });
}

/** `GET /v2/stocks/snapshots`: a map by symbol, without an outer member. */
function listStockSnapshots(request: RestRequest): Reply {
  const { market } = request;
  const feed = selectFeed(request, "stocks");
  checkPlan(request, feed);
  const snapshots: Record<string, unknown> = {};
  for (const symbol of selectSymbols(request, "stocks")) {
    const { today, before } = market.latestDays(symbol, feed);
    const parts = {
      latestTrade: market.latestTrade(symbol, feed),
      latestQuote: market.latestQuote(symbol, feed),
      minuteBar: market.latestBar(symbol, feed),
      dailyBar: today,
      prevDailyBar: before,
    };
    const known = Object.entries(parts).flatMap(([key, message]) =>
      message ? [[key, withoutType(message)]] : []
    );
    if (known.length > 0) snapshots[symbol] = Object.fromEntries(known);
  }
  return ok(snapshots);
}

/**
 * Pages of a history: all of the first symbol in order of time, then the second
 * symbol and so on. `limit` counts elements over all symbols. `start` and `end`
 * are inclusive; the default is today until now.
 */
function history(request: RestRequest, kind: AssetKind, list: HistoryKind): Reply {
  const { query, market, clock } = request;
  const feed = selectFeed(request, kind);
  const symbols = selectSymbols(request, kind);
  const now = BigInt(Math.floor(clock.now())) * NANOS_PER_MS;
  const start = query.time("start") ?? BigInt(startOfDay(clock.now())) * NANOS_PER_MS;
  const end = query.time("end") ?? defaultEnd(request, feed, clock.nowNanos());
  if (end > now - RECENT_NANOS) checkPlan(request, feed);
  const descending = query.oneOf("sort", ["asc", "desc"]) === "desc";
  const keyOf = (item: HistoryEntry) => pageKey(item, descending);
  const wanted = market.history(feed, list, new Set(symbols))
    .filter(({ nanos }) => nanos >= start && nanos <= end)
    .map((item) => ({ item, key: keyOf(item) }))
    .sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
  const page = cutPage(wanted, {
    limit: pageSize(request, "limit", { fallback: DEFAULT_LIMIT, max: MAX_LIMIT }),
    token: query.text("page_token"),
    keyOf: ({ key }) => key,
  });
  const bySymbol: Record<string, unknown[]> = {};
  for (const { item: { message } } of page.items) {
    (bySymbol[message.S] ??= []).push(withoutType(message));
  }
  return ok({
    [list === "trades" ? "trades" : "bars"]: bySymbol,
    next_page_token: page.nextPageToken,
  });
}

const MAX_NANOS = 2n ** 63n;

/** Text that sorts as the pages do: by symbol, time and order of production. */
function pageKey({ message, nanos, number }: HistoryEntry, descending: boolean): string {
  const time = descending ? MAX_NANOS - nanos : nanos;
  const place = descending ? Number.MAX_SAFE_INTEGER - number : number;
  return `${message.S} ${String(time).padStart(19, "0")} ${String(place).padStart(16, "0")}`;
}

function barKind(query: Query): HistoryKind {
  const text = query.text("timeframe");
  if (text === undefined) throw badParameter("timeframe", "it is required");
  const kind = BAR_KINDS[text];
  if (kind !== undefined) return kind;
  throw badParameter("timeframe", "the simulator has 1Min and 1Day");
}

/** The feed of a request; by default the best one of the plan. */
function selectFeed({ query, account }: RestRequest, kind: AssetKind): EndpointName {
  const feeds: readonly EndpointName[] = kind === "stocks" ? STOCK_FEEDS : OPTION_FEEDS;
  const plan = PLANS[account.plan].feeds;
  return query.oneOf("feed", feeds) ?? feeds.find((feed) => plan.has(feed)) ?? "iex";
}

function selectSymbols({ query }: RestRequest, kind: AssetKind): string[] {
  const symbols = query.requiredSymbols("symbols");
  if (kind === "options" && symbols.length > MAX_OPTION_SYMBOLS) {
    throw badParameter("symbols", `at most ${MAX_OPTION_SYMBOLS} are allowed`);
  }
  return symbols;
}

/** Rejects (403) a feed that the plan does not include. */
export function checkPlan({ account }: RestRequest, feed: EndpointName): void {
  if (PLANS[account.plan].feeds.has(feed)) return;
  const what = feed === "opra" ? "OPRA data" : "recent SIP data";
  throw new RestError(403, {
    message: `subscription does not permit querying ${what}`,
  });
}

function defaultEnd({ account }: RestRequest, feed: EndpointName, now: bigint): bigint {
  return PLANS[account.plan].feeds.has(feed) ? now : now - RECENT_NANOS - NANOS_PER_MS;
}

function startOfDay(nowMs: number): number {
  return Math.floor(nowMs / DAY_MS) * DAY_MS;
}

/** A message as REST writes it: without `T` and `S`. */
export function withoutType(message: Message): Record<string, unknown> {
  const { T: _type, S: _symbol, ...rest } = message;
  return rest;
}

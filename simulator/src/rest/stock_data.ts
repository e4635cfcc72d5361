/**
 * Latest stock quotes, trades and bars, and snapshots. Elements have the keys
 * of the stream without `T` and `S`; unknown symbols are left out.
 *
 * @module
 */
import type { WireElement } from "../ports.ts";
import { checkStockFeed } from "./data_feed.ts";
import { ok } from "./replies.ts";
import { type RestContext, type Route, route } from "./rest_context.ts";
import { missing } from "./rest_error.ts";

type Lookup = (
  context: RestContext,
  symbol: string,
) => WireElement | undefined;

const LATEST: readonly [plural: string, singular: string, lookup: Lookup][] = [
  ["quotes", "quote", ({ deps }, symbol) => deps.market.latestQuote(symbol)],
  ["trades", "trade", ({ deps }, symbol) => deps.market.latestTrade(symbol)],
  ["bars", "bar", ({ deps }, symbol) => deps.market.minuteBar(symbol)],
];

/** The endpoints of the newest stock data. */
export const stockDataRoutes: readonly Route[] = [
  ...LATEST.flatMap(([plural, singular, lookup]) => [
    route("GET", `/v2/stocks/${plural}/latest`, (context) => {
      checkStockFeed(context);
      const symbols = context.query.requiredSymbols("symbols");
      return ok({
        [plural]: mapSymbols(symbols, (symbol) => {
          const element = lookup(context, symbol);
          return element && bare(element);
        }),
      });
    }),
    route("GET", `/v2/stocks/:symbol/${plural}/latest`, (context) => {
      checkStockFeed(context);
      const symbol = context.path["symbol"] ?? "";
      const element = lookup(context, symbol);
      if (element === undefined) throw missing(`no ${singular} for ${symbol}`);
      return ok({ symbol, [singular]: bare(element) });
    }),
  ]),
  route("GET", "/v2/stocks/snapshots", (context) => {
    checkStockFeed(context);
    const symbols = context.query.requiredSymbols("symbols");
    return ok(mapSymbols(symbols, (symbol) => snapshot(context, symbol)));
  }),
  route("GET", "/v2/stocks/:symbol/snapshot", (context) => {
    checkStockFeed(context);
    const symbol = context.path["symbol"] ?? "";
    const found = snapshot(context, symbol);
    if (found === undefined) throw missing(`no snapshot for ${symbol}`);
    return ok({ symbol, ...found });
  }),
];

/** An element as REST writes it: without its type and symbol. */
export function bare(element: WireElement): Record<string, unknown> {
  const { T: _type, S: _symbol, ...rest } = element;
  return rest;
}

/** A map of what is found for each symbol. */
export function mapSymbols<V>(
  symbols: readonly string[],
  find: (symbol: string) => V | undefined,
): Record<string, V> {
  const found: Record<string, V> = {};
  for (const symbol of symbols) {
    const value = find(symbol);
    if (value !== undefined) found[symbol] = value;
  }
  return found;
}

function snapshot({ deps: { market } }: RestContext, symbol: string) {
  const trade = market.latestTrade(symbol);
  if (trade === undefined) return undefined;
  const optional = (element: WireElement | undefined) =>
    element && bare(element);
  return {
    latestTrade: bare(trade),
    latestQuote: optional(market.latestQuote(symbol)),
    minuteBar: optional(market.minuteBar(symbol)),
    dailyBar: optional(market.dailyBar(symbol)),
    prevDailyBar: optional(market.previousDailyBar(symbol)),
  };
}

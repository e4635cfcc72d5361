/**
 * Latest option quotes and trades, snapshots of contracts and of a whole
 * chain. Greeks and implied volatility are those of the quote's middle; they
 * are left out where none fits.
 *
 * @module
 */
import type { OptionContract, WireElement } from "../ports.ts";
import { lastTradingTime, yearsUntil } from "../market/option_pricing.ts";
import { parseInstant } from "../trading/timestamps.ts";
import { checkOptionFeed } from "./data_feed.ts";
import { greeksOf } from "./greeks.ts";
import { readContractFilter, selectContracts } from "./option_contracts.ts";
import { cutPage } from "./page.ts";
import { ok } from "./replies.ts";
import { type RestContext, type Route, route } from "./rest_context.ts";
import { bare, mapSymbols } from "./stock_data.ts";

const MAX_SYMBOLS = 100;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** The endpoints of the newest option data. */
export const optionDataRoutes: readonly Route[] = [
  route("GET", "/v1beta1/options/quotes/latest", (context) => {
    const { market } = context.deps;
    return ok({
      quotes: latest(context, (symbol) => market.latestQuote(symbol)),
    });
  }),
  route("GET", "/v1beta1/options/trades/latest", (context) => {
    const { market } = context.deps;
    return ok({
      trades: latest(context, (symbol) => market.latestTrade(symbol)),
    });
  }),
  route("GET", "/v1beta1/options/snapshots", (context) => {
    const { deps, query } = context;
    const symbols = query.requiredSymbols("symbols", { max: MAX_SYMBOLS });
    const contracts = symbols.sort()
      .map((symbol) => deps.market.optionContract(symbol))
      .filter((contract) => contract !== undefined);
    return ok(pageOfSnapshots(context, contracts));
  }),
  route("GET", "/v1beta1/options/snapshots/:underlying", (context) => {
    const filter = readContractFilter(context.query);
    const underlying = (context.path["underlying"] ?? "").toUpperCase();
    const contracts = selectContracts(context.deps.market, {
      ...filter,
      underlyings: [underlying],
    });
    return ok(pageOfSnapshots(context, contracts));
  }),
];

function latest(
  context: RestContext,
  find: (symbol: string) => WireElement | undefined,
) {
  checkOptionFeed(context);
  const symbols = context.query.requiredSymbols("symbols", {
    max: MAX_SYMBOLS,
  });
  return mapSymbols(symbols, (symbol) => {
    const listed = context.deps.market.optionContract(symbol) !== undefined;
    const element = listed ? find(symbol) : undefined;
    return element && bare(element);
  });
}

function pageOfSnapshots(context: RestContext, contracts: OptionContract[]) {
  checkOptionFeed(context);
  const { query } = context;
  const since = query.instant("updated_since");
  const page = cutPage(contracts, {
    limit: query.count("limit", { fallback: DEFAULT_LIMIT, max: MAX_LIMIT }),
    token: query.text("page_token"),
    keyOf: ({ symbol }) => symbol,
  });
  const snapshots: Record<string, unknown> = {};
  for (const contract of page.items) {
    const { quote, written } = snapshot(context, contract);
    const updated = parseInstant(String(quote?.["t"] ?? ""));
    const stale = since !== undefined &&
      (updated === undefined || updated < since);
    if (!stale) snapshots[contract.symbol] = written;
  }
  return { snapshots, next_page_token: page.nextPageToken };
}

function snapshot({ deps }: RestContext, contract: OptionContract) {
  const { market, clock } = deps;
  const { symbol, underlying, expiration } = contract;
  const trade = market.latestTrade(symbol);
  const quote = market.latestQuote(symbol);
  const book = market.quote(symbol);
  const known = book && greeksOf(contract, {
    price: (book.bid + book.ask) / 2,
    spot: market.lastPrice(underlying) ?? 0,
    years: yearsUntil(lastTradingTime(expiration), clock.now()),
  });
  return {
    quote,
    written: {
      ...(trade ? { latestTrade: bare(trade) } : {}),
      ...(quote ? { latestQuote: bare(quote) } : {}),
      ...known,
    },
  };
}

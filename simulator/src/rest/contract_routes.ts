/**
 * Option contracts and the snapshots of an option chain: the REST endpoints that
 * clients of the streams use to choose symbols.
 *
 * @module
 */
import type { MarketPrices, OptionContract } from "../market/prices.ts";
import {
  cutPage,
  ok,
  pageSize,
  type Query,
  type RestRequest,
  type Route,
  route,
} from "./request.ts";
import { checkPlan, withoutType } from "./market_data_routes.ts";

const DEFAULT_LIMIT = 100;
const MAX_CONTRACTS = 10_000;
const MAX_SNAPSHOTS = 1_000;
const DAY_MS = 86_400_000;

const OPTION_FEEDS = ["opra", "indicative"] as const;

/** The endpoints of option contracts. */
export const contractRoutes: readonly Route[] = [
  route("GET", "/v2/options/contracts", listContracts),
  route("GET", "/v1beta1/options/snapshots/:underlying", listSnapshots),
];

/**
 * `GET /v2/options/contracts`. Without a bound on the expiration Alpaca lists
 * contracts up to the next weekend only; so does this.
 */
function listContracts(request: RestRequest) {
  const { query, market, clock } = request;
  const filter = readContractFilter(query);
  const bounded = filter.expiration !== undefined ||
    filter.expirationTo !== undefined;
  const status = query.oneOf("status", ["active", "inactive"]) ?? "active";
  // Expired contracts are not kept.
  const contracts = status === "inactive" ? [] : selectContracts(market, {
    ...filter,
    expirationTo: bounded ? filter.expirationTo : nextWeekend(clock.now()),
  });
  const page = cutPage(contracts, {
    limit: pageSize(request, "limit", {
      fallback: DEFAULT_LIMIT,
      max: MAX_CONTRACTS,
    }),
    token: query.text("page_token"),
    keyOf: ({ symbol }) => symbol,
  });
  return ok({
    option_contracts: page.items.map((item) => writeContract(request, item)),
    next_page_token: page.nextPageToken,
  });
}

/** `GET /v1beta1/options/snapshots/{underlying}`; contracts without a bid have no Greeks. */
function listSnapshots(request: RestRequest) {
  const { query, market, path } = request;
  const feed = query.oneOf("feed", OPTION_FEEDS);
  if (feed !== undefined) checkPlan(request, feed);
  const underlying = (path["underlying"] ?? "").toUpperCase();
  const page = cutPage(
    selectContracts(market, {
      ...readContractFilter(query),
      underlyings: [underlying],
    }),
    {
      limit: pageSize(request, "limit", {
        fallback: DEFAULT_LIMIT,
        max: MAX_SNAPSHOTS,
      }),
      token: query.text("page_token"),
      keyOf: ({ symbol }) => symbol,
    },
  );
  const snapshots: Record<string, unknown> = {};
  for (const { symbol } of page.items) {
    const trade = market.latestTrade(symbol, feed);
    const quote = market.latestQuote(symbol, feed);
    const { impliedVolatility, ...greeks } = market.greeks(symbol, feed) ?? {};
    snapshots[symbol] = {
      ...(trade ? { latestTrade: withoutType(trade) } : {}),
      ...(quote ? { latestQuote: withoutType(quote) } : {}),
      ...(impliedVolatility === undefined ? {} : { impliedVolatility, greeks }),
    };
  }
  return ok({ snapshots, next_page_token: page.nextPageToken });
}

type ContractFilter = ReturnType<typeof readContractFilter>;

/** The filter parameters of contracts and snapshots; undefined selects all. */
function readContractFilter(query: Query) {
  return {
    underlyings: query.symbols("underlying_symbols"),
    root: query.text("root_symbol")?.toUpperCase(),
    type: query.oneOf("type", ["call", "put"]),
    style: query.oneOf("style", ["american", "european"]),
    expiration: query.day("expiration_date"),
    expirationFrom: query.day("expiration_date_gte"),
    expirationTo: query.day("expiration_date_lte"),
    strikeFrom: query.amount("strike_price_gte"),
    strikeTo: query.amount("strike_price_lte"),
  };
}

/** The contracts that match a filter, in symbol order. */
function selectContracts(
  market: MarketPrices,
  filter: ContractFilter,
): OptionContract[] {
  const source = filter.underlyings.length === 0
    ? market.optionContracts()
    : filter.underlyings.flatMap((name) => market.optionContracts(name));
  return source.filter((contract) => matches(contract, filter))
    .sort((a, b) => a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : 0);
}

function matches(contract: OptionContract, filter: ContractFilter): boolean {
  const { expiration, strike } = contract;
  return (filter.root === undefined || contract.root === filter.root) &&
    (filter.type === undefined || contract.type === filter.type) &&
    (filter.style === undefined || contract.style === filter.style) &&
    (filter.expiration === undefined || expiration === filter.expiration) &&
    (filter.expirationFrom === undefined ||
      expiration >= filter.expirationFrom) &&
    (filter.expirationTo === undefined || expiration <= filter.expirationTo) &&
    (filter.strikeFrom?.lessThanOrEqualTo(strike) ?? true) &&
    (filter.strikeTo?.greaterThanOrEqualTo(strike) ?? true);
}

/** The Sunday after the day of `nowMs`, as `YYYY-MM-DD`. */
export function nextWeekend(nowMs: number): string {
  const weekday = new Date(nowMs).getUTCDay();
  return new Date(nowMs + (7 - weekday) * DAY_MS).toISOString().slice(0, 10);
}

function writeContract(
  { assetId, clock, isTradable }: RestRequest,
  contract: OptionContract,
) {
  const { symbol, underlying, expiration, strike, type } = contract;
  const id = assetId(symbol);
  return {
    id,
    symbol,
    name: contractName(contract),
    status: "active",
    tradable: isTradable(symbol),
    expiration_date: expiration,
    root_symbol: contract.root,
    underlying_symbol: underlying,
    underlying_asset_id: assetId(underlying),
    type,
    style: contract.style,
    strike_price: String(strike),
    multiplier: "100",
    size: String(contract.size ?? 100),
    // Up to 4095, the same for each run of a seed.
    open_interest: String(parseInt(id.slice(0, 3), 16)),
    open_interest_date: new Date(clock.now() - DAY_MS).toISOString()
      .slice(0, 10),
    close_price: null,
    close_price_date: null,
  };
}

function contractName(contract: OptionContract): string {
  const day = new Date(`${contract.expiration}T00:00:00Z`).toLocaleDateString(
    "en-US",
    { year: "numeric", month: "short", day: "2-digit", timeZone: "UTC" },
  ).replace(",", "");
  const type = contract.type === "call" ? "Call" : "Put";
  return `${contract.underlying} ${day} ${contract.strike} ${type}`;
}

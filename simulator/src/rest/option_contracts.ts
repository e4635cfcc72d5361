/**
 * `/v2/options/contracts`: the listed contracts, filtered and paged. Without
 * a bound on the expiration Alpaca lists only up to the next weekend; so does
 * this.
 *
 * @module
 */
import type { MarketView, OptionContract } from "../ports.ts";
import type { Decimal } from "../trading/decimals.ts";
import { cutPage } from "./page.ts";
import type { Query } from "./query.ts";
import { ok } from "./replies.ts";
import {
  type RestContext,
  type RestDependencies,
  type Route,
  route,
} from "./rest_context.ts";
import { missing } from "./rest_error.ts";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;
const DAY_MS = 86_400_000;

/** Which contracts are wanted; undefined fields want all. */
export interface ContractFilter {
  readonly underlyings: readonly string[];
  readonly root: string | undefined;
  readonly type: "call" | "put" | undefined;
  readonly style: "american" | "european" | undefined;
  readonly expiration: string | undefined;
  readonly expirationFrom: string | undefined;
  readonly expirationTo: string | undefined;
  readonly strikeFrom: Decimal | undefined;
  readonly strikeTo: Decimal | undefined;
}

/** The endpoints of contracts. */
export const contractRoutes: readonly Route[] = [
  route("GET", "/v2/options/contracts", (context) => ok(list(context))),
  route("GET", "/v2/options/contracts/:name", ({ deps, path }) => {
    const name = path["name"] ?? "";
    const contract = deps.market.optionContract(name.toUpperCase()) ??
      findById(deps, name);
    if (contract === undefined) {
      throw missing(`option contract not found for ${name}`);
    }
    return ok(writeContract(deps, contract, true));
  }),
];

/** Reads the filter parameters shared by contracts and snapshots. */
export function readContractFilter(query: Query): ContractFilter {
  return {
    underlyings: query.symbols("underlying_symbols"),
    root: query.text("root_symbol")?.toUpperCase(),
    type: query.word("type", ["call", "put"]),
    style: query.word("style", ["american", "european"]),
    expiration: query.day("expiration_date"),
    expirationFrom: query.day("expiration_date_gte"),
    expirationTo: query.day("expiration_date_lte"),
    strikeFrom: query.amount("strike_price_gte"),
    strikeTo: query.amount("strike_price_lte"),
  };
}

/** The contracts a filter lets through, in symbol order. */
export function selectContracts(
  market: MarketView,
  filter: ContractFilter,
): OptionContract[] {
  const source = filter.underlyings.length === 0
    ? market.optionContracts()
    : filter.underlyings.flatMap((name) => market.optionContracts(name));
  return source.filter((contract) => passes(contract, filter))
    .sort((a, b) => a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : 0);
}

/** The Sunday after the day of `nowMs`, as `YYYY-MM-DD`. */
export function nextWeekend(nowMs: number): string {
  const weekday = new Date(nowMs).getUTCDay();
  return new Date(nowMs + (7 - weekday) * DAY_MS).toISOString().slice(0, 10);
}

function passes(contract: OptionContract, filter: ContractFilter): boolean {
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

function list({ deps, query }: RestContext) {
  const filter = readContractFilter(query);
  const bounded = filter.expiration !== undefined ||
    filter.expirationTo !== undefined;
  const status = query.word("status", ["active", "inactive"]) ?? "active";
  query.flag("ppind"); // every contract trades in penny increments here
  const deliverables = query.flag("show_deliverables");
  const contracts = status === "active"
    ? selectContracts(deps.market, {
      ...filter,
      expirationTo: bounded
        ? filter.expirationTo
        : nextWeekend(deps.clock.now()),
    })
    : []; // expired contracts are not remembered
  const page = cutPage(contracts, {
    limit: query.count("limit", { fallback: DEFAULT_LIMIT, max: MAX_LIMIT }),
    token: query.text("page_token"),
    keyOf: ({ symbol }) => symbol,
  });
  return {
    option_contracts: page.items.map((contract) =>
      writeContract(deps, contract, deliverables)
    ),
    next_page_token: page.nextPageToken,
  };
}

function findById(
  { market, trading }: RestDependencies,
  id: string,
): OptionContract | undefined {
  if (!/^[0-9a-f-]{36}$/.test(id)) return undefined;
  return market.optionContracts()
    .find(({ symbol }) => trading.assetIds.of(symbol) === id);
}

function writeContract(
  { trading: { assetIds }, clock }: RestDependencies,
  contract: OptionContract,
  withDeliverables: boolean,
) {
  const { symbol, underlying, expiration, strike, type } = contract;
  const underlyingId = assetIds.of(underlying);
  return {
    id: assetIds.of(symbol),
    symbol,
    name: contractName(contract),
    status: "active",
    tradable: true,
    expiration_date: expiration,
    root_symbol: contract.root,
    underlying_symbol: underlying,
    underlying_asset_id: underlyingId,
    type,
    style: contract.style,
    strike_price: String(strike),
    multiplier: "100",
    size: "100",
    open_interest: openInterest(assetIds.of(symbol)),
    open_interest_date: dayBefore(clock.now()),
    close_price: null,
    close_price_date: null,
    ...(withDeliverables
      ? { deliverables: [deliverable(underlying, underlyingId)] }
      : {}),
  };
}

/** Contracts outstanding: up to 4095, and the same for a seed's whole life. */
function openInterest(assetId: string): string {
  return String(parseInt(assetId.slice(0, 3), 16));
}

function dayBefore(nowMs: number): string {
  return new Date(nowMs - DAY_MS).toISOString().slice(0, 10);
}

function deliverable(symbol: string, assetId: string) {
  return {
    type: "equity",
    symbol,
    asset_id: assetId,
    amount: "100",
    allocation_percentage: "100",
    settlement_type: "T+1",
    settlement_method: "CCC",
    delayed_settlement: false,
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

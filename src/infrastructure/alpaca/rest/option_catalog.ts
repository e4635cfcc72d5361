/**
 * The option catalog over Alpaca's REST API: `GET /v2/options/contracts` of the
 * trading API (Alpaca docs, "Get Option Contracts"), and of the data API
 * `GET /v2/stocks/trades/latest` and `GET /v1beta1/options/snapshots/{underlying}`.
 *
 * Pages are small because parsing a page blocks the sockets of the streams. An
 * entry that is not valid is skipped; a body of another shape is an error.
 *
 * @module
 */
import type { ApiUnavailable } from "../../../application/ports/api_unavailable.ts";
import {
  CONTRACTS_PER_REQUEST,
  type DeltasQuery,
  type LastTrades,
  type OptionCatalog,
  type QuotesQuery,
} from "../../../application/ports/option_catalog.ts";
import type { StockFeedKind } from "../../../domain/connection/feed.ts";
import { delayOf, marketOf } from "../../../domain/calendar/market_calendar.ts";
import { dayOfDate } from "../../../domain/calendar/exchange_time.ts";
import { parseRfc3339, toMilliseconds } from "../../../domain/market/timestamp.ts";
import { isAdjustedRoot, type OptionContract } from "../../../domain/options/contract.ts";
import { type BidAsk, isPrice, type TimedPrice } from "../../../domain/options/implied_price.ts";
import { type ApiHost, fieldsOf, isBadRequest, listOf, mapOf, pages } from "./responses.ts";

/** Entries on a page, parsed in a few ms. The chain of SPX has about 30 pages. */
const PAGING = { pageSize: CONTRACTS_PER_REQUEST, maxPages: 100 };
/** Overrides the default of the endpoint, the next weekend, to include LEAPS. */
const LAST_EXPIRY = "2100-01-01";
/** Symbols per request for prices; the length of a URL is limited. */
const MAX_SYMBOLS_PER_REQUEST = 200;
/** Rejections of one list of symbols after which the rest is left for the next time. */
const MAX_REJECTIONS = 16;
const MS_PER_DAY = 86_400_000;
/** Shares that a contract delivers unless it was adjusted. */
const USUAL_SIZE = 100;

/** Characters of a symbol, an underlying or a root; OCC symbols have 21. */
const MAX_NAME_LENGTH = 64;

/** Dependencies of the catalog. */
interface AlpacaCatalogOptions {
  readonly trading: ApiHost;
  readonly data: ApiHost;
  /** Stock feed of the streams. */
  readonly stockFeed: StockFeedKind;
  /** Option feed of prices: `opra` or `indicative`. */
  readonly optionFeed: string;
}

/** Looks up contracts and prices. */
export class AlpacaCatalog implements OptionCatalog {
  readonly #options: AlpacaCatalogOptions;

  constructor(options: AlpacaCatalogOptions) {
    this.#options = options;
  }

  async contracts(underlying: string, signal: AbortSignal): Promise<readonly OptionContract[]> {
    const { client, url } = this.#options.trading;
    const first = new URL(`${url}/v2/options/contracts`);
    first.searchParams.set("underlying_symbols", underlying);
    first.searchParams.set("expiration_date_lte", LAST_EXPIRY);
    // Pages overlap when contracts are listed between two requests.
    const found = new Map<string, OptionContract>();
    for await (const page of pages(client, first, { ...PAGING, signal, purpose: "catalog" })) {
      for (const item of listOf(page, "option_contracts")) {
        const contract = readContract(item);
        // The contract's own field decides its underlying, not the query.
        if (contract?.underlying !== underlying) continue;
        found.set(contract.symbol, contract);
      }
    }
    return [...found.values()];
  }

  async lastTrades(
    underlyings: readonly string[],
    signal: AbortSignal,
  ): Promise<LastTrades> {
    const trades = new Map<string, TimedPrice>();
    const rejected = new Set<string>();
    let rejections = 0;
    const groups = groupsOf(underlyings, MAX_SYMBOLS_PER_REQUEST);
    for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
      try {
        for (const [name, trade] of await this.#trades(group, signal)) trades.set(name, trade);
      } catch (error) {
        if (!isBadRequest(error)) throw error;
        rejections++;
        const named = group.filter((name) => group.length === 1 || isNamedIn(error, name));
        for (const name of named) rejected.add(name);
        // Those that are left out are requested again with the next prices.
        if (rejections > MAX_REJECTIONS) continue;
        const rest = group.filter((name) => !rejected.has(name));
        const size = named.length > 0 ? rest.length : rest.length / 2;
        groups.push(...groupsOf(rest, Math.ceil(size)));
      }
    }
    return { trades, rejected };
  }

  quotes(query: QuotesQuery, signal: AbortSignal): Promise<ReadonlyMap<string, BidAsk>> {
    const first = this.#snapshotsUrl(query);
    first.searchParams.set("expiration_date", dateOfDay(query.expiryDay));
    return this.#readSnapshots(first, { read: readQuote, signal });
  }

  deltas(query: DeltasQuery, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const [firstDay, lastDay] = query.expiries;
    const first = this.#snapshotsUrl(query);
    first.searchParams.set("expiration_date_gte", dateOfDay(firstDay));
    first.searchParams.set("expiration_date_lte", dateOfDay(lastDay));
    if (query.right) first.searchParams.set("type", query.right);
    return this.#readSnapshots(first, { read: readDelta, signal });
  }

  #snapshotsUrl({ underlying, strikes }: Pick<DeltasQuery, "underlying" | "strikes">): URL {
    const { data: { url }, optionFeed } = this.#options;
    const first = new URL(`${url}/v1beta1/options/snapshots/${encodeURIComponent(underlying)}`);
    first.searchParams.set("feed", optionFeed);
    if (strikes) {
      first.searchParams.set("strike_price_gte", strikes[0].toFixed(2));
      first.searchParams.set("strike_price_lte", strikes[1].toFixed(2));
    }
    return first;
  }

  /** Reads a value of every snapshot; those without one are left out. */
  async #readSnapshots<T>(
    first: URL,
    options: { readonly read: (snapshot: unknown) => T | undefined; readonly signal: AbortSignal },
  ): Promise<ReadonlyMap<string, T>> {
    const { data: { client } } = this.#options;
    const { read, signal } = options;
    const values = new Map<string, T>();
    for await (const page of pages(client, first, { ...PAGING, signal, purpose: "catalog" })) {
      for (const [symbol, item] of Object.entries(mapOf(page, "snapshots"))) {
        const value = read(item);
        if (value !== undefined) values.set(symbol, value);
      }
    }
    return values;
  }

  async #trades(
    symbols: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly (readonly [string, TimedPrice])[]> {
    const { data: { client, url }, stockFeed } = this.#options;
    const address = new URL(`${url}/v2/stocks/trades/latest`);
    address.searchParams.set("symbols", symbols.join(","));
    if (hasRegularSession(stockFeed)) address.searchParams.set("feed", stockFeed);
    const body = await client.get(address, signal, "prices");
    return Object.entries(mapOf(body, "trades")).flatMap(([name, item]) => {
      const { p: price, t } = fieldsOf(item);
      const at = timeOf(t);
      return isPrice(price) && at !== undefined ? [[name, { price, at }]] : [];
    });
  }
}

/**
 * Whether a feed has the trades of the regular session as they happen. Otherwise no feed is
 * requested, and Alpaca chooses the best one that the account has.
 */
function hasRegularSession(kind: StockFeedKind): boolean {
  return marketOf(kind) === "regular" && delayOf(kind) === 0;
}

function groupsOf<T>(items: readonly T[], size: number): T[][] {
  const groups: T[][] = [];
  for (let at = 0; at < items.length; at += size) groups.push(items.slice(at, at + size));
  return groups;
}

/**
 * Whether Alpaca's error names a symbol ("invalid symbol: SPX"). It rejects all symbols for one of
 * them; when it names none, the list is bisected.
 */
function isNamedIn(error: ApiUnavailable, symbol: string): boolean {
  const [, text = ""] = error.message.split(/: HTTP \d+ /);
  return text.split(/[^A-Z0-9.]+/).includes(symbol);
}

function dateOfDay(day: number): string {
  return new Date(day * MS_PER_DAY).toISOString().slice(0, 10);
}

/** A contract; `undefined` when it lacks a field that selection needs, or is not active. */
function readContract(item: unknown): OptionContract | undefined {
  const fields = fieldsOf(item);
  const { symbol, underlying_symbol: underlying, root_symbol: root } = fields;
  if (!isName(symbol) || !isName(underlying) || !isName(root)) return undefined;
  const expiryDay = dayOfDate(textOf(fields.expiration_date));
  const strike = Number(textOf(fields.strike_price) || NaN);
  if (expiryDay === undefined) return undefined;
  if (!(strike > 0) || !Number.isFinite(strike)) return undefined;
  const right = fields.type;
  if (right !== "call" && right !== "put") return undefined;
  if (!["", "active"].includes(textOf(fields.status))) return undefined;
  const interest = Number(textOf(fields.open_interest));
  const openInterest = interest > 0 && interest < Infinity ? interest : 0;
  const isAdjusted = isAdjustedRoot(root) || deliversOtherThanUsual(fields);
  const isTradable = fields.tradable !== false;
  return {
    symbol,
    underlying,
    root,
    expiryDay,
    right,
    strike,
    openInterest,
    isAdjusted,
    isTradable,
  };
}

/** Whether a contract delivers something else than 100 shares; `false` when it does not say. */
function deliversOtherThanUsual({ size, deliverables }: Record<string, unknown>): boolean {
  const isOther = (amount: unknown) =>
    textOf(amount) !== "" && Number(textOf(amount)) !== USUAL_SIZE;
  if (isOther(size)) return true;
  if (!Array.isArray(deliverables) || deliverables.length === 0) return false;
  // Contracts of indexes deliver cash, whose amount is not known before they expire.
  const shares = deliverables.map(fieldsOf).filter(({ type }) => type === "equity");
  return shares.length > 0 && (deliverables.length > 1 || isOther(shares[0]?.amount));
}

/** The quote of a snapshot; `undefined` unless an ask is quoted. */
function readQuote(item: unknown): BidAsk | undefined {
  const { bp: bid, ap: ask, t } = fieldsOf(fieldsOf(item).latestQuote);
  const at = timeOf(t);
  if (typeof bid !== "number" || !isPrice(ask) || at === undefined) return undefined;
  return bid >= 0 && ask >= bid ? { bid, ask, at } : undefined;
}

/** A time in ms since the Unix epoch; `undefined` for an invalid one. */
function timeOf(value: unknown): number | undefined {
  const time = parseRfc3339(textOf(value));
  return time && toMilliseconds(time);
}

/** Delta of a snapshot; `undefined` when it has none or one outside -1 to 1. */
function readDelta(item: unknown): number | undefined {
  const { delta } = fieldsOf(fieldsOf(item).greeks);
  return typeof delta === "number" && Math.abs(delta) <= 1 ? delta : undefined;
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_NAME_LENGTH;
}

/** Text or a number as text; `""` for other values, whose conversion can throw. */
function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

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
import type {
  DeltasQuery,
  MidsQuery,
  OptionCatalog,
} from "../../../application/ports/option_catalog.ts";
import type { OptionContract } from "../../../domain/options/contract.ts";
import { dayOfDate } from "../../../domain/calendar/exchange_time.ts";
import { type ApiHost, fieldsOf, isBadRequest, listOf, mapOf, pages } from "./responses.ts";

/** Entries on a page, parsed in a few ms. The chain of SPX has about 30 pages. */
const PAGING = { pageSize: 1_000, maxPages: 100 };
/** Overrides the default of the endpoint, the next weekend, to include LEAPS. */
const LAST_EXPIRY = "2100-01-01";
/** Symbols per request for prices; the length of a URL is limited. */
const MAX_SYMBOLS_PER_REQUEST = 200;
const MS_PER_DAY = 86_400_000;

/** Characters of a symbol, an underlying or a root; OCC symbols have 21. */
const MAX_NAME_LENGTH = 64;

/** Dependencies of the catalog. */
interface AlpacaCatalogOptions {
  readonly trading: ApiHost;
  readonly data: ApiHost;
  /** Stock feed of prices; Alpaca chooses the best one when `undefined`. */
  readonly stockFeed: string | undefined;
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

  async prices(
    underlyings: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, number>> {
    const prices = new Map<string, number>();
    for (let at = 0; at < underlyings.length; at += MAX_SYMBOLS_PER_REQUEST) {
      const some = underlyings.slice(at, at + MAX_SYMBOLS_PER_REQUEST);
      for (const [symbol, price] of await this.#prices(some, signal)) {
        prices.set(symbol, price);
      }
    }
    return prices;
  }

  mids(query: MidsQuery, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const first = this.#snapshotsUrl(query);
    first.searchParams.set("expiration_date", dateOfDay(query.expiryDay));
    return this.#readSnapshots(first, { read: readMid, signal });
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

  /**
   * Alpaca may reject all symbols for one of them, for example an index. The list
   * is then bisected to find that symbol.
   */
  async #prices(
    symbols: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly (readonly [string, number])[]> {
    const { data: { client, url }, stockFeed } = this.#options;
    const address = new URL(`${url}/v2/stocks/trades/latest`);
    address.searchParams.set("symbols", symbols.join(","));
    if (stockFeed) address.searchParams.set("feed", stockFeed);
    try {
      const body = await client.get(address, signal, "catalog");
      return Object.entries(mapOf(body, "trades")).flatMap(([name, trade]) => {
        const price = fieldsOf(trade).p;
        return typeof price === "number" && price > 0 ? [[name, price]] : [];
      });
    } catch (error) {
      if (!isBadRequest(error)) throw error;
      if (symbols.length === 1) return [];
      const half = symbols.length >> 1;
      return [
        ...await this.#prices(symbols.slice(0, half), signal),
        ...await this.#prices(symbols.slice(half), signal),
      ];
    }
  }
}

function dateOfDay(day: number): string {
  return new Date(day * MS_PER_DAY).toISOString().slice(0, 10);
}

/** A contract; `undefined` when it lacks a field that selection needs. */
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
  const interest = Number(textOf(fields.open_interest));
  const openInterest = interest > 0 && interest < Infinity ? interest : 0;
  return { symbol, underlying, root, expiryDay, right, strike, openInterest };
}

/** Mid price of a snapshot's quote, USD; `undefined` unless both sides are quoted. */
function readMid(item: unknown): number | undefined {
  const { bp, ap } = fieldsOf(fieldsOf(item).latestQuote);
  if (typeof bp !== "number" || typeof ap !== "number") return undefined;
  return bp > 0 && ap >= bp ? (bp + ap) / 2 : undefined;
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

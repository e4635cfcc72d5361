/**
 * Alpaca's REST endpoints as the option catalogue: `GET /v2/options/contracts`
 * of the trading API (Alpaca docs, "Get Option Contracts"), and of the data API
 * `GET /v2/stocks/trades/latest` and `GET /v1beta1/options/snapshots/{underlying}`.
 *
 * Pages are small on purpose: a page is parsed in one go, and the sockets of
 * the streams wait meanwhile.
 *
 * @module
 */
import {
  CatalogUnavailable,
  type MidsQuery,
  type OptionCatalog,
} from "../../application/ports/option_catalog.ts";
import type { OptionContract } from "../../domain/options/contract.ts";
import {
  fieldsOf,
  listOf,
  mapOf,
  readContract,
  readMid,
} from "./catalog_answers.ts";
import type { RestClient } from "./rest_client.ts";

/** Entries on a page; 1 000 contracts are parsed in a few milliseconds. */
const PAGE = 1_000;
/** More pages than this is not a chain but a fault; SPX has about 30. */
const MOST_PAGES = 100;
/** The default of the endpoint is the next weekend, which would miss LEAPS. */
const LAST_EXPIRY = "2100-01-01";
/** Symbols in one request for prices: an address has its limits. */
const PRICES_AT_ONCE = 200;
const MS_PER_DAY = 86_400_000;

/** What upstream says to a request it does not understand. */
const BAD_REQUEST: ReadonlySet<number> = new Set([400, 404, 422]);

/** One of Alpaca's hosts and the account's key pair for it. */
export interface CatalogHost {
  readonly client: RestClient;
  /** Without a slash at the end. */
  readonly url: string;
}

/** What the catalogue needs. */
export interface AlpacaCatalogParts {
  readonly trading: CatalogHost;
  readonly data: CatalogHost;
  /** Stock feed to ask for prices; absent leaves the best one to Alpaca. */
  readonly stockFeed: string | undefined;
  /** Option feed to ask for prices: `opra` or `indicative`. */
  readonly optionFeed: string;
}

/** Looks contracts and prices up at Alpaca. */
export class AlpacaCatalog implements OptionCatalog {
  readonly #parts: AlpacaCatalogParts;

  constructor(parts: AlpacaCatalogParts) {
    this.#parts = parts;
  }

  async contracts(
    underlying: string,
    signal: AbortSignal,
  ): Promise<readonly OptionContract[]> {
    const { client, url } = this.#parts.trading;
    const first = new URL(`${url}/v2/options/contracts`);
    first.searchParams.set("underlying_symbols", underlying);
    first.searchParams.set("expiration_date_lte", LAST_EXPIRY);
    // Pages may overlap when contracts are listed in between.
    const found = new Map<string, OptionContract>();
    for await (const page of pages(client, first, signal)) {
      for (const item of listOf(page, "option_contracts")) {
        const contract = readContract(item);
        // Only the catalogue's own word says what a contract is written on.
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
    for (let at = 0; at < underlyings.length; at += PRICES_AT_ONCE) {
      const some = underlyings.slice(at, at + PRICES_AT_ONCE);
      for (const [symbol, price] of await this.#prices(some, signal)) {
        prices.set(symbol, price);
      }
    }
    return prices;
  }

  async mids(
    query: MidsQuery,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, number>> {
    const { data: { client, url }, optionFeed } = this.#parts;
    const { underlying, expiryDay, strikes } = query;
    const name = encodeURIComponent(underlying);
    const first = new URL(`${url}/v1beta1/options/snapshots/${name}`);
    first.searchParams.set("feed", optionFeed);
    first.searchParams.set("expiration_date", dateOfDay(expiryDay));
    if (strikes) {
      first.searchParams.set("strike_price_gte", strikes[0].toFixed(2));
      first.searchParams.set("strike_price_lte", strikes[1].toFixed(2));
    }
    const mids = new Map<string, number>();
    for await (const page of pages(client, first, signal)) {
      for (const [symbol, item] of Object.entries(mapOf(page, "snapshots"))) {
        const mid = readMid(item);
        if (mid !== undefined) mids.set(symbol, mid);
      }
    }
    return mids;
  }

  /**
   * An index among the stocks may make upstream refuse all of them: then the
   * halves are asked for, down to the one that is at fault.
   */
  async #prices(
    symbols: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly (readonly [string, number])[]> {
    const { data: { client, url }, stockFeed } = this.#parts;
    const address = new URL(`${url}/v2/stocks/trades/latest`);
    address.searchParams.set("symbols", symbols.join(","));
    if (stockFeed) address.searchParams.set("feed", stockFeed);
    try {
      const body = await client.get(address, signal);
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

/** Every page from `first` on; a token that comes twice is a fault. */
async function* pages(
  client: RestClient,
  first: URL,
  signal: AbortSignal,
): AsyncGenerator<unknown, void> {
  const url = new URL(first);
  url.searchParams.set("limit", String(PAGE));
  const seen = new Set<string>();
  for (;;) {
    const body = await client.get(url, signal);
    yield body;
    const next = fieldsOf(body).next_page_token;
    if (typeof next !== "string" || next === "") return;
    if (seen.has(next)) throw pagingFault(url, "a page names itself as next");
    if (seen.size + 1 >= MOST_PAGES) {
      throw pagingFault(url, `more than ${MOST_PAGES} pages`);
    }
    seen.add(next);
    url.searchParams.set("page_token", next);
  }
}

function pagingFault(url: URL, words: string): CatalogUnavailable {
  return new CatalogUnavailable(`${url.host}${url.pathname}: ${words}`);
}

function isBadRequest(error: unknown): boolean {
  return error instanceof CatalogUnavailable && error.status !== undefined &&
    BAD_REQUEST.has(error.status);
}

function dateOfDay(day: number): string {
  return new Date(day * MS_PER_DAY).toISOString().slice(0, 10);
}

/**
 * Alpaca's REST endpoints as the option catalogue: `GET /v2/options/contracts`
 * of the trading API, `GET /v2/stocks/trades/latest` of the data API.
 *
 * @module
 */
import {
  CatalogUnavailable,
  type OptionCatalog,
} from "../../application/ports/option_catalog.ts";
import type { OptionContract } from "../../domain/options/contract.ts";
import type { RestClient } from "./rest_client.ts";

const PAGE = 10_000;
/** More pages than this is not a chain but a fault. */
const MOST_PAGES = 20;
/** The default of the endpoint is the next weekend, which would miss LEAPS. */
const LAST_EXPIRY = "2100-01-01";
const MS_PER_DAY = 86_400_000;

/** What the catalogue needs. */
export interface AlpacaCatalogParts {
  readonly client: RestClient;
  /** Base of the trading API, without a slash at the end. */
  readonly tradingUrl: string;
  /** Base of the market data API, without a slash at the end. */
  readonly dataUrl: string;
  /** Stock feed to ask for prices: `sip`, `iex`, … */
  readonly feed: string;
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
    const found: OptionContract[] = [];
    let page: string | undefined;
    for (let pages = 0; pages < MOST_PAGES; pages++) {
      const url = new URL(`${this.#parts.tradingUrl}/v2/options/contracts`);
      url.searchParams.set("underlying_symbols", underlying);
      url.searchParams.set("expiration_date_lte", LAST_EXPIRY);
      url.searchParams.set("limit", String(PAGE));
      if (page !== undefined) url.searchParams.set("page_token", page);
      const body = mapOf(await this.#parts.client.get(url, signal));
      for (const item of listOf(body.option_contracts)) {
        const contract = readContract(item);
        // Only the catalogue's own word says what a contract is written on.
        if (contract?.underlying === underlying) found.push(contract);
      }
      const next = body.next_page_token;
      if (typeof next !== "string" || next === "") return found;
      page = next;
    }
    throw new CatalogUnavailable(
      `${underlying} has more than ${MOST_PAGES} pages of contracts`,
    );
  }

  async prices(
    underlyings: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, number>> {
    const url = new URL(`${this.#parts.dataUrl}/v2/stocks/trades/latest`);
    url.searchParams.set("symbols", underlyings.join(","));
    url.searchParams.set("feed", this.#parts.feed);
    const body = mapOf(await this.#parts.client.get(url, signal));
    const prices = new Map<string, number>();
    for (const [symbol, trade] of Object.entries(mapOf(body.trades))) {
      const price = mapOf(trade).p;
      if (typeof price === "number" && price > 0) prices.set(symbol, price);
    }
    return prices;
  }
}

function readContract(value: unknown): OptionContract | undefined {
  const item = mapOf(value);
  const expiry = Date.parse(`${item.expiration_date}T00:00:00Z`);
  const strike = Number(item.strike_price);
  const { symbol, underlying_symbol: underlying, root_symbol: root, type } =
    item;
  if (typeof symbol !== "string" || typeof underlying !== "string") {
    return undefined;
  }
  if (typeof root !== "string" || !(strike > 0) || Number.isNaN(expiry)) {
    return undefined;
  }
  if (type !== "call" && type !== "put") return undefined;
  const expiryDay = expiry / MS_PER_DAY;
  return { symbol, underlying, root, expiryDay, right: type, strike };
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null
    ? value as Record<string, unknown>
    : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

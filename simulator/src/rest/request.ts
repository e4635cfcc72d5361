/**
 * What REST endpoints share: the request with its query parameters, the reply,
 * the error and pages.
 *
 * @module
 */
import type { Account } from "../accounts.ts";
import type { Clock } from "../clock.ts";
import type { MarketPrices } from "../market/prices.ts";
import { Decimal } from "../trading/order.ts";
import type { OrderEngine } from "../trading/order_engine.ts";

/** One authenticated request. */
export interface RestRequest {
  readonly clock: Clock;
  readonly market: MarketPrices;
  readonly account: Account;
  /** The orders of the account. */
  readonly engine: OrderEngine;
  /** The UUID of a symbol, equal in orders and contracts. */
  readonly assetId: (symbol: string) => string;
  readonly query: Query;
  /** Whether an option contract is listed as tradable. */
  readonly isTradable: (symbol: string) => boolean;
  /** Whether a fault makes the page of a list empty. */
  readonly isEmptyPage: boolean;
  /** Named parts of the path, decoded. */
  readonly path: Readonly<Record<string, string | undefined>>;
  /** Reads the JSON body. Rejects with a `RestError` (400) for invalid JSON. */
  readBody(): Promise<unknown>;
}

/** A reply before its headers are complete. */
export interface Reply {
  readonly status: number;
  /** Written as JSON; undefined for an empty body. */
  readonly body?: unknown;
  /** Whether the connection is cut in the middle of the body. */
  readonly isCut?: boolean;
}

/** Which host of Alpaca a route belongs to: decides limits and error shape. */
export type Host = "trading" | "data";

/** One endpoint. */
export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly host: Host;
  readonly pattern: URLPattern;
  handle(request: RestRequest): Reply | Promise<Reply>;
}

/** Makes a route; `pathname` is a `URLPattern` path. */
export function route(
  method: Route["method"],
  pathname: string,
  handle: Route["handle"],
): Route {
  const isData = /^\/v2\/stocks|^\/v1beta1\//.test(pathname);
  const host: Host = isData ? "data" : "trading";
  return { method, host, pattern: new URLPattern({ pathname }), handle };
}

/** A reply with status 200 and a JSON body. */
export function ok(body: unknown): Reply {
  return { status: 200, body };
}

/**
 * Ends a request with an error reply in Alpaca's shape: the trading host sends
 * `{"code": 40410000, "message": "…"}`, the data host only `{"message": "…"}`.
 */
export class RestError extends Error {
  override readonly name = "RestError";
  readonly status: number;
  /** Alpaca's code; undefined on the data host. */
  readonly code: number | undefined;

  /** The code is absent by default. */
  constructor(status: number, options: { message: string; code?: number }) {
    super(options.message);
    this.status = status;
    this.code = options.code;
  }
}

/** An invalid query parameter (400). */
export function badParameter(name: string, remedy: string): RestError {
  return new RestError(400, {
    message: `invalid ${name}: ${remedy}`,
    code: 40010000,
  });
}

/** A resource that does not exist (404). */
export function missing(message: string): RestError {
  return new RestError(404, { message, code: 40410000 });
}

/**
 * The query parameters of one request. Each invalid value is a `RestError` (400)
 * that names the parameter and the values it takes.
 */
export class Query {
  readonly #params: URLSearchParams;

  /** Reads from the parameters of a URL. */
  constructor(params: URLSearchParams) {
    this.#params = params;
  }

  /** The text as given; undefined when absent or empty. */
  text(name: string): string | undefined {
    return this.#params.get(name) || undefined;
  }

  /** A comma-separated list of symbols in upper case; empty when absent. */
  symbols(name: string): string[] {
    const symbols = (this.text(name) ?? "").split(",")
      .map((symbol) => symbol.trim().toUpperCase())
      .filter((symbol) => symbol !== "");
    const bad = symbols.find((symbol) => !/^[A-Z0-9./]{1,21}$/.test(symbol));
    if (bad !== undefined) throw badParameter("symbol", bad);
    return [...new Set(symbols)];
  }

  /** A comma-separated list of at least one symbol. */
  requiredSymbols(name: string): string[] {
    const symbols = this.symbols(name);
    if (symbols.length === 0) throw badParameter(name, "it is required");
    return symbols;
  }

  /** One of a closed set of values. */
  oneOf<V extends string>(name: string, values: readonly V[]): V | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = values.find((candidate) => candidate === text);
    if (value === undefined) {
      throw badParameter(name, `it must be one of ${values.join(", ")}`);
    }
    return value;
  }

  /** `true` or `false`; false when absent. */
  flag(name: string): boolean {
    return this.oneOf(name, ["true", "false"]) === "true";
  }

  /** A whole number from 1 to `max`. */
  count(
    name: string,
    { fallback, max }: { fallback: number; max: number },
  ): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1 || value > max) {
      throw badParameter(name, `it must be a whole number from 1 to ${max}`);
    }
    return value;
  }

  /** A day as `YYYY-MM-DD`. */
  day(name: string): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^\d{4}-\d{2}-\d{2}$/.test(text) && toNanos(text) !== undefined) {
      return text;
    }
    throw badParameter(name, "it must be a day as YYYY-MM-DD");
  }

  /** Nanoseconds since the epoch, from RFC 3339 text or a day. */
  time(name: string): bigint | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    // "+" of an offset that was not escaped arrives as a space.
    const nanos = toNanos(text.replace(" ", "+"));
    if (nanos !== undefined) return nanos;
    throw badParameter(name, "it must be an RFC 3339 time or a day");
  }

  /** A decimal amount. */
  amount(name: string): Decimal | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^\d+(\.\d+)?$/.test(text)) return new Decimal(text);
    throw badParameter(name, "it must be a decimal number");
  }
}

function toNanos(text: string): bigint | undefined {
  const whole = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text;
  try {
    return Temporal.Instant.from(whole).epochNanoseconds;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The items of one page: the parameter `name`, or 0 because of a fault. */
export function pageSize(
  { query, isEmptyPage }: RestRequest,
  name: string,
  bounds: { fallback: number; max: number },
): number {
  const size = query.count(name, bounds);
  return isEmptyPage ? 0 : size;
}

const TOKEN_PREFIX = "after ";

/** One page of a list in key order. */
interface Page<T> {
  readonly items: T[];
  /** Null on the last page. */
  readonly nextPageToken: string | null;
}

/**
 * Cuts one page out of a list that is in ascending order of its keys. The
 * token holds the key of the last item, so pages stay right while items come
 * and go between two requests. Throws a `RestError` (400) for a foreign token.
 */
export function cutPage<T>(
  list: readonly T[],
  request: {
    readonly limit: number;
    readonly token: string | undefined;
    keyOf(item: T): string;
  },
): Page<T> {
  const after = request.token === undefined ? "" : readToken(request.token);
  const found = list.findIndex((item) => request.keyOf(item) > after);
  const start = found < 0 ? list.length : found;
  const items = list.slice(start, start + request.limit);
  const last = items.at(-1);
  const more = start + items.length < list.length;
  const key = last === undefined ? after : request.keyOf(last);
  return { items, nextPageToken: more ? btoa(TOKEN_PREFIX + key) : null };
}

function readToken(token: string): string {
  let text = "";
  try {
    text = atob(token);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
  if (!text.startsWith(TOKEN_PREFIX)) {
    throw badParameter("page_token", "it must come from the page before");
  }
  return text.slice(TOKEN_PREFIX.length);
}

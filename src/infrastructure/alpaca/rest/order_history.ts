/**
 * The orders of an account over Alpaca's REST API: `GET /v2/orders`, `GET /v2/orders/{id}` and
 * `GET /v2/account/activities/FILL` (Alpaca docs, "Orders" and "Account Activities").
 *
 * `after` of orders filters by submission time. A page that is not a list of valid entries is an
 * error, so that nothing is missing in what is returned.
 *
 * @module
 */
import { ApiUnavailable } from "../../../application/ports/api_unavailable.ts";
import { type OrderHistory, TooManyEntries } from "../../../application/ports/order_history.ts";
import type { Timestamp } from "../../../domain/market/timestamp.ts";
import { isTimestamp, parseRfc3339 } from "../../../domain/market/timestamp.ts";
import type { Execution, RestOrder } from "../../../domain/orders/reconcile.ts";
import { InvalidField, isMessage, type Message } from "../fields.ts";
import { readOrderDetails } from "../order_messages.ts";
import { type ApiHost, isBadRequest } from "./responses.ts";

/** Entries on a page of orders; parsed in about 10 ms. */
const ORDERS_PER_PAGE = 500;
/** Orders on a page that is not the last: each may count with four legs. */
const LEAST_ORDERS_PER_PAGE = ORDERS_PER_PAGE / 5;
/** Entries on a page of activities, Alpaca's limit. */
const ACTIVITIES_PER_PAGE = 100;
/** Pages of one list. */
const MAX_PAGES = 100;

/** How the pages of a list are read. */
interface Listing {
  readonly first: URL;
  readonly size: { readonly parameter: string; readonly entries: number };
  /** Entries below which a page is the last one. */
  readonly least: number;
  /** Changes the address to that of the page after an entry. */
  readonly advance: (url: URL, last: Message) => void;
}

/** Reads orders and executions of one account. */
export class RestOrderHistory implements OrderHistory {
  readonly #trading: ApiHost;
  readonly #keepsSource: boolean;

  /** @param keepsSource whether orders keep what REST has of them */
  constructor(
    trading: ApiHost,
    { keepsSource = false }: { readonly keepsSource?: boolean } = {},
  ) {
    this.#trading = trading;
    this.#keepsSource = keepsSource;
  }

  get clockAheadMs(): number {
    return this.#trading.client.clockAheadMs;
  }

  async openOrders(signal: AbortSignal): Promise<readonly RestOrder[]> {
    const first = this.#address("/v2/orders", { status: "open", nested: "true" });
    return await this.#orders(first, signal, (url, { id }) => {
      url.searchParams.set("after_order_id", String(id));
    });
  }

  async submittedAfter(since: number, signal: AbortSignal): Promise<readonly RestOrder[]> {
    const after = new Date(since).toISOString();
    const first = this.#address("/v2/orders", { status: "all", nested: "true", after });
    return await this.#orders(first, signal, (url, { submitted_at: at }) => {
      // Several orders can have the time of the last one, and `after` excludes it.
      const ms = Date.parse(String(at)) - 1;
      const next = Number.isNaN(ms) ? after : new Date(ms).toISOString();
      if (next <= (url.searchParams.get("after") ?? "")) {
        throw new TooManyEntries(`${url.host}${url.pathname}: a page of orders of one ms`);
      }
      url.searchParams.set("after", next);
    });
  }

  async order(id: string, signal: AbortSignal): Promise<readonly RestOrder[]> {
    const url = this.#address(`/v2/orders/${encodeURIComponent(id)}`, { nested: "true" });
    try {
      const body = await this.#trading.client.get(url, signal, "orders");
      return this.#read([body], url);
    } catch (error) {
      if (isBadRequest(error)) return [];
      throw error;
    }
  }

  async executionsAfter(since: number, signal: AbortSignal): Promise<readonly Execution[]> {
    const after = new Date(since).toISOString();
    const first = this.#address("/v2/account/activities/FILL", { after });
    const items = await this.#list({
      first,
      size: { parameter: "page_size", entries: ACTIVITIES_PER_PAGE },
      least: ACTIVITIES_PER_PAGE,
      advance: (url, { id }) => url.searchParams.set("page_token", String(id)),
    }, signal);
    return items.map((item) => readExecution(item, first));
  }

  #address(path: string, parameters: Readonly<Record<string, string>>): URL {
    const url = new URL(`${this.#trading.url}${path}`);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  }

  async #orders(
    first: URL,
    signal: AbortSignal,
    advance: Listing["advance"],
  ): Promise<readonly RestOrder[]> {
    const size = { parameter: "limit", entries: ORDERS_PER_PAGE };
    const least = LEAST_ORDERS_PER_PAGE;
    return this.#read(await this.#list({ first, size, least, advance }, signal), first);
  }

  #read(items: readonly unknown[], url: URL): readonly RestOrder[] {
    return readOrders(items, { url, keepsSource: this.#keepsSource });
  }

  /** Reads all pages, oldest entries first. */
  async #list({ first, size, least, advance }: Listing, signal: AbortSignal): Promise<Message[]> {
    const url = new URL(first);
    url.searchParams.set("direction", "asc");
    url.searchParams.set(size.parameter, String(size.entries));
    const items: Message[] = [];
    for (let page = 0; page < MAX_PAGES; page++) {
      const body = await this.#trading.client.get(url, signal, "orders");
      if (!Array.isArray(body) || !body.every(isMessage)) throw invalid(url, "not a list of maps");
      for (const item of body) items.push(item);
      const last = body.at(-1);
      if (last === undefined || body.length < least) return items;
      advance(url, last);
    }
    throw new TooManyEntries(`${url.host}${url.pathname}: more than ${MAX_PAGES} pages`);
  }
}

/** Reads orders, and legs that are orders of their own. */
function readOrders(
  items: readonly unknown[],
  options: { readonly url: URL; readonly keepsSource: boolean },
): readonly RestOrder[] {
  const orders: RestOrder[] = [];
  for (const item of items) {
    try {
      if (!isMessage(item)) throw new InvalidField("order", item);
      const order = readOrderDetails(item);
      orders.push({
        order: options.keepsSource ? { ...order, source: item } : order,
        replaces: textOf(item.replaces) || undefined,
        replacedAt: timeOf(item.replaced_at),
      });
      if (order.orderClass === "mleg" || !Array.isArray(item.legs)) continue;
      for (const leg of readOrders(item.legs, options)) orders.push(leg);
    } catch (error) {
      if (error instanceof InvalidField) throw invalid(options.url, error.message);
      throw error;
    }
  }
  return orders;
}

function readExecution(item: Message, url: URL): Execution {
  const orderId = textOf(item.order_id);
  if (orderId === "") throw invalid(url, "an activity without an order");
  // The id is a time and the execution's own id.
  const [, id = ""] = textOf(item.id).split("::");
  return {
    orderId,
    id,
    at: timeOf(item.transaction_time),
    price: textOf(item.price),
    qty: textOf(item.qty),
    cumQty: textOf(item.cum_qty),
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function timeOf(value: unknown): Timestamp | undefined {
  const time = parseRfc3339(textOf(value));
  return time && isTimestamp(time) ? time : undefined;
}

function invalid(url: URL, reason: string): ApiUnavailable {
  return new ApiUnavailable(`${url.host}${url.pathname}: ${reason}`);
}

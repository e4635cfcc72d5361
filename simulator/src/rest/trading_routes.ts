/**
 * `/v2/orders` and `/v2/account` (Alpaca docs "Orders"). Money is not
 * simulated: the account has an identity and a status only.
 *
 * @module
 */
import { assetClassOf, isFinal, type Order } from "../trading/order.ts";
import { renderOrder } from "../trading/order_json.ts";
import { SIDES } from "../trading/order_request.ts";
import {
  badParameter,
  missing,
  ok,
  pageSize,
  type Query,
  type RestRequest,
  type Route,
  route,
} from "./request.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;

/** The endpoints of the trading host that concern orders. */
export const tradingRoutes: readonly Route[] = [
  route("GET", "/v2/orders", (request) => {
    const { engine, query } = request;
    const nested = query.flag("nested");
    return ok(
      selectOrders(engine.orders(), request)
        .map((order) => renderOrder(order, nested)),
    );
  }),
  route("POST", "/v2/orders", async (request) => {
    return ok(request.engine.submit(await request.readBody()));
  }),
  route("DELETE", "/v2/orders", ({ engine }) => ({
    status: 207,
    body: engine.cancelAll().map((id) => ({ id, status: 200 })),
  })),
  route("GET", "/v2/orders\\:by_client_order_id", (request) => {
    const { engine, query } = request;
    const id = query.text("client_order_id");
    if (id === undefined) {
      throw badParameter("client_order_id", "it is required");
    }
    const order = engine.getByClientId(id);
    if (order === undefined) throw missing(`order not found for ${id}`);
    return ok(renderOrder(order, query.flag("nested")));
  }),
  route("GET", "/v2/orders/:id", (request) => {
    const order = mustGet(request);
    return ok(renderOrder(order, request.query.flag("nested")));
  }),
  route("PATCH", "/v2/orders/:id", async (request) => {
    const { id } = mustGet(request);
    return ok(request.engine.replace(id, await request.readBody()));
  }),
  route("DELETE", "/v2/orders/:id", (request) => {
    request.engine.cancel(mustGet(request).id);
    return { status: 204 };
  }),
  route("GET", "/v2/account", ({ account, assetId }) => {
    const id = assetId(`account ${account.key}`);
    return ok({
      id,
      account_number: `PA${id.slice(0, 8).toUpperCase()}`,
      status: "ACTIVE",
      currency: "USD",
      trading_blocked: false,
      account_blocked: false,
    });
  }),
];

function mustGet({ engine, path }: RestRequest): Order {
  const id = path["id"] ?? "";
  const order = engine.get(id);
  if (order === undefined) throw missing(`order not found for ${id}`);
  return order;
}

/**
 * Filters, sorts and cuts the orders of `GET /v2/orders`. `after` and `until`
 * compare the submission time and exclude the moment itself.
 */
function selectOrders(orders: Iterable<Order>, request: RestRequest): Order[] {
  const { query } = request;
  const wanted = [...orders].filter(orderFilter(query))
    .sort((a, b) => a.submittedAt < b.submittedAt ? -1 : a.submittedAt > b.submittedAt ? 1 : 0);
  const direction = query.oneOf("direction", ["asc", "desc"]) ?? "desc";
  const ascending = sliceById(wanted, query);
  const sorted = direction === "asc" ? ascending : ascending.reverse();
  const limit = pageSize(request, "limit", {
    fallback: DEFAULT_LIMIT,
    max: MAX_LIMIT,
  });
  return sorted.slice(0, limit);
}

/** The orders before or after one of them, without it. */
function sliceById(ascending: Order[], query: Query): Order[] {
  const before = query.text("before_order_id");
  const after = query.text("after_order_id");
  if (before === undefined && after === undefined) return ascending;
  if (query.text("after") !== undefined || query.text("until") !== undefined) {
    throw badParameter("before_order_id", "it cannot be combined with after and until");
  }
  const place = (id: string) => {
    const found = ascending.findIndex((order) => order.id === id);
    if (found < 0) throw missing(`order not found for ${id}`);
    return found;
  };
  return ascending.slice(
    after === undefined ? 0 : place(after) + 1,
    before === undefined ? undefined : place(before),
  );
}

function orderFilter(query: Query): (order: Order) => boolean {
  const status = query.oneOf("status", ["open", "closed", "all"]) ?? "open";
  const after = query.time("after");
  const until = query.time("until");
  const side = query.oneOf("side", SIDES);
  const nested = query.flag("nested");
  const symbols = new Set(query.symbols("symbols"));
  const classes = new Set(query.text("asset_class")?.split(","));
  if (classes.has("all")) classes.clear();
  return (order) =>
    (status === "all" || isFinal(order) === (status === "closed")) &&
    (after === undefined || order.submittedAt > after) &&
    (until === undefined || order.submittedAt < until) &&
    (side === undefined || order.side === side) &&
    (!nested || order.parent === undefined) &&
    (classes.size === 0 || classes.has(classOf(order))) &&
    (symbols.size === 0 || concerns(order, symbols));
}

/** A multi-leg parent has no symbol; its legs are options. */
function classOf({ symbol, children: [leg] }: Order): string {
  return assetClassOf(symbol || (leg?.symbol ?? ""));
}

/** A multi-leg parent has no symbol; it matches by those of its legs. */
function concerns(order: Order, symbols: ReadonlySet<string>): boolean {
  return symbols.has(order.symbol) ||
    order.children.some((child) => symbols.has(child.symbol));
}

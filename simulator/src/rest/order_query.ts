/**
 * `GET /v2/orders`: which orders are listed, and in which order. `after` and
 * `until` are about the submission and leave out the moment itself.
 *
 * @module
 */
import { type AssetClass, isFinal, type Order } from "../trading/order.ts";
import { SIDES } from "../trading/order_request.ts";
import type { Query } from "./query.ts";
import { badParameter } from "./rest_error.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;
const ASSET_CLASSES: readonly AssetClass[] = [
  "us_equity",
  "us_option",
  "crypto",
];

/** Picks, sorts and cuts the orders a query asks for. */
export function selectOrders(orders: Iterable<Order>, query: Query): Order[] {
  const all = [...orders]; // oldest first
  const wanted = all.filter(orderFilter(query));
  const bounded = cutAtOrders(wanted, all, query);
  const direction = query.word("direction", ["asc", "desc"]) ?? "desc";
  const sorted = direction === "asc" ? bounded : bounded.reverse();
  const limit = query.count("limit", {
    fallback: DEFAULT_LIMIT,
    max: MAX_LIMIT,
  });
  return sorted.slice(0, limit);
}

function orderFilter(query: Query): (order: Order) => boolean {
  const status = query.word("status", ["open", "closed", "all"]) ?? "open";
  const after = query.instant("after");
  const until = query.instant("until");
  const side = query.word("side", SIDES);
  const nested = query.flag("nested");
  const symbols = new Set(query.symbols("symbols"));
  const classes = assetClasses(query);
  return (order) =>
    (status === "all" || isFinal(order) === (status === "closed")) &&
    (after === undefined || order.submittedAt > after) &&
    (until === undefined || order.submittedAt < until) &&
    (side === undefined || order.side === side) &&
    (!nested || order.parent === undefined) &&
    (classes === undefined || classes.has(order.assetClass)) &&
    (symbols.size === 0 || touches(order, symbols));
}

/** A multi-leg parent has no symbol; it is listed for those of its legs. */
function touches(order: Order, symbols: ReadonlySet<string>): boolean {
  return symbols.has(order.symbol) ||
    order.children.some((child) => symbols.has(child.symbol));
}

function assetClasses(query: Query): ReadonlySet<string> | undefined {
  const text = query.text("asset_class");
  if (text === undefined) return undefined;
  const words = text.split(",");
  const bad = words.find((word) =>
    !ASSET_CLASSES.some((known) => known === word)
  );
  if (bad !== undefined) {
    throw badParameter("asset_class", `"${bad}" is not known`);
  }
  return new Set(words);
}

/** `before_order_id` and `after_order_id` leave out the order they name. */
function cutAtOrders(wanted: Order[], all: Order[], query: Query): Order[] {
  const before = query.text("before_order_id");
  const after = query.text("after_order_id");
  if (before === undefined && after === undefined) return wanted;
  const timed = query.text("after") ?? query.text("until");
  if (timed !== undefined || (before !== undefined && after !== undefined)) {
    throw badParameter(
      "before_order_id, after_order_id",
      "they exclude each other and after and until",
    );
  }
  const id = before ?? after;
  const place = all.findIndex((order) => order.id === id);
  if (place < 0) throw badParameter("order id", `${id} is not known`);
  const kept = new Set(
    before === undefined ? all.slice(place + 1) : all.slice(0, place),
  );
  return wanted.filter((order) => kept.has(order));
}

/**
 * `/v2/orders`: place, list, read, replace and cancel (Alpaca docs "Orders").
 *
 * @module
 */
import type { Order } from "../trading/order.ts";
import { selectOrders } from "./order_query.ts";
import { ok } from "./replies.ts";
import { type RestContext, type Route, route } from "./rest_context.ts";
import { badParameter, missing } from "./rest_error.ts";

/** The endpoints of orders. */
export const orderRoutes: readonly Route[] = [
  route("GET", "/v2/orders", ({ engine, query }) => {
    const nested = query.flag("nested");
    return ok(
      selectOrders(engine.orders(), query)
        .map((order) => engine.render(order, nested)),
    );
  }),
  route("POST", "/v2/orders", async (context) => {
    return ok(context.engine.submit(await context.readBody()));
  }),
  route("DELETE", "/v2/orders", ({ engine }) => ({
    status: 207,
    body: engine.cancelAll().map((id) => ({ id, status: 200 })),
  })),
  route("GET", "/v2/orders\\:by_client_order_id", (context) => {
    const { engine, query } = context;
    const id = query.text("client_order_id");
    if (id === undefined) {
      throw badParameter("client_order_id", "it is required");
    }
    const order = engine.getByClientId(id);
    if (order === undefined) throw missing(`order not found for ${id}`);
    return ok(render(context, order));
  }),
  route("GET", "/v2/orders/:id", (context) => {
    return ok(render(context, mustGet(context)));
  }),
  route("PATCH", "/v2/orders/:id", async (context) => {
    const { id } = mustGet(context);
    return ok(context.engine.replace(id, await context.readBody()));
  }),
  route("DELETE", "/v2/orders/:id", (context) => {
    context.engine.cancel(mustGet(context).id);
    return { status: 204 };
  }),
];

function mustGet({ engine, path }: RestContext): Order {
  const id = path["id"] ?? "";
  const order = engine.get(id);
  if (order === undefined) throw missing(`order not found for ${id}`);
  return order;
}

function render({ engine, query }: RestContext, order: Order) {
  return engine.render(order, query.flag("nested"));
}

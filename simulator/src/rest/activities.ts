/**
 * `/v2/account/activities/FILL`: executions for clients that missed some. Ids
 * sort by time, so the last id of a page is the token of the next.
 *
 * @module
 */
import { decimalText } from "../trading/decimals.ts";
import type { Execution } from "../trading/fill_activities.ts";
import { formatInstant } from "../trading/timestamps.ts";
import { ok } from "./replies.ts";
import { type RestContext, type Route, route } from "./rest_context.ts";
import { badParameter } from "./rest_error.ts";

const MAX_PAGE = 100;
const DAY_NANOS = 86_400_000_000_000n;

/** The endpoints of activities; only fills ever happen here. */
export const activityRoutes: readonly Route[] = [
  route("GET", "/v2/account/activities/:type", (context) => {
    return ok(context.path["type"] === "FILL" ? listFills(context) : []);
  }),
  route("GET", "/v2/account/activities", (context) => {
    const types = context.query.symbols("activity_types");
    const wanted = types.length === 0 || types.includes("FILL");
    return ok(wanted ? listFills(context) : []);
  }),
];

function listFills({ engine, query }: RestContext) {
  const size = query.count("page_size", { fallback: MAX_PAGE, max: MAX_PAGE });
  const direction = query.word("direction", ["asc", "desc"]) ?? "desc";
  const matches = timeFilter({ query });
  const fills = [...engine.executions()].filter(matches);
  if (direction === "desc") fills.reverse();
  const token = query.text("page_token");
  const start = token === undefined
    ? 0
    : fills.findIndex(({ activityId }) => activityId === token) + 1;
  if (token !== undefined && start === 0) {
    throw badParameter("page_token", "it must be the id of an activity");
  }
  return fills.slice(start, start + size).map(writeFill);
}

function timeFilter(
  { query }: Pick<RestContext, "query">,
): (fill: Execution) => boolean {
  const after = query.instant("after");
  const until = query.instant("until");
  const date = query.instant("date");
  if (date !== undefined && (after !== undefined || until !== undefined)) {
    throw badParameter("date", "it excludes after and until");
  }
  const day = date === undefined ? undefined : date - date % DAY_NANOS;
  return ({ at }) =>
    (after === undefined || at > after) &&
    (until === undefined || at < until) &&
    (day === undefined || (at >= day && at < day + DAY_NANOS));
}

function writeFill(fill: Execution) {
  return {
    activity_type: "FILL",
    id: fill.activityId,
    order_id: fill.orderId,
    order_status: fill.orderStatus,
    symbol: fill.symbol,
    side: fill.side,
    type: fill.type,
    price: decimalText(fill.price),
    qty: decimalText(fill.qty),
    cum_qty: decimalText(fill.cumQty),
    leaves_qty: decimalText(fill.leavesQty),
    transaction_time: formatInstant(fill.at),
  };
}

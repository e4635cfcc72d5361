/**
 * `/v2/account/activities` (Alpaca docs "Account Activities"). Only fills are
 * simulated; other types have no activities.
 *
 * @module
 */
import type { FillActivity } from "../trading/activities.ts";
import {
  badParameter,
  ok,
  pageSize,
  type Reply,
  type RestRequest,
  type Route,
  route,
} from "./request.ts";

const MAX_PAGE_SIZE = 100;
const CATEGORIES = ["trade_activity", "non_trade_activity"] as const;
const DAY_NANOS = 86_400_000_000_000n;

/** The endpoints of account activities. */
export const activityRoutes: readonly Route[] = [
  route("GET", "/v2/account/activities", (request) => {
    const types = request.query.text("activity_types")?.split(",");
    return listActivities(request, types);
  }),
  route("GET", "/v2/account/activities/:type", (request) => {
    return listActivities(request, [request.path["type"] ?? ""]);
  }),
];

/**
 * One page. `after` and `until` compare the transaction time and exclude the
 * moment itself; `page_token` is the id of the last activity of the page before.
 */
function listActivities(request: RestRequest, types: readonly string[] | undefined): Reply {
  const { engine, query } = request;
  const category = query.oneOf("category", CATEGORIES);
  const hasFills = category !== "non_trade_activity" &&
    (types === undefined || types.some((type) => type.trim().toUpperCase() === "FILL"));
  const wanted = (hasFills ? engine.activities() : []).filter(activityFilter(request));
  const direction = query.oneOf("direction", ["asc", "desc"]) ?? "desc";
  const sorted = direction === "asc" ? wanted : wanted.reverse();
  const size = pageSize(request, "page_size", { fallback: MAX_PAGE_SIZE, max: MAX_PAGE_SIZE });
  const start = startOfPage(sorted, query.text("page_token"));
  return ok(sorted.slice(start, start + size).map(({ json }) => json));
}

function activityFilter({ query }: RestRequest): (activity: FillActivity) => boolean {
  const after = query.time("after");
  const until = query.time("until");
  const date = query.day("date") === undefined ? undefined : query.time("date");
  if (date !== undefined && (after !== undefined || until !== undefined)) {
    throw badParameter("date", "it cannot be combined with after and until");
  }
  return ({ at }) =>
    (after === undefined || at > after) &&
    (until === undefined || at < until) &&
    (date === undefined || (at >= date && at < date + DAY_NANOS));
}

function startOfPage(sorted: readonly FillActivity[], token: string | undefined): number {
  if (token === undefined) return 0;
  const last = sorted.findIndex(({ json }) => json.id === token);
  if (last < 0) throw badParameter("page_token", "it must be the id of an activity");
  return last + 1;
}

/**
 * Code tables: exchanges and conditions, as maps from code to text.
 *
 * @module
 */
import {
  OPTION_EXCHANGES,
  OPTION_QUOTE_CONDITIONS,
  OPTION_TRADE_CONDITIONS,
  QUOTE_CONDITIONS,
  STOCK_EXCHANGES,
  TRADE_CONDITIONS,
} from "./code_tables.ts";
import { ok } from "./replies.ts";
import { type Route, route } from "./rest_context.ts";
import { badParameter } from "./rest_error.ts";

/** The endpoints of the code tables. */
export const metaRoutes: readonly Route[] = [
  route("GET", "/v2/stocks/meta/exchanges", () => ok(STOCK_EXCHANGES)),
  route("GET", "/v2/stocks/meta/conditions/:kind", ({ path, query }) => {
    const tape = query.word("tape", ["A", "B", "C"]);
    if (tape === undefined) throw badParameter("tape", "it is required");
    const plan = tape === "C" ? "utp" : "cta";
    return ok(byKind(path["kind"], TRADE_CONDITIONS, QUOTE_CONDITIONS)[plan]);
  }),
  route("GET", "/v1beta1/options/meta/exchanges", () => ok(OPTION_EXCHANGES)),
  route("GET", "/v1beta1/options/meta/conditions/:kind", ({ path }) => {
    return ok(
      byKind(path["kind"], OPTION_TRADE_CONDITIONS, OPTION_QUOTE_CONDITIONS),
    );
  }),
];

function byKind<T>(kind: string | undefined, trade: T, quote: T): T {
  if (kind === "trade") return trade;
  if (kind === "quote") return quote;
  throw badParameter("ticktype", "it must be trade or quote");
}

/**
 * The `feed` parameter of the data host: which words there are, what stands
 * in when it is absent, and what a plan may read (403 otherwise).
 *
 * @module
 */
import { PLANS } from "../plans.ts";
import type { EndpointName } from "../protocol/endpoints.ts";
import type { RestContext } from "./rest_context.ts";
import { RestError } from "./rest_error.ts";

const STOCK_FEEDS = [
  "sip",
  "iex",
  "delayed_sip",
  "boats",
  "overnight",
  "otc",
] as const;
const OPTION_FEEDS = ["opra", "indicative"] as const;

/** The stock feed that is asked for; without one, the best of the plan. */
export function checkStockFeed(
  { account, query }: RestContext,
): EndpointName | "otc" {
  const feed = query.word("feed", STOCK_FEEDS);
  if (feed === undefined) {
    return PLANS[account.plan].feeds.has("sip") ? "sip" : "iex";
  }
  if (feed !== "otc") checkPlan(account.plan, feed, "recent SIP data");
  return feed;
}

/** Checks the option feed; without one, the best of the plan is taken. */
export function checkOptionFeed({ account, query }: RestContext): void {
  const feed = query.word("feed", OPTION_FEEDS);
  if (feed !== undefined) checkPlan(account.plan, feed, "OPRA data");
}

function checkPlan(
  plan: keyof typeof PLANS,
  feed: EndpointName,
  what: string,
): void {
  if (PLANS[plan].feeds.has(feed)) return;
  throw new RestError(403, {
    message: `subscription does not permit querying ${what}`,
  });
}

import type { PlanName } from "./ports.ts";
import type { EndpointName } from "./protocol/endpoints.ts";

/** What an account's plan allows. */
export interface Plan {
  /** Streams the plan covers; others are refused with 409 at login. */
  readonly feeds: ReadonlySet<EndpointName>;
  /** Stock subscriptions that count; Infinity for no limit. */
  readonly stockSymbols: number;
  /** Option quote subscriptions. */
  readonly optionQuotes: number;
  /** Authenticated sessions per endpoint. */
  readonly connections: number;
  /** Market-data REST requests per minute. */
  readonly dataRequestsPerMinute: number;
}

const BASIC: Plan = {
  feeds: new Set(["iex", "test", "indicative"]),
  stockSymbols: 30,
  optionQuotes: 200,
  connections: 1,
  dataRequestsPerMinute: 200,
};

const PLUS: Plan = {
  feeds: new Set([
    "sip",
    "iex",
    "delayed_sip",
    "boats",
    "overnight",
    "test",
    "opra",
    "indicative",
  ]),
  stockSymbols: Infinity,
  optionQuotes: 1000,
  connections: 1,
  dataRequestsPerMinute: 10_000,
};

/** The limits of every plan, from Alpaca's "About Market Data API". */
export const PLANS: Readonly<Record<PlanName, Plan>> = {
  basic: BASIC,
  plus: PLUS,
  broker_standard: { ...PLUS, connections: 5, dataRequestsPerMinute: 1000 },
  broker_plus_10000: { ...PLUS, connections: 10 },
};

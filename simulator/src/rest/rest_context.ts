/**
 * What the REST endpoints are made from, and what one request knows.
 *
 * @module
 */
import type {
  Account,
  MarketView,
  PriceSource,
  RestFaults,
  SimClock,
  SimulatorRandom,
} from "../ports.ts";
import type { EndpointName } from "../protocol/endpoints.ts";
import type { AssetIds } from "../trading/asset_ids.ts";
import type { OrderEngine } from "../trading/order_engine.ts";
import type { MarketHistory } from "./market_history.ts";
import type { Query } from "./query.ts";
import { RateLimiter } from "./rate_limiter.ts";
import type { Reply } from "./replies.ts";

/** The orders behind the trading host. */
export interface TradingDesk {
  readonly assetIds: AssetIds;
  /** Prices of everything that can be traded, currency pairs included. */
  readonly prices: PriceSource;
  engineOf(accountKey: string): OrderEngine;
}

/** Settings of the REST endpoints. */
export interface RestOptions {
  /** Trading requests per minute and account. Default 200. */
  readonly tradingRequestsPerMinute?: number;
  /** Data requests per minute and account. Default: by plan. */
  readonly dataRequestsPerMinute?: number;
  /**
   * Elements of each kind and symbol to remember for the history endpoints;
   * 0 remembers nothing. Default: 1000, or less in a large universe.
   */
  readonly historyPerSymbol?: number;
}

/** Everything the endpoints work with. */
export interface RestParts {
  readonly clock: SimClock;
  readonly random: SimulatorRandom;
  readonly accounts: readonly Account[];
  readonly market: MarketView;
  readonly trading: TradingDesk;
  readonly faults?: RestFaults;
  /** What a feed said before; where there is nothing, histories are empty. */
  historyOf?(feed: EndpointName): MarketHistory | undefined;
}

/** The parts with what requests share. */
export interface RestDependencies extends RestParts {
  readonly options: RestOptions;
  readonly limiter: RateLimiter;
  readonly requestIds: SimulatorRandom;
}

/** Makes the dependencies of `handleRest`, once per simulator. */
export function restDependencies(
  parts: RestParts,
  options: RestOptions = {},
): RestDependencies {
  return {
    ...parts,
    options,
    limiter: new RateLimiter(parts.clock),
    requestIds: parts.random.fork("request ids"),
  };
}

/** One authenticated request. */
export interface RestContext {
  readonly deps: RestDependencies;
  readonly account: Account;
  readonly engine: OrderEngine;
  readonly query: Query;
  /** Named parts of the path, decoded. */
  readonly path: Readonly<Record<string, string | undefined>>;
  /** Reads the JSON body; 400 when it is none. */
  readBody(): Promise<unknown>;
}

/** Which host of Alpaca a route belongs to; it decides limits and errors. */
export type Host = "trading" | "data";

/** One endpoint. */
export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly host: Host;
  readonly pattern: URLPattern;
  handle(context: RestContext): Reply | Promise<Reply>;
}

/** Makes a route; the path is a `URLPattern` path. */
export function route(
  method: Route["method"],
  pathname: string,
  handle: Route["handle"],
): Route {
  const host: Host = /^\/v2\/stocks|^\/v1beta1\//.test(pathname)
    ? "data"
    : "trading";
  return { method, host, pattern: new URLPattern({ pathname }), handle };
}

/**
 * The REST endpoints: finds the route of a request, checks credentials and
 * rate, applies planned faults, and replies in Alpaca's shapes.
 *
 * @module
 */
import { type Account, findAccountByHeaders, PLANS } from "../accounts.ts";
import type { Clock } from "../clock.ts";
import type { Faults } from "../faults.ts";
import type { MarketPrices } from "../market/prices.ts";
import { encodeJson } from "../protocol/encoding.ts";
import type { SeededRandom } from "../random.ts";
import type { RestFault } from "../rest_faults.ts";
import { OrderRejection } from "../trading/order_request.ts";
import type { Trading } from "../trading/trading.ts";
import { activityRoutes } from "./activity_routes.ts";
import { contractRoutes } from "./contract_routes.ts";
import { marketDataRoutes } from "./market_data_routes.ts";
import { type Host, Query, type Reply, RestError, type Route } from "./request.ts";
import { tradingRoutes } from "./trading_routes.ts";

/** If two patterns match, the first applies. */
const ROUTES: readonly Route[] = [
  ...tradingRoutes,
  ...activityRoutes,
  ...contractRoutes,
  ...marketDataRoutes,
];

const TRADING_REQUESTS_PER_MINUTE = 200;
const WINDOW_MS = 60_000;

/** Settings of the REST endpoints. */
export interface RestOptions {
  /** Trading requests per minute and account. Default 200. */
  readonly tradingRequestsPerMinute?: number;
  /** Data requests per minute and account. Default: by plan. */
  readonly dataRequestsPerMinute?: number;
  /** Symbols of option contracts that are listed as not tradable. Default: none. */
  readonly untradableContracts?: RegExp;
}

/** What the REST endpoints need. */
interface RestDependencies {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly accounts: readonly Account[];
  readonly market: MarketPrices;
  readonly trading: Trading;
  readonly faults: Faults;
}

/** A route that matches a path; undefined for a method the path lacks. */
interface Match {
  readonly host: Host;
  readonly route: Route | undefined;
  readonly path: Readonly<Record<string, string | undefined>>;
}

/** Replies to requests of the trading host and of the data host. */
export class RestApi {
  readonly #deps: RestDependencies;
  readonly #options: RestOptions;
  readonly #requestIds: SeededRandom;
  /** Requests per host and account since the window began. */
  readonly #windows = new Map<string, { endsAt: number; used: number }>();

  constructor(deps: RestDependencies, options: RestOptions = {}) {
    this.#deps = deps;
    this.#options = options;
    this.#requestIds = deps.random.fork("request ids");
  }

  /** Replies to a request; undefined when no endpoint has its path. */
  async handle(request: Request): Promise<Response | undefined> {
    const url = new URL(request.url);
    const match = findRoute(request.method, url);
    if (match === undefined) return undefined;
    const headers: Record<string, string> = {
      "date": new Date(this.#deps.clock.now()).toUTCString(),
      "x-request-id": this.#requestIds.uuid().replaceAll("-", ""),
    };
    const delayMs = this.#deps.faults.restDelayMs();
    if (delayMs > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#deps.clock.setTimer(delayMs, resolve);
      await promise;
    }
    try {
      return respond(await this.#answer(request, url, match, headers), headers);
    } catch (error) {
      return respond(errorReply(error, match.host), headers);
    }
  }

  async #answer(
    request: Request,
    url: URL,
    { host, route, path }: Match,
    headers: Record<string, string>,
  ): Promise<Reply> {
    const { clock, market, trading, accounts, faults } = this.#deps;
    const account = authenticate(request, accounts, host);
    this.#limitRate(account, host, headers);
    const fault = faults.takeRestFault(url.pathname);
    if (fault?.kind === "status") throw plannedError(fault, headers);
    if (route === undefined) {
      throw new RestError(405, { message: "method not allowed" });
    }
    const reply = await route.handle({
      clock,
      market,
      account,
      engine: trading.engineOf(account.key),
      assetId: trading.assetId,
      query: new Query(url.searchParams),
      isTradable: (symbol) => symbol.search(this.#options.untradableContracts ?? /^$/) === -1,
      isEmptyPage: fault?.kind === "empty_page",
      path,
      readBody: () => readJson(request),
    });
    if (fault?.kind === "timeout") await Promise.withResolvers<never>().promise;
    return { ...reply, isCut: fault?.kind === "cut" };
  }

  /**
   * Counts a request against the limit per minute, in windows that begin with
   * the first request (Alpaca docs "About Market Data API"). Throws a
   * `RestError` (429) above it.
   */
  #limitRate(
    account: Account,
    host: Host,
    headers: Record<string, string>,
  ): void {
    const limit = host === "trading"
      ? this.#options.tradingRequestsPerMinute ?? TRADING_REQUESTS_PER_MINUTE
      : this.#options.dataRequestsPerMinute ??
        PLANS[account.plan].dataRequestsPerMinute;
    const now = this.#deps.clock.now();
    const key = `${host} ${account.key}`;
    let window = this.#windows.get(key);
    if (window === undefined || window.endsAt <= now) {
      window = { endsAt: now + WINDOW_MS, used: 0 };
      this.#windows.set(key, window);
    }
    const allowed = window.used < limit;
    if (allowed) window.used++;
    const { endsAt, used } = window;
    headers["x-ratelimit-limit"] = String(limit);
    headers["x-ratelimit-remaining"] = String(Math.max(0, limit - used));
    headers["x-ratelimit-reset"] = String(Math.ceil(endsAt / 1000));
    if (allowed) return;
    const retryAfter = Math.max(1, Math.ceil((endsAt - now) / 1000));
    headers["retry-after"] = String(retryAfter);
    throw new RestError(429, { message: "too many requests.", code: 42910000 });
  }
}

function findRoute(method: string, url: URL): Match | undefined {
  let found: Match | undefined;
  for (const route of ROUTES) {
    const match = route.pattern.exec({ pathname: url.pathname });
    if (match === null) continue;
    const path = Object.fromEntries(
      Object.entries(match.pathname.groups).map(([name, value]) => [
        name,
        value && decodePart(value),
      ]),
    );
    if (route.method === method) return { host: route.host, route, path };
    found ??= { host: route.host, route: undefined, path };
  }
  return found;
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return part;
    throw error;
  }
}

function authenticate(
  request: Request,
  accounts: readonly Account[],
  host: Host,
): Account {
  const headers = Object.fromEntries(request.headers);
  const account = findAccountByHeaders(accounts, headers);
  if (account !== undefined) return account;
  throw new RestError(401, {
    message: "unauthorized.",
    ...(host === "trading" ? { code: 40110000 } : {}),
  });
}

function plannedError(
  { status = 500, retryAfterSeconds }: RestFault,
  headers: Record<string, string>,
): RestError {
  const retryAfter = retryAfterSeconds ?? (status === 429 ? 1 : undefined);
  if (retryAfter !== undefined) headers["retry-after"] = String(retryAfter);
  const message = status === 429
    ? "too many requests."
    : status >= 500
    ? "internal server error occurred"
    : "forbidden.";
  return new RestError(status, { message, code: status * 100_000 });
}

function errorReply(error: unknown, host: Host): Reply {
  // An error of the simulator itself must not look like a simulated one.
  if (!(error instanceof RestError || error instanceof OrderRejection)) {
    throw error;
  }
  const { status, code, message } = error;
  const coded = host === "trading" && code !== undefined;
  return { status, body: coded ? { code, message } : { message } };
}

function respond(
  { status, body, isCut }: Reply,
  headers: Record<string, string>,
): Response {
  if (body === undefined) return new Response(null, { status, headers });
  // Not JSON.stringify: 64-bit trade ids are written digit by digit.
  const bytes = new TextEncoder().encode(encodeJson(body as object));
  return new Response(isCut ? cutStream(bytes) : bytes, {
    status,
    headers: {
      ...headers,
      "content-type": "application/json; charset=UTF-8",
      "content-length": String(bytes.length),
    },
  });
}

/** The first half of a body, then an error. */
function cutStream(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let isSent = false;
  return new ReadableStream({
    pull(controller) {
      if (isSent) return controller.error(new Error("the connection is cut by a fault"));
      isSent = true;
      controller.enqueue(bytes.subarray(0, bytes.length >> 1));
    },
  });
}

async function readJson(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new RestError(400, {
      message: "request body format is invalid",
      code: 40010000,
    });
  }
}

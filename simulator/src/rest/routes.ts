/**
 * The REST side of the simulator: finds the endpoint of a request, checks its
 * credentials and its rate, lets planned faults happen, and answers in
 * Alpaca's shapes.
 *
 * @module
 */
import type { Account } from "../ports.ts";
import { PLANS } from "../plans.ts";
import { findAccountByHeaders } from "../session/credentials.ts";
import { OrderRefusal } from "../trading/order_refusal.ts";
import { accountRoutes } from "./account.ts";
import { activityRoutes } from "./activities.ts";
import { metaRoutes } from "./meta.ts";
import { contractRoutes } from "./option_contracts.ts";
import { optionDataRoutes } from "./option_data.ts";
import { orderRoutes } from "./orders.ts";
import { Query } from "./query.ts";
import type { Allowance } from "./rate_limiter.ts";
import { type Reply, respond } from "./replies.ts";
import type {
  Host,
  RestContext,
  RestDependencies,
  Route,
} from "./rest_context.ts";
import { RestError } from "./rest_error.ts";
import { stockDataRoutes } from "./stock_data.ts";
import { stockHistoryRoutes } from "./stock_history.ts";

/** Where two patterns match, the first wins. */
const ROUTES: readonly Route[] = [
  ...orderRoutes,
  ...accountRoutes,
  ...activityRoutes,
  ...contractRoutes,
  ...metaRoutes,
  ...stockDataRoutes,
  ...stockHistoryRoutes,
  ...optionDataRoutes,
];

const TRADING_REQUESTS_PER_MINUTE = 200;

/**
 * Answers a request of the trading or the data host; undefined when the path
 * is neither's, so that the caller may look elsewhere.
 */
export async function handleRest(
  request: Request,
  deps: RestDependencies,
): Promise<Response | undefined> {
  const url = new URL(request.url);
  const found = findRoute(request.method, url);
  if (found === undefined) return undefined;
  const headers: Record<string, string> = {
    "x-request-id": deps.requestIds.uuid().replaceAll("-", ""),
  };
  const delayMs = deps.faults?.restDelayMs(url.pathname) ?? 0;
  if (delayMs > 0) await sleep(deps, delayMs);
  try {
    const reply = await answer(request, { url, found, deps, headers });
    return respond(reply, headers);
  } catch (error) {
    return respond(errorReply(error, found.host), headers);
  }
}

interface Found {
  readonly host: Host;
  readonly route: Route | undefined;
  readonly path: Readonly<Record<string, string | undefined>>;
}

/** A known path with a method it does not have is found without a route. */
function findRoute(method: string, url: URL): Found | undefined {
  let known: Found | undefined;
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
    known ??= { host: route.host, route: undefined, path };
  }
  return known;
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return part;
    throw error;
  }
}

interface Arrival {
  readonly url: URL;
  readonly found: Found;
  readonly deps: RestDependencies;
  /** Grows while the request is looked at. */
  readonly headers: Record<string, string>;
}

async function answer(
  request: Request,
  { url, found, deps, headers }: Arrival,
): Promise<Reply> {
  const account = authenticate(request, deps, found.host);
  limitRate(account, { found, deps, headers });
  const planned = deps.faults?.takeRestStatus(url.pathname);
  if (planned !== undefined) throw plannedError(planned, headers);
  if (found.route === undefined) {
    throw new RestError(405, { message: "method not allowed" });
  }
  const context: RestContext = {
    deps,
    account,
    engine: deps.trading.engineOf(account.key),
    query: new Query(url.searchParams),
    path: found.path,
    readBody: () => readJson(request),
  };
  return await found.route.handle(context);
}

function authenticate(
  request: Request,
  { accounts }: RestDependencies,
  host: Host,
): Account {
  const account = findAccountByHeaders(
    accounts,
    Object.fromEntries(request.headers),
  );
  if (account !== undefined) return account;
  throw host === "trading"
    ? new RestError(401, { message: "unauthorized.", code: 40110000 })
    : new RestError(401, { message: "unauthorized." });
}

function limitRate(
  account: Account,
  { found, deps, headers }: Pick<Arrival, "found" | "deps" | "headers">,
): void {
  const limit = found.host === "trading"
    ? deps.options.tradingRequestsPerMinute ?? TRADING_REQUESTS_PER_MINUTE
    : deps.options.dataRequestsPerMinute ??
      PLANS[account.plan].dataRequestsPerMinute;
  const allowance = deps.limiter.take(`${found.host} ${account.key}`, limit);
  writeAllowance(allowance, headers);
  if (allowance.allowed) return;
  headers["retry-after"] = String(allowance.retryAfterSeconds);
  throw new RestError(429, { message: "too many requests.", code: 42910000 });
}

function writeAllowance(
  { limit, remaining, resetAt }: Allowance,
  headers: Record<string, string>,
): void {
  headers["x-ratelimit-limit"] = String(limit);
  headers["x-ratelimit-remaining"] = String(remaining);
  headers["x-ratelimit-reset"] = String(resetAt);
}

function plannedError(
  status: number,
  headers: Record<string, string>,
): RestError {
  if (status === 429) headers["retry-after"] = "1";
  const message = status === 429
    ? "too many requests."
    : status >= 500
    ? "internal server error occurred"
    : "forbidden.";
  return new RestError(status, { message, code: status * 100_000 });
}

function errorReply(error: unknown, host: Host): Reply {
  if (!(error instanceof RestError || error instanceof OrderRefusal)) {
    throw error; // a fault of ours must not look like a simulated one
  }
  const { status, code, message } = error;
  const coded = host === "trading" && code !== undefined;
  return { status, body: coded ? { code, message } : { message } };
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

function sleep({ clock }: RestDependencies, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(delayMs, resolve);
  });
}

/**
 * Checks calls and streams against what an identity may do, before anything is opened.
 *
 * @module
 */
import type { Grants } from "../../domain/access/grants.ts";
import type { FeedId } from "../../domain/connection/feed.ts";
import type { ChannelName } from "../../domain/market/channels.ts";
import { occRoot, parseOccSymbol } from "../../domain/market/occ_symbol.ts";
import { usualUnderlying } from "../../domain/options/underlying_directory.ts";
import { CHANNEL_SOURCES } from "../../domain/subscription/pairs.ts";
import type { StreamFilter } from "../streaming/market_streams.ts";

/** Kinds of grants that a request can lack. */
type GrantKind = "rpc" | "feed" | "orders" | "symbols" | "admin";

/** Symbols that an error names; the search for others ends then. */
const SHOWN = 10;
/** Characters of a method that an error names; no method of the contract has more. */
const MAX_METHOD_LENGTH = 64;

/** An identity may not do what it requests; the message names only parts of the request. */
export class PermissionDenied extends Error {
  override readonly name = "PermissionDenied";
  readonly grant: GrantKind;
  /** What of the request is not granted, for example `StreamQuotes`; shortened. */
  readonly subject: string;

  constructor(grant: GrantKind, subject: string, message: string) {
    super(message);
    this.grant = grant;
    this.subject = subject;
  }
}

/** The service whose methods are granted one by one. */
const STREAM_SERVICE = "cream.v1.StreamProxyService";
/** The administration service, which has a grant of its own. */
const ADMIN_SERVICE = "cream.v1.AdminService";

/**
 * Checks a call by its path, `/package.Service/Method`. Other services, such as reflection, need an
 * identity and no grant.
 *
 * @throws {PermissionDenied}
 */
export function authorizeCall(grants: Grants, path: string): void {
  const [, service, method = ""] = path.split("/");
  if (service === STREAM_SERVICE) authorizeRpc(grants, method.slice(0, MAX_METHOD_LENGTH));
  if (service === ADMIN_SERVICE) authorizeAdmin(grants);
}

function authorizeRpc({ rpcs }: Grants, rpc: string): void {
  if (rpcs.matches(rpc)) return;
  const text = `The identity may not call ${rpc}; the operator grants it in rpcs of its role`;
  throw new PermissionDenied("rpc", rpc, text);
}

/**
 * Checks administration.
 *
 * @throws {PermissionDenied}
 */
export function authorizeAdmin({ admin }: Grants): void {
  if (admin) return;
  const text = "The identity may not administer; the operator grants it with admin of its role";
  throw new PermissionDenied("admin", "admin", text);
}

/**
 * Checks a request for the subscriptions of all clients.
 *
 * @param reported the feeds whose subscriptions are reported
 * @throws {PermissionDenied}
 */
export function authorizeSubscriptions(
  { feeds, symbols }: Grants,
  reported: Iterable<FeedId>,
): void {
  if (symbols.isAll && hasAll(feeds, reported)) return;
  const text =
    "The identity may not read the subscriptions of all clients, because its symbols or " +
    "feeds are limited; leave out include_subscriptions";
  throw new PermissionDenied("symbols", "include_subscriptions", text);
}

function hasAll(granted: ReadonlySet<FeedId>, feeds: Iterable<FeedId>): boolean {
  for (const feed of feeds) if (!granted.has(feed)) return false;
  return true;
}

/**
 * Checks a request for the status page, which shows the streams and subscriptions of all clients.
 *
 * @param shown the feeds that it shows
 * @throws {PermissionDenied}
 */
export function authorizeStatusPage(grants: Grants, shown: Iterable<FeedId>): void {
  authorizeRpc(grants, "GetConnectionStatus");
  const { admin, symbols, feeds } = grants;
  if (admin || (symbols.isAll && hasAll(feeds, shown))) return;
  const text =
    "The identity may not read the status page, because its symbols or feeds are limited";
  throw new PermissionDenied("symbols", "status page", text);
}

/**
 * Checks what a stream requests. An identity with limited symbols has to name them: it may neither
 * request all symbols, nor orders by their ids.
 *
 * @throws {PermissionDenied}
 */
export function authorizeStream(grants: Grants, channel: ChannelName, filter: StreamFilter): void {
  const { feed } = CHANNEL_SOURCES[channel];
  if (channel === "orderUpdates" && !grants.orders) {
    const text =
      "The identity may not stream order updates; the operator grants them with orders of its role";
    throw new PermissionDenied("orders", "orders", text);
  }
  authorizeFeed(grants, feed);
  if (!grants.symbols.isAll) checkSymbols(grants, filter);
}

/**
 * Checks the use of a feed.
 *
 * @throws {PermissionDenied}
 */
export function authorizeFeed({ feeds }: Grants, feed: FeedId): void {
  if (feeds.has(feed)) return;
  const text =
    `The identity may not use the feed ${feed}; the operator grants it in feeds of its role`;
  throw new PermissionDenied("feed", feed, text);
}

function checkSymbols({ symbols: granted }: Grants, filter: StreamFilter): void {
  const { symbols, underlyings = [], orderIds = [] } = filter;
  if (orderIds.length > 0) {
    const text = "The identity may not request orders by order_ids, which may be of any symbol; " +
      "name the symbols that it may request";
    throw new PermissionDenied("symbols", "order_ids", text);
  }
  if (symbols.length + underlyings.length === 0) {
    const text = "The identity may not request all symbols; name the symbols that it may request";
    throw new PermissionDenied("symbols", "*", text);
  }
  const denied: string[] = [];
  for (const symbol of symbols) {
    if (denied.length > SHOWN) break;
    if (!mayRequest(granted, symbol)) denied.push(symbol);
  }
  for (const underlying of underlyings) {
    if (denied.length > SHOWN) break;
    if (!granted.matches(underlying)) denied.push(underlying);
  }
  if (denied.length === 0) return;
  const shown = denied.slice(0, SHOWN).join(", ");
  const subject = denied.length > SHOWN ? `${shown} and more` : shown;
  const text = `The identity may not request ${subject}; leave them out, or have the operator ` +
    "grant them in symbols of its role";
  throw new PermissionDenied("symbols", subject, text);
}

/** Whether a symbol is granted, for a contract also by its underlying. */
function mayRequest(granted: Grants["symbols"], symbol: string): boolean {
  if (granted.matches(symbol)) return true;
  return parseOccSymbol(symbol) !== undefined && granted.matches(usualUnderlying(occRoot(symbol)));
}

/**
 * Reads the responses of Alpaca's REST API: pages and the fields of their bodies.
 *
 * @module
 */
import { ApiUnavailable } from "../../../application/ports/api_unavailable.ts";
import type { ApiText } from "../../../application/cluster/rest_responder.ts";
import type { RestPurpose } from "../../../application/status/counters.ts";
import { parseWithBigInts } from "../codecs.ts";

/** Status codes of an invalid request. */
const BAD_REQUEST: ReadonlySet<number> = new Set([400, 404, 422]);

/** A map of a body; its values are not validated. */
type Fields = Readonly<Record<string, unknown>>;

/** Reads JSON from the REST endpoints of one account. */
export interface ApiClient {
  /**
   * How far the own clock is ahead of the server's, in ms, by the `Date` of the last response,
   * which has whole seconds; 0 before one with a valid date.
   */
  readonly clockAheadMs: number;
  /**
   * Returns the body of a GET request as JSON; integers that a double cannot hold
   * are `bigint`. Requests of one purpose are sent in the order of the calls; one
   * whose `signal` has fired is not sent.
   *
   * @throws ApiUnavailable
   */
  get(url: URL, signal: AbortSignal, purpose: RestPurpose): Promise<unknown>;
  /**
   * As {@linkcode ApiClient.get}, without reading the JSON.
   *
   * @throws ApiUnavailable
   */
  getText(url: URL, signal: AbortSignal, purpose: RestPurpose): Promise<ApiText>;
}

/** A client and the address of one API. */
export interface ApiHost {
  readonly client: ApiClient;
  /** Without a slash at the end. */
  readonly url: string;
}

/** Alpaca's APIs. */
export interface ApiHosts {
  readonly trading: ApiHost;
  readonly data: ApiHost;
}

/** How the pages of a query are read. */
interface Paging {
  /** Entries on a page. */
  readonly pageSize: number;
  /** More pages are an error. */
  readonly maxPages: number;
  readonly signal: AbortSignal;
  readonly purpose: RestPurpose;
}

/** Yields every page from `first` on; a repeated page token is an error. */
export async function* pages(
  client: ApiClient,
  first: URL,
  { pageSize, maxPages, signal, purpose }: Paging,
): AsyncGenerator<unknown, void> {
  const url = new URL(first);
  url.searchParams.set("limit", String(pageSize));
  const seen = new Set<string>();
  for (;;) {
    const body = await client.get(url, signal, purpose);
    yield body;
    const next = fieldsOf(body).next_page_token;
    if (typeof next !== "string" || next === "") return;
    if (seen.has(next)) throw pagingError(url, "a page token is repeated");
    if (seen.size + 1 >= maxPages) throw pagingError(url, `more than ${maxPages} pages`);
    seen.add(next);
    url.searchParams.set("page_token", next);
  }
}

function pagingError(url: URL, reason: string): ApiUnavailable {
  return new ApiUnavailable(`${url.host}${url.pathname}: ${reason}`);
}

/** Digits of the shortest integer that a double may not hold. */
const LONG_NUMBER = /\d{16}/;

/**
 * Parses a body; integers that a double cannot hold are `bigint`. Several times slower only where
 * the text has a long number, such as the id of a trade.
 *
 * @throws SyntaxError
 */
export function parseBody(text: string): unknown {
  return LONG_NUMBER.test(text) ? parseWithBigInts(text) : JSON.parse(text);
}

/** Whether Alpaca rejected the parameters, for example one of several symbols. */
export function isBadRequest(error: unknown): error is ApiUnavailable {
  return error instanceof ApiUnavailable && error.status !== undefined &&
    BAD_REQUEST.has(error.status);
}

/** @throws ApiUnavailable when the body has no such list */
export function listOf(body: unknown, name: string): readonly unknown[] {
  const value = fieldsOf(body)[name];
  // Alpaca may send null for an empty list.
  if (value === null) return [];
  if (!Array.isArray(value)) throw unexpected(name);
  return value;
}

/** @throws ApiUnavailable when the body has no such map */
export function mapOf(body: unknown, name: string): Fields {
  const value = fieldsOf(body)[name];
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw unexpected(name);
  return fieldsOf(value);
}

/** The fields of a map; `{}` for other values. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? value as Fields : {};
}

function unexpected(name: string): ApiUnavailable {
  return new ApiUnavailable(`the response has no "${name}": check the address of the API`);
}

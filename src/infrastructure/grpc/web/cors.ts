/**
 * Which web pages may call the proxy.
 *
 * Every request of a page to another origin has the header `Origin`, which scripts cannot change.
 * A page may call the proxy if it came from the same host and port, or if its origin is listed.
 * Calls of other pages are refused before they are read, and the browser shows their scripts
 * nothing. Calls have content types that a page cannot send to another origin without a preflight.
 * Cookies and other credentials of the browser are never allowed; tokens are sent by the page.
 *
 * @module
 */
import { cors } from "@connectrpc/connect";

/** Every origin; accepted in settings only together with authentication. */
const ANY_ORIGIN = "*";

/** How long a browser may reuse the response to a preflight, in seconds. */
const MAX_AGE_SECS = 7_200;

const ALLOWED_HEADERS = [...cors.allowedHeaders, "Authorization"].join(", ");
const EXPOSED_HEADERS = cors.exposedHeaders.join(", ");

/** Decides by origin. */
export class Cors {
  readonly #origins: ReadonlySet<string>;

  /** @param origins such as `https://app.example.org`, or `*` */
  constructor(origins: Iterable<string>) {
    this.#origins = new Set(origins);
  }

  /**
   * Whether a request may be served.
   *
   * @param origin header of the request; programs that are not browsers send none
   * @param host header `Host` of the request
   */
  allows(origin: string | undefined, host: string | undefined): boolean {
    if (origin === undefined || this.#isListed(origin)) return true;
    return host !== undefined && URL.parse(origin)?.host === host.toLowerCase();
  }

  /** Headers of a response, which let a listed page read it. */
  headers(origin: string | undefined): Record<string, string> {
    if (origin === undefined || !this.#isListed(origin)) return { vary: "Origin" };
    return {
      vary: "Origin",
      "access-control-allow-origin": origin,
      "access-control-expose-headers": EXPOSED_HEADERS,
    };
  }

  /** Headers of the response to a preflight. */
  preflightHeaders(origin: string | undefined): Record<string, string> {
    if (origin === undefined || !this.#isListed(origin)) return { vary: "Origin" };
    return {
      vary: "Origin",
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": ALLOWED_HEADERS,
      "access-control-max-age": String(MAX_AGE_SECS),
    };
  }

  #isListed(origin: string): boolean {
    return this.#origins.has(origin) || this.#origins.has(ANY_ORIGIN);
  }
}

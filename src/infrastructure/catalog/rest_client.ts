/**
 * GET requests to Alpaca's REST API, patient within bounds.
 *
 * One request at a time: the rate limit is per account and the streams are
 * what matters. A 429 waits as long as upstream says; faults of the server or
 * the network are retried a few times; anything else is final and told.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import { CatalogUnavailable } from "../../application/ports/option_catalog.ts";

/** Attempts for one answer. */
const ATTEMPTS = 5;
/** Wait after a fault that does not say how long to wait. */
const FAULT_DELAY_MS = 1_000;
/** No wait is longer than this, whatever a header says. */
const LONGEST_DELAY_MS = 60_000;
const TIMEOUT_MS = 15_000;

/** What a client needs. */
export interface RestClientParts {
  /** Reveals the key pair at the moment of a request, and only then. */
  readonly credentials: () => { readonly key: string; readonly secret: string };
  readonly clock: Clock;
  readonly log: Log;
}

/** Reads JSON from one account's REST endpoints. */
export class RestClient {
  readonly #parts: RestClientParts;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: RestClientParts) {
    this.#parts = parts;
  }

  /**
   * The body of a GET request as JSON.
   *
   * @throws CatalogUnavailable
   */
  get(url: URL, signal: AbortSignal): Promise<unknown> {
    const answer = this.#last.then(() => this.#getPatiently(url, signal));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #getPatiently(url: URL, signal: AbortSignal): Promise<unknown> {
    const { clock, log } = this.#parts;
    let said = "";
    for (let attempt = 1; attempt <= ATTEMPTS && !signal.aborted; attempt++) {
      const outcome = await this.#attempt(url, signal);
      if ("body" in outcome) return outcome.body;
      said = outcome.said;
      if (outcome.retryMs === undefined) break;
      const delayMs = Math.min(outcome.retryMs, LONGEST_DELAY_MS);
      log.debug("REST request is retried", {
        path: url.pathname,
        cause: said,
        delay_ms: delayMs,
      });
      await clock.sleep(delayMs, signal);
    }
    throw new CatalogUnavailable(`${url.host}${url.pathname}: ${said}`);
  }

  async #attempt(url: URL, signal: AbortSignal): Promise<Outcome> {
    const { key, secret } = this.#parts.credentials();
    try {
      const response = await fetch(url, {
        headers: { "APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret },
        // Credentials must not follow a redirect to somewhere else.
        redirect: "error",
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      if (response.ok) return { body: await response.json() };
      const message = await messageOf(response);
      const said = `HTTP ${response.status}${message && ` ${message}`}`;
      if (response.status === 429) {
        return { said, retryMs: this.#retryAfter(response.headers) };
      }
      return response.status >= 500
        ? { said, retryMs: FAULT_DELAY_MS }
        : { said, retryMs: undefined };
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      return { said, retryMs: FAULT_DELAY_MS };
    }
  }

  #retryAfter(headers: Headers): number {
    const seconds = Number(headers.get("retry-after") ?? NaN);
    if (seconds >= 0) return seconds * 1000;
    const reset = Number(headers.get("x-ratelimit-reset") ?? NaN);
    if (reset > 0) {
      return Math.max(FAULT_DELAY_MS, reset * 1000 - this.#parts.clock.now());
    }
    return FAULT_DELAY_MS;
  }
}

type Outcome =
  | { readonly body: unknown }
  | { readonly said: string; readonly retryMs: number | undefined };

/** Alpaca's own words, if the body has some. */
async function messageOf(response: Response): Promise<string> {
  try {
    const body: unknown = JSON.parse(await response.text());
    if (typeof body !== "object" || body === null) return "";
    return "message" in body ? String(body.message).slice(0, 200) : "";
  } catch {
    // A body that is not JSON has nothing to add to the status.
    return "";
  }
}

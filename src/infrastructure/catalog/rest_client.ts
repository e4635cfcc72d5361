/**
 * GET requests to Alpaca's REST API, patient within bounds.
 *
 * One request at a time: the rate limit is per account, other programs of its
 * owner use it too, and the streams are what matters. A 429 waits as long as
 * upstream says; when three quarters of a window are used, by whomever, there
 * is a pause until the next one; faults of the server or the network are retried a few
 * times with a growing pause; anything else is final and told.
 *
 * No redirect is followed, because the credentials would go with it; no error
 * carries more of the outside's words than was cleaned of secrets.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import { CatalogUnavailable } from "../../application/ports/option_catalog.ts";
import { BodyTooLarge, readText } from "./bounded_body.ts";
import { isUsedUp, retryAfterMs, windowLeftMs } from "./rate_headers.ts";

/** Attempts for one answer. */
const ATTEMPTS = 5;
/** Wait after the first fault that does not say how long; then it doubles. */
const FAULT_DELAY_MS = 1_000;
/** No wait is longer than this, whatever a header says. */
const LONGEST_DELAY_MS = 60_000;
/** For an answer and its body. */
const TIMEOUT_MS = 15_000;
/**
 * A page of 1,000 contracts has less than 1 MB. Parsed, the worst JSON takes up
 * to 40 times its size.
 */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Of an error's body, which is one sentence. */
const MAX_ERROR_BYTES = 64 * 1024;
const LONGEST_WORDS = 200;

/** What a client needs. */
export interface RestClientParts {
  /** Reveals the key pair at the moment of a request, and only then. */
  readonly credentials: () => KeyPair;
  readonly clock: Clock;
  readonly log: Log;
}

interface KeyPair {
  readonly key: string;
  readonly secret: string;
}

type Outcome =
  | { readonly body: unknown }
  | {
    readonly said: string;
    readonly status?: number;
    /** Absent when trying again cannot help. */
    readonly retryMs?: number;
  };

/** Reads JSON from one account's REST endpoints. */
export class RestClient {
  readonly #parts: RestClientParts;
  #last: Promise<unknown> = Promise.resolve();
  /** Monotonic ms before which the rate window has no request left. */
  #notBefore = 0;

  constructor(parts: RestClientParts) {
    this.#parts = parts;
  }

  /**
   * The body of a GET request as JSON. Requests are answered in the order of
   * their calls; one whose `signal` has fired is not sent.
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
    let said = "given up";
    let status: number | undefined;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      await this.#awaitWindow(signal);
      if (signal.aborted) break;
      const outcome = await this.#attempt(url, { attempt, signal });
      if ("body" in outcome) return outcome.body;
      ({ said, status } = outcome);
      const { retryMs } = outcome;
      if (retryMs === undefined || attempt === ATTEMPTS) break;
      const delayMs = Math.min(retryMs, LONGEST_DELAY_MS);
      log.debug("A REST request is retried", {
        path: url.pathname,
        cause: said,
        delay_ms: delayMs,
      });
      await clock.sleep(delayMs, signal);
    }
    throw new CatalogUnavailable(`${url.host}${url.pathname}: ${said}`, status);
  }

  async #awaitWindow(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const delayMs = this.#notBefore - clock.monotonic();
    if (delayMs > 0) await clock.sleep(delayMs, signal);
  }

  async #attempt(
    url: URL,
    { attempt, signal }: { attempt: number; signal: AbortSignal },
  ): Promise<Outcome> {
    const pair = this.#parts.credentials();
    const headers = authHeaders(pair);
    if (headers === undefined) {
      return { said: "the key or the secret holds characters no header can" };
    }
    const faultDelayMs = FAULT_DELAY_MS * 2 ** (attempt - 1);
    using deadline = new Deadline(this.#parts.clock, signal);
    try {
      const response = await fetch(url, {
        headers,
        redirect: "manual",
        signal: deadline.signal,
      });
      return await this.#read(response, { pair, faultDelayMs });
    } catch (error) {
      if (deadline.passed) {
        const said = `no whole answer within ${TIMEOUT_MS} ms`;
        return { said, retryMs: faultDelayMs };
      }
      if (error instanceof BodyTooLarge) return { said: error.message };
      return { said: clean(wordsOf(error), pair), retryMs: faultDelayMs };
    }
  }

  async #read(
    response: Response,
    options: { readonly pair: KeyPair; readonly faultDelayMs: number },
  ): Promise<Outcome> {
    const { status, headers } = response;
    const now = this.#parts.clock.now();
    if (isUsedUp(headers)) this.#pause(windowLeftMs(headers, now) ?? 0);
    if (response.ok) {
      return { body: JSON.parse(await readText(response, MAX_BODY_BYTES)) };
    }
    if (status < 400) {
      await response.body?.cancel();
      const said = `HTTP ${status}, a redirect, which is not followed: ` +
        "check the address of the API";
      return { said, status };
    }
    const words = clean(await errorWords(response), options.pair);
    const said = `HTTP ${status}${words && ` ${words}`}`;
    const { faultDelayMs } = options;
    if (status === 429) {
      const asked = retryAfterMs(headers, now) ?? windowLeftMs(headers, now);
      return { said, status, retryMs: Math.max(asked ?? 0, faultDelayMs) };
    }
    if (status < 500) return { said, status };
    const asked = retryAfterMs(headers, now) ?? 0;
    return { said, status, retryMs: Math.max(asked, faultDelayMs) };
  }

  #pause(delayMs: number): void {
    this.#notBefore = this.#parts.clock.monotonic() +
      Math.min(delayMs, LONGEST_DELAY_MS);
  }
}

/** A signal that also fires when the time is up; disposing ends its timer. */
class Deadline implements Disposable {
  readonly signal: AbortSignal;
  passed = false;
  readonly #done = new AbortController();

  constructor(clock: Clock, signal: AbortSignal) {
    const late = new AbortController();
    this.signal = AbortSignal.any([signal, late.signal]);
    clock.sleep(TIMEOUT_MS, this.#done.signal).then(() => {
      if (this.#done.signal.aborted) return;
      this.passed = true;
      late.abort();
    });
  }

  [Symbol.dispose](): void {
    this.#done.abort();
  }
}

/** The runtime quotes a value it cannot send, so its words are not used. */
function authHeaders({ key, secret }: KeyPair): Headers | undefined {
  try {
    return new Headers({
      "APCA-API-KEY-ID": key,
      "APCA-API-SECRET-KEY": secret,
    });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Alpaca's own words, if the body has some. */
async function errorWords(response: Response): Promise<string> {
  try {
    const text = await readText(response, MAX_ERROR_BYTES);
    const body: unknown = JSON.parse(text);
    if (typeof body !== "object" || body === null) return "";
    return "message" in body ? String(body.message) : "";
  } catch (error) {
    // A body that is too long or no JSON has nothing to add to the status.
    if (error instanceof BodyTooLarge || error instanceof SyntaxError) {
      return "";
    }
    throw error;
  }
}

function wordsOf(error: unknown): string {
  if (error instanceof SyntaxError) return "the answer is not JSON";
  if (!(error instanceof Error)) return String(error);
  // The runtime says only "fetch failed"; its cause knows more.
  const { message, cause } = error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

/** Without secrets and addresses, which may hold some, and not too long. */
function clean(words: string, { key, secret }: KeyPair): string {
  let text = words.replaceAll(/\s*(?:for url )?\(?https?:\/\/\S*/g, "");
  for (const hidden of [secret, key]) {
    if (hidden !== "") text = text.replaceAll(hidden, "<secret>");
  }
  return text.slice(0, LONGEST_WORDS);
}

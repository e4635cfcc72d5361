/**
 * GET requests to Alpaca's REST API, with retries.
 *
 * One request is in flight at a time: the rate limit belongs to the account, and
 * other programs use it too. Orders come first, then what streams wait for, then
 * options, which have a share of the limit. After a 429 nothing is sent for the
 * time that Alpaca asks for; when three quarters of a rate window are used, all
 * requests wait for the next window; server and network errors are retried with
 * exponential backoff; other errors are final. `p-retry` is not used: it cannot
 * take the delay from a response or the time from the injected clock.
 *
 * Redirects are not followed, because the credentials would follow. Errors quote
 * responses only after secrets have been removed.
 *
 * @module
 */
import type { ApiText } from "../../../application/cluster/rest_responder.ts";
import type { Clock } from "../../../application/ports/clock.ts";
import type { Log } from "../../../application/ports/log.ts";
import { ApiUnavailable } from "../../../application/ports/api_unavailable.ts";
import { parseRetryAfter } from "../../../domain/connection/backoff.ts";
import type {
  RestCounters,
  RestOutcome,
  RestPurpose,
} from "../../../application/status/counters.ts";
import { certificateProblem } from "../../../domain/connection/certificate.ts";
import { RateShare } from "./rate_share.ts";
import { RequestQueue } from "./request_queue.ts";
import { type ApiClient, parseBody } from "./responses.ts";

const MAX_ATTEMPTS = 5;
/** Delay after the first error without a `Retry-After`; it doubles. */
const FIRST_DELAY_MS = 1_000;
/** Longest delay, also of a `Retry-After`. */
const MAX_DELAY_MS = 60_000;
/** For a response with its body. */
const TIMEOUT_MS = 15_000;
/**
 * Bytes of the largest body. A page of 1,000 contracts has less than 1 MB; parsed,
 * the worst JSON takes up to 40 times its size.
 */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Bytes of the largest error body, which is one sentence. */
const MAX_ERROR_BYTES = 64 * 1024;
/** Characters of a quoted error. */
const MAX_ERROR_LENGTH = 200;
/** Part of a rate window that is left to other programs of the account. */
const RESERVE = 0.25;

/** Dependencies of a client. */
interface RestClientOptions {
  /** Reveals the key pair; called only to send a request. */
  readonly credentials: () => KeyPair;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: RestCounters;
  /** Shared by the clients of one account. @default one of its own */
  readonly share?: RateShare;
}

interface KeyPair {
  readonly key: string;
  readonly secret: string;
}

/** One request. */
interface RequestOptions {
  readonly signal: AbortSignal;
  readonly purpose: RestPurpose;
  /**
   * What the request returns of a body.
   *
   * @param serverTime wall clock ms that the response names; 0 if it names none
   * @throws SyntaxError when the body is not JSON
   */
  readonly read: (body: string, serverTime: number) => unknown;
}

/** The body of a response, or a failed attempt. */
type Outcome =
  | { readonly body: unknown }
  | {
    readonly error: string;
    readonly status?: number;
    /** Least ms before a retry; absent when a retry cannot help. */
    readonly retryAfterMs?: number;
    readonly isTimeout?: boolean;
  };

/** Reads JSON from the REST endpoints of one account, by HTTP. */
export class RestClient implements ApiClient {
  readonly #options: RestClientOptions;
  readonly #queue: RequestQueue;
  #calls = 0;
  #clockAheadMs = 0;

  constructor(options: RestClientOptions) {
    this.#options = options;
    const { clock, share = new RateShare(clock) } = options;
    this.#queue = new RequestQueue({ clock, share });
  }

  get clockAheadMs(): number {
    return this.#clockAheadMs;
  }

  get(url: URL, signal: AbortSignal, purpose: RestPurpose): Promise<unknown> {
    return this.#get(url, { signal, purpose, read: parseBody });
  }

  async getText(url: URL, signal: AbortSignal, purpose: RestPurpose): Promise<ApiText> {
    return await this.#get(url, { signal, purpose, read: checkedText }) as ApiText;
  }

  async #get(url: URL, { signal, purpose, read }: RequestOptions): Promise<unknown> {
    const { log, counters } = this.#options;
    const request = { purpose, signal, order: this.#calls++ };
    let error = "aborted";
    let status: number | undefined;
    let turn = this.#queue.acquire(request);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (!await turn) break;
      try {
        const outcome = await this.#attempt(url, signal, read);
        counters[purpose][outcomeLabel(outcome)]++;
        if ("body" in outcome) return outcome.body;
        ({ error, status } = outcome);
        if (outcome.retryAfterMs === undefined || attempt + 1 === MAX_ATTEMPTS) break;
        if (outcome.isTimeout && isRepeatedLater(url, purpose)) break;
        const backoffMs = FIRST_DELAY_MS * 2 ** attempt;
        const delayMs = Math.min(Math.max(outcome.retryAfterMs, backoffMs), MAX_DELAY_MS);
        log.debug("REST request failed, retrying", {
          path: url.pathname,
          cause: error,
          delay_ms: delayMs,
        });
        // Before the release: otherwise the next request would be sent first.
        if (status === 429) this.#queue.pause(delayMs);
        turn = this.#queue.acquire(request, delayMs);
      } finally {
        this.#queue.release();
      }
    }
    throw new ApiUnavailable(`${url.host}${url.pathname}: ${error}`, status);
  }

  async #attempt(
    url: URL,
    signal: AbortSignal,
    read: RequestOptions["read"],
  ): Promise<Outcome> {
    const pair = this.#options.credentials();
    const headers = authHeaders(pair);
    if (headers === undefined) {
      return { error: "the key or the secret is not valid in an HTTP header" };
    }
    const late = new AbortController();
    const done = new AbortController();
    this.#options.clock.sleep(TIMEOUT_MS, done.signal).then(() => {
      if (!done.signal.aborted) late.abort();
    });
    try {
      const response = await fetch(url, {
        headers,
        redirect: "manual",
        signal: AbortSignal.any([signal, late.signal]),
      });
      return await this.#read(response, pair, read);
    } catch (error) {
      if (late.signal.aborted) {
        const error = `no complete response within ${TIMEOUT_MS} ms`;
        return { error, retryAfterMs: 0, isTimeout: true };
      }
      if (error instanceof BodyTooLarge) return { error: error.message };
      const text = textOf(error);
      const problem = certificateProblem(text);
      if (problem) return { error: `${problem.cause}. ${problem.remedy}` };
      return { error: clean(text, pair), retryAfterMs: 0 };
    } finally {
      done.abort();
    }
  }

  async #read(
    response: Response,
    pair: KeyPair,
    read: RequestOptions["read"],
  ): Promise<Outcome> {
    const { status, headers } = response;
    const now = this.#options.clock.now();
    const serverTime = Date.parse(headers.get("date") ?? "");
    if (!Number.isNaN(serverTime)) this.#clockAheadMs = now - serverTime;
    const windowMs = windowLeftMs(headers, now) ?? 0;
    this.#queue.learnLimit(numberIn(headers, "x-ratelimit-limit") ?? 0);
    if (isUsedUp(headers)) this.#queue.pause(Math.min(windowMs, MAX_DELAY_MS));
    if (response.ok) {
      return { body: read(await readText(response, MAX_BODY_BYTES), serverTime || 0) };
    }
    if (status < 400) {
      await response.body?.cancel();
      const hint = "redirects are not followed; check the address of the API";
      return { error: `HTTP ${status}: ${hint}`, status };
    }
    const reason = clean(await errorMessage(response), pair);
    const error = `HTTP ${status}${reason && ` ${reason}`}`;
    if (status !== 429 && status < 500) return { error, status };
    const askedMs = parseRetryAfter(headers.get("retry-after"), now);
    return { error, status, retryAfterMs: askedMs ?? (status === 429 ? windowMs : 0) };
  }
}

/** Keeps the text of a body; the attempt fails unless it is JSON. */
function checkedText(body: string, serverTime: number): ApiText {
  JSON.parse(body);
  return { body, serverTime };
}

/**
 * Whether a request that has timed out is left to its caller: the catalog is read again with pauses
 * of its own, and retries would keep the lists of other underlyings waiting for more than a minute.
 * A later page is worth them.
 */
function isRepeatedLater({ searchParams }: URL, purpose: RestPurpose): boolean {
  return purpose === "catalog" && !searchParams.has("page_token");
}

function outcomeLabel(outcome: Outcome): RestOutcome {
  if ("body" in outcome) return "ok";
  const { status } = outcome;
  if (status === 429) return "rate_limited";
  return status !== undefined && status < 500 ? "rejected" : "failed";
}

/** `undefined` for an invalid value: the error of the runtime would quote it. */
function authHeaders({ key, secret }: KeyPair): Headers | undefined {
  try {
    return new Headers({ "APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/**
 * Ms until the rate window ends by `X-RateLimit-Reset`, a Unix time in seconds;
 * `undefined` without a valid one.
 */
export function windowLeftMs(headers: Headers, nowMs: number): number | undefined {
  const seconds = numberIn(headers, "x-ratelimit-reset");
  if (seconds === undefined || seconds <= 0) return undefined;
  return Math.max(0, seconds * 1000 - nowMs);
}

/**
 * Whether three quarters of the rate window are used. The rest is left to other
 * programs: the account's orders count against the same limit.
 */
export function isUsedUp(headers: Headers): boolean {
  const remaining = numberIn(headers, "x-ratelimit-remaining");
  const limit = numberIn(headers, "x-ratelimit-limit") ?? 0;
  return remaining !== undefined && remaining <= limit * RESERVE;
}

function numberIn(headers: Headers, name: string): number | undefined {
  const text = headers.get(name)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** A body exceeds its limit; the rest of it was not read. */
class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
}

/**
 * Reads a body as UTF-8 text. The limit bounds memory when the address is wrong (a
 * download, an endless stream). The connection is released in any case.
 *
 * @throws BodyTooLarge
 */
async function readText(response: Response, maxBytes: number): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  // Leaving the loop by a throw cancels the stream and releases the connection.
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw new BodyTooLarge(`the response is longer than ${maxBytes} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The `message` of an error body, if there is one. */
async function errorMessage(response: Response): Promise<string> {
  try {
    const text = await readText(response, MAX_ERROR_BYTES);
    const body: unknown = JSON.parse(text);
    if (typeof body !== "object" || body === null) return "";
    return "message" in body ? String(body.message) : "";
  } catch (error) {
    // A body that is too long or not JSON adds nothing to the status.
    if (error instanceof BodyTooLarge || error instanceof SyntaxError) return "";
    throw error;
  }
}

function textOf(error: unknown): string {
  if (error instanceof SyntaxError) return "the response is not JSON";
  if (!(error instanceof Error)) return String(error);
  // The message of the runtime is "fetch failed"; its cause has the reason.
  const { message, cause } = error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

/** Removes secrets, and addresses, which may contain some; limits the length. */
function clean(message: string, { key, secret }: KeyPair): string {
  let text = message.replaceAll(/\s*(?:for url )?\(?https?:\/\/\S*/g, "");
  for (const hidden of [secret, key]) {
    if (hidden !== "") text = text.replaceAll(hidden, "<secret>");
  }
  return text.slice(0, MAX_ERROR_LENGTH);
}

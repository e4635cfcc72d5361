/**
 * The public keys of a JWT issuer, loaded from its JWKS.
 *
 * The key set of `jose` for a URL has its own clock and drops its keys when they cannot be loaded
 * again in time; this one reads time from the port and keeps them for a stated time. `jose` selects
 * a key by `kid`, type, use and algorithm.
 *
 * - Keys are loaded again when they are {@linkcode REFRESH_MS} old and a token is verified. Once
 *   that has failed, tokens with a known key do not wait for the next attempts.
 * - A token with an unknown `kid` loads them, at most once per {@linkcode COOLDOWN_MS}.
 * - While that fails, the last keys are used until they are {@linkcode KEPT_MS} old.
 *
 * @module
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { Unauthenticated } from "../../application/access/access.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";

/** Age at which keys are loaded again, in ms. */
const REFRESH_MS = 300_000;
/** Shortest time between two requests, in ms. */
const COOLDOWN_MS = 10_000;
/** How long keys are used while the issuer cannot be reached, in ms. */
const KEPT_MS = 4 * 3_600_000;
/** Longest time of a request, in ms. */
const TIMEOUT_MS = 5_000;
/** Largest response, in bytes. */
const MAX_BYTES = 256 * 1024;
/** Most keys of a response. */
const MAX_KEYS = 100;

/** What {@linkcode IssuerKeys} needs. */
export interface IssuerKeysOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends requests when the proxy stops. */
  readonly signal: AbortSignal;
}

/** Loads and selects keys. */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  #select: ReturnType<typeof createLocalJWKSet> | undefined;
  /** Monotonic ms. */
  #loadedAt = -Infinity;
  #triedAt = -Infinity;
  #loading: Promise<void> | undefined;
  #isFailing = false;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /** Loads the keys now, so that the first token does not wait; never rejects. */
  async prepare(): Promise<void> {
    await this.#reload();
  }

  /**
   * Selects the key of a token.
   *
   * @throws {Unauthenticated} by rejecting, when the keys are not known at present
   * @throws {errors.JOSEError} by rejecting, when no key matches
   */
  readonly get: JWTVerifyGetKey = async (header, token) => {
    const isNew = this.#age(this.#loadedAt) >= REFRESH_MS && await this.#refresh();
    const select = this.#usable();
    try {
      return await select(header, token);
    } catch (error) {
      if (isNew || !(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (!await this.#reload()) throw this.#unavailable();
      return await this.#usable()(header, token);
    }
  };

  #usable(): ReturnType<typeof createLocalJWKSet> {
    if (this.#select && this.#isKept()) return this.#select;
    throw this.#unavailable();
  }

  #isKept(): boolean {
    return this.#age(this.#loadedAt) < KEPT_MS;
  }

  #unavailable(): Unauthenticated {
    const retryMs = Math.max(1_000, COOLDOWN_MS - this.#age(this.#triedAt));
    const text = "Tokens cannot be verified at present; retry shortly";
    return new Unauthenticated("unavailable", text, Math.ceil(retryMs));
  }

  #age(since: number): number {
    return this.#options.clock.monotonic() - since;
  }

  /**
   * Loads old keys again. An issuer that does not respond must not delay all tokens.
   *
   * @returns whether they have just been loaded
   */
  #refresh(): Promise<boolean> | false {
    const loading = this.#reload();
    return this.#isFailing && this.#isKept() ? false : loading;
  }

  /**
   * Loads the keys, together with others that wait for them.
   *
   * @returns whether they have just been loaded
   */
  async #reload(): Promise<boolean> {
    if (this.#loading === undefined) {
      if (this.#age(this.#triedAt) < COOLDOWN_MS) return false;
      this.#triedAt = this.#options.clock.monotonic();
      this.#loading = this.#load().finally(() => this.#loading = undefined);
    }
    await this.#loading;
    return !this.#isFailing;
  }

  async #load(): Promise<void> {
    const { url, clock, log, signal } = this.#options;
    const done = new AbortController();
    const late = new AbortController();
    clock.sleep(TIMEOUT_MS, done.signal).then(() => {
      if (!done.signal.aborted) late.abort(new Error(`No response within ${TIMEOUT_MS} ms`));
    });
    try {
      this.#select = createLocalJWKSet(
        await fetchKeys(url, AbortSignal.any([signal, late.signal])),
      );
      this.#loadedAt = clock.monotonic();
      if (this.#isFailing) log.info("Loaded the keys of the JWT issuer again");
      this.#isFailing = false;
    } catch (cause) {
      this.#isFailing = true;
      if (signal.aborted) return;
      log.warn("Cannot load the keys of the JWT issuer; check jwksUrl of STREAM_PROXY_ACCESS", {
        host: new URL(url).host,
        usesKeysForMs: this.#select ? Math.max(0, KEPT_MS - this.#age(this.#loadedAt)) : 0,
        cause,
      });
    } finally {
      done.abort();
    }
  }
}

/** Fetches a JWKS, of limited size. */
async function fetchKeys(url: string, signal: AbortSignal): Promise<JSONWebKeySet> {
  const headers = { accept: "application/jwk-set+json, application/json" };
  const response = await fetch(url, { signal, headers, redirect: "error" });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`The response has the status ${response.status}`);
  }
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_BYTES) throw new Error(`The response has more than ${MAX_BYTES} bytes`);
  }
  const keySet: unknown = JSON.parse(text);
  const { keys } = Object(keySet) as { readonly keys?: unknown };
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_KEYS) {
    throw new Error(`The response is no JWKS with 1 to ${MAX_KEYS} keys`);
  }
  return keySet as JSONWebKeySet;
}

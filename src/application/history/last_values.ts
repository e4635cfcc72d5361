/**
 * Fetches the last known events of symbols from REST, for the snapshots of streams.
 *
 * Requests are shared: symbols that streams ask for within a short time are requested together,
 * each once, and a value is reused for a second. Symbols that wait, requests and their time are
 * limited; a symbol without a value in time has none. After a failed request there is a pause, so
 * that new streams do not repeat it. First events of selections wait longer for their share of the
 * rate limit, and are collected meanwhile.
 *
 * @module
 */
import type { ChannelEvents } from "../../domain/market/channels.ts";
import { ApiUnavailable } from "../ports/api_unavailable.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import {
  type LatestChannel,
  type LatestPurpose,
  type MarketData,
  MAX_REQUEST_SYMBOLS,
} from "../ports/market_data.ts";
import { remedyOf } from "./remedy.ts";

/** How long a caller waits for values, and the pause after each request, in ms. */
const TIMES: Readonly<Record<LatestPurpose, { readonly deadlineMs: number; pauseMs: number }>> = {
  snapshot: { deadlineMs: 3_000, pauseMs: 0 },
  first_events: { deadlineMs: 60_000, pauseMs: 1_000 },
};
/** How long symbols are collected for one request. */
const GATHER_MS = 10;
/** How long a value is reused. */
const REUSE_MS = 1_000;
/** Symbols of one channel that wait for a request, or whose value is kept. */
const MAX_SYMBOLS = 10_000;
/** Pause after a failed request. */
const PAUSE_MS = 5_000;
/** Pause after one that fails again until the account or the settings change. */
const LONG_PAUSE_MS = 60_000;

/** What the values are fetched with. */
export interface LastValuesOptions {
  readonly marketData: MarketData;
  readonly clock: Clock;
  readonly log: Log;
  /** @default `snapshot` */
  readonly purpose?: LatestPurpose | undefined;
}

/** The value of a symbol. */
interface Entry<E> {
  /** Monotonic ms at which it was asked for; from its request on, at which that began. */
  since: number;
  state: "waiting" | "requested" | "done";
  event: E | undefined;
  /** Resolves when it is done. */
  readonly done: Promise<void>;
  readonly resolve: () => void;
}

/** The last known events of one channel. */
export class LastValues<C extends LatestChannel> {
  readonly #channel: C;
  readonly #options: LastValuesOptions;
  readonly #times: typeof TIMES[LatestPurpose];
  /** Oldest first. */
  readonly #entries = new Map<string, Entry<ChannelEvents[C]>>();
  /** Symbols that are not requested yet, oldest first. */
  readonly #waiting = new Set<string>();
  #isRunning = false;
  /** Monotonic ms until which nothing is requested. */
  #pausedUntil = -Infinity;
  #loggedCause = "";
  /** Monotonic ms of the next request, by the pause after the last one. */
  #nextAt = -Infinity;

  constructor(channel: C, options: LastValuesOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#times = TIMES[options.purpose ?? "snapshot"];
  }

  /**
   * The last known event of each symbol; those without one, or without one within 3 s (first
   * events: 60 s), are left out. Never rejects.
   */
  async lookUp(
    symbols: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, ChannelEvents[C]>> {
    const { clock } = this.#options;
    const entries = new Map<string, Entry<ChannelEvents[C]>>();
    for (const symbol of symbols) {
      const entry = this.#request(symbol);
      if (entry) entries.set(symbol, entry);
    }
    this.#run();
    const done = new AbortController();
    await Promise.race([
      Promise.all(Array.from(entries.values(), (entry) => entry.done)),
      clock.sleep(this.#times.deadlineMs, AbortSignal.any([signal, done.signal])),
    ]);
    done.abort();
    const found = new Map<string, ChannelEvents[C]>();
    for (const [symbol, { event }] of entries) if (event !== undefined) found.set(symbol, event);
    return found;
  }

  /**
   * Requests again what was requested so far: to be called when upstream begins to carry symbols,
   * because an older value can miss an event before that.
   */
  forget(): void {
    for (const [symbol, { state }] of this.#entries) {
      if (state !== "waiting") this.#entries.delete(symbol);
    }
  }

  /** `undefined` when nothing can be requested now. */
  #request(symbol: string): Entry<ChannelEvents[C]> | undefined {
    const now = this.#options.clock.monotonic();
    for (const [old, entry] of this.#entries) {
      if (entry.state !== "done" || entry.since + REUSE_MS > now) break;
      this.#entries.delete(old);
    }
    const known = this.#entries.get(symbol);
    if (known && (known.state !== "done" || known.since + REUSE_MS > now)) return known;
    if (now < this.#pausedUntil || this.#entries.size >= MAX_SYMBOLS) return undefined;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const entry = { since: now, state: "waiting", event: undefined, done, resolve } as const;
    this.#entries.delete(symbol);
    this.#entries.set(symbol, entry);
    this.#waiting.add(symbol);
    return entry;
  }

  async #run(): Promise<void> {
    if (this.#isRunning || this.#waiting.size === 0) return;
    this.#isRunning = true;
    const { clock } = this.#options;
    const { pauseMs } = this.#times;
    await clock.sleep(Math.max(GATHER_MS, this.#nextAt - clock.monotonic()));
    while (this.#waiting.size > 0) {
      await this.#requestNext();
      this.#nextAt = clock.monotonic() + pauseMs;
      if (this.#waiting.size > 0 && pauseMs > 0) await clock.sleep(pauseMs);
    }
    this.#isRunning = false;
  }

  /** Requests the symbols that have waited longest. */
  async #requestNext(): Promise<void> {
    const now = this.#options.clock.monotonic();
    const requested = new Map<string, Entry<ChannelEvents[C]>>();
    for (const symbol of this.#waiting) {
      if (requested.size === MAX_REQUEST_SYMBOLS) break;
      this.#waiting.delete(symbol);
      const entry = this.#entries.get(symbol);
      if (!entry) continue;
      if (now - entry.since >= this.#times.deadlineMs || now < this.#pausedUntil) finish(entry);
      else {
        entry.since = now;
        entry.state = "requested";
        requested.set(symbol, entry);
      }
    }
    if (requested.size === 0) return;
    const events = await this.#fetchNow([...requested.keys()]);
    for (const [symbol, entry] of requested) {
      entry.event = events.get(symbol);
      finish(entry);
    }
  }

  /** Returns nothing when the request fails or takes too long. */
  async #fetchNow(symbols: readonly string[]): Promise<ReadonlyMap<string, ChannelEvents[C]>> {
    const { clock, marketData, purpose } = this.#options;
    const { deadlineMs } = this.#times;
    const deadline = new AbortController();
    const isOver = new AbortController();
    // The client sends one request at a time, so this one can wait for others.
    const timeout = clock.sleep(deadlineMs, isOver.signal).then(() => {
      deadline.abort();
      throw new ApiUnavailable(`no value within ${deadlineMs} ms`);
    });
    try {
      const latest = marketData.latest(this.#channel, symbols, deadline.signal, purpose);
      const events = await Promise.race([latest, timeout]);
      this.#loggedCause = "";
      return events;
    } catch (error) {
      this.#failed(error);
      return new Map();
    } finally {
      isOver.abort();
    }
  }

  #failed(error: unknown): void {
    const { clock, log } = this.#options;
    const isExpected = error instanceof ApiUnavailable;
    const status = isExpected ? error.status ?? 0 : 0;
    const isPermanent = status >= 400 && status < 500 && status !== 429;
    const pauseMs = isPermanent ? LONG_PAUSE_MS : PAUSE_MS;
    this.#pausedUntil = clock.monotonic() + pauseMs;
    const cause = isExpected ? error.message : error;
    if (cause === this.#loggedCause) return;
    this.#loggedCause = String(cause);
    log[isExpected ? "warn" : "error"]("Cannot read the latest values for snapshots", {
      channel: this.#channel,
      cause,
      remedy: isExpected ? remedyOf(error) : undefined,
      pause_ms: pauseMs,
    });
  }
}

function finish(entry: Entry<unknown>): void {
  entry.state = "done";
  entry.resolve();
}

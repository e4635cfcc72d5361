/**
 * Fetches the events of a channel that were missed in an outage, for streams with `backfill`.
 *
 * All streams that ask for an outage share one fetch per symbol. It begins a second after upstream
 * carries the symbols again, so that REST has every event of the outage; meanwhile the streams that
 * ask are collected. When the history is read and everything that was live until then has arrived,
 * the events that the channel has received, before or after the outage, are removed, and those of
 * earlier outages that were filled: each event is received or filled, never both.
 *
 * Every fetch has a deadline and a limit on events. What cannot be filled is reported by symbol, so
 * that the stream sends a gap for it.
 *
 * @module
 */
import { type Timestamp, toMilliseconds } from "../../domain/market/timestamp.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import {
  type History,
  type HistoryQuery,
  MAX_REQUEST_SYMBOLS,
  type TimeSpan,
} from "../ports/market_data.ts";
import { type EventIdentity, missingEvents } from "./missing_events.ts";
import { remedyOf } from "./remedy.ts";

/** Time from a request until it is given up, in ms. */
const DEADLINE_MS = 10_000;
/** Time from the end of an outage until its history is requested, in ms. */
const SETTLE_MS = 1_000;
/** How far the history goes beyond the end of an outage, for differences of clocks, in ms. */
const OVERLAP_MS = 500;
/**
 * How far it goes back before the last event that was received, in ms: events are not sent exactly
 * in the order of their timestamps.
 */
const DISORDER_MS = 2_000;
/** Without an event for this long, nothing is left to be received, in ms. */
const QUIET_MS = 250;
/** Events of one outage, some 20 MB. */
const MAX_EVENTS = 50_000;
/** The time of a loss and that of the last event before it can differ by their rounding, in ms. */
const ROUNDING_MS = 2;
/** Outages of one channel that are filled at the same time. */
const MAX_OUTAGES = 3;

/** An event that a backfill can carry. */
interface Fillable {
  readonly symbol: string;
  readonly timestamp: Timestamp;
}

/** What a channel has received. */
interface ReceivedEvents<E> {
  /** Number of events so far. */
  readonly sequence: number;
  /** Events received at or after `since`, in wall clock ms, newest first. */
  receivedSince(since: number): {
    readonly events: readonly { readonly event: E; readonly receivedAt: number }[];
    /** Wall clock ms since which events are retained. */
    readonly retainedSince: number;
    /** When the newest event was received that is not retained any more; or `-Infinity`. */
    readonly droppedUntil: number;
  };
}

/** What a channel's outages are filled with. */
interface BackfillsOptions<E, I> {
  /** For the log. */
  readonly channel: string;
  readonly history: (query: HistoryQuery, signal: AbortSignal) => Promise<History<E>>;
  readonly received: ReceivedEvents<E>;
  readonly identity: EventIdentity<E>;
  /** Makes what all streams share of an event, once. */
  readonly wrap: (event: E) => I;
  /** Longest time without a frame after which a session is ended, in ms. */
  readonly maxSilenceMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a stream has missed. */
export interface FillRequest {
  readonly symbols: readonly string[];
  /** From the loss of the session until upstream carries the symbols again. */
  readonly outage: TimeSpan;
  /** Wall clock ms since which the stream has to be complete. */
  readonly since: number;
}

/** What was found of it. */
export interface Fill<I> {
  /** In the order of their timestamps. */
  readonly items: readonly I[];
  /** Symbols of which events can be missing, with the wall clock ms from which on. */
  readonly unfilled: ReadonlyMap<string, number>;
}

/** The fetch of one outage. */
interface Fetch<E, I> {
  readonly outage: TimeSpan;
  /** Requested by the streams that have joined. */
  readonly symbols: Set<string>;
  /** Wall clock ms of the last event before the outage. */
  readonly from: number;
  readonly found: Promise<Found<E, I>>;
  /** Ends the fetch before it is complete. */
  readonly cancel: AbortController;
  /** Streams that wait for it. */
  waiting: number;
}

/** What is fetched. */
type FetchSpan = Pick<Fetch<unknown, unknown>, "outage" | "symbols" | "from">;

/** A span that a fetch covers. */
interface Claim {
  readonly symbols: ReadonlySet<string>;
  /** Wall clock ms. */
  readonly until: number;
  /** The symbols of which it has everything, once it has ended; the deadline bounds that. */
  readonly filled: PromiseWithResolvers<ReadonlySet<string>>;
}

const NONE: ReadonlySet<string> = new Set();

/** What the channel has missed in an outage. */
interface Found<E, I> {
  /** In the order of their timestamps, with the wall clock ms at which Alpaca could send them. */
  readonly entries: readonly { readonly event: E; readonly at: number; readonly item: I }[];
  readonly unfilled: ReadonlyMap<string, number>;
  /** Wall clock ms since which everything that was received is known. */
  readonly knownSince: number;
}

/** Fills the outages of one channel. */
export class Backfills<E extends Fillable, I> {
  readonly #options: BackfillsOptions<E, I>;
  /** Fetches that streams can still join. */
  readonly #open = new Map<string, Fetch<E, I>>();
  /** Fetches that have not ended. */
  #running = 0;
  /** Of earlier outages, in their order. */
  #claims: readonly Claim[] = [];

  constructor(options: BackfillsOptions<E, I>) {
    this.#options = options;
  }

  /**
   * Finds what a stream has missed; within about 10 s, and never rejects.
   *
   * @param signal the stream has ended; the fetch ends with the last stream that waits for it
   */
  async fill({ symbols, outage, since }: FillRequest, signal?: AbortSignal): Promise<Fill<I>> {
    const fetch = this.#join(symbols, outage);
    const start = Math.max(fetch?.from ?? outage.from, since);
    if (!fetch) return { items: [], unfilled: new Map(symbols.map((each) => [each, start])) };
    const { entries, unfilled, knownSince } = await this.#wait(fetch, signal);
    const own = new Set(symbols);
    const items: I[] = [];
    for (const { event, at, item } of entries) {
      if (at >= since && own.has(event.symbol)) items.push(item);
    }
    const missing = new Map<string, number>();
    for (const symbol of own) {
      const from = knownSince > start ? start : unfilled.get(symbol);
      if (from !== undefined) missing.set(symbol, Math.max(from, since));
    }
    return { items, unfilled: missing };
  }

  /** Joins the fetch of an outage, or starts it; `undefined` when too many are running. */
  #join(symbols: readonly string[], outage: TimeSpan): Fetch<E, I> | undefined {
    const key = keyOf(outage);
    let fetch = this.#open.get(key);
    if (!fetch) {
      if (this.#running >= MAX_OUTAGES) {
        this.#options.log.warn("Too many outages to fill at a time", { limit: MAX_OUTAGES });
        return undefined;
      }
      const joined = new Set<string>();
      const from = this.#lastReceivedBefore(outage.from);
      const cancel = new AbortController();
      const found = this.#run(key, { outage, symbols: joined, from, cancel });
      fetch = { outage, symbols: joined, from, found, cancel, waiting: 0 };
      this.#open.set(key, fetch);
    }
    for (const symbol of symbols) fetch.symbols.add(symbol);
    return fetch;
  }

  async #wait(fetch: Fetch<E, I>, signal: AbortSignal | undefined): Promise<Found<E, I>> {
    const { outage, cancel, found } = fetch;
    const leave = () => {
      if (--fetch.waiting > 0) return;
      const key = keyOf(outage);
      if (this.#open.get(key) === fetch) this.#open.delete(key);
      cancel.abort();
    };
    fetch.waiting++;
    signal?.addEventListener("abort", leave, { once: true });
    try {
      return await found;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }

  /**
   * The session can have been silent for a time before its loss was detected. Nothing is missing
   * before the last event that was received.
   */
  #lastReceivedBefore(lostAt: number): number {
    const { received, maxSilenceMs } = this.#options;
    const earliest = lostAt - maxSilenceMs;
    const { events } = received.receivedSince(earliest);
    const isBefore = ({ receivedAt }: { readonly receivedAt: number }) =>
      receivedAt <= lostAt + ROUNDING_MS;
    return events.find(isBefore)?.receivedAt ?? earliest;
  }

  async #run(key: string, fetch: FetchSpan & Pick<Fetch<E, I>, "cancel">): Promise<Found<E, I>> {
    const { clock, log, channel } = this.#options;
    const { outage, symbols, from, cancel } = fetch;
    const { signal } = cancel;
    this.#running++;
    const filled = Promise.withResolvers<ReadonlySet<string>>();
    let isLate = false;
    const isOver = new AbortController();
    const timeout = clock.sleep(DEADLINE_MS, AbortSignal.any([isOver.signal, signal])).then(() => {
      isLate = !isOver.signal.aborted && !signal.aborted;
      cancel.abort();
    });
    try {
      await clock.sleep(Math.min(SETTLE_MS, outage.to + SETTLE_MS - clock.now()), signal);
      if (!signal.aborted) {
        this.#open.delete(key);
        const found = await Promise.race([this.#find(fetch, filled, signal), timeout]);
        if (found) return found;
      }
      if (isLate) log.warn("Cannot fill an outage in time", { channel, deadline_ms: DEADLINE_MS });
    } catch (cause) {
      if (!signal.aborted) log.error("Failed to fill an outage", { channel, cause });
    } finally {
      isOver.abort();
      // Unless it was found.
      filled.resolve(NONE);
      this.#running--;
    }
    const unfilled = new Map(Array.from(symbols, (symbol) => [symbol, from] as const));
    return { entries: [], unfilled, knownSince: -Infinity };
  }

  async #find(
    { outage, symbols, from }: FetchSpan,
    filled: Claim["filled"],
    signal: AbortSignal,
  ): Promise<Found<E, I>> {
    const { received, identity, wrap, log, channel } = this.#options;
    const { completeAfterMs } = identity;
    const first = from - DISORDER_MS;
    const last = outage.to + OVERLAP_MS;
    const earlier = this.#claim({ symbols: new Set(symbols), until: last, filled }, first);
    const history = await this.#readHistory([...symbols].sort(), {
      span: { from: first - completeAfterMs, to: last - completeAfterMs },
      from,
      signal,
    });
    await this.#untilReceived(last, signal);
    const handledUntil = await this.#handledUntil(earlier);
    if (signal.aborted) return { entries: [], unfilled: new Map(), knownSince: -Infinity };
    const { events, retainedSince, droppedUntil } = received.receivedSince(first - DISORDER_MS);
    const knownSince = Math.max(first, retainedSince, droppedUntil + DISORDER_MS);
    const fetched = history.events.filter((event) => {
      const at = this.#sentAt(event);
      return at >= knownSince && at > (handledUntil.get(event.symbol) ?? 0) && at <= last;
    });
    const missing = missingEvents(fetched, events.map(({ event }) => event), identity);
    const { unfilled, problem, status } = history;
    log[problem === undefined ? "info" : "warn"]("Filled an outage from REST", {
      channel,
      symbols: symbols.size,
      events: missing.length,
      seconds: (outage.to - from) / 1_000,
      ...problem === undefined ? {} : {
        unfilled: unfilled.size,
        cause: problem,
        remedy: remedyOf({ status }),
      },
    });
    filled.resolve(symbols.difference(unfilled));
    return {
      entries: missing.map((event) => ({ event, at: this.#sentAt(event), item: wrap(event) })),
      unfilled,
      knownSince,
    };
  }

  /** Ms at which Alpaca could send an event, at the earliest. */
  #sentAt({ timestamp }: E): number {
    return toMilliseconds(timestamp) + this.#options.identity.completeAfterMs;
  }

  /** Adds a claim; returns the earlier ones that reach beyond its beginning. */
  #claim(claim: Claim, from: number): readonly Claim[] {
    const earlier = this.#claims.filter(({ until }) => until >= from);
    this.#claims = [...earlier, claim];
    return earlier;
  }

  /** Where claims end, by symbol, once it is known what was filled of them. */
  async #handledUntil(claims: readonly Claim[]): Promise<ReadonlyMap<string, number>> {
    const handled = new Map<string, number>();
    for (const { until, filled } of claims) {
      for (const symbol of await filled.promise) {
        handled.set(symbol, Math.max(until, handled.get(symbol) ?? 0));
      }
    }
    return handled;
  }

  /** Reads the history in requests of a hundred symbols, until one fails. */
  async #readHistory(
    symbols: readonly string[],
    { span, from, signal }: {
      readonly span: TimeSpan;
      readonly from: number;
      readonly signal: AbortSignal;
    },
  ) {
    const events: E[] = [];
    const unfilled = new Map<string, number>();
    let problem: string | undefined;
    let status: number | undefined;
    for (let at = 0; at < symbols.length; at += MAX_REQUEST_SYMBOLS) {
      const some = symbols.slice(at, at + MAX_REQUEST_SYMBOLS);
      const maxEvents = MAX_EVENTS - events.length;
      if (maxEvents <= 0) problem ??= `More than ${MAX_EVENTS} events`;
      if (problem !== undefined) {
        for (const symbol of some) unfilled.set(symbol, from);
        continue;
      }
      const history = await this.#options.history({ symbols: some, span, maxEvents }, signal);
      for (const each of history.events.values()) for (const event of each) events.push(event);
      const { completeAfterMs } = this.#options.identity;
      for (const [symbol, missingFrom] of history.incomplete) {
        unfilled.set(symbol, Math.max(from, missingFrom + completeAfterMs));
      }
      ({ problem, status } = history);
    }
    return { events, unfilled, problem, status };
  }

  /**
   * Waits until the events up to a moment have arrived: they can lie in the socket while reading is
   * paused under load.
   */
  async #untilReceived(last: number, signal: AbortSignal): Promise<void> {
    const { received, clock } = this.#options;
    let sequence = NaN;
    while (sequence !== received.sequence && !signal.aborted) {
      sequence = received.sequence;
      await clock.sleep(QUIET_MS, signal);
      const [newest] = received.receivedSince(last).events;
      if (newest && this.#sentAt(newest.event) > last) return;
    }
  }
}

function keyOf({ from, to }: TimeSpan): string {
  return `${from} ${to}`;
}

/**
 * Measures the silence of a feed and of each of its symbols, from counts of messages that are read
 * from time to time, and says from when on it is longer than expected.
 *
 * @module
 */
import { ArrivalRate, improbableSilence, LongestGap, type Rhythm } from "./arrival_rate.ts";
import type { SessionName } from "./data_session.ts";

/**
 * A time in which messages are expected without a break: one market session, while one session with
 * upstream lasts.
 */
export interface Period {
  /** Changes with every new period. */
  readonly number: number;
  readonly session: SessionName;
  /** Changes whenever a market session opens. */
  readonly opening: number;
}

/** Least limit of a symbol's silence, in ms. */
const SYMBOL_FLOOR_MS = 1_000;
/** Least limit of a feed's silence, in ms. */
const FEED_FLOOR_MS = 2_000;

/** Added to the limit until the first message of a period: openings differ by symbol. */
const SYMBOL_GRACE_MS = 60_000;
const FEED_GRACE_MS = 10_000;

/** A rate of an earlier day, or session, is this much too high until there are new messages. */
const CARRIED_FACTOR = 4;

/** Messages after which the rate is that of the present session. */
const RENEWED_MESSAGES = 100;

/** How long the rate of a session is kept for the next one of its kind: over a long weekend. */
const KEPT_MS = 5 * 86_400_000;

/** A silence above the limit counts as at most this many limits, once it has ended. */
const LONGEST_LEARNED = 2;

/**
 * Sessions whose end resembles the start of the next one. Pre-market is busy at its end, and
 * post-market and overnight at their start, so each day starts without it.
 */
const CARRIED: ReadonlySet<SessionName> = new Set(["regular", "options", "always"]);

/** The silence of one symbol on one channel. About 620 bytes. */
export class SymbolSilence {
  readonly #rhythm: Rhythm;
  #period: Period | undefined;
  /** Messages at the last sample. */
  #count = 0;
  /** Monotonic ms of the last sample. */
  #sampledAt = 0;
  #silentMs = 0;
  #limitMs = Infinity;
  #hasArrived = false;
  /** Messages since a rate of other hours was carried over; infinite where none was. */
  #renewed = Infinity;
  #rate = new ArrivalRate();
  #kept: { readonly rate: ArrivalRate; readonly until: number } | undefined;
  /** Rate in the pre-market before, in messages per ms. */
  #premarketRate = 0;

  constructor(rhythm: Rhythm) {
    this.#rhythm = rhythm;
  }

  /**
   * Takes a sample; returns whether messages have arrived since the last one of the period.
   *
   * @param count messages so far
   * @param now monotonic ms
   */
  sample(count: number, now: number, period: Period): boolean {
    const isNew = period.number !== this.#period?.number;
    const arrived = count - this.#count;
    const elapsedMs = now - this.#sampledAt;
    this.#count = count;
    this.#sampledAt = now;
    // A count that has been reset says nothing about the time before.
    if (isNew || arrived < 0) {
      this.#restart(period, now);
      return false;
    }
    if (arrived === 0) {
      this.#silentMs += elapsedMs;
      return false;
    }
    // The first messages end no silence between messages.
    if (this.#hasArrived) {
      const longest = LONGEST_LEARNED * this.#limitMs;
      this.#rate.record(arrived, Math.min(this.#silentMs, longest), elapsedMs);
      this.#renewed += arrived;
    }
    this.#silentMs = 0;
    this.#hasArrived = true;
    this.#limitMs = Math.max(SYMBOL_FLOOR_MS, this.#rate.silenceLimit(this.#rhythm));
    return true;
  }

  /** Measures silence from the next sample on, as at the start of a period. */
  restart(): void {
    this.#silentMs = 0;
    this.#hasArrived = false;
  }

  /** Silence so far, to the interval of samples, in ms. */
  get silentMs(): number {
    return this.#silentMs;
  }

  /** Whether messages are missing. */
  get isOverdue(): boolean {
    return this.#silentMs > this.limitMs;
  }

  /** The silence from which on messages are missing, in ms; infinite while none are expected. */
  get limitMs(): number {
    const limitMs = this.#limitMs * (this.#isRenewed ? 1 : CARRIED_FACTOR);
    return this.#hasArrived ? limitMs : limitMs + SYMBOL_GRACE_MS;
  }

  /**
   * Messages per ms that can be expected of the symbol; 0 when nothing is known. At the start of
   * the regular session of a first day that is the rate in the pre-market, which is lower.
   */
  get expectedRate(): number {
    const { rate } = this.#rate;
    if (rate === 0) return this.#period?.session === "regular" ? this.#premarketRate : 0;
    return this.#isRenewed ? rate : rate / CARRIED_FACTOR;
  }

  get #isRenewed(): boolean {
    return this.#renewed >= RENEWED_MESSAGES;
  }

  #restart(period: Period, now: number): void {
    const previous = this.#period;
    this.#period = period;
    this.restart();
    if (previous?.opening === period.opening) return;
    if (previous && CARRIED.has(previous.session)) {
      this.#kept = { rate: this.#rate, until: now + KEPT_MS };
    }
    if (previous?.session === "premarket") this.#premarketRate = this.#rate.rate;
    const kept = CARRIED.has(period.session) ? this.#kept : undefined;
    const isCarried = kept !== undefined && kept.until > now;
    this.#rate = isCarried ? kept.rate : new ArrivalRate();
    this.#renewed = isCarried ? 0 : Infinity;
    this.#limitMs = Math.max(SYMBOL_FLOOR_MS, this.#rate.silenceLimit(this.#rhythm));
  }
}

/** The silence of a whole feed. */
export class FeedSilence {
  #period: Period | undefined;
  #count = 0;
  #sampledAt = 0;
  #silentMs = 0;
  #limitMs = Infinity;
  #hasArrived = false;
  #gap = new LongestGap();

  /**
   * Takes a sample; returns whether messages have arrived since the last one of the period.
   *
   * @param count messages so far
   * @param now monotonic ms
   * @param expectedRate messages per ms that the feed's symbols are expected to have together
   */
  sample(
    count: number,
    now: number,
    { period, expectedRate }: { readonly period: Period; readonly expectedRate: number },
  ): boolean {
    const isNew = period.number !== this.#period?.number;
    const arrived = count - this.#count;
    const elapsedMs = now - this.#sampledAt;
    if (period.session !== this.#period?.session) this.#gap = new LongestGap();
    this.#period = period;
    this.#count = count;
    this.#sampledAt = now;
    if (isNew) {
      this.#silentMs = 0;
      this.#hasArrived = false;
    } else if (arrived === 0) this.#silentMs += elapsedMs;
    else {
      if (this.#hasArrived) {
        const silentMs = Math.min(this.#silentMs, LONGEST_LEARNED * this.#limitMs);
        this.#gap.record(silentMs + elapsedMs / arrived, silentMs + elapsedMs);
      }
      this.#silentMs = 0;
      this.#hasArrived = true;
    }
    this.#limitMs = expectedRate === 0
      ? Infinity
      : Math.max(FEED_FLOOR_MS, improbableSilence(expectedRate), this.#gap.limitMs);
    return !isNew && arrived > 0;
  }

  /** Silence so far, to the interval of samples, in ms. */
  get silentMs(): number {
    return this.#silentMs;
  }

  /** The silence from which on messages are missing, in ms; infinite while none are expected. */
  get limitMs(): number {
    return this.#hasArrived ? this.#limitMs : this.#limitMs + FEED_GRACE_MS;
  }

  /** Whether messages are missing. */
  get isOverdue(): boolean {
    return this.#silentMs > this.limitMs;
  }
}

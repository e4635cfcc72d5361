/**
 * Estimates how often messages arrive, and how long a silence is usual.
 *
 * The rate is the lower of two: that of the last {@linkcode RECENT_MESSAGES} messages, which
 * follows a decline immediately, and that of the last {@linkcode LONG_MS}, or of the last
 * {@linkcode LONG_MESSAGES} messages where that is longer, which bursts do not raise. Both are
 * ratios of exponentially decaying sums, and neither changes during a silence.
 *
 * For messages at random times (a Poisson process), a silence as long as the limit has the
 * probability e^-{@linkcode EXPECTED_MESSAGES} = 2 × 10^-9 where the rate is exact, and below 10^-6
 * where it is estimated 40 % too high. Real messages come in bursts; the second limit, a multiple
 * of the longest recent silence, covers these.
 *
 * @module
 */

/** Messages that would have arrived in a silence, at the rate, from which on it is too long. */
const EXPECTED_MESSAGES = 20;

/** A silence is too long when it is longer than the longest recent one by this factor. */
const LONGEST_FACTOR = 3;

/** Messages before which nothing is expected. */
const ENOUGH_MESSAGES = 30;

const RECENT_MESSAGES = 32;
const LONG_MESSAGES = 64;
const LONG_MS = 10 * 60_000;

/** Time constant with which the longest silence is forgotten. */
const LONGEST_GAP_MS = 60 * 60_000;

/** How a channel's messages arrive: at any time, or at most once a minute (bars). */
export type Rhythm = "random" | "minutely";

const MINUTE_MS = 60_000;

/** Largest share of minutes with a bar that is relied on. */
const MOST_MINUTES = 0.95;

/** The longest silence between messages, forgotten exponentially. */
export class LongestGap {
  #ms = 0;

  /** @param gapMs a silence that has ended, within `elapsedMs` since the last call */
  record(gapMs: number, elapsedMs: number): void {
    this.#ms = Math.max(gapMs, this.#ms * Math.exp(-elapsedMs / LONGEST_GAP_MS));
  }

  /** The shortest silence that is longer than usual, in ms. */
  get limitMs(): number {
    return this.#ms * LONGEST_FACTOR;
  }
}

/** The silence in which {@linkcode EXPECTED_MESSAGES} would arrive, in ms. */
export function improbableSilence(rate: number): number {
  return EXPECTED_MESSAGES / rate;
}

/** The rate at which the messages of one symbol arrive, in one kind of session. */
export class ArrivalRate {
  #recentCount = 0;
  #recentMs = 0;
  #longCount = 0;
  #longMs = 0;
  readonly #gap = new LongestGap();

  /**
   * Records messages that ended a silence.
   *
   * @param count at least 1
   * @param silentMs without a message, before
   * @param elapsedMs in which they arrived, after the silence
   */
  record(count: number, silentMs: number, elapsedMs: number): void {
    const ms = silentMs + elapsedMs;
    const recent = Math.exp(-count / RECENT_MESSAGES);
    this.#recentCount = this.#recentCount * recent + count;
    this.#recentMs = this.#recentMs * recent + ms;
    const long = Math.max(Math.exp(-ms / LONG_MS), Math.exp(-count / LONG_MESSAGES));
    this.#longCount = this.#longCount * long + count;
    this.#longMs = this.#longMs * long + ms;
    this.#gap.record(silentMs + elapsedMs / count, ms);
  }

  /** Messages per ms; 0 before there were enough. */
  get rate(): number {
    if (this.#longCount < ENOUGH_MESSAGES || this.#longMs === 0) return 0;
    return Math.min(this.#recentCount / this.#recentMs, this.#longCount / this.#longMs);
  }

  /** The silence from which on messages are missing, in ms; infinite before there were enough. */
  silenceLimit(rhythm: Rhythm): number {
    const { rate } = this;
    if (rate === 0) return Infinity;
    const improbable = rhythm === "random" ? improbableSilence(rate) : missingMinutes(rate);
    return Math.max(improbable, this.#gap.limitMs);
  }
}

/** The time in which bars are missing, where a minute has one with a fixed probability. */
function missingMinutes(rate: number): number {
  const share = Math.min(rate * MINUTE_MS, MOST_MINUTES);
  return MINUTE_MS * (1 + EXPECTED_MESSAGES / -Math.log(1 - share));
}

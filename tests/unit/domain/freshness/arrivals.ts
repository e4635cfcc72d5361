/**
 * Random messages of one symbol, and samples of their number.
 *
 * @module
 */
import type { SessionName } from "../../../../src/domain/freshness/data_session.ts";
import { SymbolSilence } from "../../../../src/domain/freshness/silence.ts";

/** A generator of numbers in [0, 1) that a seed determines (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A symbol that is sampled once a second. */
export class SampledSymbol {
  readonly silence = new SymbolSilence("random");
  readonly #random: () => number;
  #now = 0;
  #count = 0;
  #next = 0;
  #period = { number: 0, session: "regular" as SessionName, opening: 0 };
  /** Silences that were longer than the limit, each counted once. */
  alarms = 0;
  /** Messages so far. */
  get count(): number {
    return this.#count;
  }

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  /** Starts another session. */
  open(session: SessionName): void {
    const { number, opening } = this.#period;
    this.#period = { number: number + 1, session, opening: opening + 1 };
  }

  /** Continues the session on another connection. */
  reconnect(): void {
    this.#period = { ...this.#period, number: this.#period.number + 1 };
  }

  /**
   * Lets seconds pass with messages at random times.
   *
   * @param rate messages per second, or that of each second; 0 for none
   */
  run(seconds: number, rate: number | ((second: number) => number)): void {
    let wasOverdue = this.silence.isOverdue;
    for (let second = 0; second < seconds; second++) {
      const perSecond = typeof rate === "number" ? rate : rate(second);
      const end = this.#now + 1_000;
      if (perSecond > 0) {
        const gap = () => -Math.log(1 - this.#random()) / perSecond * 1_000;
        if (this.#next < this.#now) this.#next = this.#now + gap();
        for (; this.#next < end; this.#next += gap()) this.#count++;
      } else this.#next = end;
      this.#now = end;
      this.silence.sample(this.#count, end, this.#period);
      const { isOverdue } = this.silence;
      if (isOverdue && !wasOverdue) this.alarms++;
      wasOverdue = isOverdue;
    }
  }

  /** Seconds of silence until it is too long; `undefined` if that takes over an hour. */
  mute(): number | undefined {
    for (let second = 1; second <= 3_600; second++) {
      this.run(1, 0);
      if (this.silence.isOverdue) return second;
    }
    return undefined;
  }
}

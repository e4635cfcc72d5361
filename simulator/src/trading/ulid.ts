/**
 * ULIDs as Alpaca's `event_id`: 48 bits of milliseconds, then 80 bits of
 * chance, in 26 characters of Crockford's base 32. Two ids of one sequence
 * always sort in the order they were made, also within one millisecond.
 *
 * @module
 */
import type { SimClock, SimulatorRandom } from "../ports.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_CHARACTERS = 10;
const CHANCE_CHARACTERS = 16;

/** Makes ids that only ever grow, from one clock and one source of chance. */
export class UlidSequence {
  readonly #clock: SimClock;
  readonly #random: SimulatorRandom;
  #lastMs = -1;
  /** The chance part as base 32 digits, most significant first. */
  #digits: number[] = [];

  /** Starts a sequence; the same clock and chance give the same ids. */
  constructor(clock: SimClock, random: SimulatorRandom) {
    this.#clock = clock;
    this.#random = random;
  }

  /** The next id, greater than every one before. */
  next(): string {
    const nowMs = Math.floor(this.#clock.now());
    if (nowMs > this.#lastMs) this.#restart(nowMs);
    else this.#increment();
    return encodeTime(this.#lastMs) +
      this.#digits.map((digit) => ALPHABET[digit]).join("");
  }

  #restart(ms: number): void {
    this.#lastMs = ms;
    this.#digits = Array.from(
      { length: CHANCE_CHARACTERS },
      () => this.#random.below(ALPHABET.length),
    );
  }

  #increment(): void {
    for (let place = CHANCE_CHARACTERS - 1; place >= 0; place--) {
      const digit = this.#digits[place] ?? 0;
      this.#digits[place] = (digit + 1) % ALPHABET.length;
      if (digit + 1 < ALPHABET.length) return;
    }
    this.#restart(this.#lastMs + 1); // all chance used up: borrow a millisecond
  }
}

function encodeTime(ms: number): string {
  let text = "";
  let rest = ms;
  for (let place = 0; place < TIME_CHARACTERS; place++) {
    text = ALPHABET[rest % ALPHABET.length] + text;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return text;
}

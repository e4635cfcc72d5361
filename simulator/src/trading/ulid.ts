/**
 * ULIDs for `event_id`: 48 bits of milliseconds and 80 random bits in 26
 * characters of Crockford's base 32. The ids of one sequence sort in the order of
 * their creation, also within one millisecond.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { SeededRandom } from "../random.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 16;

/** Creates growing ids from a clock and random numbers. */
export class UlidSequence {
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  #lastMs = -1;
  /** The random part as base 32 digits, most significant first. */
  #digits: number[] = [];

  /** The same clock and seed give the same ids. */
  constructor(clock: Clock, random: SeededRandom) {
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
      { length: RANDOM_CHARACTERS },
      () => this.#random.below(ALPHABET.length),
    );
  }

  #increment(): void {
    for (let place = RANDOM_CHARACTERS - 1; place >= 0; place--) {
      const digit = this.#digits[place] ?? 0;
      this.#digits[place] = (digit + 1) % ALPHABET.length;
      if (digit + 1 < ALPHABET.length) return;
    }
    this.#restart(this.#lastMs + 1); // overflow: borrow a millisecond
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

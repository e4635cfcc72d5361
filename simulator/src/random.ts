/**
 * Seeded random numbers: the same seed gives the same numbers in the same
 * order. The generator is Chris Doty-Humphrey's sfc32 over a hashed seed.
 */
export class SeededRandom {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Any text or number is a seed. */
  constructor(seed: string | number) {
    this.#seed = String(seed);
    [this.#a, this.#b, this.#c] = hash(this.#seed);
    for (let round = 0; round < 12; round++) this.#word();
  }

  /** A number in [0, 1). */
  next(): number {
    return this.#word() / 2 ** 32;
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** One of `items`; throws a RangeError when they are empty. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("cannot pick from nothing");
    // The index is within the checked length.
    return items[this.below(items.length)] as T;
  }

  /** A normally distributed number with mean 0 and deviation 1. */
  gaussian(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** A version 4 UUID made from this sequence. */
  uuid(): string {
    const hex = Array.from(
      { length: 4 },
      () => this.#word().toString(16).padStart(8, "0"),
    ).join("");
    const variant = "89ab"[parseInt(hex.charAt(16), 16) & 3];
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `4${hex.slice(13, 16)}`,
      `${variant}${hex.slice(17, 20)}`,
      hex.slice(20),
    ].join("-");
  }

  /** An independent sequence; the same label always gives the same one. */
  fork(label: string): SeededRandom {
    return new SeededRandom(`${this.#seed}/${label}`);
  }

  #word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum | 0;
    return sum >>> 0;
  }
}

function hash(text: string): [number, number, number] {
  const word = (offset: number) => {
    let state = 0x811c9dc5 ^ offset;
    for (let at = 0; at < text.length; at++) {
      state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
    }
    return state | 0;
  };
  return [word(0), word(0x9e3779b9), word(0x7f4a7c15)];
}

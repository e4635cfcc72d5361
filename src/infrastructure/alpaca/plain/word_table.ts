/**
 * What short runs of bytes mean, looked up by the bytes themselves.
 *
 * A feed says the same few thousand symbols and the same few dozen codes over
 * and over. Finding the one text that was made before costs a fraction of
 * making another, and keeps ticks from filling the heap with copies. The table
 * is bounded: a newcomer takes the place of whoever lies in its way, so
 * forgetting costs time, never correctness.
 *
 * @module
 */
import { NOT_PLAIN } from "./plain_reader.ts";

/** Meanings by their bytes. */
export class WordTable<T> {
  readonly #make: (word: string) => T | undefined;
  readonly #mask: number;
  readonly #words: (string | undefined)[];
  readonly #meanings: (T | undefined)[];

  /**
   * @param make the meaning of a word, or `undefined` if it has none; asked
   *   again when the word was forgotten
   * @param bits the table has room for 2^bits words
   */
  constructor(make: (word: string) => T | undefined, bits: number) {
    const size = 1 << bits;
    this.#make = make;
    this.#mask = size - 1;
    this.#words = new Array(size).fill(undefined);
    this.#meanings = new Array(size).fill(undefined);
  }

  /**
   * The meaning of the ASCII bytes `from` up to `to`.
   *
   * @param hash of these bytes, made with {@linkcode addToHash}
   * @throws NotPlain when they mean nothing
   */
  at(bytes: Uint8Array, from: number, to: number, hash: number): T {
    const first = (hash ^ (hash >>> 15)) & this.#mask;
    if (this.#is(first, bytes, from, to)) return this.#meanings[first] as T;
    // Two places for each word, so that two that meet do not chase each other.
    const second = first ^ 1;
    if (this.#is(second, bytes, from, to)) return this.#meanings[second] as T;
    return this.#learn(this.#words[first] ? second : first, bytes, from, to);
  }

  #is(slot: number, bytes: Uint8Array, from: number, to: number): boolean {
    const word = this.#words[slot];
    if (word === undefined || word.length !== to - from) return false;
    for (let i = 0; i < word.length; i++) {
      if (word.charCodeAt(i) !== bytes[from + i]) return false;
    }
    return true;
  }

  #learn(slot: number, bytes: Uint8Array, from: number, to: number): T {
    const word = String.fromCharCode(...bytes.subarray(from, to));
    const meaning = this.#make(word);
    if (meaning === undefined) throw NOT_PLAIN;
    this.#words[slot] = word;
    this.#meanings[slot] = meaning;
    return meaning;
  }
}

/** Adds a byte to a hash that starts at 0. */
export function addToHash(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

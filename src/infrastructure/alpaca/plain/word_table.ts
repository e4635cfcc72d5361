/**
 * Interns short text, looked up by its bytes.
 *
 * A feed repeats a few thousand symbols and a few dozen codes. Finding the string
 * that was made before costs a fraction of making another, and keeps ticks from
 * filling the heap with copies. Memory is bounded in entries and in bytes: a new
 * entry evicts the colliding one, and text longer than {@linkcode MAX_WORD_BYTES}
 * is left to the general decoder. Eviction costs time, never correctness.
 *
 * @module
 */
import { NOT_PLAIN } from "./plain_reader.ts";

/** Bytes of the longest entry; a full table of 2^15 symbols holds 2 MiB of text. */
export const MAX_WORD_BYTES = 64;

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
   * @throws NotPlain when they mean nothing or are longer than an entry may be
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
    // Longer text would also overflow the stack, spread into arguments.
    if (to - from > MAX_WORD_BYTES) throw NOT_PLAIN;
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

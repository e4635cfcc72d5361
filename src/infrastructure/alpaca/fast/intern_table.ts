/**
 * Interns short text, looked up by its bytes.
 *
 * A feed repeats a few thousand symbols and a few dozen codes. Finding the existing string costs a
 * fraction of creating another, and ticks do not fill the heap with copies. Memory is bounded in
 * entries and in bytes: a new entry evicts the colliding one, and text longer than
 * `MAX_ENTRY_BYTES` is not supported by the fast decoders. Eviction costs time, never correctness.
 * A table takes its memory, half a MiB for symbols, with its first entry: feeds have several, and
 * not all of them receive data.
 *
 * @module
 */
import { UNSUPPORTED } from "./frame_batch.ts";

/** Bytes of the longest entry; a full table of 2^15 symbols holds 2 MiB of text. */
const MAX_ENTRY_BYTES = 64;
/** 32,768 symbols: all stocks of the market, or many option chains. */
const SYMBOL_BITS = 15;
/** 1,024 codes or lists of codes. */
const CODE_BITS = 10;

/** The value of an absent list of codes. */
export const NO_CODES: readonly string[] = [];

/** A fixed-size hash table from bytes to the value made of their text. */
export class InternTable<T> {
  readonly #make: (text: string) => T | undefined;
  readonly #mask: number;
  #texts: (string | undefined)[] = [];
  #values: (T | undefined)[] = [];

  /**
   * @param make the value of a text, or `undefined` when the text is not supported; called again
   *   after an eviction
   * @param bits the table has 2^bits entries
   */
  constructor(make: (text: string) => T | undefined, bits: number) {
    this.#make = make;
    this.#mask = (1 << bits) - 1;
  }

  /**
   * Returns the value of the ASCII bytes `from` up to `to`.
   *
   * @param hash of these bytes, computed with {@linkcode addToHash}
   * @throws Unsupported when the text has no value or is too long for an entry
   */
  intern(bytes: Uint8Array, from: number, to: number, hash: number): T {
    if (this.#texts.length === 0) this.#allocate();
    const first = (hash ^ (hash >>> 15)) & this.#mask;
    if (this.#matches(first, bytes, from, to)) return this.#values[first] as T;
    // Two slots per text, so that two that collide do not evict each other.
    const second = first ^ 1;
    if (this.#matches(second, bytes, from, to)) {
      return this.#values[second] as T;
    }
    return this.#insert(this.#texts[first] ? second : first, bytes, from, to);
  }

  #allocate(): void {
    const size = this.#mask + 1;
    this.#texts = new Array(size).fill(undefined);
    this.#values = new Array(size).fill(undefined);
  }

  #matches(slot: number, bytes: Uint8Array, from: number, to: number): boolean {
    const text = this.#texts[slot];
    if (text === undefined || text.length !== to - from) return false;
    for (let i = 0; i < text.length; i++) {
      if (text.charCodeAt(i) !== bytes[from + i]) return false;
    }
    return true;
  }

  #insert(slot: number, bytes: Uint8Array, from: number, to: number): T {
    // Longer text would also overflow the stack, spread into arguments.
    if (to - from > MAX_ENTRY_BYTES) throw UNSUPPORTED;
    const text = String.fromCharCode(...bytes.subarray(from, to));
    const value = this.#make(text);
    if (value === undefined) throw UNSUPPORTED;
    this.#texts[slot] = text;
    this.#values[slot] = value;
    return value;
  }
}

/** Adds a byte to a hash that starts at 0. */
export function addToHash(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

/** A table of symbols; the empty symbol is not supported. */
export function symbolTable(): InternTable<string> {
  return new InternTable((symbol) => symbol || undefined, SYMBOL_BITS);
}

/** A table of codes: exchanges, tapes, conditions. */
export function codeTable(): InternTable<string> {
  return new InternTable((code) => code, CODE_BITS);
}

/** A table of lists of codes by their JSON text; the lists are shared. */
export function codeListTable(): InternTable<readonly string[]> {
  return new InternTable(parseCodes, CODE_BITS);
}

function parseCodes(text: string): readonly string[] | undefined {
  try {
    const codes: unknown[] = JSON.parse(text);
    return codes.every((code) => typeof code === "string") ? codes : undefined;
  } catch {
    // Cut at a bracket inside a code: the general decoder reads it.
    return undefined;
  }
}

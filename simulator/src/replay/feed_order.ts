/**
 * Puts the entries of one feed together: finds what is missing, ignores what came twice, joins the
 * parts of frames.
 *
 * @module
 */
import type { Entry } from "./batch.ts";

/** Entries of a feed that are missing in a recording. */
export interface Hole {
  /** The term of the sender in which they were numbered. */
  readonly term: bigint;
  /** Number of the first one that is missing. */
  readonly number: number;
  /** How many are missing. */
  readonly missing: number;
  /** Arrival of the entry after it, in ms since the Unix epoch. */
  readonly at: number;
}

/** A whole frame. */
export interface WholeFrame {
  readonly bytes: Uint8Array;
  /** Arrival of its last part, in ms since the Unix epoch. */
  readonly receivedAt: number;
}

/** Holes and terms that are listed; more are counted only. */
const MAX_LISTED = 1_000;
/** Bytes of the largest frame that is joined from parts. */
const MAX_FRAME_BYTES = 64 * 1_048_576;

/** The entries of one feed in the order of the recording. */
export class FeedOrder {
  /** The first holes. */
  readonly holes: Hole[] = [];
  /** The first terms, in the order of the recording. */
  readonly terms: bigint[] = [];
  /** Number of entries that are missing. */
  missing = 0;
  /** Number of entries that came twice, or after a later term had begun. */
  ignored = 0;
  #term = -1n;
  /** Undefined until the first entry: what was before the recording is not missing. */
  #next: number | undefined;
  #parts: Uint8Array[] = [];
  #partBytes = 0;

  /** Takes an entry; returns the frame that it completes, if any. */
  add(term: bigint, entry: Entry): WholeFrame | undefined {
    if (term > this.#term) this.#begin(term);
    const { kind, number, payload, receivedAt } = entry;
    const isLate = this.#next !== undefined && number < this.#next;
    if (term < this.#term || isLate) {
      if (kind !== "beacon") this.ignored++;
      return undefined;
    }
    if (this.#next !== undefined && number > this.#next) this.#lose(entry, this.#next);
    this.#next = kind === "beacon" ? number : number + 1;
    switch (kind) {
      case "part":
        this.#keep(payload);
        return undefined;
      case "end":
        // Its beginning is missing.
        if (this.#parts.length === 0) return undefined;
        return { bytes: this.#join(payload), receivedAt };
      case "frame":
        // Also the last part, from a hub of an earlier version.
        return { bytes: this.#join(payload), receivedAt };
      case "up":
      case "down":
        this.#drop();
        return undefined;
      case "beacon":
      case "other":
        return undefined;
    }
  }

  #begin(term: bigint): void {
    // The first entry of the recording may have any number, that of a term which begins later not.
    this.#next = this.#term < 0n ? undefined : 1;
    this.#term = term;
    if (this.terms.length < MAX_LISTED) this.terms.push(term);
    this.#drop();
  }

  #lose({ number, receivedAt: at }: Entry, from: number): void {
    const missing = number - from;
    this.missing += missing;
    if (this.holes.length < MAX_LISTED) {
      this.holes.push({ term: this.#term, number: from, missing, at });
    }
    this.#drop();
  }

  #keep(part: Uint8Array): void {
    this.#parts.push(part);
    this.#partBytes += part.length;
    if (this.#partBytes > MAX_FRAME_BYTES) this.#drop();
  }

  #join(last: Uint8Array): Uint8Array {
    if (this.#parts.length === 0) return last;
    const frame = new Uint8Array(this.#partBytes + last.length);
    let at = 0;
    for (const part of [...this.#parts, last]) {
      frame.set(part, at);
      at += part.length;
    }
    this.#drop();
    return frame;
  }

  #drop(): void {
    this.#parts = [];
    this.#partBytes = 0;
  }
}

/**
 * The order of the entries of one feed in a session: which entry is the next one, what is missing
 * before it, and where another session can continue.
 *
 * @module
 */
import { type BatchEntry, FrameJoiner, isInFrame } from "./frame_batch.ts";
import type { MissingEntries } from "./retained_reader.ts";

/**
 * What an entry is for the session:
 *
 * - `next`: the next one.
 * - `known`: it was handled before, or has no number, or is of a hub without the lease.
 * - `hole`: others are missing before it.
 * - `other_term`: another hub has taken over.
 * - `restart`: a hub counts from 1 again under the same term, as after the loss of all that NATS
 *   had stored. Its entries continue nothing.
 */
type Step = "next" | "known" | "hole" | "other_term" | "restart";

/** An entry with which a session continues. */
export interface Position {
  readonly term: bigint;
  readonly next: number;
  /** Whether the hub has a session there; `undefined` where that is not known. */
  readonly isUp: boolean | undefined;
  /** When the hub received it, in wall clock ms. */
  readonly at: number;
}

/** Follows the numbers of one feed and joins the parts of frames. */
export class EntryOrder {
  readonly #joiner = new FrameJoiner();
  #term = 0n;
  #next = 0;
  #isSettled = false;
  /** When the hub received the last entry that was the next one, in wall clock ms. */
  #lastAt: number | undefined;
  #completeAt = -Infinity;

  /** Term of the hub that is followed; 0 before. */
  get term(): bigint {
    return this.#term;
  }

  /** Number of the next entry. */
  get next(): number {
    return this.#next;
  }

  /** Wall clock ms of the hub up to which nothing is missing. */
  get completeAt(): number {
    return this.#completeAt;
  }

  /** Begins with an entry; earlier ones may follow until {@linkcode EntryOrder.settle}. */
  begin(term: bigint, next: number): void {
    this.#term = term;
    this.#next = next;
  }

  /** From now on no entry arrives that was sent before the first one. */
  settle(): void {
    this.#isSettled = true;
  }

  /** Decides what an entry is; after `next` the one that follows is expected. */
  follow({ kind, number, receivedAt }: BatchEntry, term: bigint): Step {
    if (term !== this.#term) return term < this.#term ? "known" : "other_term";
    if (number > this.#next) return "hole";
    if (number < this.#next) return number === 1 && this.#isSettled ? "restart" : "known";
    this.#completeAt = receivedAt;
    if (kind === "beacon") return "known";
    this.#next++;
    this.#lastAt = receivedAt;
    return "next";
  }

  /** What is missing before an entry; `undefined` unless the entry before that is known. */
  missingBefore({ number: end }: BatchEntry): MissingEntries | undefined {
    const previousAt = this.#lastAt;
    return previousAt === undefined
      ? undefined
      : { term: this.#term, first: this.#next, end, previousAt };
  }

  /**
   * Joins the parts of a frame; returns the frame that an entry completes.
   *
   * @throws InvalidBatch when it is too large
   */
  frameOf(entry: BatchEntry): Uint8Array | undefined {
    return this.#joiner.add(entry);
  }
}

/**
 * Where a session continues with an entry that does not follow the one before; `undefined` inside a
 * frame, of which the beginning is missing.
 */
export function positionAt(
  { kind, number, receivedAt: at }: BatchEntry,
  term: bigint,
): Position | undefined {
  if (isInFrame(kind)) return undefined;
  // The end of the hub's session may be missing too.
  return { term, next: number, isUp: kind === "beacon" ? undefined : kind === "frame", at };
}

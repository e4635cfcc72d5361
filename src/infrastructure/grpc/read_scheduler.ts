/**
 * Limits how much opening, closing and control work one turn of the event loop
 * takes on, and shares it fairly between connections.
 *
 * A new stream costs some 200 to 400 µs: HTTP/2, grpc-js, validation, the
 * subscription, its headers. One packet can carry hundreds. Work that exceeds
 * the share of a turn waits for the next one, so that messages to all other
 * clients leave in between.
 *
 * @module
 */
import { EVENT_LOOP, TURN_MS, type Turns } from "./turns.ts";

/** Units of work of one turn, all connections together. */
const TURN_UNITS = 24;
/** Units of work of one connection before the next connection is served. */
const QUANTUM_UNITS = 4;

/** A connection with bytes that wait to be read. */
export interface PacedReader {
  /** Reads work of at most `units`, at least one frame; returns the units used. */
  advance(units: number): number;
  /** Whether bytes are left to read. */
  readonly isWaiting: boolean;
}

/** Schedules the reading of all connections. */
export class ReadScheduler {
  readonly #waiting = new Set<PacedReader>();
  readonly #turns: Turns;
  #used = 0;
  #isScheduled = false;
  /** Cancels a later turn that reads on. */
  #cancel: (() => void) | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  /** @param turns how later turns of the event loop are had */
  constructor(turns: Turns = EVENT_LOOP) {
    this.#turns = turns;
  }

  /** Units that a connection with new bytes may use in this turn. */
  get available(): number {
    if (this.#waiting.size > 0) return 0;
    return Math.max(0, Math.min(QUANTUM_UNITS, TURN_UNITS - this.#used));
  }

  /** Counts units that were used outside {@linkcode PacedReader.advance}. */
  use(units: number): void {
    if (units === 0) return;
    this.#used += units;
    this.#schedule();
  }

  /** Has `reader` read on in later turns until nothing is left. */
  enqueue(reader: PacedReader): void {
    this.#waiting.add(reader);
    this.#schedule();
  }

  /** Resolves when no connection waits. */
  idle(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  /** Removes a reader whose connection has ended. */
  remove(reader: PacedReader): void {
    this.#waiting.delete(reader);
    if (this.#waiting.size > 0) return;
    this.#becomeIdle();
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#cancel = undefined;
    this.#isScheduled = false;
  }

  #becomeIdle(): void {
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#turns.next(this.#run);
  }

  readonly #run = (): void => {
    const end = this.#turns.now() + TURN_MS;
    this.#cancel = undefined;
    this.#used = 0;
    for (const reader of this.#waiting) {
      if (this.#used >= TURN_UNITS || this.#turns.now() >= end) break;
      this.#waiting.delete(reader);
      // Progress is counted even where a reader only skipped free frames.
      this.#used += Math.max(1, reader.advance(QUANTUM_UNITS));
      // Behind the others: a set iterates over what is added meanwhile too.
      if (reader.isWaiting) this.#waiting.add(reader);
    }
    this.#isScheduled = false;
    if (this.#waiting.size > 0) {
      this.#isScheduled = true;
      this.#cancel = this.#turns.polled(this.#run);
      return;
    }
    this.#becomeIdle();
    if (this.#used > 0) this.#schedule();
  };
}

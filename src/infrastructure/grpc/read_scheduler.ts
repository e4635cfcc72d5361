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
import { setImmediate } from "node:timers";

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
  readonly #defer: (run: () => void) => void;
  #used = 0;
  #isScheduled = false;

  /** @param defer runs a function in a later turn of the event loop */
  constructor(defer: (run: () => void) => void = (run) => setImmediate(run)) {
    this.#defer = defer;
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

  /** Removes a reader whose connection has ended. */
  remove(reader: PacedReader): void {
    this.#waiting.delete(reader);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#defer(() => this.#run());
  }

  #run(): void {
    this.#isScheduled = false;
    this.#used = 0;
    while (this.#used < TURN_UNITS) {
      const [reader] = this.#waiting;
      if (reader === undefined) return;
      this.#waiting.delete(reader);
      // Progress is counted even where a reader only skipped free frames.
      this.#used += Math.max(1, reader.advance(QUANTUM_UNITS));
      if (reader.isWaiting) this.#waiting.add(reader);
    }
    this.#schedule();
  }
}

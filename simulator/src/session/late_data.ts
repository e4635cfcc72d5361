/**
 * Data on its way to one session that is late on purpose.
 *
 * What was late first arrives first, also when the delay shrinks meanwhile, and
 * nothing overtakes it. What waits is bounded by bytes: beyond that the oldest
 * arrives early, so that a forgotten fault does not fill the memory.
 *
 * @module
 */
import type { SimClock, SimTimer } from "../ports.ts";
import type { Encoded } from "../protocol/encoding.ts";

interface Late {
  readonly element: Encoded;
  /** When it is to arrive, in ms since the Unix epoch. */
  readonly due: number;
}

/** Elements that arrive later. */
export class LateData {
  readonly #clock: SimClock;
  readonly #maxBytes: number;
  readonly #arrive: (elements: readonly Encoded[]) => void;
  #waiting: Late[] = [];
  #bytes = 0;
  #timer: SimTimer | undefined;

  /**
   * @param options.maxBytes how much may wait
   * @param options.arrive takes what has become due, in order
   */
  constructor(clock: SimClock, options: {
    readonly maxBytes: number;
    readonly arrive: (elements: readonly Encoded[]) => void;
  }) {
    this.#clock = clock;
    this.#maxBytes = options.maxBytes;
    this.#arrive = options.arrive;
  }

  /** Whether something is still to arrive. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Has an element arrive after `delayMs`, and after everything before it. */
  add(element: Encoded, delayMs: number): void {
    const due = this.#clock.now() + delayMs;
    const before = this.#waiting.at(-1)?.due ?? 0;
    this.#waiting.push({ element, due: Math.max(due, before) });
    this.#bytes += element.length;
    if (this.#bytes > this.#maxBytes) this.#release(1);
    this.#timer ??= this.#plan();
  }

  /** Lets go of everything. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting = [];
    this.#bytes = 0;
  }

  #plan(): SimTimer | undefined {
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    return this.#clock.setTimer(first.due - this.#clock.now(), () => {
      const now = this.#clock.now();
      const count = this.#waiting.findIndex(({ due }) => due > now);
      this.#release(count < 0 ? this.#waiting.length : count);
      this.#timer = this.#plan();
    });
  }

  #release(count: number): void {
    const elements = this.#waiting.splice(0, count).map((late) => late.element);
    for (const { length } of elements) this.#bytes -= length;
    this.#arrive(elements);
  }
}

/**
 * Time: the system's clock, or one that a test advances.
 *
 * @module
 */

/** A running timer; cancelling one that has fired does nothing. */
export interface Timer extends Disposable {
  /** Stops the timer; the callback will not run any more. */
  cancel(): void;
}

/** A source of time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Nanoseconds since the Unix epoch, never earlier than the call before. */
  nowNanos(): bigint;
  /** Runs `callback` once after `delayMs` milliseconds. */
  setTimer(delayMs: number, callback: () => void): Timer;
}

class SystemTimer implements Timer {
  readonly #id: ReturnType<typeof setTimeout>;

  constructor(delayMs: number, callback: () => void) {
    this.#id = setTimeout(callback, delayMs);
  }

  cancel(): void {
    clearTimeout(this.#id);
  }

  [Symbol.dispose](): void {
    this.cancel();
  }
}

let latestNanos = 0n;

/**
 * Real time. Milliseconds come from the system's clock, so that a simulator
 * that runs for weeks follows its corrections; the fraction comes from
 * `performance.now()`.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  nowNanos: () => {
    const fraction = Math.floor((performance.now() % 1) * 1e6);
    const nanos = BigInt(Date.now()) * 1_000_000n + BigInt(fraction);
    return latestNanos = nanos > latestNanos ? nanos : latestNanos;
  },
  setTimer: (delayMs, callback) => new SystemTimer(delayMs, callback),
};

interface Planned {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that a test advances: timers fire in order within `advance`. */
export class ManualClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #planned = new Set<Planned>();

  /** Starts at `startMs` milliseconds since the epoch. */
  constructor(startMs: number = Date.parse("2026-09-14T14:30:00Z")) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  nowNanos(): bigint {
    return BigInt(Math.round(this.#nowMs * 1e3)) * 1000n;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const at = this.#nowMs + Math.max(0, delayMs);
    const planned = { at, order: this.#order++, callback };
    this.#planned.add(planned);
    const cancel = () => void this.#planned.delete(planned);
    return { cancel, [Symbol.dispose]: cancel };
  }

  /** Number of timers that have not fired. */
  get pending(): number {
    return this.#planned.size;
  }

  /** Advances time by `millis` and fires every timer that becomes due. */
  advance(millis: number): void {
    const end = this.#nowMs + millis;
    for (let due = this.#nextUntil(end); due; due = this.#nextUntil(end)) {
      this.#planned.delete(due);
      this.#nowMs = Math.max(this.#nowMs, due.at);
      due.callback();
    }
    this.#nowMs = end;
  }

  #nextUntil(end: number): Planned | undefined {
    let first: Planned | undefined;
    for (const timer of this.#planned) {
      if (timer.at > end) continue;
      const sooner = !first || timer.at < first.at ||
        (timer.at === first.at && timer.order < first.order);
      if (sooner) first = timer;
    }
    return first;
  }
}

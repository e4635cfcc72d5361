import type { SimClock, SimTimer } from "./ports.ts";

class SystemTimer implements SimTimer {
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
 * Real time. The system's clock gives the milliseconds, so that a simulator
 * follows its corrections for weeks; the process's own gives what is finer.
 */
export const systemClock: SimClock = {
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

/** Time turned by hand: timers fire in order while `advance` runs. */
export class ManualClock implements SimClock {
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

  setTimer(delayMs: number, callback: () => void): SimTimer {
    const at = this.#nowMs + Math.max(0, delayMs);
    const planned = { at, order: this.#order++, callback };
    this.#planned.add(planned);
    const cancel = () => void this.#planned.delete(planned);
    return { cancel, [Symbol.dispose]: cancel };
  }

  /** Timers that are still to fire. */
  get pending(): number {
    return this.#planned.size;
  }

  /** Moves time on by `millis`, firing every timer that falls due. */
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

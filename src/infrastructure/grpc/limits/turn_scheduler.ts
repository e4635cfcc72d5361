/**
 * Limits how much work one turn of the event loop does, and shares it fairly between connections.
 *
 * Without limits, the work of a burst (thousands of new streams, or of streams that write) runs
 * before anything else: a connection with a single stream, a health check and the upstream reader
 * wait for half a second. Connections below the limits, which is all of them without a burst, are
 * served immediately; the work of others waits for later turns, in the order of start-time fair
 * queuing: the connection that has used the fewest units while others waited is first. So a client
 * with little work is served in the next turn, however many connections flood the proxy.
 *
 * @module
 */
import { EVENT_LOOP, type EventLoop } from "./event_loop.ts";

/** How much work is done in one turn, in units of the work. */
export interface WorkLimits {
  /** Of all connections together. */
  readonly perTurn: number;
  /** Of one connection, before the next one is served. */
  readonly perConnection: number;
  /** Work after which the counts are reset; not each turn, to save work. */
  readonly resetAbove: number;
}

/**
 * Limits of reading. The unit is about what a new stream costs, 200 to 400 µs: HTTP/2, the call,
 * validation, the subscription, its headers. One packet can carry hundreds.
 */
export const READ_LIMITS: WorkLimits = { perTurn: 24, perConnection: 4, resetAbove: 0 };

/** Longest part of a turn that one scheduler uses, in ms. */
const TURN_MS = 5;

/** Units that a service counts as, at least, in virtual time. */
const LEAST_UNITS = 1 / 64;

/** The work of one connection that waits. */
export interface WaitingWork {
  /** Does work of at most `units`, at least one piece; returns the units used. */
  advance(units: number): number;
  /** Whether more work is left. */
  readonly isWaiting: boolean;
}

function byTime(
  [, a]: readonly [WaitingWork, number],
  [, b]: readonly [WaitingWork, number],
): number {
  return a - b;
}

/** Schedules one kind of work of all connections. */
export class TurnScheduler {
  readonly #limits: WorkLimits;
  readonly #eventLoop: EventLoop;
  /** Work that waits, with its virtual time: the units that it has used. */
  readonly #waiting = new Map<WaitingWork, number>();
  /** Virtual times of work that does not wait. */
  readonly #times = new WeakMap<WaitingWork, number>();
  /** The virtual time of what was served last. */
  #now = 0;
  #turn = 0;
  #used = 0;
  #isScheduled = false;
  /** Cancels a later turn that serves what waits. */
  #cancel: (() => void) | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(limits: WorkLimits, eventLoop: EventLoop = EVENT_LOOP) {
    this.#limits = limits;
    this.#eventLoop = eventLoop;
  }

  /** Changes whenever the counts are reset. */
  get turn(): number {
    return this.#turn;
  }

  /** Whether this turn's limit of all connections is not reached. */
  get hasRoom(): boolean {
    return this.#used < this.#limits.perTurn;
  }

  /** Units that a connection may use in this turn, behind those that wait. */
  get available(): number {
    if (this.#waiting.size > 0) return 0;
    const { perConnection, perTurn } = this.#limits;
    return Math.max(0, Math.min(perConnection, perTurn - this.#used));
  }

  /** Counts units that were used outside {@linkcode WaitingWork.advance}. */
  use(units: number): void {
    this.#used += units;
    if (this.#used > this.#limits.resetAbove) this.#schedule();
  }

  /** Has `work` advance in later turns until nothing is left. */
  enqueue(work: WaitingWork): void {
    if (!this.#waiting.has(work)) {
      // A connection that used less than its share precedes those that used all of theirs.
      const credit = this.#limits.perConnection;
      const time = Math.max(this.#times.get(work) ?? 0, this.#now - credit);
      this.#waiting.set(work, time);
    }
    this.#schedule();
  }

  /** Removes the work of a connection that has ended. */
  remove(work: WaitingWork): void {
    this.#waiting.delete(work);
    if (this.#waiting.size > 0) return;
    this.#becomeIdle();
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#cancel = undefined;
    this.#isScheduled = false;
  }

  /** Resolves when no work waits. */
  idle(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  #becomeIdle(): void {
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#eventLoop.next(this.#run);
  }

  /** Runs once in each turn in which work waits or was done. */
  readonly #run = (): void => {
    this.#cancel = undefined;
    this.#turn++;
    this.#used = 0;
    this.#serve();
    this.#isScheduled = this.#waiting.size > 0;
    if (this.#isScheduled) {
      this.#cancel = this.#eventLoop.polled(this.#run);
      return;
    }
    this.#becomeIdle();
    if (this.#used > this.#limits.resetAbove) this.#schedule();
  };

  /** Has what waits advance in rounds, least used first, until the limit or the time is used. */
  #serve(): void {
    const { perTurn, perConnection } = this.#limits;
    const end = this.#eventLoop.now() + TURN_MS;
    const isOver = () => this.#used >= perTurn || this.#eventLoop.now() >= end;
    while (this.#waiting.size > 0 && !isOver()) {
      for (const [work, time] of [...this.#waiting].sort(byTime)) {
        if (isOver()) return;
        if (!this.#waiting.delete(work)) continue;
        this.#now = Math.max(this.#now, time);
        const units = work.advance(perConnection);
        // Progress is counted even where work costs nothing, as free frames do.
        this.#used += Math.max(1, units);
        const used = time + Math.max(LEAST_UNITS, units);
        if (work.isWaiting) this.#waiting.set(work, used);
        else this.#times.set(work, used);
      }
    }
  }
}

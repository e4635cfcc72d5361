/**
 * Limits how much work one turn of the event loop does, and shares it fairly between connections.
 *
 * - Reading. A new stream costs some 200 to 400 µs: HTTP/2, grpc-js, validation, the subscription,
 *   its headers. One packet can carry hundreds.
 * - Writing. A write costs some 15 to 60 µs. One event can wake ten thousand streams.
 *
 * Without limits, all of it runs before anything else: a connection with a single stream, a health
 * check and the upstream reader wait for half a second. Connections below the limits, which is all
 * of them without a burst, read and write immediately; the work of others waits for later turns, in
 * the order of start-time fair queuing: the connection that has used the fewest units while others
 * waited is first. So a client with little work is served in the next turn, however many
 * connections flood the proxy.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** How much work is done in one turn, in units of the work. */
export interface WorkLimits {
  /** Of all connections together. */
  readonly perTurn: number;
  /** Of one connection, before the next one is served. */
  readonly perConnection: number;
  /** Work after which the counts are reset; not each turn, to save work. */
  readonly resetAbove: number;
}

/** Limits of reading; the unit is about what a new stream costs. */
export const READ_LIMITS: WorkLimits = {
  perTurn: 24,
  perConnection: 4,
  resetAbove: 0,
};

/** Limits of writing, in writes. */
export const WRITE_LIMITS: WorkLimits = {
  perTurn: 512,
  perConnection: 16,
  resetAbove: 7,
};

/** Longest part of a turn that one scheduler uses, in ms. */
const TURN_MS = 5;

/** Units that a service counts as, at least, in virtual time. */
const LEAST_UNITS = 1 / 64;

/** How functions are run in later turns of the event loop. */
export interface EventLoop {
  /** Runs a function in the next turn. */
  readonly next: (run: () => void) => void;
  /** Runs a function after all sockets were polled; returns what cancels it. */
  readonly polled: (run: () => void) => () => void;
  /** Monotonic ms. */
  readonly now: () => number;
}

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
      // Who has used less than its share goes before those that use all of it.
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

  readonly #run = (): void => {
    const { perTurn, perConnection, resetAbove } = this.#limits;
    const end = this.#eventLoop.now() + TURN_MS;
    this.#cancel = undefined;
    this.#turn++;
    this.#used = 0;
    const isOver = () => this.#used >= perTurn || this.#eventLoop.now() >= end;
    while (this.#waiting.size > 0 && !isOver()) {
      for (const [work, time] of [...this.#waiting].sort(byTime)) {
        if (isOver()) break;
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
    this.#isScheduled = false;
    if (this.#waiting.size > 0) {
      this.#isScheduled = true;
      this.#cancel = this.#eventLoop.polled(this.#run);
      return;
    }
    this.#becomeIdle();
    if (this.#used > resetAbove) this.#schedule();
  };
}

/** Schedules the writes of all connections. */
export class WriteScheduler {
  readonly #queues = new Map<string, WriteQueue>();
  readonly #scheduler: TurnScheduler;

  constructor(eventLoop: EventLoop = EVENT_LOOP) {
    this.#scheduler = new TurnScheduler(WRITE_LIMITS, eventLoop);
  }

  /** Connections with open streams. */
  get size(): number {
    return this.#queues.size;
  }

  /**
   * The queue of a connection, shared by its streams; each stream has to dispose of it once.
   *
   * @param connection identifies the connection, for example address and port
   */
  queueOf(connection: string): WriteQueue {
    let queue = this.#queues.get(connection);
    if (queue === undefined) {
      queue = new WriteQueue(this.#scheduler, () => void this.#queues.delete(connection));
      this.#queues.set(connection, queue);
    }
    queue.streams++;
    return queue;
  }
}

/** The writes of one connection. */
export class WriteQueue implements Disposable, WaitingWork {
  /** Streams that share the queue. */
  streams = 0;
  readonly #scheduler: TurnScheduler;
  readonly #onUnused: () => void;
  /** The turn in which it last wrote, and how often. */
  #turn = 0;
  #used = 0;
  readonly #writes: (() => void)[] = [];

  /** Made by {@linkcode WriteScheduler.queueOf}. */
  constructor(scheduler: TurnScheduler, onUnused: () => void) {
    this.#scheduler = scheduler;
    this.#onUnused = onUnused;
  }

  /** Whether writes wait for a later turn. */
  get isWaiting(): boolean {
    return this.#writes.length > 0;
  }

  /** Runs `write` now or in a later turn; one that is no longer needed returns. */
  run(write: () => void): void {
    const scheduler = this.#scheduler;
    if (this.#turn !== scheduler.turn) {
      this.#turn = scheduler.turn;
      this.#used = 0;
    }
    if (this.#used >= WRITE_LIMITS.perConnection || !scheduler.hasRoom || this.isWaiting) {
      this.#writes.push(write);
      scheduler.enqueue(this);
      return;
    }
    this.#used++;
    scheduler.use(1);
    write();
  }

  /** Makes the oldest writes that wait, at most `count`. */
  advance(count: number): number {
    // What the writes themselves wake comes behind the other connections.
    this.#turn = this.#scheduler.turn;
    this.#used = WRITE_LIMITS.perConnection;
    const writes = this.#writes.splice(0, count);
    for (const write of writes) write();
    return writes.length;
  }

  [Symbol.dispose](): void {
    if (--this.streams > 0) return;
    this.#onUnused();
    this.#scheduler.remove(this);
  }
}

/** A timer that is late by less, in ms, ran on an idle event loop. */
const PUNCTUAL_MS = 1;
/** Longest wait for an idle event loop, in ms. */
const LONGEST_WAIT_MS = 20;

/**
 * Waits until all sockets were polled.
 *
 * While something is ready to run, the runtime (Deno 2.9.6 on tokio, whose `event_interval` is 61)
 * polls sockets only in every 61st turn. Something usually is: each write to HTTP/2 leaves work for
 * the next turn, and a timer that becomes due during a long turn runs in the next one. Schedulers
 * that fill turns of 10 ms would keep Alpaca, clients and health checks waiting for 600 ms.
 *
 * So all schedulers wait for one timer of a millisecond, and again if it was late: a timer is
 * punctual when the event loop had nothing else to do, and then it has polled. The wait is bounded
 * for an event loop that is never idle.
 */
export class PollWait {
  readonly #waiting = new Set<() => void>();
  readonly #now: () => number;
  readonly #later: (run: () => void) => () => void;
  #cancel: (() => void) | undefined;
  /** When the first function began to wait, and when the timer was started. */
  #since = 0;
  #armedAt = 0;

  /**
   * @param now monotonic ms
   * @param later runs a function after 1 ms; returns what cancels it
   */
  constructor(
    now: () => number = () => performance.now(),
    later: (run: () => void) => () => void = afterMillisecond,
  ) {
    this.#now = now;
    this.#later = later;
  }

  /** Runs `run` after all sockets were polled; returns what cancels it. */
  readonly wait = (run: () => void): () => void => {
    this.#waiting.add(run);
    if (this.#cancel === undefined) {
      this.#since = this.#now();
      this.#arm();
    }
    return () => {
      this.#waiting.delete(run);
      if (this.#waiting.size > 0) return;
      this.#cancel?.();
      this.#cancel = undefined;
    };
  };

  #arm(): void {
    this.#armedAt = this.#now();
    this.#cancel = this.#later(this.#due);
  }

  readonly #due = (): void => {
    const now = this.#now();
    const late = now - this.#armedAt - 1;
    if (late >= PUNCTUAL_MS && now - this.#since < LONGEST_WAIT_MS) {
      return this.#arm();
    }
    this.#cancel = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const run of waiting) run();
  };
}

/** The event loop of this process. */
export const EVENT_LOOP: EventLoop = {
  next: (run) => void setImmediate(run),
  polled: new PollWait().wait,
  now: () => performance.now(),
};

function afterMillisecond(run: () => void): () => void {
  const timer = setTimeout(run, 1);
  return () => clearTimeout(timer);
}

/**
 * Limits how many writes one turn of the event loop makes, and shares them fairly between
 * connections: a write costs some 15 to 60 µs, and one event can wake ten thousand streams.
 *
 * @module
 */
import { EVENT_LOOP, type EventLoop } from "./event_loop.ts";
import { TurnScheduler, type WaitingWork, type WorkLimits } from "./turn_scheduler.ts";

/** Limits of writing, in writes. */
export const WRITE_LIMITS: WorkLimits = { perTurn: 512, perConnection: 16, resetAbove: 7 };

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
    // Writes that these writes cause are scheduled after the other connections.
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

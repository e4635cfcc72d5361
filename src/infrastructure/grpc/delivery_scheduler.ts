/**
 * Limits how many stream writes one turn of the event loop makes, and shares
 * them fairly between connections.
 *
 * A write costs some 15 to 60 µs. One event can wake ten thousand streams:
 * without a limit they are all written to before anything else runs, so that a
 * connection with a single stream, a health check and the upstream reader wait
 * for half a second. Here a connection makes at most {@linkcode LANE_RUNS}
 * writes before the next one is served, and a turn at most
 * {@linkcode TURN_RUNS}. Connections below these limits, which is all of them
 * without a burst, write immediately.
 *
 * @module
 */
import { EVENT_LOOP, TURN_MS, type Turns } from "./turns.ts";

/** Writes of one turn, all connections together. */
export const TURN_RUNS = 512;
/** Writes of one connection before the next one is served. */
export const LANE_RUNS = 16;
/** Writes after which the counts are reset; not each turn, to save work. */
const RESET_AFTER = 8;

/** Schedules the writes of all connections. */
export class DeliveryScheduler {
  readonly #lanes = new Map<string, DeliveryLane>();
  /** Lanes with waiting writes, the next one to be served first. */
  readonly #backlog = new Set<DeliveryLane>();
  readonly #turns: Turns;
  #turn = 0;
  #used = 0;
  #isScheduled = false;
  /** Cancels a later turn that serves the backlog. */
  #cancel: (() => void) | undefined;

  /** @param turns how later turns of the event loop are had */
  constructor(turns: Turns = EVENT_LOOP) {
    this.#turns = turns;
  }

  /** Connections with open streams. */
  get size(): number {
    return this.#lanes.size;
  }

  /**
   * The lane of a connection, shared by its streams; each stream has to dispose
   * of it once.
   *
   * @param connection tells connections apart, for example address and port
   */
  lane(connection: string): DeliveryLane {
    let lane = this.#lanes.get(connection);
    if (lane === undefined) {
      lane = new DeliveryLane(this, (lane) => {
        this.#lanes.delete(connection);
        this.#forget(lane);
      });
      this.#lanes.set(connection, lane);
    }
    lane.streams++;
    return lane;
  }

  /** Runs `write` now if the limits allow, else in a later turn. */
  run(lane: DeliveryLane, write: () => void): void {
    if (lane.turn !== this.#turn) {
      lane.turn = this.#turn;
      lane.used = 0;
    }
    const isOpen = lane.used < LANE_RUNS && this.#used < TURN_RUNS;
    if (!isOpen || lane.waiting > 0) {
      lane.push(write);
      this.#backlog.add(lane);
      return this.#schedule();
    }
    lane.used++;
    if (++this.#used >= RESET_AFTER) this.#schedule();
    write();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#turns.next(this.#serve);
  }

  /** Without a backlog there is nothing to serve. */
  #forget(lane: DeliveryLane): void {
    this.#backlog.delete(lane);
    if (this.#backlog.size > 0 || this.#cancel === undefined) return;
    this.#cancel();
    this.#cancel = undefined;
    this.#isScheduled = false;
  }

  readonly #serve = (): void => {
    const end = this.#turns.now() + TURN_MS;
    this.#cancel = undefined;
    this.#turn++;
    this.#used = 0;
    for (const lane of this.#backlog) {
      if (this.#used >= TURN_RUNS || this.#turns.now() >= end) break;
      this.#backlog.delete(lane);
      const count = Math.min(LANE_RUNS, lane.waiting);
      this.#used += count;
      // What the writes themselves wake comes behind the other lanes.
      lane.turn = this.#turn;
      lane.used = LANE_RUNS;
      for (let i = 0; i < count; i++) lane.shift()?.();
      if (lane.waiting > 0) this.#backlog.add(lane);
    }
    this.#isScheduled = this.#backlog.size > 0;
    if (this.#isScheduled) this.#cancel = this.#turns.polled(this.#serve);
    else if (this.#used >= RESET_AFTER) this.#schedule();
  };
}

/** The writes of one connection. */
export class DeliveryLane implements Disposable {
  /** Streams that share the lane. */
  streams = 0;
  /** The turn in which it last wrote, and how often. */
  turn = 0;
  used = 0;
  readonly #scheduler: DeliveryScheduler;
  readonly #onEmpty: (lane: DeliveryLane) => void;
  #writes: (() => void)[] = [];
  #next = 0;

  /** Made by {@linkcode DeliveryScheduler.lane}. */
  constructor(
    scheduler: DeliveryScheduler,
    onEmpty: (lane: DeliveryLane) => void,
  ) {
    this.#scheduler = scheduler;
    this.#onEmpty = onEmpty;
  }

  /** Writes that wait for their turn. */
  get waiting(): number {
    return this.#writes.length - this.#next;
  }

  /** Runs `write` now or in a later turn; one that is no longer needed returns. */
  run(write: () => void): void {
    this.#scheduler.run(this, write);
  }

  /** Appends a write. */
  push(write: () => void): void {
    this.#writes.push(write);
  }

  /** Takes the oldest write. */
  shift(): (() => void) | undefined {
    const write = this.#writes[this.#next++];
    if (this.#next >= this.#writes.length) {
      this.#writes = [];
      this.#next = 0;
    }
    return write;
  }

  [Symbol.dispose](): void {
    if (--this.streams === 0) this.#onEmpty(this);
  }
}

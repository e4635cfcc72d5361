/**
 * Writes what clients have queued, after the messages that arrive together were distributed: so
 * that each client gets them in one frame, and clients with equal content share it.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Clock } from "../../application/ports/clock.ts";

/** Longest time of writing in one turn of the event loop, in ms. */
const MAX_TURN_MS = 10;

/** A client with something to write. */
export interface FlushedClient {
  /** Writes what is queued, as far as the client takes it; never throws. */
  flush(): void;
}

/** Schedules the writes of all clients. */
export class FlushScheduler {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #onTurnEnd: () => void;
  #waiting: FlushedClient[] = [];
  #isScheduled = false;

  /** @param onTurnEnd called after the writes of a turn */
  constructor(clock: Pick<Clock, "monotonic">, onTurnEnd: () => void) {
    this.#clock = clock;
    this.#onTurnEnd = onTurnEnd;
  }

  /** Flushes a client soon; to be called once until then. */
  add(client: FlushedClient): void {
    this.#waiting.push(client);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    const clients = this.#waiting;
    const startedAt = this.#clock.monotonic();
    let at = 0;
    for (; at < clients.length; at++) {
      clients[at]?.flush();
      // The clock is read once per some clients.
      if (at % 4 === 3 && this.#clock.monotonic() - startedAt > MAX_TURN_MS) break;
    }
    this.#waiting = clients.slice(at + 1);
    this.#onTurnEnd();
    this.#isScheduled = this.#waiting.length > 0;
    // After the shortest timer there is, because as long as there is something to run, Deno 2.9.6
    // polls sockets in every 61st turn of the event loop only.
    if (this.#isScheduled) setTimeout(this.#run, 0);
  };
}

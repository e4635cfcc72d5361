/**
 * Spreads the work of large messages over turns of the event loop.
 *
 * @module
 */
import { setTimeout } from "node:timers";

/** Time between two large messages, in ms: a timer, because sockets are polled before it. */
const PAUSE_MS = 1;

/** Lets large messages of all clients be handled one at a time. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves in a turn of its own, after those that were requested before. */
  next(): Promise<void> {
    return this.#last = this.#last.then(() =>
      new Promise((resolve) => {
        setTimeout(resolve, PAUSE_MS);
      })
    );
  }
}

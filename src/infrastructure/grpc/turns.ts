/**
 * Later turns of the event loop.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** Longest part of a turn that one scheduler uses, in ms. */
export const TURN_MS = 5;

/** How later turns of the event loop are had. */
export interface Turns {
  /** Runs a function in the next turn. */
  readonly next: (run: () => void) => void;
  /** Runs a function after all sockets were polled; returns what cancels it. */
  readonly polled: (run: () => void) => () => void;
  /** Monotonic ms. */
  readonly now: () => number;
}

/** Turns of the event loop of this process. */
export const EVENT_LOOP: Turns = {
  next: nextTurn,
  polled: afterPolling,
  now: () => performance.now(),
};

/** Runs a function in the next turn. */
function nextTurn(run: () => void): void {
  setImmediate(run);
}

/**
 * Runs a function after all sockets were polled, at least 1 ms later.
 *
 * While something is ready to run, as `setImmediate` always is, the runtime
 * (Deno 2.9.6 on tokio) polls sockets only in every 61st turn. Work that fills
 * many turns in a row would keep Alpaca, clients and health checks waiting for
 * 61 of them.
 */
function afterPolling(run: () => void): () => void {
  const timer = setTimeout(run, 0);
  return () => clearTimeout(timer);
}

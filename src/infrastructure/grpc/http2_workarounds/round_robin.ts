/**
 * Shares a slow connection between its streams.
 *
 * - Product: nghttp2 1.69.0 in Deno 2.9.6.
 * - Symptom: with extensible priorities (RFC 9218) it sends all data of the oldest stream before
 *   that of a younger one, unless a client asks for `priority: i`, which gRPC clients do not. A
 *   stream here writes again as soon as its last write was taken, so on a connection that takes
 *   less than its streams have to send, the oldest streams would receive everything and the
 *   youngest nothing.
 * - Report: none; it follows the RFC.
 * - Test: "node:http2 sends the data of the oldest stream first" fails once this can go; "on a slow
 *   connection all streams receive equally" fails without it.
 *
 * While the connection's flow-control window is used up, a stream's next write waits until the
 * other streams have written: until the window is open although writes are under way (those wait
 * for windows of their own streams then), or no write is under way. All writes that wait then run
 * as one round. On a connection that keeps up, no write waits.
 *
 * @module
 */
import type { Clock } from "../../../application/ports/clock.ts";
import { RepeatedCheck } from "../limits/repeated_check.ts";

/** How often a used-up window is checked, in ms; HTTP/2 has no event for it. */
const CHECK_EVERY_MS = 5;

/**
 * How long the state of a window is reused, in ms: reading it costs some 2 µs, and many streams of
 * a connection write in one turn of the event loop.
 */
const REUSE_MS = 1;

/** Schedules the writes of one connection's streams. */
export class RoundRobin {
  readonly #isFull: () => boolean;
  #waiting = new Set<() => void>();
  readonly #checks: RepeatedCheck;
  #writing = 0;

  /** @param isFull whether the connection can take nothing at the moment */
  constructor(isFull: () => boolean, clock: Pick<Clock, "sleep">) {
    this.#isFull = isFull;
    this.#checks = new RepeatedCheck(clock, CHECK_EVERY_MS, () => this.#nextRound());
  }

  /** Counts a write as under way if it may run now. */
  tryStart(): boolean {
    if (!this.#isOpen()) return false;
    this.#writing++;
    return true;
  }

  /** Runs `write` now or in a later round. */
  enqueue(write: () => void): void {
    if (this.tryStart()) return write();
    this.#waiting.add(write);
    this.#checks.start();
  }

  /** Removes a `write` that waits. */
  remove(write: () => void): void {
    this.#waiting.delete(write);
    if (this.#waiting.size === 0) this.#checks.stop();
  }

  /** Runs a `write` that waits, before its round. */
  flush(write: () => void): void {
    this.remove(write);
    this.#begin(write);
  }

  /** Ends one write; to be called once for each that was started. */
  done(): void {
    this.#writing--;
    this.#nextRound();
  }

  #isOpen(): boolean {
    return this.#writing === 0 || !this.#isFull();
  }

  #begin(write: () => void): void {
    this.#writing++;
    write();
  }

  #nextRound(): void {
    if (this.#waiting.size === 0 || !this.#isOpen()) return;
    const round = this.#waiting;
    // After `Set.clear`, the old table of V8 keeps its entries, and through the next one those of
    // all later rounds, until the old generation is collected.
    this.#waiting = new Set();
    this.#checks.stop();
    for (const write of round) this.#begin(write);
  }
}

/** Reuses what `read` returns for a millisecond. */
export function reused<T>(read: () => T, clock: Pick<Clock, "monotonic">): () => T {
  let readAt = -Infinity;
  let value: T;
  return () => {
    const now = clock.monotonic();
    if (now - readAt >= REUSE_MS) {
      readAt = now;
      value = read();
    }
    return value;
  };
}

/**
 * Limits TLS handshakes: how many run at a time, in all and per address, and how long one takes.
 *
 * A handshake costs the event loop about a millisecond, so that a few hundred together would delay
 * every message. Those above the limits wait, and the addresses take turns.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Clock } from "../../application/ports/clock.ts";

/** Handshakes that run at a time. */
export const MAX_RUNNING = 64;
/** The same of one address. */
export const MAX_RUNNING_PER_ADDRESS = 16;
/** Handshakes that run or wait. */
export const MAX_PENDING = 1_024;
/** Handshakes that begin in one turn of the event loop. */
const STARTS_PER_TURN = 4;
/** Time after which a handshake is ended if others wait, in ms. */
const PATIENCE_MS = 2_000;
/** Time between two checks of the deadlines, in ms. */
const CHECK_MS = 500;

/** Why a handshake is ended: it is one too many, or too slow. */
export type HandshakeFault = "too_many" | "too_slow";

/** One connection before its handshake is complete. */
interface Handshake {
  /** Block of addresses that its client is in. */
  readonly address: string;
  /** Begins the handshake. */
  readonly start: () => void;
  /** Ends the connection; called once at most. */
  readonly end: (fault: HandshakeFault) => void;
}

/** A handshake that runs or waits. */
interface Pending extends Handshake {
  /** Monotonic ms. */
  readonly acceptedAt: number;
  /** Monotonic ms; undefined while it waits. */
  startedAt: number | undefined;
}

/** The handshakes of one address. */
interface AddressHandshakes {
  readonly waiting: Set<Pending>;
  readonly running: Set<Pending>;
}

/** Starts and ends the handshakes of one port. */
export class Handshakes {
  readonly #clock: Pick<Clock, "monotonic" | "sleep">;
  readonly #timeoutMs: number;
  /** Those that run or wait, oldest first. */
  readonly #pending = new Set<Pending>();
  /** The addresses with such, the one whose turn it is first. */
  readonly #addresses = new Map<string, AddressHandshakes>();
  #running = 0;
  #isScheduled = false;
  /** Ends the checks of the deadlines; undefined while there are none. */
  #checks: AbortController | undefined;

  /** @param timeoutMs longest time between the accept and the end of the handshake */
  constructor(clock: Pick<Clock, "monotonic" | "sleep">, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** How many run or wait. */
  get size(): number {
    return this.#pending.size;
  }

  /**
   * Adds a connection that was accepted.
   *
   * @returns to be called when its handshake is complete or its socket has closed; idempotent
   */
  add(handshake: Handshake): () => void {
    const { address } = handshake;
    const acceptedAt = this.#clock.monotonic();
    const pending: Pending = { ...handshake, acceptedAt, startedAt: undefined };
    this.#pending.add(pending);
    const own = this.#addresses.get(address) ?? { waiting: new Set(), running: new Set() };
    this.#addresses.set(address, own);
    own.waiting.add(pending);
    if (this.#pending.size > MAX_PENDING) this.#refuseOne();
    this.#schedule();
    this.#checkLater();
    return () => this.#remove(pending);
  }

  #remove(pending: Pending): void {
    if (!this.#pending.delete(pending)) return;
    const own = this.#addresses.get(pending.address);
    own?.waiting.delete(pending);
    if (own?.running.delete(pending)) this.#running--;
    if (own && own.waiting.size + own.running.size === 0) this.#addresses.delete(pending.address);
    if (this.#pending.size > 0) return this.#schedule();
    this.#checks?.abort();
    this.#checks = undefined;
  }

  #end(pending: Pending, fault: HandshakeFault): void {
    this.#remove(pending);
    pending.end(fault);
  }

  /** Ends the newest handshake that waits, of the address that has the most. */
  #refuseOne(): void {
    let most: AddressHandshakes | undefined;
    for (const own of this.#addresses.values()) {
      if (own.waiting.size > (most?.waiting.size ?? 0)) most = own;
    }
    const newest = most && [...most.waiting].at(-1);
    if (newest) this.#end(newest, "too_many");
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      let started = 0;
      while (started < STARTS_PER_TURN && this.#startNext()) started++;
      if (started === STARTS_PER_TURN) this.#schedule();
    });
  }

  /** Starts one of the first address that may; false if none may. */
  #startNext(): boolean {
    if (this.#running >= MAX_RUNNING) return false;
    for (const [address, own] of this.#addresses) {
      const [next] = own.waiting;
      if (next === undefined || own.running.size >= MAX_RUNNING_PER_ADDRESS) continue;
      own.waiting.delete(next);
      own.running.add(next);
      this.#running++;
      next.startedAt = this.#clock.monotonic();
      // Its next turn comes after those of the others.
      this.#addresses.delete(address);
      this.#addresses.set(address, own);
      next.start();
      return true;
    }
    return false;
  }

  async #checkLater(): Promise<void> {
    if (this.#checks !== undefined) return;
    const { signal } = this.#checks = new AbortController();
    for (;;) {
      await this.#clock.sleep(CHECK_MS, signal);
      if (signal.aborted) return;
      this.#endSlow();
    }
  }

  #endSlow(): void {
    const now = this.#clock.monotonic();
    const isCrowded = [...this.#addresses.values()].some(({ waiting }) => waiting.size > 0);
    for (const pending of [...this.#pending]) {
      const { acceptedAt, startedAt = now } = pending;
      const isLate = now - acceptedAt >= this.#timeoutMs;
      if (isLate || (isCrowded && now - startedAt >= PATIENCE_MS)) this.#end(pending, "too_slow");
    }
  }
}

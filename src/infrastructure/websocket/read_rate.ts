/**
 * Limits how fast is read what clients send, so that large messages leave the event loop and the
 * memory to others. Clients that send little are not delayed by those that send much.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";

/** Units that one client may send without a pause, and per second. */
const OF_CLIENT = { burst: 2, perSecond: 1 };
/** Those of all clients together. */
const OF_ALL = { burst: 8, perSecond: 16 };
/** Smallest unit, in bytes; otherwise it is the largest message of a client. */
const LEAST_UNIT_BYTES = 1_048_576;
/** Bytes that a client may send, after a pause, also while all clients together send too fast. */
const FREE_BYTES = 64 * 1024;

/** Bytes that may be read: below 0 after more was read. */
interface Credit {
  bytes: number;
  /** Monotonic ms at which it was last increased. */
  at: number;
}

/** What one client may send. */
export interface ReadCredit {
  /** @default all of it */
  credit?: Credit;
}

/** Limits the bytes per second of each client and of all. */
export class ReadRate {
  readonly #unit: number;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #all: Credit;

  /** @param maxMessageBytes bytes of the largest message of a client */
  constructor(maxMessageBytes: number, clock: Pick<Clock, "monotonic">) {
    this.#unit = Math.max(maxMessageBytes, LEAST_UNIT_BYTES);
    this.#clock = clock;
    this.#all = { bytes: OF_ALL.burst * this.#unit, at: clock.monotonic() };
  }

  /**
   * Counts bytes that were read.
   *
   * @returns ms for which the client is not to be read; 0 for no pause
   */
  take(client: ReadCredit, bytes: number): number {
    const now = this.#clock.monotonic();
    const full = OF_CLIENT.burst * this.#unit;
    const own = client.credit ??= { bytes: full, at: now };
    this.#increase(own, OF_CLIENT, now);
    this.#increase(this.#all, OF_ALL, now);
    own.bytes -= bytes;
    this.#all.bytes -= bytes;
    const isFree = own.bytes >= full - FREE_BYTES;
    return Math.max(
      this.#pause(own, OF_CLIENT.perSecond),
      isFree ? 0 : this.#pause(this.#all, OF_ALL.perSecond),
    );
  }

  #increase(credit: Credit, { burst, perSecond }: typeof OF_ALL, now: number): void {
    const more = perSecond * this.#unit * (now - credit.at) / 1_000;
    credit.bytes = Math.min(burst * this.#unit, credit.bytes + more);
    credit.at = now;
  }

  #pause({ bytes }: Credit, perSecond: number): number {
    return bytes >= 0 ? 0 : Math.ceil(-bytes * 1_000 / (perSecond * this.#unit));
  }
}

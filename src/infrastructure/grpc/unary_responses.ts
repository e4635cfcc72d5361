/**
 * Limits the cost of unary responses: the memory of unread ones and the time to make large ones.
 * The subscriptions of 100,000 symbols are megabytes and take a tenth of a second to encode, and a
 * client can request them often and read none.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { Call } from "./call.ts";
import { exhausted, unavailable } from "./call_error.ts";
import type { RefusalLog } from "./limits/refusals.ts";

/** Bytes of large responses that may be unread at one time. */
const MAX_BYTES = 32 * 1024 * 1024;
/** Responses up to this size are not counted: calls are limited in number. */
const SMALL_BYTES = 4 * 1024;
/** Time that a client has to read a large response, in ms. */
const READ_TIMEOUT_MS = 30_000;

/** The part of a unary call that is needed here. */
type UnaryCall = Pick<Call, "peer" | "once" | "end">;

/** Limits the memory of responses that clients have not read yet. */
export class PendingResponses {
  readonly #clock: Pick<Clock, "sleep">;
  readonly #log: RefusalLog;
  #bytes = 0;

  constructor(clock: Pick<Clock, "sleep">, log: RefusalLog) {
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Counts a response until its call is over, and ends the call after a timeout.
   *
   * @throws {CallError} RESOURCE_EXHAUSTED when too many bytes are unread
   */
  add(call: UnaryCall, bytes: number): void {
    if (bytes <= SMALL_BYTES) return;
    if (this.#bytes > 0 && this.#bytes + bytes > MAX_BYTES) {
      const reason = `${this.#bytes} bytes of earlier responses are unread, ` +
        `the limit is ${MAX_BYTES}`;
      this.#log.report("answers", call.peer, reason);
      throw exhausted("bytes of unread responses", reason, "retry later");
    }
    this.#bytes += bytes;
    const over = new AbortController();
    call.once("cancelled", () => {
      this.#bytes -= bytes;
      over.abort();
    });
    void this.#endAfterTimeout(call, over.signal);
  }

  async #endAfterTimeout(call: UnaryCall, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(READ_TIMEOUT_MS, signal);
    if (signal.aborted) return;
    const reason = `The response was not read within ${READ_TIMEOUT_MS} ms`;
    call.end(unavailable(reason));
  }
}

/** Smaller responses are not cached, in bytes; 10,000 symbols have about this size. */
const MIN_CACHED_BYTES = 256 * 1024;
/** Time to live of a cached response, in ms. */
const CACHE_MS = 1_000;

/** Caches the last large response of one kind for a second. */
export class ResponseCache {
  readonly #clock: Pick<Clock, "monotonic">;
  #bytes: Uint8Array | undefined;
  #madeAt = 0;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** Returns the cached response, or makes a new one. */
  get(make: () => Uint8Array): Uint8Array {
    const now = this.#clock.monotonic();
    if (this.#bytes && now - this.#madeAt < CACHE_MS) return this.#bytes;
    const bytes = make();
    this.#bytes = bytes.length >= MIN_CACHED_BYTES ? bytes : undefined;
    this.#madeAt = now;
    return bytes;
  }
}

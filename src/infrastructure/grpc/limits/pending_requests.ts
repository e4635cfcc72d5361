/**
 * Limits requests that have begun to arrive and are not answered yet: their bytes have a common
 * budget, and each has a deadline.
 *
 * Request bytes lie outside the V8 heap, so its limit does not bound them. When the budget is
 * exceeded, the largest unfinished request is refused: ordinary requests are a few hundred bytes
 * and keep arriving while a client that sends large ones fills the budget.
 *
 * @module
 */
import type { Clock } from "../../../application/ports/clock.ts";
import { RepeatedCheck } from "./repeated_check.ts";

/** How often deadlines are checked, in ms. */
const CHECK_EVERY_MS = 500;
/**
 * Bytes that a compressed byte counts as. Lists of symbols expand 5 to 50 times, deflate at most
 * 1032 times; a client that opens hundreds of compressed streams together has to fit.
 */
const EXPANSION = 256;
/** Bytes before a gRPC message: a compression flag, and the length in four bytes. */
const PREFIX_BYTES = 5;

/** Why a request is refused. */
export type RequestFault = "too_large" | "over_budget" | "too_slow";

/** Bounds of unfinished requests. */
export interface RequestBounds {
  /** Bytes of one request. */
  readonly maxRequestBytes: number;
  /** Bytes of all unfinished requests together. */
  readonly maxPendingRequestBytes: number;
  /** Time in which a request has to arrive, in ms. */
  readonly requestTimeoutMs: number;
}

/** A request that a client has begun to send. */
export class PendingRequest {
  /** Bytes that arrived. */
  received = 0;
  /** Bytes that its message announces; 0 while unknown. */
  #announced = 0;
  /** Whether the client has sent all of it. */
  isComplete = false;
  /** Whether the response has begun. */
  isAnswered = false;
  /** Whether the bytes are compressed, so that they may grow. */
  isCompressed = false;
  /** Whether it was refused; what still arrives is dropped by HTTP/2. */
  isRefused = false;
  /** Bytes that it counts in the budget. */
  charge = 0;
  /** Monotonic time in ms at which it began. */
  readonly since: number;
  /** Ends the request. */
  readonly refuse: (fault: RequestFault) => void;

  constructor(since: number, refuse: (fault: RequestFault) => void) {
    this.since = since;
    this.refuse = refuse;
  }

  /** Bytes that arrived or will. */
  get size(): number {
    return Math.max(this.received, this.#announced);
  }

  /**
   * Reads how long the message is from the first bytes of the request, so that a request that is
   * too large is refused before the rest arrives.
   */
  readPrefix(payload: Uint8Array): void {
    if (this.received > 0 || payload.length < PREFIX_BYTES) return;
    const { buffer, byteOffset } = payload;
    const length = new DataView(buffer, byteOffset).getUint32(1);
    this.#announced = PREFIX_BYTES + length;
  }
}

/** The unfinished requests of all connections. */
export class PendingRequests {
  readonly #bounds: RequestBounds;
  readonly #clock: Pick<Clock, "monotonic" | "sleep">;
  /** Those that have a deadline, oldest first. */
  readonly #arriving = new Set<PendingRequest>();
  /** Those that have bytes in the budget. */
  readonly #charged = new Set<PendingRequest>();
  #bytes = 0;
  readonly #deadlines: RepeatedCheck;

  constructor(bounds: RequestBounds, clock: Pick<Clock, "monotonic" | "sleep">) {
    this.#bounds = bounds;
    this.#clock = clock;
    this.#deadlines = new RepeatedCheck(clock, CHECK_EVERY_MS, () => this.#refuseLate());
  }

  /** Bytes of the budget that are in use. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Begins a request; it has to be released when it is answered or ended. */
  open(refuse: (fault: RequestFault) => void): PendingRequest {
    const request = new PendingRequest(this.#clock.monotonic(), refuse);
    this.#arriving.add(request);
    this.#deadlines.start();
    return request;
  }

  /** Counts bytes of a request; may refuse this or another request. */
  receive(request: PendingRequest, bytes: number): void {
    if (request.isRefused) return;
    const { maxRequestBytes, maxPendingRequestBytes } = this.#bounds;
    request.received += bytes;
    const { size } = request;
    const charge = request.isCompressed ? Math.min(size * EXPANSION, size + maxRequestBytes) : size;
    this.#bytes += charge - request.charge;
    request.charge = charge;
    if (charge > 0) this.#charged.add(request);
    if (size > maxRequestBytes) return this.#refuse(request, "too_large");
    while (this.#bytes > maxPendingRequestBytes) {
      this.#refuse(this.#largest(request), "over_budget");
    }
  }

  /** Records that the client has sent all of a request. */
  complete(request: PendingRequest): void {
    request.isComplete = true;
    this.stopDeadline(request);
    if (request.isAnswered) this.release(request);
  }

  /** Records that the response has begun: a complete request was read. */
  answer(request: PendingRequest): void {
    request.isAnswered = true;
    if (request.isComplete) this.release(request);
  }

  /** Removes the deadline of a request. */
  stopDeadline(request: PendingRequest): void {
    if (this.#arriving.delete(request) && this.#arriving.size === 0) this.#deadlines.stop();
  }

  /** Removes a request from budget and deadline; idempotent. */
  release(request: PendingRequest): void {
    this.#bytes -= request.charge;
    request.charge = 0;
    this.#charged.delete(request);
    this.stopDeadline(request);
  }

  #refuse(request: PendingRequest, fault: RequestFault): void {
    this.release(request);
    request.isRefused = true;
    request.refuse(fault);
  }

  #largest(request: PendingRequest): PendingRequest {
    let largest = request;
    for (const other of this.#charged) {
      if (other.charge > largest.charge) largest = other;
    }
    return largest;
  }

  #refuseLate(): void {
    const limit = this.#clock.monotonic() - this.#bounds.requestTimeoutMs;
    for (const request of this.#arriving) {
      if (request.since > limit) return;
      this.#refuse(request, "too_slow");
    }
  }
}

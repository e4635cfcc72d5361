/**
 * Releases the requests of calls.
 *
 * - Product: @grpc/grpc-js 1.14.7.
 * - Symptom: it keeps what a deserializer returns while the call is open, which can be hours; a
 *   request can have megabytes.
 * - Report: none found.
 * - Test: "one symbol many times is not kept while its stream is open" fails without this.
 *
 * @module
 */

/** Holds a request until its handler takes it. */
export class RequestHolder<T = unknown> {
  #message: T | undefined;

  constructor(message: T) {
    this.#message = message;
  }

  /** Returns the request and releases it; to be called once. */
  take(): T {
    const message = this.#message as T;
    this.#message = undefined;
    return message;
  }
}

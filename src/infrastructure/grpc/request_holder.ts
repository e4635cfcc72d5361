/**
 * Releases the requests of calls, which can have megabytes while a call is open for hours.
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

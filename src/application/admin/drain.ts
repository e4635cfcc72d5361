/**
 * Whether the proxy accepts new streams.
 *
 * Draining is requested by an operator, who can undo it, or it is part of the shutdown, which
 * nothing undoes. While it lasts, the proxy is not ready and new streams are refused; open ones
 * continue.
 *
 * @module
 */

/** The state of draining; the shutdown overrides the request of an operator. */
export class Drain {
  #requested: string | undefined;
  #stopping: string | undefined;

  /** Why new streams are refused, for clients; `undefined` while they are accepted. */
  get reason(): string | undefined {
    return this.#stopping ?? this.#requested;
  }

  /** Whether the shutdown has begun. */
  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Refuses new streams until {@linkcode Drain.undo}. */
  begin(reason: string): void {
    this.#requested = reason;
  }

  /** Accepts new streams again; without effect once the shutdown has begun. */
  undo(): void {
    this.#requested = undefined;
  }

  /** Refuses new streams from now on; the first reason is kept. */
  stop(reason: string): void {
    this.#stopping ??= reason;
  }
}

import type { Clock } from "../../application/ports/clock.ts";
import { FeedFailure } from "../../application/feeds/feed_failure.ts";

/** Replies that a handshake has not read yet; a talkative peer loses the rest. */
const CAPACITY = 64;

/**
 * Replies in the order in which they came, for a handshake that reads like its
 * transcript: ask, then wait for the next reply within a deadline.
 */
export class Mailbox<T> {
  readonly #clock: Clock;
  readonly #replies: T[] = [];
  #arrival: PromiseWithResolvers<void> | undefined;
  #ended: FeedFailure | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Puts a reply in. */
  put(reply: T): void {
    if (this.#replies.length < CAPACITY) this.#replies.push(reply);
    this.#arrival?.resolve();
  }

  /** No further reply will come. */
  end(failure: FeedFailure): void {
    this.#ended ??= failure;
    this.#arrival?.resolve();
  }

  /** Replies that nobody has waited for, oldest first. */
  takeAll(): T[] {
    return this.#replies.splice(0);
  }

  /**
   * The next reply.
   *
   * @param expected what is waited for, for the message of a timeout
   * @throws FeedFailure on timeout or when the mailbox has ended
   */
  async next(expected: string, timeoutMs: number): Promise<T> {
    const done = new AbortController();
    let late = false;
    const patience = this.#clock.sleep(timeoutMs, done.signal).then(() => {
      late = !done.signal.aborted;
    });
    try {
      while (this.#replies.length === 0) {
        if (this.#ended) throw this.#ended;
        if (late) throw overdue(expected, timeoutMs);
        this.#arrival = Promise.withResolvers();
        await Promise.race([this.#arrival.promise, patience]);
      }
      return this.#replies.shift() as T;
    } finally {
      done.abort();
    }
  }
}

function overdue(expected: string, timeoutMs: number): FeedFailure {
  return new FeedFailure(`No ${expected} within ${timeoutMs} ms`, {
    errorType: "timeout",
  });
}

import type { Envelope } from "./envelope.ts";
import type { LimitedQueue } from "./queue_memory.ts";

/** Items that are ready. They stay in the queue until they are taken. */
export interface PendingBatch<I> {
  /**
   * Takes the items that are ready, oldest first. To be called when they can be sent, so that the
   * batch has everything that was published until then; empty if the queue has ended meanwhile.
   *
   * @param limit items, at least 1
   */
  take(limit?: number): readonly I[];
}

/**
 * A stream's bounded queue of a channel, with one reader.
 *
 * Invariant: `published = sent + conflated + dropped + queued`.
 */
export interface EventQueue<T> extends LimitedQueue {
  /** Events added to the queue. */
  readonly published: number;
  /** Events taken by the reader, which hands them to the transport. */
  readonly sent: number;
  /** Events replaced by a newer one of the same symbol. */
  readonly conflated: number;
  /** Events dropped because the reader fell behind. */
  readonly dropped: number;
  /** Events in the queue as a share of its capacity, 0 to 1; 0 without one. */
  readonly fill: number;
  /** The queued event with the lowest position. */
  readonly oldest: Envelope<T> | undefined;
  /** Adds an event; one that matched two keys is added once. */
  enqueue(envelope: Envelope<T>): void;
  /**
   * Takes the events that are ready, oldest first, to hand them to the transport; empty if there
   * are none.
   *
   * @param limit events, at least 1
   */
  take(limit?: number): readonly Envelope<T>[];
  /** Calls `wake` once, when an event is ready that is not now, or when the queue ends. */
  onReady(wake: () => void): void;
  /** Whether an event can be taken. */
  readonly isReady: boolean;
  /** Counts the last batch out: it was sent. */
  releaseInFlight(): void;
  /** Ends the queue and removes its events; idempotent. */
  end(): void;
  /** Whether it has ended. */
  readonly isEnded: boolean;
}

/**
 * Iterates over the batches of a queue until `signal` fires or the queue ends; waits while the
 * queue is empty. Asking for the next batch means that the last one was sent.
 */
export async function* batchesOf<T, Q extends EventQueue<T> & PendingBatch<Envelope<T>>>(
  queue: Q,
  signal: AbortSignal,
): AsyncGenerator<Q, void> {
  let wake = () => {};
  const onAbort = () => wake();
  signal.addEventListener("abort", onAbort);
  try {
    while (!signal.aborted && !queue.isEnded) {
      if (queue.isReady) {
        yield queue;
        queue.releaseInFlight();
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
          queue.onReady(resolve);
        });
      }
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** What a queue reports to its stream. */
export interface QueueEvents<T> {
  /** Called for each dropped event. */
  readonly onDrop?: ((envelope: Envelope<T>) => void) | undefined;
  /** Called instead of dropping: the queue is full and accepts no further event. */
  readonly onOverflow?: (() => void) | undefined;
  /** Called once when the queue ends. */
  readonly onEnd?: (() => void) | undefined;
}

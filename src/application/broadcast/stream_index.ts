/**
 * From a key (a symbol, a root, an order id) to the queues that want it.
 *
 * Looking up costs the same however many streams there are, and a stream that
 * leaves takes itself out of exactly the lists it was in.
 *
 * @module
 */
import type { Envelope } from "./envelope.ts";
import type { StreamQueue } from "./stream_queue.ts";

/** Queues by key. */
export class StreamIndex<T> {
  readonly #lists = new Map<string, StreamQueue<T>[]>();

  /** Number of keys that somebody wants. */
  get size(): number {
    return this.#lists.size;
  }

  /** Whether some queue wants this key. */
  has(key: string): boolean {
    return this.#lists.has(key);
  }

  /** Enters a queue under each key once. */
  add(queue: StreamQueue<T>, keys: Iterable<string>): void {
    for (const key of keys) {
      const list = this.#lists.get(key);
      if (list) list.push(queue);
      else this.#lists.set(key, [queue]);
    }
  }

  /** Removes a queue from the lists of exactly the keys it was added with. */
  remove(queue: StreamQueue<T>, keys: Iterable<string>): void {
    for (const key of keys) {
      const list = this.#lists.get(key);
      if (list && takeOut(list, queue) && list.length === 0) {
        this.#lists.delete(key);
      }
    }
  }

  /** Offers an envelope to every queue under the key. */
  push(key: string, envelope: Envelope<T>): void {
    const list = this.#lists.get(key);
    if (list) pushAll(list, envelope);
  }
}

/** Offers an envelope to every queue of a list. */
export function pushAll<T>(
  queues: readonly StreamQueue<T>[],
  envelope: Envelope<T>,
): void {
  for (let i = 0; i < queues.length; i++) queues[i]?.push(envelope);
}

/** Removes one item by moving the last one into its place. */
export function takeOut<T>(items: T[], item: T): boolean {
  const at = items.indexOf(item);
  if (at < 0) return false;
  const last = items.pop();
  if (last !== undefined && at < items.length) items[at] = last;
  return true;
}

/**
 * What has arrived from the hub on one feed and is not handled yet.
 *
 * NATS has no back pressure towards one subscription: what is not read in time makes its server
 * drop the connection. So everything is read immediately and waits here, is handled at the pace of
 * {@linkcode ReadThrottle}, and is dropped above a bound. The hole in the numbers then shows the
 * loss.
 *
 * @module
 */
import { ReadThrottle } from "../../application/timing/read_throttle.ts";
import type { Clock } from "../../application/ports/clock.ts";
import { type BatchEntry, decodeBatch, type FrameBatch } from "./frame_batch.ts";

/** Bytes that may wait. A second of a busy option feed has less than 10 MB. */
const MAX_WAITING_BYTES = 32 * 1_048_576;
/** Handled items that are removed together, also from a queue that is never empty. */
const MAX_HANDLED = 1_024;

/** What an {@linkcode EntryQueue} needs. */
interface EntryQueueOptions {
  readonly clock: Pick<Clock, "monotonic">;
  /** Deliveries since the process started; see `read_throttle.ts`. @default none */
  readonly deliveries?: (() => number) | undefined;
  /** Bytes that may wait. @default MAX_WAITING_BYTES */
  readonly maxBytes?: number | undefined;
  /** Called when a batch is not valid. */
  readonly onInvalid: (error: unknown) => void;
}

/** A batch as it was received or whose entries are being handled, or an action between two. */
type Item = Uint8Array | Open | (() => void);

/** In the place of an item that is not needed any more. */
const HANDLED: Item = () => {};

/** A batch whose entries are being handled. */
interface Open {
  readonly batch: FrameBatch;
  /** Index of the next entry. */
  next: number;
}

/** Takes an entry; false to be called with it again once the queue is started again. */
type EntryHandler = (entry: BatchEntry, term: bigint) => boolean;

/** Holds batches until they are handled. */
export class EntryQueue {
  readonly #options: EntryQueueOptions;
  readonly #throttle: ReadThrottle;
  #items: Item[] = [];
  #at = 0;
  #bytes = 0;
  #open: Open | undefined;
  #handler: EntryHandler | undefined;
  #isPaused = false;
  #isHandling = false;

  constructor(options: EntryQueueOptions) {
    this.#options = options;
    const source = {
      pause: () => void (this.#isPaused = true),
      resume: () => {
        this.#isPaused = false;
        this.#handle();
      },
    };
    this.#throttle = new ReadThrottle(source, { ...options, later: setTimeout });
  }

  /** Adds a batch; false when too much waits, and it is dropped. */
  add(batch: Uint8Array): boolean {
    const { maxBytes = MAX_WAITING_BYTES } = this.#options;
    if (this.#bytes + batch.length > maxBytes) return false;
    this.#bytes += batch.length;
    this.#items.push(batch);
    this.#handle();
    return true;
  }

  /** Calls an action after what has arrived before. */
  addAction(action: () => void): void {
    this.#items.push(action);
    this.#handle();
  }

  /** Puts batches before the entry that is handled next. */
  insert(batches: readonly Uint8Array[]): void {
    for (const { length } of batches) this.#bytes += length;
    const open = this.#open;
    this.#open = undefined;
    this.#items.splice(this.#at, 0, ...batches, ...open ? [open] : []);
  }

  /** Starts to handle what arrives and what has arrived. */
  start(handler: EntryHandler): void {
    this.#handler = handler;
    this.#handle();
  }

  /** Handles nothing until the queue is started again. */
  stop(): void {
    this.#handler = undefined;
  }

  /** Drops everything. */
  close(): void {
    this.stop();
    this.#items = [];
    this.#open = undefined;
    this.#bytes = this.#at = 0;
  }

  #handle(): void {
    // An entry that is handled may add an action.
    if (this.#isHandling) return;
    this.#isHandling = true;
    try {
      while (this.#handler && !this.#isPaused && this.#handleNext(this.#handler)) continue;
    } finally {
      this.#isHandling = false;
    }
  }

  /** Handles one entry or action; false when there is none. */
  #handleNext(handler: EntryHandler): boolean {
    const open = this.#open ??= this.#takeBatch();
    if (!open) return false;
    const entry = open.batch.entries[open.next];
    if (!entry) {
      this.#open = undefined;
      return true;
    }
    this.#throttle.begin();
    if (handler(entry, open.batch.term)) open.next++;
    this.#throttle.end();
    return true;
  }

  /** Takes the next valid batch, after the actions before it. */
  #takeBatch(): Open | undefined {
    while (this.#handler && this.#at < this.#items.length) {
      const item = this.#items[this.#at] as Item;
      this.#items[this.#at++] = HANDLED;
      if (this.#at === this.#items.length || this.#at >= MAX_HANDLED) {
        this.#items.splice(0, this.#at);
        this.#at = 0;
      }
      if (typeof item === "function") {
        item();
        continue;
      }
      if (!(item instanceof Uint8Array)) return item;
      this.#bytes -= item.length;
      try {
        return { batch: decodeBatch(item), next: 0 };
      } catch (error) {
        this.#options.onInvalid(error);
      }
    }
    return undefined;
  }
}

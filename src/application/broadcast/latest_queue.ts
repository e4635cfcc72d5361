/**
 * A stream's queue that keeps the latest unsent event of each symbol.
 *
 * A newer event of a symbol takes the position of the older one, so that each symbol is sent in
 * turn, however often it changes. With an interval, a symbol that was sent waits until the interval
 * is over. The queue has no capacity: it holds at most one event per symbol, and the memory of all
 * queues limits it.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import type { ChannelCounters } from "../status/counters.ts";
import type { Envelope } from "./envelope.ts";
import type { EventQueue, QueueEvents } from "./event_queue.ts";
import type { QueueMemory } from "./queue_memory.ts";

/** Bytes of an entry of a map, beside the slot that every queue has per event. */
const ENTRY_BYTES = 32;

/** Options of a {@linkcode LatestQueue}. */
interface LatestQueueOptions<T> extends QueueEvents<T> {
  readonly symbol: (event: T) => string;
  /** Least ms between two events of a symbol; 0 for none. */
  readonly intervalMs: number;
  readonly clock: Pick<Clock, "monotonic" | "sleep">;
  readonly counters: ChannelCounters;
  readonly memory: QueueMemory;
}

/** Keeps the latest event per symbol. */
export class LatestQueue<T> implements EventQueue<T> {
  readonly fill = 0;
  readonly #options: LatestQueueOptions<T>;
  /** Events that can be taken, in the order in which their symbols became ready. */
  readonly #ready = new Map<string, Envelope<T>>();
  /** Events whose symbols wait for the end of the interval. */
  readonly #held = new Map<string, Envelope<T>>();
  /** When the interval of each symbol that was sent ends, in monotonic ms, in that order. */
  readonly #cooling = new Map<string, number>();
  readonly #over = new AbortController();
  #isTimed = false;
  #published = 0;
  #sent = 0;
  #conflated = 0;
  #dropped = 0;
  #lastSequence = 0;
  #inFlight = 0;
  /** Entries that are counted in the memory. */
  #entries = 0;
  #wakeReader: (() => void) | undefined;

  constructor(options: LatestQueueOptions<T>) {
    this.#options = options;
    options.memory.addQueue(this);
  }

  get published(): number {
    return this.#published;
  }

  get sent(): number {
    return this.#sent;
  }

  get conflated(): number {
    return this.#conflated;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get queued(): number {
    return this.#ready.size + this.#held.size;
  }

  get oldest(): Envelope<T> | undefined {
    let oldest: Envelope<T> | undefined;
    // A newer event takes the place of an older one, so that neither map is in order.
    for (const queue of [this.#ready, this.#held]) {
      for (const envelope of queue.values()) {
        if (oldest === undefined || envelope.sequence < oldest.sequence) oldest = envelope;
      }
    }
    return oldest;
  }

  get isEnded(): boolean {
    return this.#over.signal.aborted;
  }

  get isReady(): boolean {
    if (this.#cooling.size > 0) this.#endIntervals();
    return this.#ready.size > 0;
  }

  enqueue(envelope: Envelope<T>): void {
    if (this.#over.signal.aborted || envelope.sequence === this.#lastSequence) return;
    const { symbol: symbolOf, counters, memory } = this.#options;
    this.#lastSequence = envelope.sequence;
    this.#published++;
    counters.published++;
    envelope.holders++;
    const symbol = symbolOf(envelope.event);
    if (this.#cooling.size > 0) this.#endIntervals();
    const queue = this.#cooling.has(symbol) ? this.#held : this.#ready;
    const replaced = queue.get(symbol);
    if (replaced) {
      this.#conflated++;
      counters.conflated++;
      memory.release(replaced);
    }
    queue.set(symbol, envelope);
    if (!replaced) this.#account();
    if (queue === this.#ready) this.#wake();
    else this.#startTimer();
  }

  take(limit: number = Infinity): readonly Envelope<T>[] {
    this.releaseInFlight();
    const { memory, counters, intervalMs, clock } = this.#options;
    if (!this.isReady) return [];
    const most = Math.min(limit, memory.batchLimit);
    const dueAt = intervalMs > 0 ? clock.monotonic() + intervalMs : 0;
    const batch: Envelope<T>[] = [];
    for (const [symbol, envelope] of this.#ready) {
      if (batch.length >= most) break;
      this.#ready.delete(symbol);
      if (intervalMs > 0) this.#cooling.set(symbol, dueAt);
      batch.push(envelope);
    }
    this.#account();
    this.#inFlight = memory.addInFlight(batch);
    this.#sent += batch.length;
    counters.sent += batch.length;
    counters.onSent?.(batch[0] as Envelope<T>);
    return batch;
  }

  onReady(wake: () => void): void {
    this.#wakeReader = wake;
  }

  /** The event of a symbol that is not taken yet. */
  pending(symbol: string): Envelope<T> | undefined {
    return this.#ready.get(symbol) ?? this.#held.get(symbol);
  }

  /** Replaces the event of a symbol by one that is sent without this queue. */
  replace(symbol: string): void {
    const replaced = this.pending(symbol);
    if (!replaced) return;
    this.#ready.delete(symbol);
    this.#held.delete(symbol);
    this.#conflated++;
    this.#options.counters.conflated++;
    this.#options.memory.release(replaced);
    this.#account();
  }

  /** Starts the interval of a symbol of which an event was sent without this queue. */
  startInterval(symbol: string): void {
    const { clock, intervalMs } = this.#options;
    if (intervalMs === 0) return;
    this.#cooling.delete(symbol);
    this.#cooling.set(symbol, clock.monotonic() + intervalMs);
    const ready = this.#ready.get(symbol);
    if (!ready) return;
    this.#ready.delete(symbol);
    this.#held.set(symbol, ready);
    this.#startTimer();
  }

  shorten(length: number): void {
    for (const queue of [this.#ready, this.#held]) {
      for (const [symbol, envelope] of queue) {
        if (this.queued <= length) break;
        queue.delete(symbol);
        this.#options.memory.release(envelope);
        this.#dropped++;
        this.#options.counters.dropped++;
        this.#options.onDrop?.(envelope);
      }
    }
    this.#account();
  }

  releaseEncoded(): void {
    // Each event is replaced by the next one of its symbol.
  }

  releaseInFlight(): void {
    if (this.#inFlight === 0) return;
    this.#options.memory.removeInFlight(this.#inFlight);
    this.#inFlight = 0;
  }

  end(): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    const { memory, onEnd } = this.#options;
    for (const envelope of this.#ready.values()) memory.release(envelope);
    for (const envelope of this.#held.values()) memory.release(envelope);
    this.#ready.clear();
    this.#held.clear();
    this.#cooling.clear();
    this.#account();
    this.releaseInFlight();
    memory.removeQueue(this);
    onEnd?.();
    this.#wake();
  }

  /** Moves the events of symbols whose interval is over to those that can be taken. */
  #endIntervals(): void {
    const now = this.#options.clock.monotonic();
    for (const [symbol, dueAt] of this.#cooling) {
      if (dueAt > now) return;
      this.#cooling.delete(symbol);
      const held = this.#held.get(symbol);
      if (!held) continue;
      this.#held.delete(symbol);
      this.#ready.set(symbol, held);
    }
  }

  /** Waits, while events are held, for the end of the next interval. */
  async #startTimer(): Promise<void> {
    if (this.#isTimed) return;
    this.#isTimed = true;
    const { clock } = this.#options;
    const { signal } = this.#over;
    while (this.#held.size > 0 && !signal.aborted) {
      const dueAt: number = this.#cooling.values().next().value ?? 0;
      await clock.sleep(Math.max(0, dueAt - clock.monotonic()), signal);
      this.#endIntervals();
      if (this.#ready.size > 0) this.#wake();
    }
    this.#isTimed = false;
  }

  /** Counts the entries of the maps, which have more bytes than slots. */
  #account(): void {
    const entries = this.#ready.size + this.#held.size + this.#cooling.size;
    this.#options.memory.adjust((entries - this.#entries) * ENTRY_BYTES);
    this.#entries = entries;
  }

  #wake(): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    wake?.();
  }
}

/** A queue that takes only some of the events that match its keys. */
class SelectiveLatestQueue<T> extends LatestQueue<T> {
  readonly #accepts: (event: T) => boolean;

  constructor(options: LatestQueueOptions<T>, accepts: (event: T) => boolean) {
    super(options);
    this.#accepts = accepts;
  }

  override enqueue(envelope: Envelope<T>): void {
    if (this.#accepts(envelope.event)) super.enqueue(envelope);
  }
}

/** Makes the queue of a stream; a class of its own, so that others have no check per event. */
export function latestQueueOf<T>(
  options: LatestQueueOptions<T>,
  { accepts }: { readonly accepts?: ((event: T) => boolean) | undefined },
): LatestQueue<T> {
  return accepts ? new SelectiveLatestQueue(options, accepts) : new LatestQueue(options);
}

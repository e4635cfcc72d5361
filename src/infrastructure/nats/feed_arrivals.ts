/**
 * What arrives on one feed, over all sessions: a session that follows another one takes what has
 * arrived in between, so that it starts where the hub has started and not where it has attached.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { EdgeFeedCounters } from "../../application/status/counters.ts";
import type { FeedId } from "../../domain/connection/feed.ts";
import type { Position } from "./entry_order.ts";
import { EntryQueue } from "./entry_queue.ts";
import type { HubLink } from "./hub_link.ts";
import { messageOf } from "./nats_client.ts";

/** What the arrivals of a feed need. */
interface FeedArrivalsOptions {
  readonly feed: FeedId;
  readonly link: Pick<HubLink, "subscribe" | "interruptions">;
  /** Deliveries since the process started, by which reading is throttled. @default none */
  readonly deliveries?: (() => number) | undefined;
  /** Bytes that may wait to be handled. @default 32 MiB */
  readonly maxWaitingBytes?: number | undefined;
  readonly counters: EdgeFeedCounters;
  readonly clock: Clock;
  readonly log: Log;
}

/** The batches of one feed. */
export class FeedArrivals {
  readonly queue: EntryQueue;
  /** Called in order with what arrives, where the connection to NATS was lost in between. */
  onInterruption: (() => void) | undefined;
  readonly #options: FeedArrivalsOptions;
  #position: Position | undefined;
  #arrivedAt: number;
  #subscription: ReturnType<HubLink["subscribe"]> | undefined;
  #interruptions = 0;

  constructor(options: FeedArrivalsOptions) {
    const { clock, log, deliveries, maxWaitingBytes } = options;
    this.#options = options;
    this.#arrivedAt = clock.monotonic();
    this.queue = new EntryQueue({
      clock,
      deliveries,
      maxBytes: maxWaitingBytes,
      onInvalid: (error) => {
        log.warn("A batch of the hub is not valid", { cause: messageOf(error) });
      },
    });
  }

  /** Ms since something arrived. */
  get silentMs(): number {
    return this.#options.clock.monotonic() - this.#arrivedAt;
  }

  /** Subscribes, unless what arrived since the last session is to be continued. */
  open(): void {
    const { link, feed, clock, counters } = this.#options;
    this.#arrivedAt = clock.monotonic();
    if (this.#position && this.#subscription && !this.#subscription.isClosed()) return;
    this.close();
    this.#interruptions = link.interruptions;
    this.#subscription = link.subscribe(feed, (batch) => {
      this.#arrivedAt = clock.monotonic();
      counters.lastEntryAt = clock.now();
      if (link.interruptions !== this.#interruptions) {
        this.#interruptions = link.interruptions;
        this.queue.addAction(() => this.onInterruption?.());
      }
      if (!this.queue.add(batch)) counters.dropped++;
    });
  }

  /** Keeps what has arrived for a session that continues at a position. */
  keepFrom(position: Position): void {
    this.#position = position;
  }

  /**
   * Takes the position at which the last session has ended, if the hub has sent it.
   *
   * @param term of the hub
   * @param next number of the next entry of the hub
   */
  takePosition(term: bigint, next: number): Position | undefined {
    const position = this.#position;
    this.#position = undefined;
    return position?.term === term && position.next <= next ? position : undefined;
  }

  /** Drops what has arrived. */
  close(): void {
    this.#subscription?.unsubscribe();
    this.#subscription = this.#position = undefined;
    this.queue.close();
  }
}

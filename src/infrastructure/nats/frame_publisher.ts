/**
 * Publishes the frames of all feeds of a hub as batches (`frame_batch.ts`).
 *
 * What arrives in one turn of the event loop is one batch per feed. Nothing waits for NATS: what it
 * does not take is dropped, counted, and a hole in the numbers for the edges. Nothing is published
 * without the lease, and no frame that quotes a secret: an error of Alpaca may repeat a request.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import type { FeedFailure } from "../../domain/connection/failure.ts";
import type { FeedId } from "../../domain/connection/feed.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { UpstreamTap } from "../../application/ports/upstream_tap.ts";
import type { DistributionCounters, PublishedCounters } from "../../application/status/counters.ts";
import type { BoundedPublisher } from "./bounded_publisher.ts";
import {
  BATCH_HEADER_BYTES,
  encodeBatch,
  ENTRY_HEADER_BYTES,
  type EntryContent,
  frameEntries,
  NO_PAYLOAD,
} from "./frame_batch.ts";
import { encodeDown } from "./hub_protocol.ts";

/** Bytes of a batch of several entries. */
const MAX_BATCH_BYTES = 64 * 1_024;
/** Silence after which a beacon is sent, and how often that is checked, in ms. */
const BEACON_MS = 900;
const CHECK_MS = 500;

/** What the publisher needs. */
interface FramePublisherOptions {
  readonly feeds: Iterable<FeedId>;
  readonly subjectOf: (feed: FeedId) => string;
  /** The term of the lease, while this process holds it. */
  readonly lease: { readonly term: bigint | undefined };
  readonly publisher: BoundedPublisher;
  /** Texts that no frame may have. */
  readonly secrets: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: DistributionCounters;
}

/** What an edge that attaches needs of a feed. */
interface FeedPosition {
  /** Number of the next entry. */
  readonly next: number;
  readonly isUp: boolean;
  /** Why there is no session; "" while there is one. */
  readonly reason: string;
}

/** Publishes the frames of a hub. */
export class FramePublisher {
  readonly #options: FramePublisherOptions;
  readonly #feeds: ReadonlyMap<FeedId, FeedEntries>;
  #isScheduled = false;

  constructor(options: FramePublisherOptions) {
    this.#options = options;
    const schedule = () => this.#schedule();
    this.#feeds = new Map(
      Array.from(options.feeds, (feed) => [feed, new FeedEntries(feed, options, schedule)]),
    );
  }

  /** Where the frames of a feed are passed to. */
  tapOf(feed: FeedId): UpstreamTap | undefined {
    return this.#feeds.get(feed);
  }

  /** The position of a feed; everything before it was published. */
  positionOf(feed: FeedId): FeedPosition {
    const entries = this.#feeds.get(feed);
    if (!entries) return { next: 1, isUp: false, reason: "The feed is disabled" };
    return entries.position;
  }

  /** Publishes what has arrived, so that what is published next follows it. */
  readonly flush = (): void => {
    this.#isScheduled = false;
    for (const feed of this.#feeds.values()) feed.flush();
  };

  /** Publishes beacons until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const now = clock.monotonic();
      for (const feed of this.#feeds.values()) feed.sendBeacon(now);
      await clock.sleep(CHECK_MS, signal);
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.flush);
  }
}

/** The entries of one feed. */
class FeedEntries implements UpstreamTap {
  readonly #options: FramePublisherOptions;
  readonly #subject: string;
  readonly #counters: PublishedCounters;
  readonly #schedule: () => void;
  readonly #secrets: readonly string[];
  /** Entries of the next batch, all of term {@linkcode FeedEntries.#term}. */
  #entries: EntryContent[] = [];
  #bytes = BATCH_HEADER_BYTES;
  #term: bigint | undefined;
  /** Number of the first entry of the next batch. */
  #next = 1;
  #isUp = false;
  #reason = "The hub has just started";
  /** Monotonic ms of the last batch. */
  #sentAt = -Infinity;

  constructor(feed: FeedId, options: FramePublisherOptions, schedule: () => void) {
    this.#options = options;
    this.#subject = options.subjectOf(feed);
    this.#counters = options.counters.published[feed];
    this.#schedule = schedule;
    // Also as a string of JSON has them.
    const texts = options.secrets.flatMap((text) => [text, JSON.stringify(text).slice(1, -1)]);
    this.#secrets = [...new Set(texts)].filter((text) => text !== "");
  }

  get position(): FeedPosition {
    this.#followTerm();
    this.flush();
    return { next: this.#next, isUp: this.#isUp, reason: this.#isUp ? "" : this.#reason };
  }

  up(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#add({ kind: "up", receivedAt: this.#options.clock.now(), payload: NO_PAYLOAD });
  }

  down({ errorType, message }: FeedFailure): void {
    this.#reason = message;
    if (!this.#isUp) return;
    this.#isUp = false;
    const payload = encodeDown({ errorType, message });
    this.#add({ kind: "down", receivedAt: this.#options.clock.now(), payload });
  }

  receive(frame: Uint8Array, receivedAt: number, isData = false): void {
    // Those of a login have nothing for edges.
    if (!this.#isUp) return;
    this.#counters.frames++;
    if (!isData && this.#quotesSecret(frame)) return this.#withhold();
    const maxBytes = this.#options.publisher.maxPayload - BATCH_HEADER_BYTES - ENTRY_HEADER_BYTES;
    if (frame.length <= maxBytes) this.#add({ kind: "frame", receivedAt, payload: frame });
    else for (const entry of frameEntries(frame, receivedAt, maxBytes)) this.#add(entry);
  }

  #quotesSecret(frame: Uint8Array): boolean {
    const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
    return this.#secrets.some((secret) => bytes.includes(secret));
  }

  /** Leaves a hole in the place of a frame, which may have messages too. */
  #withhold(): void {
    this.#followTerm();
    this.flush();
    this.#next++;
    this.#counters.dropped++;
    this.#options.log.warn("A frame of Alpaca quotes a secret, and is not sent to edges");
  }

  /** Publishes the entries that wait as one batch. */
  flush(): void {
    const entries = this.#entries;
    if (entries.length === 0) return;
    const { publisher, lease, clock } = this.#options;
    const term = this.#term;
    const first = this.#next;
    this.#entries = [];
    this.#bytes = BATCH_HEADER_BYTES;
    this.#next += entries.length;
    // Checked again: the process may have been suspended in between.
    if (term === undefined || lease.term !== term) {
      this.#counters.dropped += entries.length;
      return;
    }
    const batch = encodeBatch(term, first, entries);
    if (publisher.publish(this.#subject, batch)) this.#counters.bytes += batch.length;
    else this.#counters.dropped += entries.length;
    this.#sentAt = clock.monotonic();
  }

  /** Publishes a beacon unless a batch was published a moment ago. */
  sendBeacon(now: number): void {
    this.#followTerm();
    const { publisher, clock, lease } = this.#options;
    if (this.#term === undefined || lease.term !== this.#term) return;
    if (now - this.#sentAt < BEACON_MS) return;
    const beacon = { kind: "beacon", receivedAt: clock.now(), payload: NO_PAYLOAD } as const;
    publisher.publish(this.#subject, encodeBatch(this.#term, this.#next, [beacon]));
    this.#sentAt = now;
  }

  #add(entry: EntryContent): void {
    this.#followTerm();
    const size = ENTRY_HEADER_BYTES + entry.payload.length;
    const maxBytes = Math.min(MAX_BATCH_BYTES, this.#options.publisher.maxPayload);
    if (this.#bytes + size > maxBytes) this.flush();
    this.#entries.push(entry);
    this.#bytes += size;
    if (this.#bytes >= maxBytes) this.flush();
    else this.#schedule();
  }

  /**
   * Starts to count again under another term; entries of the last one are dropped. A lease that is
   * renewed late has the same term after a time without one: numbers continue, for edges that
   * still expect them.
   */
  #followTerm(): void {
    const { term } = this.#options.lease;
    if (term === undefined || term === this.#term) return;
    this.#counters.dropped += this.#entries.length;
    this.#term = term;
    this.#entries = [];
    this.#bytes = BATCH_HEADER_BYTES;
    this.#next = 1;
  }
}

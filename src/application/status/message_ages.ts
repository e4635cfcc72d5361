import { type FeedId, FEEDS } from "../../domain/connection/feed.ts";
import type { Clock } from "../ports/clock.ts";
import { messagesReceived, type ProxyCounters } from "./counters.ts";
import { WallStamp } from "./wall_stamp.ts";

/** Time between two looks, in ms: as exact as an age is. */
const INTERVAL_MS = 1_000;

/**
 * When each feed last had data, noticed within a second. It compares counters,
 * so that the way of a message does not have to write down the time.
 */
export class MessageAges {
  readonly #counters: ProxyCounters;
  readonly #clock: Clock;
  readonly #seen = new Map<FeedId, { total: number; stamp: WallStamp }>();

  constructor(counters: ProxyCounters, clock: Clock) {
    this.#counters = counters;
    this.#clock = clock;
  }

  /**
   * Wall clock ms of a feed's last data message; undefined before the first.
   * Its age is right although the wall clock is set meanwhile.
   */
  readonly lastMessageAt = (feed: FeedId): number | undefined =>
    this.#seen.get(feed)?.stamp.at;

  /** Looks once a second until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#look();
      await this.#clock.sleep(INTERVAL_MS, signal);
    }
  }

  #look(): void {
    for (const feed of FEEDS) {
      const total = messagesReceived(this.#counters.feeds[feed]);
      if (total > (this.#seen.get(feed)?.total ?? 0)) {
        this.#seen.set(feed, { total, stamp: new WallStamp(this.#clock) });
      }
    }
  }
}

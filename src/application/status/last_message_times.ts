import { type FeedId, FEEDS } from "../../domain/connection/feed.ts";
import type { Clock } from "../ports/clock.ts";
import { messagesReceived, type ProxyCounters } from "./counters.ts";
import { WallStamp } from "./wall_stamp.ts";

/** Time between two polls in ms, and the precision of the result. */
const POLL_MS = 1_000;

/**
 * Records when each feed last had data, to within a second. It polls the
 * counters, so that the message path does not read the clock.
 */
export class LastMessageTimes {
  readonly #counters: ProxyCounters;
  readonly #clock: Clock;
  readonly #last = new Map<FeedId, { total: number; stamp: WallStamp }>();

  constructor(counters: ProxyCounters, clock: Clock) {
    this.#counters = counters;
    this.#clock = clock;
  }

  /**
   * Wall clock ms of a feed's last data message; undefined before the first.
   * The age stays correct when the wall clock is set.
   */
  readonly lastMessageAt = (feed: FeedId): number | undefined => this.#last.get(feed)?.stamp.at;

  /** Polls once a second until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#poll();
      await this.#clock.sleep(POLL_MS, signal);
    }
  }

  #poll(): void {
    for (const feed of FEEDS) {
      const total = messagesReceived(this.#counters.feeds[feed]);
      if (total > (this.#last.get(feed)?.total ?? 0)) {
        this.#last.set(feed, { total, stamp: new WallStamp(this.#clock) });
      }
    }
  }
}

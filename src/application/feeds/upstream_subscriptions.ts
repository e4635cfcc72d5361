/**
 * The subscriptions of one feed, as its feed link uses them.
 *
 * @module
 */
import type { FeedSession, SubscriptionReplies } from "../ports/feed_connector.ts";

/** Subscribes what streams request on the session that is connected. */
export interface UpstreamSubscriptions extends SubscriptionReplies {
  /** Starts with a new session, on which everything requested is subscribed. */
  attach(session: FeedSession): void;
  /** Ends with the session. */
  detach(): void;
  /** Sends a request that changes nothing but has to be answered. */
  probe(): void;
  /**
   * Monotonic ms of the last acknowledgement of the session; `undefined` where
   * only {@linkcode UpstreamSubscriptions.probe} is acknowledged.
   */
  readonly acknowledgedAt: number | undefined;
  /** Pairs that the session acknowledged, 0 without a session. */
  readonly subscriptionCount: number;
  /** What upstream rejects at the moment; `undefined` when nothing. */
  readonly problem: string | undefined;
}

/** The trade updates: one subscription, made by the login. */
export class TradeUpdatesSubscription implements UpstreamSubscriptions {
  readonly problem = undefined;
  readonly acknowledgedAt = undefined;
  #session: FeedSession | undefined;

  attach(session: FeedSession): void {
    this.#session = session;
  }

  detach(): void {
    this.#session = undefined;
  }

  probe(): void {
    this.#session?.request({ action: "subscribe", pairs: [], probe: true });
  }

  acknowledged(): void {}

  rejected(): void {}

  get subscriptionCount(): number {
    return this.#session ? 1 : 0;
  }
}

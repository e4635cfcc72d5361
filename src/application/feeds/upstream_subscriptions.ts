/**
 * The subscriptions of one feed, as its feed link uses them.
 *
 * @module
 */
import { WILDCARD } from "../../domain/subscription/pairs.ts";
import type { FeedSession, SubscriptionReplies } from "../ports/feed_connector.ts";
import type { UpstreamEvents } from "../streaming/upstream_events.ts";

/** Subscribes what streams request on the session that is connected. */
export interface UpstreamSubscriptions extends SubscriptionReplies {
  /** Starts with a new session, on which everything requested is subscribed. */
  attach(session: FeedSession): void;
  /** Ends with the session, or with an attempt whose login failed. */
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
  /**
   * Whether the session has subscribed everything that streams requested when it started, except
   * what upstream rejects or what waits for a slot; false without a session.
   */
  readonly isComplete: boolean;
  /** What upstream rejects at the moment; `undefined` when nothing. */
  readonly problem: string | undefined;
}

const ALL_UPDATES = { feed: "trading", channel: undefined, symbols: [WILDCARD] } as const;

/** The trade updates: one subscription, made and acknowledged by the login. */
export class TradeUpdatesSubscription implements UpstreamSubscriptions {
  readonly problem = undefined;
  readonly acknowledgedAt = undefined;
  readonly #events: Pick<UpstreamEvents, "carried" | "notCarried">;
  #session: FeedSession | undefined;
  #isCarried = false;

  constructor(events: Pick<UpstreamEvents, "carried" | "notCarried">) {
    this.#events = events;
  }

  attach(session: FeedSession): void {
    this.#session = session;
    this.acknowledged();
  }

  detach(): void {
    this.#session = undefined;
    if (!this.#isCarried) return;
    this.#isCarried = false;
    this.#events.notCarried(ALL_UPDATES, "upstream_lost");
  }

  probe(): void {
    this.#session?.request({ action: "subscribe", pairs: [], probe: true });
  }

  /** Called during the login, because updates may follow in the same frame. */
  acknowledged(): void {
    if (this.#isCarried) return;
    this.#isCarried = true;
    this.#events.carried(ALL_UPDATES);
  }

  rejected(): void {}

  get subscriptionCount(): number {
    return this.#session ? 1 : 0;
  }

  get isComplete(): boolean {
    return this.#session !== undefined;
  }
}

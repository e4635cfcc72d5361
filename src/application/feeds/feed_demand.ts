/**
 * What a feed is to carry, as far as following it goes.
 *
 * @module
 */
import type { UpstreamError } from "../../domain/subscription/request.ts";
import type { SymbolSets } from "../../domain/subscription/symbol_sets.ts";
import type { FeedSession } from "../ports/feed_connector.ts";

/** Turns demand into requests on whatever session is up. */
export interface FeedDemand {
  /** A session is up: everything that is wanted is asked for on it. */
  attach(session: FeedSession): void;
  /** The session is gone. */
  detach(): void;
  /** Asks the session something that it has to answer. */
  ask(): void;
  acknowledged(state: SymbolSets): void;
  refused(error: UpstreamError): void;
  /**
   * Monotonic ms of the last acknowledgement of the session that is up;
   * `undefined` where only what {@linkcode FeedDemand.ask} asks is acknowledged.
   */
  readonly acknowledgedAt: number | undefined;
  /** Entries in the last acknowledgement of the session that is up, else 0. */
  readonly subscriptionCount: number;
  /** What upstream refuses at the moment, in words; `undefined` when nothing. */
  readonly trouble: string | undefined;
}

/** Demand of the trade updates: always all of them, listened to at login. */
export class TradeUpdatesDemand implements FeedDemand {
  readonly trouble = undefined;
  readonly acknowledgedAt = undefined;
  #session: FeedSession | undefined;

  attach(session: FeedSession): void {
    this.#session = session;
  }

  detach(): void {
    this.#session = undefined;
  }

  ask(): void {
    this.#session?.request({ action: "subscribe", pairs: [], probe: true });
  }

  acknowledged(): void {}

  refused(): void {}

  get subscriptionCount(): number {
    return this.#session ? 1 : 0;
  }
}

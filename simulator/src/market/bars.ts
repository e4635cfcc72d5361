/**
 * When bars are sent: `b` right after the end of a bar, `u` half a bar later if
 * late trades changed it, `d` with every bar. A bar without a trade that sets
 * prices is not sent.
 *
 * A symbol with a subscription to bars but not to trades gets a few trades when
 * its bar closes.
 *
 * @module
 */
import { Timestamp, timestampFromMillis } from "../protocol/timestamp.ts";
import type { SeededRandom } from "../random.ts";
import type { Subscribers } from "../session/subscribers.ts";
import type { BarBuilder } from "./bar_builder.ts";
import { sessionDay } from "./calendar.ts";
import { type Listings, SubscribedListings } from "./listings.ts";

const MAX_UNSENT_TRADES = 12;

/** A symbol whose trades make bars. */
interface BarListing {
  readonly symbol: string;
  /** The current bar. */
  readonly bar: BarBuilder;
  /** The bar of the current day. */
  readonly day: BarBuilder;
  /** Closes the current bar and starts the next one. */
  closeBar(): BarBuilder;
  /** Starts a new day. */
  closeDay(): void;
  /** The closed bar if late trades changed it since the last call. */
  takeUpdatedBar(): BarBuilder | undefined;
}

/** Dependencies of a bar schedule. */
interface BarScheduleDependencies<L extends BarListing> {
  readonly subscribers: Subscribers;
  readonly listings: Listings<L>;
  readonly random: SeededRandom;
  readonly barSeconds: number;
  /** Makes a trade to which no session subscribes. */
  readonly unsentTrade: (listing: L, at: Timestamp) => void;
  /** When the day of a moment began, in epoch milliseconds. @default midnight in New York */
  readonly dayOf?: (nowMs: number) => number;
  /** Gives a bar without trades its prices. @default it is not sent */
  readonly fillEmptyBar?: (listing: L) => void;
}

/** The bars of one endpoint. */
export class BarSchedule<L extends BarListing> {
  readonly #deps: BarScheduleDependencies<L>;
  readonly #dayOf: (nowMs: number) => number;
  readonly #subscribed: readonly SubscribedListings<L>[];
  #barStart = NaN;
  #updatesDue = false;
  #day = NaN;

  constructor(deps: BarScheduleDependencies<L>) {
    this.#deps = deps;
    this.#dayOf = deps.dayOf ?? sessionDay;
    this.#subscribed = (["bars", "updatedBars", "dailyBars"] as const).map(
      (channel) => new SubscribedListings(deps.subscribers, channel, deps.listings),
    );
  }

  /** Publishes what is due at `now`. */
  advanceTo(now: Timestamp): void {
    const { barSeconds } = this.#deps;
    const start = Math.floor(now.seconds / barSeconds) * barSeconds;
    if (Number.isNaN(this.#barStart)) this.#start(start);
    if (start > this.#barStart) {
      this.#closeBars(this.#barStart);
      this.#barStart = start;
      this.#updatesDue = true;
      this.#turnDay(start);
    }
    const elapsed = now.seconds + now.nanos / 1e9 - start;
    if (this.#updatesDue && elapsed >= barSeconds / 2) {
      this.#updatesDue = false;
      this.#publishUpdates(start - barSeconds);
    }
  }

  /** Publishes the daily bar of a stock as it is now. */
  publishDay(listing: L, now: Timestamp): void {
    const t = timestampFromMillis(this.#dayOf(now.seconds * 1000));
    this.#deps.subscribers.publish(listing.day.toMessage("d", { S: listing.symbol, t }));
  }

  /**
   * Publishes the bar of a stock that contains the second `within`, if it is the
   * closed one and has trades that set prices.
   */
  publishUpdate(listing: L, within: number): void {
    const { barSeconds, subscribers } = this.#deps;
    const t = new Timestamp(Math.floor(within / barSeconds) * barSeconds, 0);
    const bar = listing.takeUpdatedBar();
    if (!bar?.isEligible) return;
    subscribers.publish(bar.toMessage("u", { S: listing.symbol, t }));
  }

  #start(start: number): void {
    this.#barStart = start;
    this.#day = this.#dayOf(start * 1000);
  }

  #turnDay(start: number): void {
    const day = this.#dayOf(start * 1000);
    if (day === this.#day) return;
    this.#day = day;
    for (const listing of this.#deps.listings.all()) listing.closeDay();
  }

  #closeBars(start: number): void {
    const end = new Timestamp(start + this.#deps.barSeconds, 0).plus(-1);
    this.#addUnsentTrades(end);
    const t = new Timestamp(start, 0);
    const day = timestampFromMillis(this.#day);
    for (const listing of this.#deps.listings.all()) {
      if (listing.bar.count === 0) this.#deps.fillEmptyBar?.(listing);
      if (listing.bar.count === 0 && !listing.bar.isEligible) continue;
      const bar = listing.closeBar();
      const S = listing.symbol;
      if (!bar.isEligible) continue;
      this.#deps.subscribers.publish(bar.toMessage("b", { S, t }));
      this.#deps.subscribers.publish(listing.day.toMessage("d", { S, t: day }));
    }
  }

  #addUnsentTrades(at: Timestamp): void {
    const { subscribers, random, unsentTrade } = this.#deps;
    const listings = new Set(this.#subscribed.flatMap((one) => one.listings));
    for (const listing of listings) {
      if (subscribers.has("trades", listing.symbol)) continue;
      const count = 1 + random.below(MAX_UNSENT_TRADES);
      for (let left = count; left > 0; left--) unsentTrade(listing, at);
    }
  }

  #publishUpdates(start: number): void {
    const t = new Timestamp(start, 0);
    for (const listing of this.#deps.listings.all()) {
      const bar = listing.takeUpdatedBar();
      if (!bar?.isEligible) continue;
      const message = bar.toMessage("u", { S: listing.symbol, t });
      this.#deps.subscribers.publish(message);
    }
  }
}

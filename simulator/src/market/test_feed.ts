import type { SimulatorRandom } from "../ports.ts";
import type { Instant } from "../protocol/instant.ts";
import type { Audience } from "../session/audience.ts";
import { BarSchedule } from "./bar_schedule.ts";
import type { MarketFeed } from "./feed.ts";
import type { StockFeedParts } from "./stock_feed.ts";
import type { StockListing } from "./stock_listing.ts";

const QUOTE_EVERY_SECONDS = 5;
const TRADE_EVERY_SECONDS = 5;
const TRADE_PHASE = 2;

/**
 * The test stream: FAKEPACA around the clock, a quote every five seconds and a
 * trade in between, whatever the rate of the market is.
 */
export class TestFeed implements MarketFeed {
  readonly #audience: Audience;
  readonly #random: SimulatorRandom;
  readonly #listing: StockListing | undefined;
  readonly #bars: BarSchedule;
  #second = NaN;

  constructor(parts: StockFeedParts) {
    this.#audience = parts.audience;
    this.#random = parts.random;
    this.#listing = parts.listings.all()[0];
    const silentTrade = (listing: StockListing, at: Instant) =>
      void listing.trade(this.#moment(at));
    this.#bars = new BarSchedule({ ...parts, silentTrade });
  }

  weight(): number {
    return 0;
  }

  produce(): void {
    // The test stream keeps its own pace.
  }

  keepTime(now: Instant): void {
    this.#bars.keepTime(now);
    const listing = this.#listing;
    if (now.seconds === this.#second || !listing) return;
    this.#second = now.seconds;
    if (now.seconds % QUOTE_EVERY_SECONDS === 0) {
      this.#audience.publish(listing.quote(this.#random, now));
    }
    if (now.seconds % TRADE_EVERY_SECONDS === TRADE_PHASE) {
      this.#audience.publish(listing.trade(this.#moment(now)));
    }
  }

  flush(): void {
    this.#audience.flush();
  }

  #moment(at: Instant) {
    return { random: this.#random, at, regularHours: true };
  }
}

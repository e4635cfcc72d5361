import type { Timestamp } from "../protocol/timestamp.ts";
import type { SeededRandom } from "../random.ts";
import type { Subscribers } from "../session/subscribers.ts";
import { type MarketFeed, QUOTES_PER_TRADE, type Span } from "./engine.ts";
import { type Listings, SubscribedListings } from "./listings.ts";
import type { OptionFeedStyle, OptionListing } from "./option_listing.ts";

/** Trades of the indicative feed are this many nanoseconds old. */
const INDICATIVE_TRADE_DELAY = 15 * 60 * 1e9;

/** Dependencies of an option feed. */
interface OptionFeedDependencies {
  readonly subscribers: Subscribers;
  readonly listings: Listings<OptionListing>;
  readonly random: SeededRandom;
  readonly style: OptionFeedStyle;
}

/** One option endpoint's quotes and trades. */
export class OptionFeed implements MarketFeed {
  readonly #deps: OptionFeedDependencies;
  readonly #quotes: SubscribedListings<OptionListing>;
  readonly #trades: SubscribedListings<OptionListing>;

  constructor(deps: OptionFeedDependencies) {
    this.#deps = deps;
    this.#quotes = new SubscribedListings(
      deps.subscribers,
      "quotes",
      deps.listings,
    );
    this.#trades = new SubscribedListings(
      deps.subscribers,
      "trades",
      deps.listings,
    );
  }

  weight(): number {
    return this.#quotes.listings.length * QUOTES_PER_TRADE +
      this.#trades.listings.length;
  }

  produce(count: number, span: Span): void {
    const quotes = this.#quotes.listings;
    const trades = this.#trades.listings;
    const { random } = this.#deps;
    const quoteWeight = quotes.length * QUOTES_PER_TRADE;
    const share = quoteWeight / (quoteWeight + trades.length);
    for (let index = 0; index < count; index++) {
      const at = span.from.plus((index + random.next()) * span.nanos / count);
      if (random.next() < share) this.#quote(random.pick(quotes), at);
      else this.#trade(random.pick(trades), at);
    }
  }

  advanceTo(): void {
    // Option streams have no messages that depend on the time.
  }

  flush(): void {
    this.#deps.subscribers.flush();
  }

  #quote(listing: OptionListing, at: Timestamp): void {
    const { subscribers, random } = this.#deps;
    subscribers.publish(listing.quote(random, at));
  }

  #trade(listing: OptionListing, at: Timestamp): void {
    const { subscribers, random, style } = this.#deps;
    if (!subscribers.has("quotes", listing.symbol)) {
      subscribers.publish(listing.quote(random, at));
    }
    const delay = style === "indicative" ? INDICATIVE_TRADE_DELAY : 0;
    subscribers.publish(listing.trade(random, at.plus(-delay)));
  }
}

import type { Faults } from "../faults/faults.ts";
import type { SimulatorRandom } from "../ports.ts";
import type { Instant } from "../protocol/instant.ts";
import type { Audience } from "../session/audience.ts";
import {
  type Listings,
  type MarketFeed,
  QUOTES_PER_TRADE,
  type Span,
  Wanted,
} from "./feed.ts";
import type { OptionFeedStyle, OptionListing } from "./option_listing.ts";

/** Trades of the indicative feed are this many nanoseconds old. */
const INDICATIVE_TRADE_DELAY = 15 * 60 * 1e9;

/** What an option feed is made of. */
export interface OptionFeedParts {
  readonly audience: Audience;
  readonly listings: Listings<OptionListing>;
  readonly random: SimulatorRandom;
  readonly faults: Faults;
  readonly style: OptionFeedStyle;
}

/** One option endpoint's quotes and trades. */
export class OptionFeed implements MarketFeed {
  readonly #parts: OptionFeedParts;
  readonly #quotes: Wanted<OptionListing>;
  readonly #trades: Wanted<OptionListing>;

  constructor(parts: OptionFeedParts) {
    this.#parts = parts;
    this.#quotes = new Wanted(parts.audience, "quotes", parts.listings);
    this.#trades = new Wanted(parts.audience, "trades", parts.listings);
  }

  weight(): number {
    return this.#quotes.listings.length * QUOTES_PER_TRADE +
      this.#trades.listings.length;
  }

  produce(count: number, span: Span): void {
    const quotes = this.#quotes.listings;
    const trades = this.#trades.listings;
    const { random } = this.#parts;
    const quoteWeight = quotes.length * QUOTES_PER_TRADE;
    const share = quoteWeight / (quoteWeight + trades.length);
    for (let index = 0; index < count; index++) {
      const at = span.from.plus((index + random.next()) * span.nanos / count);
      if (random.next() < share) this.#quote(random.pick(quotes), at);
      else this.#trade(random.pick(trades), at);
    }
  }

  keepTime(): void {
    // Option streams carry nothing that is due by the clock.
  }

  flush(): void {
    this.#parts.audience.flush();
  }

  #quote(listing: OptionListing, at: Instant): void {
    const { audience, random, faults } = this.#parts;
    if (faults.isSymbolMuted(listing.symbol)) return;
    audience.publish(listing.quote(random, at));
  }

  #trade(listing: OptionListing, at: Instant): void {
    const { audience, random, faults, style } = this.#parts;
    if (faults.isSymbolMuted(listing.symbol)) return;
    if (!audience.wants("quotes", listing.symbol)) listing.quote(random, at);
    const delay = style === "indicative" ? INDICATIVE_TRADE_DELAY : 0;
    audience.publish(listing.trade(random, at.plus(-delay)));
  }
}

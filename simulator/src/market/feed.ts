import type { Audience } from "../session/audience.ts";
import type { ChannelName } from "../protocol/channels.ts";
import type { Instant } from "../protocol/instant.ts";

/** A stretch of time that elements are spread over. */
export interface Span {
  readonly from: Instant;
  /** Length in nanoseconds. */
  readonly nanos: number;
}

/** One endpoint's share of the market. */
export interface MarketFeed {
  /** How much of the total rate it asks for; 0 when nobody listens. */
  weight(): number;
  /** Publishes `count` quotes and trades. */
  produce(count: number, span: Span): void;
  /** Publishes what is due by the clock: bars, halts, bands. */
  keepTime(now: Instant): void;
  /** Sends what was published. */
  flush(): void;
}

/** How many quotes a symbol has for each of its trades. */
export const QUOTES_PER_TRADE = 4;

/** Finds listings by symbol, and all of them. */
export interface Listings<T> {
  get(symbol: string): T | undefined;
  all(): readonly T[];
}

/** The listings that somebody wants of a channel, kept as the demand changes. */
export class Wanted<T> {
  readonly #audience: Audience;
  readonly #channel: ChannelName;
  readonly #listings: Listings<T>;
  #version = -1;
  #current: readonly T[] = [];

  constructor(
    audience: Audience,
    channel: ChannelName,
    listings: Listings<T>,
  ) {
    this.#audience = audience;
    this.#channel = channel;
    this.#listings = listings;
  }

  /** Listings in order of the market, or of subscription. */
  get listings(): readonly T[] {
    if (this.#version === this.#audience.version) return this.#current;
    this.#version = this.#audience.version;
    const { everything, symbols } = this.#audience.demand(this.#channel);
    if (everything) return this.#current = this.#listings.all();
    const wanted: T[] = [];
    for (const symbol of symbols) {
      const listing = this.#listings.get(symbol);
      if (listing) wanted.push(listing);
    }
    return this.#current = wanted;
  }
}

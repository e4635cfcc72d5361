/**
 * The stocks and option contracts of one feed, and those subscribed to.
 *
 * @module
 */
import type { ChannelName, EndpointName } from "../protocol/endpoints.ts";
import type { SeededRandom } from "../random.ts";
import type { Subscribers } from "../session/subscribers.ts";
import type { OptionChains } from "./option_chains.ts";
import { type OptionFeedStyle, OptionListing } from "./option_listing.ts";
import type { FractionalSizes } from "./sizes.ts";
import { feedStyle, StockListing } from "./stock_listing.ts";
import { buildUniverse, FAKEPACA, Instrument, type Issue, SPX } from "./universe.ts";

/** Finds listings by symbol, and all of them. */
export interface Listings<T> {
  /** Changes when other symbols are listed. */
  readonly version: number;
  get(symbol: string): T | undefined;
  all(): readonly T[];
}

/** The subscribed listings of a channel, updated when subscriptions change. */
export class SubscribedListings<T> {
  readonly #subscribers: Subscribers;
  readonly #channel: ChannelName;
  readonly #listings: Listings<T>;
  #version = -1;
  #listingsVersion = -1;
  #current: readonly T[] = [];

  constructor(
    subscribers: Subscribers,
    channel: ChannelName,
    listings: Listings<T>,
  ) {
    this.#subscribers = subscribers;
    this.#channel = channel;
    this.#listings = listings;
  }

  /** All listings in market order, or the named ones in order of subscription. */
  get listings(): readonly T[] {
    const { version } = this.#listings;
    if (this.#version === this.#subscribers.version && this.#listingsVersion === version) {
      return this.#current;
    }
    this.#version = this.#subscribers.version;
    this.#listingsVersion = version;
    const { all, symbols } = this.#subscribers.subscribed(this.#channel);
    if (all) return this.#current = this.#listings.all();
    const found: T[] = [];
    for (const symbol of symbols) {
      const listing = this.#listings.get(symbol);
      if (listing) found.push(listing);
    }
    return this.#current = found;
  }
}

/** Exchange trade ids start high, beyond 32 bits, as real ones do. */
const FIRST_TRADE_ID = 52_983_525_029_461;
const TRADE_IDS_PER_SYMBOL = 10_000_000;

/** The instruments of all listed symbols, shared by all feeds. */
export class Instruments {
  readonly issues: readonly Issue[];
  readonly #bySymbol = new Map<string, Instrument>();

  constructor(universeSize: number) {
    this.issues = buildUniverse(universeSize);
    for (const issue of [...this.issues, SPX, FAKEPACA]) {
      this.#bySymbol.set(issue.symbol, new Instrument(issue));
    }
  }

  /** The instrument of a stock or index; undefined for an unknown symbol. */
  get(symbol: string): Instrument | undefined {
    return this.#bySymbol.get(symbol);
  }
}

/** Every stock of the universe on one feed. */
export class StockListings implements Listings<StockListing> {
  readonly version = 0;
  readonly #bySymbol = new Map<string, StockListing>();
  readonly #all: readonly StockListing[];

  constructor(
    instruments: Instruments,
    endpoint: EndpointName,
    { random, sizes }: { random: SeededRandom; sizes: FractionalSizes },
  ) {
    const style = feedStyle(endpoint);
    const issues = endpoint === "test" ? [FAKEPACA] : instruments.issues;
    const offset = random.below(1_000_000);
    for (const [index, issue] of issues.entries()) {
      const instrument = instruments.get(issue.symbol);
      if (!instrument) continue;
      const id = FIRST_TRADE_ID + offset + index * TRADE_IDS_PER_SYMBOL;
      const listing = new StockListing(instrument, {
        style,
        firstTradeId: id,
        firstCorrectionId: id + TRADE_IDS_PER_SYMBOL / 2,
        sizes,
      });
      this.#bySymbol.set(issue.symbol, listing);
    }
    this.#all = [...this.#bySymbol.values()];
  }

  get(symbol: string): StockListing | undefined {
    return this.#bySymbol.get(symbol);
  }

  all(): readonly StockListing[] {
    return this.#all;
  }
}

/** The option contracts on one feed, created on first use. */
export class OptionListings implements Listings<OptionListing> {
  readonly #instruments: Instruments;
  readonly #chains: OptionChains;
  readonly #style: OptionFeedStyle;
  readonly #bySymbol = new Map<string, OptionListing>();
  /** Version of the chains of these listings. */
  #listedIn = 0;

  constructor(
    instruments: Instruments,
    chains: OptionChains,
    style: OptionFeedStyle,
  ) {
    this.#instruments = instruments;
    this.#chains = chains;
    this.#style = style;
  }

  get version(): number {
    return this.#chains.version;
  }

  get(symbol: string): OptionListing | undefined {
    if (this.#listedIn !== this.version) {
      // Contracts have been renamed.
      this.#bySymbol.clear();
      this.#listedIn = this.version;
    }
    const known = this.#bySymbol.get(symbol);
    if (known) return known;
    const contract = this.#chains.find(symbol);
    const underlying = contract && this.#instruments.get(contract.underlying);
    if (!contract || !underlying) return undefined;
    const listing = new OptionListing(contract, underlying, this.#style);
    this.#bySymbol.set(symbol, listing);
    return listing;
  }

  all(): readonly OptionListing[] {
    return this.#chains.underlyings()
      .flatMap((underlying) => this.#chains.contracts(underlying))
      .map((contract) => this.get(contract.symbol))
      .filter((listing) => listing !== undefined);
  }
}

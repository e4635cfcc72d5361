/**
 * The whole simulated market: all feeds and the prices behind them.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Faults } from "../faults.ts";
import type { EndpointName } from "../protocol/endpoints.ts";
import type { Message } from "../protocol/messages.ts";
import { isOptionSymbol } from "../protocol/option_symbol.ts";
import { type Timestamp, timestampFromNanos } from "../protocol/timestamp.ts";
import type { SeededRandom } from "../random.ts";
import type { Subscribers } from "../session/subscribers.ts";
import { MarketEngine, type MarketFeed } from "./engine.ts";
import { Instruments, OptionListings, StockListings } from "./listings.ts";
import { OptionChains } from "./option_chains.ts";
import { OptionFeed } from "./option_feed.ts";
import type { OptionListing } from "./option_listing.ts";
import type { MarketPrices, OptionContract, PriceQuote } from "./prices.ts";
import { StockFeed, TestFeed } from "./stock_feed.ts";
import { feedStyle, type StockListing } from "./stock_listing.ts";

/** A price that no stream shows is moved when it is older than this. */
const STALE_MS = 500;

/** Dependencies and settings of a market. */
interface MarketOptions {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly faults: Faults;
  /** The sessions of each endpoint. */
  readonly subscribers: ReadonlyMap<EndpointName, Subscribers>;
  /** Number of stocks. */
  readonly universeSize: number;
  /** Quotes and trades per second over all feeds; 0 generates nothing. */
  readonly messagesPerSecond: number;
  /** Those of each subscribed symbol, up to that total; 0 for a fixed total. */
  readonly messagesPerSymbol: number;
  /** Time between two ticks. */
  readonly tickMs: number;
  /** Length of a bar. */
  readonly barSeconds: number;
  /** Mean time between halts; 0 for none. */
  readonly haltEverySeconds: number;
}

/** All feeds and their prices. */
export class Market implements MarketPrices, Disposable {
  readonly #options: MarketOptions;
  readonly #instruments: Instruments;
  readonly #chains: OptionChains;
  readonly #stocks = new Map<EndpointName, StockListings>();
  readonly #contracts = new Map<EndpointName, OptionListings>();
  readonly #unsentRandom: SeededRandom;
  readonly #movedAt = new Map<string, number>();
  readonly #engine: MarketEngine;

  /** Starts to generate messages immediately. */
  constructor(options: MarketOptions) {
    this.#options = options;
    this.#instruments = new Instruments(options.universeSize);
    this.#chains = new OptionChains(options.clock.now());
    this.#unsentRandom = options.random.fork("quiet");
    const feeds = [...options.subscribers].map(([name, subscribers]) =>
      this.#feed(name, subscribers)
    );
    this.#engine = new MarketEngine(feeds, options);
  }

  /** Quotes and trades per second; settable from 0 to 200,000. */
  get messagesPerSecond(): number {
    return this.#engine.messagesPerSecond;
  }

  set messagesPerSecond(rate: number) {
    this.#engine.messagesPerSecond = rate;
  }

  /**
   * Sets the quotes and trades per second of each subscribed symbol, from 0 to
   * 200,000. Other subscriptions do not change them, up to 200,000 in total.
   */
  set messagesPerSymbol(rate: number) {
    this.#engine.messagesPerSymbol = rate;
  }

  lastPrice(symbol: string): number | undefined {
    const price = this.latestTrade(symbol)?.["p"];
    return typeof price === "number" ? price : undefined;
  }

  quote(symbol: string): PriceQuote | undefined {
    return this.#moved(symbol)?.bestQuote;
  }

  optionContracts(underlying?: string): readonly OptionContract[] {
    if (underlying !== undefined) return this.#chains.contracts(underlying);
    return this.#chains.underlyings()
      .flatMap((symbol) => this.#chains.contracts(symbol));
  }

  optionContract(symbol: string): OptionContract | undefined {
    return this.#chains.find(symbol);
  }

  stockSymbols(): readonly string[] {
    return this.#instruments.issues.map((issue) => issue.symbol);
  }

  latestTrade(symbol: string): Message | undefined {
    return this.#moved(symbol)?.lastTrade;
  }

  latestQuote(symbol: string): Message | undefined {
    return this.#moved(symbol)?.lastQuote;
  }

  /**
   * Makes a message that a test sent the latest of its symbol.
   *
   * @internal
   */
  observe(endpoint: EndpointName, message: Message): void {
    const listings = this.#stocks.get(endpoint) ??
      this.#contracts.get(endpoint);
    listings?.get(message.S)?.observe(message);
    this.#movedAt.set(message.S, Infinity);
  }

  /** Stops the generation of messages. */
  [Symbol.dispose](): void {
    this.#engine[Symbol.dispose]();
  }

  #feed(name: EndpointName, subscribers: Subscribers): MarketFeed {
    const { barSeconds, haltEverySeconds, faults } = this.#options;
    const random = this.#options.random.fork(name);
    if (name === "opra" || name === "indicative") {
      const listings = new OptionListings(
        this.#instruments,
        this.#chains,
        name,
      );
      this.#contracts.set(name, listings);
      return new OptionFeed({
        subscribers,
        listings,
        random,
        faults,
        style: name,
      });
    }
    const listings = new StockListings(this.#instruments, name, random);
    this.#stocks.set(name, listings);
    const deps = {
      subscribers,
      listings,
      random,
      faults,
      barSeconds,
      haltEverySeconds,
      delaySeconds: feedStyle(name).delaySeconds,
    };
    return name === "test" ? new TestFeed(deps) : new StockFeed(deps);
  }

  /**
   * The listing that REST endpoints and order engine use. Its prices are moved
   * first if no stream does it; prices that a test sent stay as they are.
   */
  #moved(symbol: string): StockListing | OptionListing | undefined {
    const isOption = isOptionSymbol(symbol);
    const name = isOption ? "opra" : "sip";
    const listing = isOption
      ? this.#contracts.get("opra")?.get(symbol)
      : this.#stocks.get("sip")?.get(symbol);
    if (!listing) return undefined;
    const { subscribers, clock } = this.#options;
    const now = clock.now();
    const sessions = subscribers.get(name);
    const movedAt = this.#movedAt.get(symbol) ?? -Infinity;
    const isStale = movedAt <= now - STALE_MS;
    const moves = (channel: "quotes" | "trades") => isStale && !sessions?.has(channel, symbol);
    const at = timestampFromNanos(clock.nowNanos());
    const random = this.#unsentRandom;
    if (!listing.lastQuote || moves("quotes")) listing.quote(random, at);
    if (!listing.lastTrade || moves("trades")) {
      unsentTrade(listing, { random, at });
    }
    if (isStale) this.#movedAt.set(symbol, now);
    return listing;
  }
}

function unsentTrade(
  listing: StockListing | OptionListing,
  { random, at }: { random: SeededRandom; at: Timestamp },
): void {
  if ("contract" in listing) listing.trade(random, at);
  else listing.trade({ random, at, regularHours: true });
}

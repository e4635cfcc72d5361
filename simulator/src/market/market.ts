/**
 * The whole simulated market: all feeds and the prices behind them.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Faults } from "../faults.ts";
import { type CryptoEndpoint, type EndpointName, endpointNamed } from "../protocol/endpoints.ts";
import type { Message, NewsArticle, StreamMessage } from "../protocol/messages.ts";
import { isOptionSymbol } from "../protocol/option_symbol.ts";
import { type Timestamp, timestampFromNanos } from "../protocol/timestamp.ts";
import type { SeededRandom } from "../random.ts";
import { Subscribers } from "../session/subscribers.ts";
import { CryptoFeed } from "./crypto_feed.ts";
import { CRYPTO_PAIRS, CryptoListings } from "./crypto_listing.ts";
import { MarketEngine, type MarketFeed } from "./engine.ts";
import { type HistoryEntry, type HistoryKind, MarketHistory } from "./history.ts";
import { Instruments, OptionListings, StockListings } from "./listings.ts";
import { type ArticleOptions, NewsFeed } from "./news_feed.ts";
import { ObservedBooks } from "./observed_books.ts";
import { OptionChains } from "./option_chains.ts";
import { OptionFeed } from "./option_feed.ts";
import type { OptionListing } from "./option_listing.ts";
import type { Greeks, LatestDays, MarketPrices, OptionContract, PriceQuote } from "./prices.ts";
import type { FractionalSizes } from "./sizes.ts";
import { type MarketEvent, StockFeed, TestFeed } from "./stock_feed.ts";
import { feedStyle, type StockListing } from "./stock_listing.ts";

/** A price that no stream shows is moved when it is older than this. */
const STALE_MS = 500;
/** The first prices of a symbol are this old when the simulator starts. */
const FIRST_PRICE_AGE_NANOS = 1_000_000_000n;

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
  /** Whether there is nothing but what is observed. */
  readonly emittedOnly: boolean;
  /** Time between two ticks. */
  readonly tickMs: number;
  /** Length of a bar. */
  readonly barSeconds: number;
  /** Mean time between halts; 0 for none. */
  readonly haltEverySeconds: number;
  /** Trades, and as many bars, that each endpoint keeps at least. */
  readonly historyCapacity: number;
  /** Which sizes of stocks have a fraction. */
  readonly fractionalSizes: FractionalSizes;
  /** Whether a few trades are late, corrected or cancelled without a fault. */
  readonly irregularTrades: boolean;
  /** Mean time between articles; 0 for none. */
  readonly newsEverySeconds: number;
  /** Bytes of the longest content of an article. */
  readonly newsMaxBytes: number;
}

/** All feeds and their prices. */
export class Market implements MarketPrices, Disposable {
  readonly #options: MarketOptions;
  readonly #instruments: Instruments;
  readonly #chains: OptionChains;
  readonly #stocks = new Map<EndpointName, StockListings>();
  readonly #stockFeeds = new Map<EndpointName, StockFeed>();
  readonly #contracts = new Map<EndpointName, OptionListings>();
  readonly #cryptoFeeds = new Map<EndpointName, CryptoFeed>();
  readonly #crypto = new Map<EndpointName, CryptoListings>();
  readonly #news: NewsFeed;
  readonly #unsentRandom: SeededRandom;
  /** By endpoint and symbol. */
  readonly #movedAt = new Map<string, number>();
  readonly #histories = new Map<EndpointName, MarketHistory>();
  readonly #observedBooks = new Map<EndpointName, ObservedBooks>();
  readonly #firstPricesAt: Timestamp;
  readonly #engine: MarketEngine;

  /** Starts to generate messages immediately. */
  constructor(options: MarketOptions) {
    this.#options = options;
    this.#instruments = new Instruments(options.universeSize);
    this.#chains = new OptionChains(options.clock.now());
    this.#unsentRandom = options.random.fork("quiet");
    this.#firstPricesAt = timestampFromNanos(options.clock.nowNanos() - FIRST_PRICE_AGE_NANOS);
    this.#news = this.#newsFeed();
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

  latestTrade(symbol: string, feed?: EndpointName): Message | undefined {
    const name = feed ?? consolidatedFeed(symbol);
    return this.#moved(symbol, name)?.lastTrade ??
      this.#histories.get(name)?.latestUnlisted("t", symbol);
  }

  latestQuote(symbol: string, feed?: EndpointName): Message | undefined {
    const name = feed ?? consolidatedFeed(symbol);
    return this.#moved(symbol, name)?.lastQuote ??
      this.#histories.get(name)?.latestUnlisted("q", symbol);
  }

  greeks(symbol: string, feed: EndpointName = "opra"): Greeks | undefined {
    const listing = this.#moved(symbol, feed);
    return listing && "contract" in listing ? listing.greeks(this.#options.clock.now()) : undefined;
  }

  latestBar(symbol: string, feed: EndpointName): Message | undefined {
    return this.#histories.get(feed)?.latestBar(symbol);
  }

  latestDays(symbol: string, feed: EndpointName): LatestDays {
    const history = this.#histories.get(feed);
    return { today: history?.latestDay(symbol), before: history?.previousDay(symbol) };
  }

  history(
    feed: EndpointName,
    kind: HistoryKind,
    symbols: ReadonlySet<string>,
  ): readonly HistoryEntry[] {
    return this.#histories.get(feed)?.select(kind, symbols) ?? [];
  }

  /**
   * Lets something happen to a stock now; its subscribers receive the messages.
   * Throws a RangeError for a symbol or a stream that cannot have it.
   */
  trigger(event: MarketEvent, place: { symbol: string; endpoint?: EndpointName }): void {
    const { symbol, endpoint = "sip" } = place;
    const feed = this.#stockFeeds.get(endpoint);
    if (!feed) throw new RangeError(`${endpoint} has no market events`);
    feed.trigger(event, symbol, timestampFromNanos(this.#options.clock.nowNanos()));
  }

  /**
   * Splits the shares of a stock with options, `ratio` for 1: the price is divided, the listed
   * contracts get the next adjusted root (`AAPL1`), deliver `ratio` times as many shares and keep
   * their strikes, and contracts around the new price are listed. Throws a RangeError for a ratio
   * outside 0.01 to 100, or a symbol without options.
   */
  split(symbol: string, ratio: number): void {
    if (!(ratio >= 0.01 && ratio <= 100)) {
      throw new RangeError(`ratio must be from 0.01 to 100, received ${ratio}`);
    }
    const instrument = this.#instruments.get(symbol);
    if (!instrument || !this.stockSymbols().includes(symbol)) {
      throw new RangeError(`no stock ${symbol}`);
    }
    this.#chains.split(symbol, { ratio, price: instrument.price / ratio });
    instrument.split(ratio);
  }

  /**
   * Makes a message that a test sent the latest of its symbol.
   *
   * @internal
   */
  observe(endpoint: EndpointName, message: StreamMessage): void {
    if (message.S === undefined) return;
    if (message.T === "o" && this.#options.emittedOnly) return this.#observeBook(endpoint, message);
    const pair = this.#crypto.get(endpoint)?.get(message.S);
    if (pair) return pair.observe(message);
    const listing = this.#listing(endpoint, message.S);
    if (listing) listing.observe(message);
    else this.#histories.get(endpoint)?.recordUnlisted(message);
    this.#movedAt.set(`${endpoint} ${message.S}`, Infinity);
  }

  /**
   * Publishes an article now, of a given size or with given symbols. Throws a RangeError for a size
   * out of range.
   */
  publishArticle(options: ArticleOptions = {}): NewsArticle {
    return this.#news.publish(options, timestampFromNanos(this.#options.clock.nowNanos()));
  }

  /**
   * The present order books of a pair at a location, or of all pairs with `*`.
   *
   * @internal
   */
  orderBooks(endpoint: EndpointName, symbol: string): readonly Message[] {
    if (this.#options.emittedOnly) return this.#observedBooks.get(endpoint)?.books(symbol) ?? [];
    const now = timestampFromNanos(this.#options.clock.nowNanos());
    return this.#cryptoFeeds.get(endpoint)?.orderBooks(symbol, now) ?? [];
  }

  /** Stops the generation of messages. */
  [Symbol.dispose](): void {
    this.#engine[Symbol.dispose]();
  }

  #observeBook(endpoint: EndpointName, message: Message): void {
    const books = this.#observedBooks.get(endpoint) ?? new ObservedBooks();
    this.#observedBooks.set(endpoint, books);
    books.observe(message);
  }

  #feed(name: EndpointName, subscribers: Subscribers): MarketFeed {
    const { barSeconds, haltEverySeconds, faults, irregularTrades } = this.#options;
    const random = this.#options.random.fork(name);
    const { kind } = endpointNamed(name);
    if (kind === "news") return this.#news;
    const history = new MarketHistory(this.#options.historyCapacity);
    this.#histories.set(name, history);
    subscribers.onPublish((message) => {
      if (message.S !== undefined) history.record(message);
    });
    if (kind === "crypto") {
      const listings = new CryptoListings(name as CryptoEndpoint, random);
      this.#crypto.set(name, listings);
      const feed = new CryptoFeed({ subscribers, listings, random, barSeconds });
      this.#cryptoFeeds.set(name, feed);
      return feed;
    }
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
        style: name,
      });
    }
    const sizes = this.#options.fractionalSizes;
    const listings = new StockListings(this.#instruments, name, { random, sizes });
    this.#stocks.set(name, listings);
    const deps = {
      subscribers,
      listings,
      random,
      faults,
      barSeconds,
      haltEverySeconds,
      irregularTrades,
      delaySeconds: feedStyle(name).delaySeconds,
    };
    if (name === "test") return new TestFeed(deps);
    const feed = new StockFeed(deps);
    this.#stockFeeds.set(name, feed);
    return feed;
  }

  #newsFeed(): NewsFeed {
    const { subscribers, random, newsEverySeconds, newsMaxBytes } = this.#options;
    const pairs = CRYPTO_PAIRS.map(({ symbol }) => symbol.replace("/", ""));
    return new NewsFeed({
      subscribers: subscribers.get("news") ?? new Subscribers(),
      random: random.fork("news"),
      symbols: [...this.stockSymbols().slice(0, 100), ...pairs],
      everySeconds: newsEverySeconds,
      maxBytes: newsMaxBytes,
    });
  }

  /**
   * The listing that REST endpoints and order engine use. Its prices are moved
   * first if no stream does it; prices that a test sent stay as they are. The
   * first prices of a symbol are from the time before the simulator started.
   */
  #moved(
    symbol: string,
    name: EndpointName = consolidatedFeed(symbol),
  ): StockListing | OptionListing | undefined {
    const listing = this.#listing(name, symbol);
    const { subscribers, clock, emittedOnly } = this.#options;
    if (!listing || emittedOnly) return listing;
    const now = clock.now();
    const sessions = subscribers.get(name);
    const key = `${name} ${symbol}`;
    const movedAt = this.#movedAt.get(key) ?? -Infinity;
    const isStale = movedAt <= now - STALE_MS;
    const moves = (channel: "quotes" | "trades") => isStale && !sessions?.has(channel, symbol);
    const random = this.#unsentRandom;
    if (!listing.lastQuote) listing.quote(random, this.#firstPricesAt);
    if (!listing.lastTrade) {
      const trade = unsentTrade(listing, { random, at: this.#firstPricesAt });
      this.#histories.get(name)?.record(trade);
    }
    const at = timestampFromNanos(clock.nowNanos());
    if (moves("quotes")) sessions?.publish(listing.quote(random, at));
    if (moves("trades")) sessions?.publish(unsentTrade(listing, { random, at }));
    if (isStale) this.#movedAt.set(key, now);
    return listing;
  }

  #listing(name: EndpointName, symbol: string): StockListing | OptionListing | undefined {
    return (this.#stocks.get(name) ?? this.#contracts.get(name))?.get(symbol);
  }
}

function consolidatedFeed(symbol: string): EndpointName {
  return isOptionSymbol(symbol) ? "opra" : "sip";
}

/** A trade to which no session subscribes. */
function unsentTrade(
  listing: StockListing | OptionListing,
  { random, at }: { random: SeededRandom; at: Timestamp },
): Message {
  return "contract" in listing
    ? listing.trade(random, at)
    : listing.trade({ random, at, regularHours: true });
}

import type { Faults } from "../faults/faults.ts";
import type {
  MarketView,
  OptionContract,
  PriceQuote,
  SimClock,
  SimulatorRandom,
  WireElement,
  WireValue,
} from "../ports.ts";
import type { Element } from "../protocol/elements.ts";
import type { EndpointName } from "../protocol/endpoints.ts";
import {
  Instant,
  instantFromMillis,
  instantFromNanos,
} from "../protocol/instant.ts";
import type { Audience } from "../session/audience.ts";
import type { BarBuilder } from "./bar_builder.ts";
import { sessionDay } from "./calendar.ts";
import { MarketEngine } from "./engine.ts";
import type { MarketFeed } from "./feed.ts";
import { feedStyle } from "./feed_style.ts";
import { MarketBoard, OptionListings, StockListings } from "./market_board.ts";
import { OptionChains } from "./option_chains.ts";
import { OptionFeed } from "./option_feed.ts";
import type { OptionListing } from "./option_listing.ts";
import { parseOptionSymbol } from "./option_symbol.ts";
import { StockFeed } from "./stock_feed.ts";
import type { StockListing } from "./stock_listing.ts";
import { TestFeed } from "./test_feed.ts";

/** A price nobody has asked for in this time is moved on before it is told. */
const STALE_MS = 500;
const DAY_MS = 86_400_000;

/** What a market is made of. */
export interface MarketOptions {
  readonly clock: SimClock;
  readonly random: SimulatorRandom;
  readonly faults: Faults;
  /** The sessions of each endpoint. */
  readonly audiences: ReadonlyMap<EndpointName, Audience>;
  /** Number of stocks. */
  readonly universeSize: number;
  /** Quotes and trades a second over all feeds; 0 makes nothing. */
  readonly messagesPerSecond: number;
  /** Time between the market's beats. */
  readonly tickMs: number;
  /** Length of a bar. */
  readonly barSeconds: number;
  /** Mean time between halts; 0 for none. */
  readonly haltEverySeconds: number;
}

/** The whole simulated market: every feed, and the prices behind them. */
export class Market implements MarketView, Disposable {
  readonly #options: MarketOptions;
  readonly #board: MarketBoard;
  readonly #chains: OptionChains;
  readonly #stocks = new Map<EndpointName, StockListings>();
  readonly #contracts = new Map<EndpointName, OptionListings>();
  readonly #quietRandom: SimulatorRandom;
  readonly #movedAt = new Map<string, number>();
  readonly #engine: MarketEngine;

  /** Starts to move at once. */
  constructor(options: MarketOptions) {
    this.#options = options;
    this.#board = new MarketBoard(options.universeSize);
    this.#chains = new OptionChains(options.clock.now());
    this.#quietRandom = options.random.fork("quiet");
    const feeds = [...options.audiences].map(([name, audience]) =>
      this.#feed(name, audience)
    );
    this.#engine = new MarketEngine(feeds, options);
  }

  /** Quotes and trades a second; settable from 0 to 200 000. */
  get messagesPerSecond(): number {
    return this.#engine.messagesPerSecond;
  }

  set messagesPerSecond(rate: number) {
    this.#engine.messagesPerSecond = rate;
  }

  lastPrice(symbol: string): number | undefined {
    const price = this.latestTrade(symbol)?.["p"];
    return typeof price === "number" ? price : undefined;
  }

  quote(symbol: string): PriceQuote | undefined {
    const listing = this.#moved(symbol);
    return listing?.book;
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
    return this.#board.issues.map((issue) => issue.symbol);
  }

  latestTrade(symbol: string): WireElement | undefined {
    return toWire(this.#moved(symbol)?.lastTrade);
  }

  latestQuote(symbol: string): WireElement | undefined {
    return toWire(this.#moved(symbol)?.lastQuote);
  }

  minuteBar(symbol: string): WireElement | undefined {
    const listing = this.#stock(symbol);
    if (!listing) return undefined;
    const { barSeconds, clock } = this.#options;
    const start = Math.floor(clock.now() / 1000 / barSeconds) * barSeconds;
    const { bar, closedBar } = listing;
    if (bar.isEligible || !closedBar?.isEligible) {
      return this.#bar("b", bar, { listing, startMs: start * 1000 });
    }
    const startMs = (start - barSeconds) * 1000;
    return this.#bar("b", closedBar, { listing, startMs });
  }

  dailyBar(symbol: string): WireElement | undefined {
    const listing = this.#stock(symbol);
    const startMs = sessionDay(this.#options.clock.now());
    return listing && this.#bar("d", listing.day, { listing, startMs });
  }

  previousDailyBar(symbol: string): WireElement | undefined {
    const listing = this.#stock(symbol);
    if (!listing) return undefined;
    const now = this.#options.clock.now();
    const t = instantFromMillis(sessionDay(now - DAY_MS));
    const { price, volatility } = listing.instrument.issue;
    const swing = price * volatility / 32;
    const cents = (value: number) => Math.round(value * 100) / 100;
    return toWire({
      T: "d",
      S: symbol,
      o: cents(price - swing / 2),
      h: cents(price + swing),
      l: cents(price - swing),
      c: cents(price),
      v: 12_345_678,
      n: 98_765,
      vw: cents(price),
      t,
    });
  }

  /** Makes an element that was sent by hand the latest of its symbol. */
  observe(endpoint: EndpointName, element: Element): void {
    const listings = this.#stocks.get(endpoint) ??
      this.#contracts.get(endpoint);
    listings?.get(element.S ?? "")?.observe(element);
    this.#movedAt.set(element.S ?? "", Infinity);
  }

  [Symbol.dispose](): void {
    this.#engine[Symbol.dispose]();
  }

  #feed(name: EndpointName, audience: Audience): MarketFeed {
    const { barSeconds, haltEverySeconds, faults } = this.#options;
    const random = this.#options.random.fork(name);
    if (name === "opra" || name === "indicative") {
      const listings = new OptionListings(this.#board, this.#chains, name);
      this.#contracts.set(name, listings);
      return new OptionFeed({
        audience,
        listings,
        random,
        faults,
        style: name,
      });
    }
    const listings = new StockListings(this.#board, name, random);
    this.#stocks.set(name, listings);
    const parts = {
      audience,
      listings,
      random,
      faults,
      barSeconds,
      haltEverySeconds,
      delaySeconds: feedStyle(name).delaySeconds,
    };
    return name === "test" ? new TestFeed(parts) : new StockFeed(parts);
  }

  #stock(symbol: string): StockListing | undefined {
    const listing = this.#moved(symbol);
    return listing && this.#stocks.get("sip")?.get(symbol);
  }

  /**
   * The listing behind the REST endpoints and the order engine. It is moved on
   * first when no stream shows it, so that unwatched prices live too; prices
   * sent by hand stay where they were put.
   */
  #moved(symbol: string): StockListing | OptionListing | undefined {
    const isOption = parseOptionSymbol(symbol) !== undefined;
    const name = isOption ? "opra" : "sip";
    const listing = isOption
      ? this.#contracts.get("opra")?.get(symbol)
      : this.#stocks.get("sip")?.get(symbol);
    if (!listing) return undefined;
    const { audiences, clock } = this.#options;
    const now = clock.now();
    const audience = audiences.get(name);
    const movedAt = this.#movedAt.get(symbol) ?? -Infinity;
    const isStale = movedAt <= now - STALE_MS;
    const moves = (channel: "quotes" | "trades") =>
      isStale && !audience?.wants(channel, symbol);
    const at = instantFromNanos(clock.nowNanos());
    const random = this.#quietRandom;
    if (!listing.lastQuote || moves("quotes")) listing.quote(random, at);
    if (!listing.lastTrade || moves("trades")) {
      quietTrade(listing, { random, at });
    }
    if (isStale) this.#movedAt.set(symbol, now);
    return listing;
  }

  #bar(
    type: "b" | "d",
    bar: BarBuilder,
    { listing, startMs }: { listing: StockListing; startMs: number },
  ): WireElement | undefined {
    if (!bar.isEligible) return undefined;
    const t = instantFromMillis(startMs);
    return toWire(bar.toElement(type, { S: listing.symbol, t }));
  }
}

function quietTrade(
  listing: StockListing | OptionListing,
  { random, at }: { random: SimulatorRandom; at: Instant },
): void {
  if ("contract" in listing) listing.trade(random, at);
  else listing.trade({ random, at, regularHours: true });
}

function toWire(element: Element | undefined): WireElement | undefined {
  if (!element) return undefined;
  const wire: Record<string, WireValue> = {};
  for (const [key, value] of Object.entries(element)) {
    if (value === undefined || value instanceof Uint8Array) continue;
    // Elements hold plain values and Instants, nothing nested but lists.
    wire[key] = value instanceof Instant
      ? value.toString()
      : value as WireValue;
  }
  return { T: element.T, S: element.S ?? "", ...wire };
}

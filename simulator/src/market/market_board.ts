import type { SimulatorRandom } from "../ports.ts";
import type { EndpointName } from "../protocol/endpoints.ts";
import type { Listings } from "./feed.ts";
import { feedStyle } from "./feed_style.ts";
import { Instrument } from "./instrument.ts";
import type { OptionChains } from "./option_chains.ts";
import { type OptionFeedStyle, OptionListing } from "./option_listing.ts";
import { StockListing } from "./stock_listing.ts";
import { buildUniverse, FAKEPACA, type Issue, SPX } from "./universe.ts";

/** Exchange trade ids start high, beyond 32 bits, as real ones do. */
const FIRST_TRADE_ID = 52_983_525_029_461;
const TRADE_IDS_PER_SYMBOL = 10_000_000;

/** True prices of everything that is listed, shared by all feeds. */
export class MarketBoard {
  readonly issues: readonly Issue[];
  readonly #instruments = new Map<string, Instrument>();

  constructor(universeSize: number) {
    this.issues = buildUniverse(universeSize);
    for (const issue of [...this.issues, SPX, FAKEPACA]) {
      this.#instruments.set(issue.symbol, new Instrument(issue));
    }
  }

  /** The instrument of a stock or index; undefined for an unknown symbol. */
  instrument(symbol: string): Instrument | undefined {
    return this.#instruments.get(symbol);
  }
}

/** Every stock of the universe as one feed shows it. */
export class StockListings implements Listings<StockListing> {
  readonly #bySymbol = new Map<string, StockListing>();
  readonly #all: readonly StockListing[];

  constructor(
    board: MarketBoard,
    endpoint: EndpointName,
    random: SimulatorRandom,
  ) {
    const style = feedStyle(endpoint);
    const issues = endpoint === "test" ? [FAKEPACA] : board.issues;
    const offset = random.below(1_000_000);
    for (const [index, issue] of issues.entries()) {
      const instrument = board.instrument(issue.symbol);
      if (!instrument) continue;
      const id = FIRST_TRADE_ID + offset + index * TRADE_IDS_PER_SYMBOL;
      const listing = new StockListing(instrument, style, id);
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

/** The option contracts as one feed shows them, made when first wanted. */
export class OptionListings implements Listings<OptionListing> {
  readonly #board: MarketBoard;
  readonly #chains: OptionChains;
  readonly #style: OptionFeedStyle;
  readonly #bySymbol = new Map<string, OptionListing>();

  constructor(
    board: MarketBoard,
    chains: OptionChains,
    style: OptionFeedStyle,
  ) {
    this.#board = board;
    this.#chains = chains;
    this.#style = style;
  }

  get(symbol: string): OptionListing | undefined {
    const known = this.#bySymbol.get(symbol);
    if (known) return known;
    const contract = this.#chains.find(symbol);
    const underlying = contract && this.#board.instrument(contract.underlying);
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

/**
 * Prices of a few currency pairs beside a market of stocks and options, so
 * that crypto orders have something to trade against. A pair moves by at most
 * a hundredth of a percent per second, up or down, along the seed's own path.
 *
 * @module
 */
import type {
  OptionContract,
  PriceQuote,
  PriceSource,
  SimClock,
  SimulatorRandom,
} from "../ports.ts";

const STARTING_PRICES: Readonly<Record<string, number>> = {
  "BTC/USD": 108_250,
  "ETH/USD": 3_940,
  "SOL/USD": 187.5,
  "DOGE/USD": 0.1984,
};
const STEP_MS = 1_000;
const MAX_STEPS = 3_600;
const STEP_SIZE = 0.0001;
const HALF_SPREAD = 0.0002;

interface Pair {
  price: number;
  movedAt: number;
  readonly random: SimulatorRandom;
}

/** A price source that answers for currency pairs and passes on the rest. */
export class CryptoPrices implements PriceSource {
  readonly #market: PriceSource;
  readonly #clock: SimClock;
  readonly #pairs = new Map<string, Pair>();

  /** Adds the pairs to `market`; symbols it knows itself stay its own. */
  constructor(
    market: PriceSource,
    { clock, random }: { clock: SimClock; random: SimulatorRandom },
  ) {
    this.#market = market;
    this.#clock = clock;
    for (const [symbol, price] of Object.entries(STARTING_PRICES)) {
      const own = random.fork(`crypto ${symbol}`);
      this.#pairs.set(symbol, { price, movedAt: clock.now(), random: own });
    }
  }

  /** The pairs that are traded. */
  get pairs(): string[] {
    return [...this.#pairs.keys()];
  }

  lastPrice(symbol: string): number | undefined {
    return this.#market.lastPrice(symbol) ?? this.#price(symbol);
  }

  quote(symbol: string): PriceQuote | undefined {
    const known = this.#market.quote(symbol);
    if (known !== undefined) return known;
    const price = this.#price(symbol);
    if (price === undefined) return undefined;
    return {
      bid: round(price * (1 - HALF_SPREAD)),
      bidSize: 5,
      ask: round(price * (1 + HALF_SPREAD)),
      askSize: 5,
    };
  }

  optionContracts(underlying?: string): readonly OptionContract[] {
    return this.#market.optionContracts(underlying);
  }

  optionContract(symbol: string): OptionContract | undefined {
    return this.#market.optionContract(symbol);
  }

  stockSymbols(): readonly string[] {
    return this.#market.stockSymbols();
  }

  #price(symbol: string): number | undefined {
    const pair = this.#pairs.get(symbol);
    if (pair === undefined) return undefined;
    const steps = Math.floor((this.#clock.now() - pair.movedAt) / STEP_MS);
    for (let step = 0; step < Math.min(steps, MAX_STEPS); step++) {
      pair.price *= 1 + STEP_SIZE * (2 * pair.random.next() - 1);
    }
    pair.movedAt += steps * STEP_MS;
    return round(pair.price);
  }
}

function round(price: number): number {
  return Number(price.toPrecision(8));
}

/**
 * The stocks and indexes of the simulated market and their prices.
 *
 * @module
 */
import type { SeededRandom } from "../random.ts";

/** Something with a price. */
export interface Priced {
  readonly symbol: string;
  /** Price in dollars that the random walk returns to. */
  readonly price: number;
  /** Volatility per year, 0.25 is 25 %. */
  readonly volatility: number;
}

/** One stock or index of the simulated market. */
export interface Issue extends Priced {
  /** A NYSE, B Arca and regional, C Nasdaq. */
  readonly tape: "A" | "B" | "C";
}

/** Symbol, tape, price, yearly volatility in percent. */
const LISTED = `
AAPL C 232.5 27|MSFT C 418.2 24|NVDA C 134.8 45|AMZN C 189.4 31|GOOGL C 171.3 29
META C 561.7 34|TSLA C 248.9 55|AVGO C 172.6 42|COST C 901.2 21|NFLX C 712.5 36
AMD C 158.3 48|INTC C 22.9 46|CSCO C 55.4 19|ADBE C 512.8 33|QCOM C 169.1 37
TXN C 204.6 27|AMGN C 321.9 24|SBUX C 96.7 30|PYPL C 78.5 38|MU C 104.3 49
PLTR C 42.7 58|COIN C 178.4 72|MARA C 16.2 85|RIVN C 10.8 66|SOFI C 9.7 59
CSGP C 75.3 33|HOOD C 24.6 62|ABNB C 131.5 36|LCID C 3.4 71|SIRI C 25.1 39
JPM A 221.8 23|BAC A 41.9 26|WFC A 64.2 28|GS A 517.6 26|V A 289.7 20
MA A 508.3 21|UNH A 584.1 27|JNJ A 163.4 16|PFE A 29.1 25|MRK A 112.6 21
XOM A 117.5 22|CVX A 149.8 22|KO A 70.2 14|PEP C 173.9 17|WMT A 80.6 19
HD A 402.7 22|DIS A 95.8 28|BA A 154.3 37|GE A 187.9 29|CAT A 387.4 27
F A 11.04 34|GM A 48.9 33|T A 21.7 22|VZ A 44.3 20|NKE A 82.5 30
BRK.B A 457.6 15|UBER A 76.4 38|SNAP A 10.3 64|SPY B 571.9 14|QQQ C 486.3 19
IWM B 219.4 22|DIA B 421.7 13|XLF B 46.2 17|GLD B 246.8 14|TLT C 97.3 15
`;

/** The stocks that a universe begins with. */
export const LISTED_ISSUES: readonly Issue[] = LISTED.trim()
  .split(/[|\n]/)
  .map((row) => {
    const [symbol = "", tape, price, volatility] = row.trim().split(" ");
    return {
      symbol,
      tape: tape === "A" || tape === "B" ? tape : "C",
      price: Number(price),
      volatility: Number(volatility) / 100,
    };
  });

/** The index that has options but no stock. */
export const SPX: Issue = {
  symbol: "SPX",
  tape: "B",
  price: 5738,
  volatility: 0.14,
};

/** The one symbol of the test stream. */
export const FAKEPACA: Issue = {
  symbol: "FAKEPACA",
  tape: "C",
  price: 133.85,
  volatility: 0.3,
};

/** Maximum size of a universe: about the number of listed US stocks. */
export const MAX_UNIVERSE = 11_000;

/**
 * The first `size` stocks: well-known ones, then synthetic ones whose symbols
 * start with Z and have five letters, which no real symbol does.
 */
export function buildUniverse(size: number): readonly Issue[] {
  const issues = LISTED_ISSUES.slice(0, size);
  for (let number = 0; issues.length < size; number++) {
    issues.push(syntheticIssue(number));
  }
  return issues;
}

function syntheticIssue(number: number): Issue {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  let symbol = "";
  for (let rest = number, at = 0; at < 4; at++) {
    symbol = letters.charAt(rest % 26) + symbol;
    rest = Math.floor(rest / 26);
  }
  return {
    symbol: `Z${symbol}`,
    tape: number % 3 === 0 ? "A" : "C",
    price: 2 + ((number * 7919) % 29_800) / 100,
    volatility: 0.2 + ((number * 31) % 60) / 100,
  };
}

/** Weight of the pull back to the starting price, per step. */
const PULL = 0.0005;

/** Share of the yearly volatility that one step moves the price by. */
const STEP = 0.0004;

/**
 * The price of one stock, index or crypto pair, shared by its feeds: a random walk around
 * the starting price, so that a simulator that runs for weeks still shows
 * plausible prices.
 */
export class Instrument<I extends Priced = Issue> {
  readonly issue: I;
  /** Price in dollars that the walk returns to. */
  #usual: number;
  #price: number;

  constructor(issue: I) {
    this.issue = issue;
    this.#usual = this.#price = issue.price;
  }

  /** Price in dollars. */
  get price(): number {
    return this.#price;
  }

  /** Moves the price by one random step; never below a third of the start. */
  step(random: SeededRandom): void {
    const { volatility } = this.issue;
    const price = this.#usual;
    // Three uniform numbers approximate a normal distribution cheaply.
    const normal = random.next() + random.next() + random.next() - 1.5;
    const pull = (price - this.#price) * PULL;
    const moved = this.#price * (1 + normal * volatility * STEP) + pull;
    this.#price = Math.max(moved, price / 3);
  }

  /** Divides the prices, as a split of the shares does. */
  split(ratio: number): void {
    this.#usual /= ratio;
    this.#price /= ratio;
  }

  /** Sets the price from a message that a test sent. */
  moveTo(price: number): void {
    if (price > 0) this.#price = price;
  }
}

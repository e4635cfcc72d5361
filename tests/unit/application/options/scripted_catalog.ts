/**
 * An option catalog with scripted replies that records its requests.
 *
 * @module
 */
import { ApiUnavailable } from "../../../../src/application/ports/api_unavailable.ts";
import type {
  DeltasQuery,
  LastTrades,
  OptionCatalog,
  QuotesQuery,
} from "../../../../src/application/ports/option_catalog.ts";
import type { OptionContract } from "../../../../src/domain/options/contract.ts";
import type { BidAsk } from "../../../../src/domain/options/implied_price.ts";

/** A catalog in the hands of a test. */
export class ScriptedCatalog implements OptionCatalog {
  /** What is listed, by underlying. */
  readonly listed = new Map<string, readonly OptionContract[]>();
  /** Last trades, by underlying; made at `time`. */
  readonly trades = new Map<string, number>();
  /** Times of last trades, by underlying, in ms since the epoch. @default `time` */
  readonly tradedAt = new Map<string, number>();
  /** When trades and quotes are made, in ms since the epoch. @default when they are read */
  time: () => number = () => Number.MAX_SAFE_INTEGER;
  /** Underlyings that are rejected because they are no stock. */
  readonly noStocks = new Set<string>();
  /** What the options of an index are quoted around, by underlying. */
  readonly indexes = new Map<string, number>();
  /** Underlyings in the order in which their chains were asked for. */
  readonly asked: string[] = [];
  /** Underlyings of every request for prices. */
  readonly priced: (readonly string[])[] = [];
  /** Every request for option prices. */
  readonly parity: QuotesQuery[] = [];
  /** Every request for deltas. */
  readonly deltaQueries: DeltasQuery[] = [];
  /** Deltas, by contract. */
  readonly contractDeltas = new Map<string, number>();
  /** Words with which chains are refused; `undefined` lists them. */
  outage: string | undefined;
  /** Words with which prices are refused. */
  priceOutage: string | undefined;

  contracts(
    underlying: string,
    _signal: AbortSignal,
  ): Promise<readonly OptionContract[]> {
    this.asked.push(underlying);
    return answer(this.outage, () => this.listed.get(underlying) ?? []);
  }

  lastTrades(underlyings: readonly string[]): Promise<LastTrades> {
    this.priced.push(underlyings);
    return answer(this.priceOutage, () => ({
      trades: new Map(
        [...this.trades].filter(([name]) => underlyings.includes(name))
          .map(([name, price]) => [name, { price, at: this.tradedAt.get(name) ?? this.time() }]),
      ),
      rejected: new Set(underlyings.filter((name) => this.noStocks.has(name))),
    }));
  }

  quotes(query: QuotesQuery, _signal?: AbortSignal): Promise<ReadonlyMap<string, BidAsk>> {
    this.parity.push(query);
    return answer(this.priceOutage, () => this.#quotes(query));
  }

  deltas(query: DeltasQuery, _signal?: AbortSignal): Promise<ReadonlyMap<string, number>> {
    this.deltaQueries.push(query);
    return answer(this.priceOutage, () => this.contractDeltas);
  }

  #quotes({ underlying, expiryDay, strikes }: QuotesQuery): Map<string, BidAsk> {
    const spot = this.indexes.get(underlying);
    const [low, high] = strikes ?? [0, Infinity];
    const quotes = new Map<string, BidAsk>();
    if (spot === undefined) return quotes;
    for (const contract of this.listed.get(underlying) ?? []) {
      const { symbol, strike, right } = contract;
      if (contract.expiryDay !== expiryDay) continue;
      if (strike < low || strike > high) continue;
      const inner = right === "call" ? spot - strike : strike - spot;
      const price = Math.max(0, inner) + 5;
      quotes.set(symbol, { bid: price, ask: price, at: this.time() });
    }
    return quotes;
  }
}

function answer<T>(outage: string | undefined, give: () => T): Promise<T> {
  return outage === undefined
    ? Promise.resolve(give())
    : Promise.reject(new ApiUnavailable(outage));
}

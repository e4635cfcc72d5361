/**
 * An option catalog with scripted replies that records its requests.
 *
 * @module
 */
import { ApiUnavailable } from "../../../../src/application/ports/api_unavailable.ts";
import type {
  DeltasQuery,
  MidsQuery,
  OptionCatalog,
} from "../../../../src/application/ports/option_catalog.ts";
import type { OptionContract } from "../../../../src/domain/options/contract.ts";

/** A catalog in the hands of a test. */
export class ScriptedCatalog implements OptionCatalog {
  /** What is listed, by underlying. */
  readonly listed = new Map<string, readonly OptionContract[]>();
  /** Last trades, by underlying. */
  readonly trades = new Map<string, number>();
  /** What the options of an index are quoted around, by underlying. */
  readonly indexes = new Map<string, number>();
  /** Underlyings in the order in which their chains were asked for. */
  readonly asked: string[] = [];
  /** Underlyings of every request for prices. */
  readonly priced: (readonly string[])[] = [];
  /** Every request for option prices. */
  readonly parity: MidsQuery[] = [];
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

  prices(
    underlyings: readonly string[],
  ): Promise<ReadonlyMap<string, number>> {
    this.priced.push(underlyings);
    return answer(
      this.priceOutage,
      () =>
        new Map(
          [...this.trades].filter(([name]) => underlyings.includes(name)),
        ),
    );
  }

  mids(query: MidsQuery): Promise<ReadonlyMap<string, number>> {
    this.parity.push(query);
    return answer(this.priceOutage, () => this.#mids(query));
  }

  deltas(query: DeltasQuery): Promise<ReadonlyMap<string, number>> {
    this.deltaQueries.push(query);
    return answer(this.priceOutage, () => this.contractDeltas);
  }

  #mids({ underlying, expiryDay, strikes }: MidsQuery): Map<string, number> {
    const spot = this.indexes.get(underlying);
    const [low, high] = strikes ?? [0, Infinity];
    const mids = new Map<string, number>();
    if (spot === undefined) return mids;
    for (const contract of this.listed.get(underlying) ?? []) {
      const { symbol, strike, right } = contract;
      if (contract.expiryDay !== expiryDay) continue;
      if (strike < low || strike > high) continue;
      const inner = right === "call" ? spot - strike : strike - spot;
      mids.set(symbol, Math.max(0, inner) + 5);
    }
    return mids;
  }
}

function answer<T>(outage: string | undefined, give: () => T): Promise<T> {
  return outage === undefined
    ? Promise.resolve(give())
    : Promise.reject(new ApiUnavailable(outage));
}

/**
 * Which option contracts are worth a look.
 *
 * @module
 */

/** What has to be known of a contract. */
interface Contract {
  readonly symbol: string;
  readonly expiration: string;
  readonly strike: number;
  readonly type: "call" | "put";
}

/** The market as far as this choice goes. */
export interface ContractSource {
  lastPrice(symbol: string): number | undefined;
  optionContracts(underlying?: string): readonly Contract[];
}

/** Underlyings whose contracts are followed. */
const MAX_UNDERLYINGS = 4;

/**
 * The call and the put nearest to the money that expire first, for the first
 * few stocks that have options.
 */
export function chooseContracts(
  stocks: readonly string[],
  market: ContractSource,
): readonly string[] {
  const pairs = stocks.map((stock) => {
    const chain = market.optionContracts(stock);
    const last = market.lastPrice(stock) ?? 0;
    return [
      nearest(chain, { last, type: "call" }),
      nearest(chain, { last, type: "put" }),
    ];
  });
  return pairs.filter((pair) => pair.some(Boolean))
    .slice(0, MAX_UNDERLYINGS)
    .flat()
    .filter((symbol) => symbol !== undefined);
}

function nearest(
  chain: readonly Contract[],
  { last, type }: { readonly last: number; readonly type: "call" | "put" },
): string | undefined {
  const [first] = chain.filter((contract) => contract.type === type)
    .toSorted((a, b) =>
      a.expiration.localeCompare(b.expiration) ||
      Math.abs(a.strike - last) - Math.abs(b.strike - last) ||
      a.strike - b.strike
    );
  return first?.symbol;
}

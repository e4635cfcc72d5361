/**
 * Compares the standard expiries of two lists of contracts.
 *
 * Adjusted contracts do not count: after a split they keep the expiries of before, while others are
 * added, perhaps of fewer expiries. An expiry is that of one root.
 *
 * @module
 */
import { tradableOf, untradableOf } from "./chain_index.ts";
import type { ContractList } from "./chain_review.ts";
import type { OptionContract } from "./contract.ts";

/** With at most this fraction of its contracts an expiry is another one, as after a split. */
const MOST_REPLACED = 0.5;

/** Which standard expiries differ. Each is named by its root and day. */
export interface ExpiryChanges {
  /** Those of the later list. */
  readonly listed: ReadonlySet<string>;
  /** Those that only the earlier list has, although they trade. */
  readonly gone: ReadonlySet<string>;
  /** Whether any has come, also if it is not tradable, or gone, or has other contracts. */
  readonly haveChanged: boolean;
}

/** @param isTrading whether a contract still trades; others do not count */
export function expiryChanges(
  before: readonly OptionContract[],
  after: ContractList,
  isTrading: (contract: OptionContract) => boolean,
): ExpiryChanges {
  const known = standardExpiries(before, isTrading);
  const listed = new Set(standardExpiries(after.contracts, isTrading).keys());
  const gone = new Set([...known.keys()].filter((expiry) => !listed.has(expiry)));
  const untradable = daysOf(untradableOf(before));
  const isNew = [...listed].some((expiry) => !known.has(expiry)) ||
    [...daysOf(untradableOf(after.contracts))].some((day) => !untradable.has(day));
  const isReplaced = [...known].some(([expiry, contracts]) => {
    const left = contracts.filter(({ symbol }) => after.symbols.has(symbol)).length;
    return listed.has(expiry) && left <= contracts.length * MOST_REPLACED;
  });
  return { listed, gone, haveChanged: isNew || gone.size > 0 || isReplaced };
}

function daysOf(contracts: readonly OptionContract[]): ReadonlySet<number> {
  return new Set(contracts.map(({ expiryDay }) => expiryDay));
}

/** The standard contracts by expiry and root. */
function standardExpiries(
  chain: readonly OptionContract[],
  isTrading: (contract: OptionContract) => boolean,
): ReadonlyMap<string, readonly OptionContract[]> {
  const expiries = new Map<string, OptionContract[]>();
  let last: OptionContract[] = [];
  for (const contract of tradableOf(chain)) {
    const { root, expiryDay } = contract;
    if (contract.isAdjusted || !isTrading(contract)) continue;
    // Lists come in order: most contracts belong to the expiry of the one before.
    if (last[0]?.root !== root || last[0].expiryDay !== expiryDay) {
      const expiry = `${root} ${expiryDay}`;
      last = expiries.get(expiry) ?? [];
      expiries.set(expiry, last);
    }
    last.push(contract);
  }
  return expiries;
}

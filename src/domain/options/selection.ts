/**
 * Which contracts of a chain are worth a place in the symbol budget.
 *
 * A chain is larger than any plan's limit, so a part of it is chosen: the
 * nearest expiries first, within each the strikes nearest to the underlying's
 * price, up to a maximum. The choice is centred on a price that only moves when
 * the market has moved away from it by a margin, so that a price that hovers
 * around a boundary does not make contracts come and go.
 *
 * @module
 */
import type { OptionContract, OptionRight } from "./contract.ts";

/** What part of a chain a stream wants. */
export interface OptionSelection {
  /** Nearest expiry, in calendar days from today; 0 is today. */
  readonly minDays: number;
  /** Farthest expiry, in calendar days from today. */
  readonly maxDays: number;
  /** Strikes within this many percent around the underlying's price. */
  readonly strikeWindowPercent: number;
  /** `undefined` means both. */
  readonly right: OptionRight | undefined;
  /** Most contracts per underlying. */
  readonly maxContracts: number;
}

/** What a stream gets that does not say what it wants. */
export const DEFAULT_SELECTION: OptionSelection = {
  minDays: 0,
  maxDays: 45,
  strikeWindowPercent: 10,
  right: undefined,
  maxContracts: 100,
};

/** The centre follows the price once it is off by this part of the window. */
const HYSTERESIS = 0.25;

/**
 * The price that a selection is centred on: the one before, until the market
 * has moved away from it by a quarter of the strike window.
 */
export function recentre(
  price: number,
  options: {
    readonly centre: number | undefined;
    readonly strikeWindowPercent: number;
  },
): number {
  const { centre, strikeWindowPercent } = options;
  if (centre === undefined) return price;
  const margin = centre * (strikeWindowPercent / 100) * HYSTERESIS;
  return Math.abs(price - centre) > margin ? price : centre;
}

/** Where a selection stands in time and price. */
export interface SelectionMoment {
  /** Today at the exchange, as days since 1970-01-01. */
  readonly today: number;
  /** Price that the strikes are measured from, USD; unknown takes every strike. */
  readonly centre: number | undefined;
}

/** The selected contracts, best first; at most `maxContracts`. */
export function selectContracts(
  chain: readonly OptionContract[],
  selection: OptionSelection,
  moment: SelectionMoment,
): readonly OptionContract[] {
  const { today, centre } = moment;
  const distance = (contract: OptionContract) =>
    centre === undefined ? contract.strike : Math.abs(contract.strike - centre);
  return chain
    .filter((contract) => isWithin(contract, selection, { today, centre }))
    .sort((a, b) =>
      a.expiryDay - b.expiryDay || distance(a) - distance(b) ||
      (a.symbol < b.symbol ? -1 : 1)
    )
    .slice(0, selection.maxContracts);
}

function isWithin(
  contract: OptionContract,
  selection: OptionSelection,
  { today, centre }: SelectionMoment,
): boolean {
  const days = contract.expiryDay - today;
  if (days < selection.minDays || days > selection.maxDays) return false;
  if (selection.right && contract.right !== selection.right) return false;
  if (centre === undefined) return true;
  const window = centre * selection.strikeWindowPercent / 100;
  return Math.abs(contract.strike - centre) <= window;
}

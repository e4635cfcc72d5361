/**
 * Which contracts of a chain are worth a place in the symbol budget.
 *
 * A chain is larger than any plan's limit, so a part of it is chosen: the
 * nearest expiries first, within each the strikes nearest to the underlying's
 * price, up to a maximum.
 *
 * The choice follows the price without flapping, by two rules. The centre that
 * strikes are measured from stays where it is until the price has moved away
 * from it by a margin, a quarter of what the selection reaches to. And when it
 * does move, a contract that is selected already counts as nearer than it is,
 * by the same quarter: it leaves when it is clearly outside, or clearly farther
 * than one that could take its place, never for a tie. So a price that hovers
 * around a boundary changes nothing, and every change needs a move of its own.
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

/** What the fields of a selection may be, both ends included. */
export const SELECTION_BOUNDS: Readonly<
  Record<
    "days" | "strikeWindowPercent" | "maxContracts",
    { readonly min: number; readonly max: number }
  >
> = {
  // The farthest LEAPS are listed about three years ahead.
  days: { min: 0, max: 3_650 },
  strikeWindowPercent: { min: 0.1, max: 1_000 },
  maxContracts: { min: 1, max: 10_000 },
};

/** What counts as a clear move: a part of the reach of a selection. */
const HYSTERESIS = 0.25;

/** Where a selection stands in time and price. */
export interface SelectionMoment {
  /** Today at the exchange, as days since 1970-01-01. */
  readonly today: number;
  /** Price that the strikes are measured from, USD. */
  readonly centre: number;
  /** Symbols that are selected now; they are not given up for little. */
  readonly held: ReadonlySet<string>;
}

interface Candidate {
  readonly contract: OptionContract;
  /** Distance of the strike from the centre, less for contracts held. */
  readonly distance: number;
}

/** The selected contracts, best first; at most `maxContracts`. */
export function selectContracts(
  chain: readonly OptionContract[],
  selection: OptionSelection,
  moment: SelectionMoment,
): readonly OptionContract[] {
  const { today, centre, held } = moment;
  const { minDays, maxDays, right, strikeWindowPercent } = selection;
  const window = centre * strikeWindowPercent / 100;
  const found: Candidate[] = [];
  for (const contract of chain) {
    const days = contract.expiryDay - today;
    if (days < minDays || days > maxDays) continue;
    if (right && contract.right !== right) continue;
    const off = Math.abs(contract.strike - centre);
    // Only what could matter is looked up: chains are long.
    if (off > window * (1 + HYSTERESIS)) continue;
    const isHeld = held.has(contract.symbol);
    const distance = isHeld ? off / (1 + HYSTERESIS) : off;
    if (distance <= window) found.push({ contract, distance });
  }
  return found.sort(byRank).slice(0, selection.maxContracts)
    .map(({ contract }) => contract);
}

/** Nearest expiry, then nearest strike, then the alphabet. */
function byRank(a: Candidate, b: Candidate): number {
  return a.contract.expiryDay - b.contract.expiryDay ||
    a.distance - b.distance ||
    (a.contract.symbol < b.contract.symbol ? -1 : 1);
}

/**
 * How far the price may be from the centre before the centre follows, USD.
 *
 * A quarter of the strike window; but when the maximum cut the selection short
 * of the window, a quarter of the distance that it does reach to, or the
 * strikes at the money would be out of it before anything moves.
 */
export function marginOf(
  selected: readonly OptionContract[],
  options: { readonly centre: number; readonly strikeWindowPercent: number },
): number {
  const { centre, strikeWindowPercent } = options;
  const window = centre * strikeWindowPercent / 100;
  let reach = 0;
  for (const { strike } of selected) {
    reach = Math.max(reach, Math.abs(strike - centre));
  }
  return HYSTERESIS * (reach === 0 ? window : Math.min(window, reach));
}

/**
 * The price that a selection is to be centred on: the one before, until the
 * price has moved away from it by more than the margin.
 */
export function recentre(
  price: number,
  before: { readonly centre: number; readonly margin: number } | undefined,
): number {
  if (before === undefined) return price;
  const { centre, margin } = before;
  return Math.abs(price - centre) > margin ? price : centre;
}

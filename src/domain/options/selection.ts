/**
 * Selects the contracts of a chain that get slots of the symbol quota.
 *
 * A chain is larger than any plan's limit, so a part of it is selected: the
 * nearest expiries first, within each the strikes nearest to the underlying's
 * price, up to a maximum.
 *
 * Two rules keep the selection from flapping. The centre that strikes are
 * measured from stays until the price has moved away from it by a margin, a
 * quarter of the selection's reach. And when it moves, the distance of a selected
 * contract counts as a quarter less: it is dropped when it is clearly outside, or
 * clearly farther than its replacement. So a price that hovers around a boundary
 * changes nothing.
 *
 * @module
 */
import type { OptionContract, OptionRight } from "./contract.ts";

/** The part of a chain that a stream requests. */
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
  /** Expiries as days since 1970-01-01, ascending; every one by default. */
  readonly expiries?: readonly number[] | undefined;
  /** First expiry as days since 1970-01-01. */
  readonly expiryFrom?: number | undefined;
  /** Last expiry as days since 1970-01-01. */
  readonly expiryTo?: number | undefined;
  /** Most expiries, the nearest first. */
  readonly maxExpiries?: number | undefined;
  /** Most contracts of one expiry. */
  readonly maxContractsPerExpiry?: number | undefined;
  /** Strikes per expiry on each side of the price; replaces `strikeWindowPercent`. */
  readonly strikesEachSide?: number | undefined;
  /** Lowest strike, USD. */
  readonly minStrike?: number | undefined;
  /** Highest strike, USD. */
  readonly maxStrike?: number | undefined;
  /** OCC roots, for example `SPXW` without `SPX`; every one by default. */
  readonly roots?: readonly string[] | undefined;
  /** Whether adjusted contracts are selected too, after the standard ones. @default false */
  readonly includeAdjusted?: boolean | undefined;
  /** Lowest absolute delta, 0 to 1. */
  readonly minAbsDelta?: number | undefined;
  /** Highest absolute delta, 0 to 1. */
  readonly maxAbsDelta?: number | undefined;
  /** Share of the symbol quota relative to other selections. @default 1 */
  readonly weight?: number | undefined;
}

/** The selection of a stream that requests none. */
export const DEFAULT_SELECTION: OptionSelection = {
  minDays: 0,
  maxDays: 45,
  strikeWindowPercent: 10,
  right: undefined,
  maxContracts: 100,
};

/** Bounds of the fields of a selection, inclusive. */
export const SELECTION_BOUNDS: Readonly<
  Record<
    | "days"
    | "strikeWindowPercent"
    | "strikesEachSide"
    | "maxExpiries"
    | "maxContracts"
    | "strike"
    | "absDelta"
    | "weight",
    { readonly min: number; readonly max: number }
  >
> = {
  // The farthest LEAPS are listed about three years ahead.
  days: { min: 0, max: 3_650 },
  strikeWindowPercent: { min: 0.1, max: 1_000 },
  strikesEachSide: { min: 1, max: 1_000 },
  maxExpiries: { min: 1, max: 1_000 },
  maxContracts: { min: 1, max: 10_000 },
  // An OCC symbol has eight digits for the strike × 1000.
  strike: { min: 0.001, max: 99_999.999 },
  absDelta: { min: 0, max: 1 },
  weight: { min: 1, max: 100 },
};

/** How far a clear move is, as a fraction of the reach of a selection. */
const HYSTERESIS = 0.25;

/** Time, price and previous result of a selection. */
interface SelectionMoment {
  /** Today at the exchange, as days since 1970-01-01. */
  readonly today: number;
  /** Price that the strikes are measured from, USD. */
  readonly centre: number;
  /** Symbols that are selected now; they are preferred. */
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
    // Chains are long: look up only contracts within reach.
    if (off > window * (1 + HYSTERESIS)) continue;
    const isHeld = held.has(contract.symbol);
    const distance = isHeld ? off / (1 + HYSTERESIS) : off;
    if (distance <= window) found.push({ contract, distance });
  }
  return found.sort(byRank).slice(0, selection.maxContracts)
    .map(({ contract }) => contract);
}

/** Orders by nearest expiry, nearest strike, then symbol. */
function byRank(a: Candidate, b: Candidate): number {
  return a.contract.expiryDay - b.contract.expiryDay ||
    a.distance - b.distance ||
    (a.contract.symbol < b.contract.symbol ? -1 : 1);
}

/**
 * How far the price may be from the centre before the centre follows, USD.
 *
 * A quarter of the strike window. When the maximum truncates the selection
 * inside the window, a quarter of the distance that it reaches: otherwise the
 * price could leave the selection before the centre moves.
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
 * The price to centre a selection on: the previous centre, until the price has
 * moved away from it by more than the margin.
 */
export function recentre(
  price: number,
  before: { readonly centre: number; readonly margin: number } | undefined,
): number {
  if (before === undefined) return price;
  const { centre, margin } = before;
  return Math.abs(price - centre) > margin ? price : centre;
}

/**
 * Selects the contracts of a chain that get slots of the symbol quota, best first.
 *
 * A chain is larger than any plan's limit, so a part of it is selected: the two strikes around the
 * price of each expiry, the nearest expiry first, as long as both of them are within the maximum;
 * then, in rounds over these expiries, one strike more of each. So an expiry has contracts on both
 * sides of the price or none. Each expiry is measured from the price on its own. Contracts that do
 * not trade any more are not selected, and adjusted ones only on request and after all others.
 *
 * @module
 */
import type { Series, Strike } from "./chain_index.ts";
import type { OptionContract, OptionRight } from "./contract.ts";
import { isByDelta } from "./delta_range.ts";
import { hasFewer, hasGap, hasRight, isOneSided, reachesBeyond } from "./list_defects.ts";
import { requestedSeries, type TradingMoment } from "./requested_series.ts";
import type { OptionSelection } from "./selection.ts";
import { firstAbove, strikeAt, StrikeWalk } from "./strike_walk.ts";

const RIGHTS: readonly OptionRight[] = ["call", "put"];

/** Moves of the price that change nothing, as a fraction of the distance of two strikes. */
const STILL = 0.05;
/** How far the delta of a contract that is held may be outside the range. */
const DELTA_TOLERANCE = 0.02;
/** Strikes on each side of the price that are next to it for deltas. */
const DELTA_STRIKES = 2;
/** Strikes of an expiry that are selected together: one on each side of the price. */
const NEAREST_STRIKES = 2;

/** What a selection depends on beside the chain. */
export interface SelectionMoment extends TradingMoment {
  /** Price of the underlying, USD. */
  readonly price: number;
  /** Symbols that have slots now; they are preferred to others at about the same distance. */
  readonly held: ReadonlySet<string>;
  /**
   * Deltas by symbol, -1 to 1. The calls, or the puts, of an expiry without any next to the price
   * or within the bounds are selected as if no delta was requested.
   */
  readonly deltas?: ReadonlyMap<string, number> | undefined;
}

/** The selected contracts, and until when they stay the same. */
export interface Selected {
  /** Best first; at most `maxContracts`. */
  readonly contracts: readonly OptionContract[];
  /**
   * Expiries whose requested calls, or puts, are listed on one side of the price only, nearest
   * first.
   */
  readonly oneSided: readonly number[];
  /** Expiries that list none of the requested calls, or none of the requested puts. */
  readonly unpaired: number;
  /** Expiries whose requested calls, or puts, lack strikes around the price between others. */
  readonly gaps: number;
  /** Other ones that list fewer than `strikesEachSide` of them on a side of the price. */
  readonly fewStrikes: number;
  /** Whether the window or the range of strikes reaches beyond those that an expiry lists. */
  readonly isRangeOpen: boolean;
  /** Requested expiries that trade. */
  readonly expiries: number;
  /** Those of them of which `maxContracts` has left out everything. */
  readonly unreached: number;
  /**
   * Those of them with contracts, of which `maxContracts` has left out a strike on a side of the
   * price, or of `strikesEachSide`.
   */
  readonly incomplete: number;
  /** Those of them whose calls or puts are selected by strikes: their deltas are not known. */
  readonly withoutDeltas: number;
  /** Price that they were selected for, USD. */
  readonly price: number;
  /** Prices between these two, both excluded, select the same contracts. */
  readonly between: readonly [low: number, high: number];
  /** Ms since the Unix epoch at which a contract stops trading or a day begins. */
  readonly validUntil: number;
}

/** Whether a selection of the same chain would be the same for another price at another time. */
export function isStillSelected(
  { price: before, between: [low, high], validUntil }: Omit<Selected, "contracts">,
  { price, now }: Pick<SelectionMoment, "price" | "now">,
): boolean {
  return now < validUntil && (price === before || (low < price && price < high));
}

/** Selects contracts of a chain, which must not be changed afterwards. */
export function selectContracts(
  chain: readonly OptionContract[],
  selection: OptionSelection,
  moment: SelectionMoment,
): Selected {
  const { price } = moment;
  const { series, validUntil } = requestedSeries(chain, selection, moment);
  const walks = series.flatMap((one) => walksOf(one, selection, moment));
  const picked = new Picked(selection);
  for (const adjusted of [false, true]) {
    picked.addInRounds(walks.filter(({ isAdjusted }) => isAdjusted === adjusted));
  }
  const standard = series.filter(({ isAdjusted }) => !isAdjusted);
  const { right, strikesEachSide } = selection;
  const rights = right === undefined ? RIGHTS : [right];
  const oneSided = new Set(
    standard.filter((one) => rights.some((each) => isOneSided(one, each, price)))
      .map(({ expiryDay }) => expiryDay),
  );
  // Contracts are listed in pairs: a list without one of both is not complete.
  const unpaired = standard.filter((one) =>
    rights.some((right) => !one.strikes.some((strike) => hasRight(strike, right)))
  );
  const gaps = standard.filter((one) => rights.some((each) => hasGap(one, each, price)));
  const few = strikesEachSide === undefined
    ? []
    : standard.filter((one) =>
      !oneSided.has(one.expiryDay) &&
      rights.some((each) => hasFewer(one, each, { price, strikesEachSide }))
    );
  const range = rangeOf(selection, price);
  return {
    contracts: picked.contracts,
    oneSided: [...oneSided],
    unpaired: countExpiries(unpaired),
    gaps: countExpiries(gaps),
    fewStrikes: countExpiries(few),
    isRangeOpen: range !== undefined && standard.some((one) => reachesBeyond(one, range)),
    expiries: countExpiries(series),
    ...picked.countLeftOut(walks),
    withoutDeltas: countExpiries(walks.filter(({ lacksDeltas }) => lacksDeltas)),
    price,
    between: stillBetween(series, price),
    validUntil,
  };
}

/** The strikes that a selection includes by its window and bounds; `undefined` with a number. */
function rangeOf(
  { strikesEachSide, strikeWindowPercent, minStrike = 0, maxStrike = Infinity }: OptionSelection,
  price: number,
): { readonly low: number; readonly high: number } | undefined {
  if (strikesEachSide !== undefined) return undefined;
  const window = price * strikeWindowPercent / 100;
  return { low: Math.max(price - window, minStrike), high: Math.min(price + window, maxStrike) };
}

function countExpiries(series: readonly Pick<Series, "expiryDay">[]): number {
  return new Set(series.map(({ expiryDay }) => expiryDay)).size;
}

/** Walks a series; its calls and its puts apart if deltas of one of both are known only. */
function walksOf(
  series: Series,
  selection: OptionSelection,
  moment: SelectionMoment,
): readonly SeriesWalk[] {
  const { deltas } = moment;
  if (deltas && selection.right === undefined && isByDelta(selection)) {
    const [call, put] = RIGHTS.map((right) =>
      hasDeltas(series.strikes, { ...selection, right }, { price: moment.price, deltas })
    );
    if (call !== put) {
      return RIGHTS.map((right) => new SeriesWalk(series, { ...selection, right }, moment));
    }
  }
  return [new SeriesWalk(series, selection, moment)];
}

/** The contracts of one series, strike by strike. */
class SeriesWalk {
  readonly expiryDay: number;
  readonly isAdjusted: boolean;
  /** Whether deltas are requested that are not known. */
  readonly lacksDeltas: boolean;
  readonly #strikes: readonly Strike[];
  readonly #price: number;
  /** Strikes on each side of the price without which it is incomplete. */
  readonly #eachSide: number;
  readonly #walk: StrikeWalk;
  readonly #selection: OptionSelection;
  readonly #held: ReadonlySet<string>;
  /** `undefined` when the deltas of the series do not matter or are not known. */
  readonly #deltas: ReadonlyMap<string, number> | undefined;

  constructor(series: Series, selection: OptionSelection, moment: SelectionMoment) {
    const { price, held, deltas } = moment;
    const { right } = selection;
    const strikes = right === undefined
      ? series.strikes
      : series.strikes.filter(({ contracts }) => contracts.some((it) => it.right === right));
    this.expiryDay = series.expiryDay;
    this.#strikes = strikes;
    this.#price = price;
    this.isAdjusted = series.isAdjusted;
    this.#selection = selection;
    this.#held = held;
    const isBounded = isByDelta(selection) && strikes.length > 0;
    const isKnown = isBounded && deltas && hasDeltas(strikes, selection, { price, deltas });
    this.#deltas = isKnown ? deltas : undefined;
    this.lacksDeltas = isBounded && this.#deltas === undefined;
    const heldPart = ({ contracts }: Strike) => {
      const count = contracts.reduce((sum, { symbol }) => held.has(symbol) ? sum + 1 : sum, 0);
      return right === undefined ? count / contracts.length : Math.min(1, count);
    };
    const { strikesEachSide: eachSide, strikeWindowPercent } =
      (this.lacksDeltas ? selection.withoutDeltas : undefined) ?? selection;
    this.#eachSide = eachSide ?? 1;
    const reach = { window: price * strikeWindowPercent / 100, eachSide };
    this.#walk = new StrikeWalk(strikes, { price, reach, heldPart });
  }

  /** The selected contracts of the next strike that has any; `undefined` after the last one. */
  next(): readonly OptionContract[] | undefined {
    for (let strike = this.#walk.next(); strike; strike = this.#walk.next()) {
      const selected = strike.contracts.filter((contract) => this.#isSelected(contract));
      if (selected.length > 0) return selected;
    }
    return undefined;
  }

  /** Whether strikes next to the price are left out, though the selection includes them. */
  lacks(chosen: ReadonlySet<OptionContract>): boolean {
    return this.#nearest().some(({ contracts }) =>
      contracts.some((each) => !chosen.has(each) && this.#isSelected(each))
    );
  }

  /** The strikes on each side of the price. */
  #nearest(): readonly Strike[] {
    const above = firstAbove(this.#strikes, this.#price);
    const [lower, upper] = [this.#strikes[above - 1], this.#strikes[above]];
    // One strike at the price is on both sides.
    const at = this.#eachSide > 1 ? undefined : strikeAt(this.#price, lower, upper);
    if (at) return [at];
    const isAt = lower?.price === this.#price;
    const first = above - this.#eachSide - (isAt ? 1 : 0);
    return this.#strikes.slice(Math.max(0, first), above + this.#eachSide);
  }

  #isSelected({ symbol, right, strike }: OptionContract): boolean {
    const { minStrike = 0, maxStrike = Infinity, minAbsDelta = 0, maxAbsDelta = 1 } =
      this.#selection;
    if (this.#selection.right !== undefined && right !== this.#selection.right) return false;
    if (strike < minStrike || strike > maxStrike) return false;
    if (this.#deltas === undefined) return true;
    const delta = this.#deltas.get(symbol);
    if (delta === undefined) return false;
    const tolerance = this.#held.has(symbol) ? DELTA_TOLERANCE : 0;
    const absolute = Math.abs(delta);
    return absolute >= minAbsDelta - tolerance && absolute <= maxAbsDelta + tolerance;
  }
}

/**
 * Whether deltas of a series are known, of its calls or its puts if the selection has a right: one
 * next to the price, or one within the bounds. Any other one alone would leave the series without
 * contracts.
 */
function hasDeltas(
  strikes: readonly Strike[],
  selection: OptionSelection,
  { price, deltas }: {
    readonly price: number;
    readonly deltas: ReadonlyMap<string, number>;
  },
): boolean {
  const { right, minAbsDelta = 0, maxAbsDelta = 1 } = selection;
  const isOf = (contract: OptionContract) => right === undefined || contract.right === right;
  const own = strikes.filter(({ contracts }) => contracts.some(isOf));
  const above = firstAbove(own, price);
  const isNextKnown = own.slice(Math.max(0, above - DELTA_STRIKES), above + DELTA_STRIKES)
    .some(({ contracts }) => contracts.some((it) => isOf(it) && deltas.has(it.symbol)));
  return isNextKnown || own.some(({ contracts }) =>
    contracts.some((contract) => {
      const delta = isOf(contract) ? deltas.get(contract.symbol) : undefined;
      return delta !== undefined && Math.abs(delta) >= minAbsDelta &&
        Math.abs(delta) <= maxAbsDelta;
    })
  );
}

/** The contracts selected so far, within the maxima. */
class Picked {
  readonly contracts: OptionContract[] = [];
  readonly #max: number;
  readonly #maxPerExpiry: number;
  readonly #ofExpiry = new Map<number, number>();
  /** Walks of which the maximum has left out everything. */
  readonly #unreached: SeriesWalk[] = [];

  constructor({ maxContracts, maxContractsPerExpiry = Infinity }: OptionSelection) {
    this.#max = maxContracts;
    this.#maxPerExpiry = maxContractsPerExpiry;
  }

  /** Adds the strikes around the price of each walk, then one more of each, within the maxima. */
  addInRounds(walks: readonly SeriesWalk[]): void {
    let open = this.#addNearest(walks);
    while (open.length > 0 && this.contracts.length < this.#max) {
      open = open.filter((walk) => this.#add(walk, walk.next() ?? []));
    }
  }

  /** Counts the expiries of walks from which the maximum has left something out. */
  countLeftOut(walks: readonly SeriesWalk[]): Pick<Selected, "unreached" | "incomplete"> {
    const chosen = new Set(this.contracts);
    const incomplete = walks.filter((walk) =>
      !walk.isAdjusted && this.#ofExpiry.has(walk.expiryDay) && this.#roomOf(walk) > 0 &&
      walk.lacks(chosen)
    );
    const unreached = this.#unreached.filter(({ isAdjusted, expiryDay }) =>
      !isAdjusted && !this.#ofExpiry.has(expiryDay)
    );
    return { unreached: countExpiries(unreached), incomplete: countExpiries(incomplete) };
  }

  /**
   * Adds the strikes around the price of each walk, up to the first one of which the maximum does
   * not allow all; of the very first a part is added. Returns the walks that may have more.
   */
  #addNearest(walks: readonly SeriesWalk[]): readonly SeriesWalk[] {
    const added: SeriesWalk[] = [];
    for (const [at, walk] of walks.entries()) {
      const nearest: OptionContract[] = [];
      for (let count = 0; count < NEAREST_STRIKES; count++) nearest.push(...walk.next() ?? []);
      const isWhole = Math.min(nearest.length, this.#roomOf(walk)) <=
        this.#max - this.contracts.length;
      if (!isWhole && this.contracts.length > 0) {
        const later = walks.slice(at + 1).filter((it) => it.next() !== undefined);
        this.#unreached.push(walk, ...later);
        break;
      }
      if (this.#add(walk, nearest)) added.push(walk);
    }
    return added;
  }

  /** Adds contracts of a walk; false when there are none or its expiry is complete. */
  #add({ expiryDay }: SeriesWalk, contracts: readonly OptionContract[]): boolean {
    const before = this.#ofExpiry.get(expiryDay) ?? 0;
    const room = Math.min(this.#max - this.contracts.length, this.#maxPerExpiry - before);
    const added = contracts.slice(0, Math.max(0, room));
    if (added.length === 0) return false;
    this.contracts.push(...added);
    this.#ofExpiry.set(expiryDay, before + added.length);
    return true;
  }

  /** Contracts that the maximum per expiry still allows for the expiry of a walk. */
  #roomOf({ expiryDay }: SeriesWalk): number {
    return this.#maxPerExpiry - (this.#ofExpiry.get(expiryDay) ?? 0);
  }
}

/** The prices around one that no strike separates from it and that are near to it. */
function stillBetween(
  series: readonly Series[],
  price: number,
): readonly [low: number, high: number] {
  let [low, high] = [0, Infinity];
  let step = Infinity;
  for (const { strikes } of series) {
    const above = firstAbove(strikes, price);
    const lower = strikes[above - 1]?.price ?? 0;
    const upper = strikes[above]?.price ?? Infinity;
    step = Math.min(step, upper - lower);
    low = Math.max(low, lower);
    high = Math.min(high, upper);
  }
  const margin = Math.min(step, price) * STILL;
  return [Math.max(low, price - margin), Math.min(high, price + margin)];
}

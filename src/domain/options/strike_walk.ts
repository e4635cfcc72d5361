/**
 * Lists the strikes of one series in the order in which they are selected.
 *
 * The strike nearest to the price comes first and the next one on the other side of the price
 * second, at any distance; then the nearest ones, without holes, up to the reach.
 *
 * So that a price that hovers around a boundary changes nothing, a strike that is held counts as
 * nearer than it is, by a third, and leaves the window when it is clearly outside. Between two
 * neighbours a third is a tenth of a step: beyond the middle by more than that, the price has the
 * other one at the money.
 *
 * @module
 */
import type { Strike } from "./chain_index.ts";

/** How much farther a strike that is held may be than one that it would yield to, as a fraction. */
const HELD = 0.5;
/** How far outside the window a strike that is held may be, as a fraction of the window. */
const OUTSIDE = 0.25;
/** How far the price may be from the nearest strike to count as at it, in steps of the grid. */
const AT_STRIKE = 0.125;
/** The same for keeping one strike more on its other side than is guaranteed. */
const NEAR_STRIKE = 0.25;

/** How far a walk goes. */
interface Reach {
  /** Largest distance from the price, USD; not used with `eachSide`. */
  readonly window: number;
  /** Strikes on each side of the price; one that equals the price counts for neither. */
  readonly eachSide: number | undefined;
}

/** Strikes on one side of the price, nearest first. */
interface Side {
  readonly step: 1 | -1;
  /** Index of the next strike. */
  next: number;
  /** Strikes passed. */
  passed: number;
}

/** A walk over the strikes of one series. */
export class StrikeWalk {
  readonly #strikes: readonly Strike[];
  readonly #price: number;
  readonly #reach: Reach;
  readonly #heldPart: (strike: Strike) => number;
  readonly #below: Side;
  readonly #above: Side;
  /** Strikes that come next, at any distance. */
  readonly #queue: Strike[] = [];
  #hasStarted = false;

  /** @param strikes lowest first */
  constructor(
    strikes: readonly Strike[],
    options: {
      /** USD. */
      readonly price: number;
      readonly reach: Reach;
      /** Which part of a strike's contracts is held, 0 to 1: an odd maximum divides them. */
      readonly heldPart: (strike: Strike) => number;
    },
  ) {
    this.#strikes = strikes;
    this.#price = options.price;
    this.#reach = options.reach;
    this.#heldPart = options.heldPart;
    const above = firstAbove(strikes, options.price);
    this.#below = { step: -1, next: above - 1, passed: 0 };
    this.#above = { step: 1, next: above, passed: 0 };
  }

  /** The next strike; `undefined` beyond the reach. */
  next(): Strike | undefined {
    if (!this.#hasStarted) {
      this.#hasStarted = true;
      this.#start();
    }
    const queued = this.#queue.shift();
    if (queued) return queued;
    const side = this.#nearerSide();
    return side && this.#take(side);
  }

  /** Queues the strikes at the price and on both sides of it. */
  #start(): void {
    const at = this.#strikes[this.#below.next];
    if (at?.price === this.#price) {
      this.#below.next--;
      this.#queue.push(at);
    }
    const nearer = this.#nearerSide();
    if (!nearer) return;
    const first = this.#take(nearer);
    const other = nearer === this.#below ? this.#above : this.#below;
    const across = this.#head(other);
    const beyond = this.#head(nearer);
    this.#queue.push(first);
    if (!across) return;
    // Otherwise a price that crosses a strike would exchange the ones on both sides of it.
    const isAtStrike = beyond !== undefined && at?.price !== this.#price &&
      this.#distance(first) < AT_STRIKE * Math.abs(beyond.price - first.price);
    if (isAtStrike && this.#heldPart(beyond) > this.#heldPart(across)) {
      this.#queue.push(this.#take(nearer));
    }
    this.#queue.push(this.#take(other));
  }

  /** The side whose next strike is nearer, of those within the reach. */
  #nearerSide(): Side | undefined {
    const below = this.#head(this.#below);
    const above = this.#head(this.#above);
    if (!below || !above) return below ? this.#below : above && this.#above;
    return this.#rank(below) <= this.#rank(above) ? this.#below : this.#above;
  }

  /** The next strike of a side if it is within the reach. */
  #head(side: Side): Strike | undefined {
    const strike = this.#strikes[side.next];
    return strike && this.#isWithin(strike, side) ? strike : undefined;
  }

  #isWithin(strike: Strike, { step, next, passed }: Side): boolean {
    const { eachSide, window } = this.#reach;
    const guaranteed = eachSide ?? 1;
    if (passed < guaranteed) return true;
    const isHeld = this.#isHeld(strike);
    const widest = window * (isHeld ? 1 + OUTSIDE : 1);
    if (eachSide === undefined && this.#distance(strike) <= widest) return true;
    if (passed > guaranteed || !isHeld) return false;
    // The price has just passed the nearest strike of this side, from the other one.
    const [first, second] = [next - step * passed, next - step * (passed - 1)]
      .map((index) => this.#strikes[index]);
    if (!first || !second) return false;
    return this.#distance(first) < NEAR_STRIKE * Math.abs(second.price - first.price);
  }

  #take(side: Side): Strike {
    const strike = this.#strikes[side.next] as Strike;
    side.next += side.step;
    side.passed++;
    return strike;
  }

  /** Distance from the price, less for a strike that is held. */
  #rank(strike: Strike): number {
    return this.#distance(strike) / (1 + HELD * this.#heldPart(strike));
  }

  #isHeld(strike: Strike): boolean {
    return this.#heldPart(strike) > 0;
  }

  #distance({ price }: Strike): number {
    return Math.abs(price - this.#price);
  }
}

/**
 * The one of two neighbours that a price is at, exactly or about.
 *
 * @param lower not above the price
 * @param upper above the price
 */
export function strikeAt(
  price: number,
  lower: Strike | undefined,
  upper: Strike | undefined,
): Strike | undefined {
  if (lower?.price === price) return lower;
  if (!lower || !upper) return undefined;
  const near = AT_STRIKE * (upper.price - lower.price);
  if (price - lower.price < near) return lower;
  return upper.price - price < near ? upper : undefined;
}

/** Index of the lowest strike above a price. */
export function firstAbove(strikes: readonly Strike[], price: number): number {
  let [low, high] = [0, strikes.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((strikes[middle]?.price ?? Infinity) > price) high = middle;
    else low = middle + 1;
  }
  return low;
}

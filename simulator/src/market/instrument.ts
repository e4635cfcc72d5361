import type { SimulatorRandom } from "../ports.ts";
import type { Issue } from "./universe.ts";

/** Weight of the pull back to the starting price, per step. */
const PULL = 0.0005;

/** Share of the yearly volatility that one step moves the price by. */
const STEP = 0.0004;

/**
 * The true price of one stock or index, shared by every feed that shows it.
 * It walks at random around its starting price, so that a simulator that runs
 * for weeks still shows sensible prices.
 */
export class Instrument {
  readonly issue: Issue;
  #price: number;

  constructor(issue: Issue) {
    this.issue = issue;
    this.#price = issue.price;
  }

  /** True price in dollars. */
  get price(): number {
    return this.#price;
  }

  /** Moves the price by one random step; never below a third of the start. */
  step(random: SimulatorRandom): void {
    const { price, volatility } = this.issue;
    // Three uniform numbers are near enough to a bell, and cheap.
    const bell = random.next() + random.next() + random.next() - 1.5;
    const pull = (price - this.#price) * PULL;
    const moved = this.#price * (1 + bell * volatility * STEP) + pull;
    this.#price = Math.max(moved, price / 3);
  }

  /** Puts the price where an element sent by hand says it is. */
  moveTo(price: number): void {
    if (price > 0) this.#price = price;
  }
}

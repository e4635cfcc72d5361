/**
 * The order book of one crypto pair: prices and sizes of both sides.
 *
 * @module
 */
import type { Encodable, Message } from "../protocol/messages.ts";
import type { SeededRandom } from "../random.ts";

/** Levels of each side. */
const DEPTH = 20;
/** Levels whose size changes in one step, at most. */
const MAX_CHANGES = 3;
/** Distance of the best level from the middle price, in ticks, at most. */
const MAX_DISTANCE = 2;
/** Distance between two levels, as part of the price. */
const LEVEL_GAP = 0.0001;

/** One level of an order book. */
interface Level {
  readonly p: number;
  /** 0 in a change: the level is deleted. */
  readonly s: number;
}

/** Levels that have changed. */
interface BookChange {
  /** Bids. */
  readonly b: readonly Level[];
  /** Asks. */
  readonly a: readonly Level[];
}

/** How the prices and sizes of a pair are drawn. */
interface BookStyle {
  /** Price units in one unit of the currency: prices are multiples of its inverse. */
  readonly scale: number;
  readonly size: (random: SeededRandom) => number;
}

/** The order book of one pair. */
export class OrderBook {
  readonly #style: BookStyle;
  /** Sizes by price. */
  readonly #bids = new Map<number, number>();
  readonly #asks = new Map<number, number>();

  constructor(style: BookStyle) {
    this.#style = style;
  }

  /** Best bid and ask; undefined while a side is empty. */
  get best(): { readonly bid: Level; readonly ask: Level } | undefined {
    const bid = highest(this.#bids);
    const ask = lowest(this.#asks);
    return bid && ask && { bid, ask };
  }

  /** Every level, the best ones first. */
  levels(): BookChange {
    return {
      b: levelsOf(this.#bids).sort((x, y) => y.p - x.p),
      a: levelsOf(this.#asks).sort((x, y) => x.p - y.p),
    };
  }

  /** Moves the order book to a middle price; returns the levels that have changed. */
  moveTo(middle: number, random: SeededRandom): BookChange {
    const b = this.#moveSide(this.#bids, { middle, direction: -1, random });
    const a = this.#moveSide(this.#asks, { middle, direction: 1, random });
    return { b, a };
  }

  /** Applies an order book message that a test sent. */
  observe(message: Message): void {
    if (message["r"] === true) {
      this.#bids.clear();
      this.#asks.clear();
    }
    apply(this.#bids, message["b"]);
    apply(this.#asks, message["a"]);
  }

  #moveSide(
    side: Map<number, number>,
    { middle, direction, random }: {
      middle: number;
      /** 1 for asks, −1 for bids. */
      direction: 1 | -1;
      random: SeededRandom;
    },
  ): Level[] {
    const { scale, size } = this.#style;
    const changed = new Map<number, number>();
    const units = Math.round(middle * scale);
    for (const price of side.keys()) {
      if (Math.sign(Math.round(price * scale) - units) === direction) continue;
      changed.set(price, 0);
      side.delete(price);
    }
    const first = units + direction * (1 + random.below(MAX_DISTANCE));
    const gap = Math.max(1, Math.round(units * LEVEL_GAP));
    const count = Math.max(1 + random.below(MAX_CHANGES), DEPTH - side.size);
    for (let change = 0; change < count; change++) {
      const depth = change === 0 ? 0 : gap * random.below(DEPTH * 2);
      const price = (first + direction * depth) / scale;
      if (price <= 0) continue;
      const amount = size(random);
      changed.set(price, amount);
      side.set(price, amount);
    }
    const worst = [...side.keys()].sort((x, y) => direction * (x - y)).slice(DEPTH);
    for (const price of worst) {
      side.delete(price);
      changed.set(price, 0);
    }
    return levelsOf(changed);
  }
}

function setLevel(side: Map<number, number>, price: number, size: number): void {
  if (size > 0) side.set(price, size);
  else side.delete(price);
}

function levelsOf(side: ReadonlyMap<number, number>): Level[] {
  return Array.from(side, ([p, s]) => ({ p, s }));
}

function highest(side: ReadonlyMap<number, number>): Level | undefined {
  const p = Math.max(...side.keys());
  const s = side.get(p);
  return s === undefined ? undefined : { p, s };
}

function lowest(side: ReadonlyMap<number, number>): Level | undefined {
  const p = Math.min(...side.keys());
  const s = side.get(p);
  return s === undefined ? undefined : { p, s };
}

function apply(side: Map<number, number>, levels: Encodable | undefined): void {
  if (!Array.isArray(levels)) return;
  for (const level of levels) {
    const { p, s } = level as { p?: unknown; s?: unknown };
    if (typeof p === "number" && typeof s === "number") setLevel(side, p, s);
  }
}

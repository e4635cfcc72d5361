/**
 * Places that are given away while the desired pairs are chosen.
 *
 * @module
 */
import { type Pair, type UpstreamChannel, WILDCARD } from "./symbol_sets.ts";

/** A number of places, and the channels whose pairs take one. */
export interface CountedLimit {
  readonly places: number;
  readonly counts: ReadonlySet<UpstreamChannel>;
}

/** Free places under several limits that hold together. */
export class Room {
  readonly #limits: { left: number; counts: ReadonlySet<UpstreamChannel> }[];

  constructor(limits: readonly CountedLimit[]) {
    this.#limits = limits.map(({ places, counts }) => ({
      left: places,
      counts,
    }));
  }

  /** Whether the pair fits under every limit that counts it. */
  fits({ channel, symbol }: Pair): boolean {
    return symbol === WILDCARD ||
      this.#limits.every(({ left, counts }) =>
        !counts.has(channel) || left > 0
      );
  }

  /** Takes a place under every limit that counts the pair, free or not. */
  take({ channel, symbol }: Pair): void {
    if (symbol === WILDCARD) return;
    for (const limit of this.#limits) {
      if (limit.counts.has(channel)) limit.left--;
    }
  }
}

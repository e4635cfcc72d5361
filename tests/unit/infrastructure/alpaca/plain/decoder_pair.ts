/**
 * Two decoders side by side, and frames for them.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { DeskOptions, OptionDesk } from "../kit.ts";
import { StockDesk } from "../kit.ts";

/** Frames of each kind; more by hand. */
export const RUNS = Number(Deno.env.get("PLAIN_FRAME_RUNS") ?? 5_000);
/** What desks want that do not want everything. */
export const WANTED = ["AAPL", "SPY261218C00650000"];

/** Takes errors that no sink of a test throws. */
export function rethrow(error: unknown): never {
  throw error;
}

/** Everything that a desk has published, counted and heard. */
function outcome(desk: StockDesk | OptionDesk) {
  const { quotes, trades, controls, received, errors } = desk;
  return {
    quotes: quotes.events,
    trades: trades.events,
    bars: desk instanceof StockDesk ? desk.bars.events : [],
    controls,
    received,
    errors,
  };
}

/** Two desks that differ in how they decode. */
export class Pair {
  readonly #plain: StockDesk | OptionDesk;
  readonly #general: StockDesk | OptionDesk;

  constructor(make: (options: DeskOptions) => StockDesk | OptionDesk) {
    this.#plain = make({});
    this.#general = make({ generalOnly: true });
  }

  /** Fails unless a frame means the same to both. */
  assertSame(frame: Uint8Array): void {
    const desks = [this.#plain, this.#general] as const;
    for (const desk of desks) {
      desk.forget();
      desk.receive(frame);
    }
    assert.deepEqual(outcome(desks[0]), outcome(desks[1]));
  }
}

/** A frame with a few of its bytes changed. */
export function changesOf(good: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const frame = good.slice();
    for (const [at, value] of changes) frame[at] = value;
    return frame;
  });
}

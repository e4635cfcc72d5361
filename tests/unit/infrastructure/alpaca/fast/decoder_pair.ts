/**
 * Two decoders side by side, and frames for them.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { HarnessOptions, OptionHarness, StockHarness } from "../decoder_harness.ts";

/** Frames of each kind; more by hand. */
export const RUNS = Number(Deno.env.get("FAST_FRAME_RUNS") ?? 5_000);
/** Symbols of the harnesses that do not subscribe every symbol. */
export const WANTED = ["AAPL", "SPY261218C00650000"];

/** Everything that a harness has published, counted and passed on. */
function outcome(harness: StockHarness | OptionHarness) {
  const { events, controls, received, errors, inexact } = harness;
  return { events, controls, received, errors, inexact };
}

/** Two harnesses that differ in how they decode. */
export class Pair {
  readonly #fast: StockHarness | OptionHarness;
  readonly #general: StockHarness | OptionHarness;

  constructor(make: (options: HarnessOptions) => StockHarness | OptionHarness) {
    this.#fast = make({});
    this.#general = make({ generalOnly: true });
  }

  /** Fails unless a frame means the same to both. */
  assertSame(frame: Uint8Array): void {
    const harnesses = [this.#fast, this.#general] as const;
    for (const harness of harnesses) {
      harness.forget();
      harness.receive(frame);
    }
    assert.deepEqual(outcome(harnesses[0]), outcome(harnesses[1]));
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

/**
 * Asset ids: every symbol has one UUID, the same in every order, position and
 * contract of a simulator with the same seed.
 *
 * @module
 */
import type { SimulatorRandom } from "../ports.ts";

/** The asset id where there is no asset: the parent of a multi-leg order. */
export const ZERO_UUID = "00000000-0000-0000-0000-000000000000";

/** Gives symbols their ids and remembers them. */
export class AssetIds {
  readonly #random: SimulatorRandom;
  readonly #ids = new Map<string, string>();

  /** The ids depend on the seed of `random` and on nothing else. */
  constructor(random: SimulatorRandom) {
    this.#random = random;
  }

  /** The id of one symbol. */
  of(symbol: string): string {
    const known = this.#ids.get(symbol);
    if (known !== undefined) return known;
    const id = this.#random.fork(`asset ${symbol}`).uuid();
    this.#ids.set(symbol, id);
    return id;
  }
}

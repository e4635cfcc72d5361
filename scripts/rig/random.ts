/**
 * Seeded random choices for reproducible runs.
 *
 * @module
 */
import { SeededRandom } from "@alpaca-stream-proxy/simulator/random";

/** The simulator's generator, with the choices that mutations and faults make. */
export class Random extends SeededRandom {
  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }
}

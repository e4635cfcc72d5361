/**
 * Searches for inputs that a decoder handles wrongly.
 *
 * Inputs come from a grammar of the protocol, from mutations of the corpus, and are
 * every prefix of every example. The corpus keeps inputs with an outcome that
 * no earlier input had, and the inputs of a batch that reached new code.
 *
 * @module
 */
import { problemOf } from "./plain_keys.ts";
import type { Coverage } from "./coverage.ts";
import { minimize, mutate } from "./mutate.ts";
import { Random } from "../rig/random.ts";
import { DECLINED, type Target } from "./target.ts";

/** Length and start of a search. */
interface FuzzOptions {
  readonly seed: number;
  /** Inputs beside the truncated ones. */
  readonly runs: number;
  /** Time limit in ms. @default none */
  readonly maxMs?: number;
  /** Inputs to start from. */
  readonly seeds: readonly Uint8Array[];
  /** Guides the search. @default outcomes only */
  readonly coverage?: Coverage | undefined;
  /** Called after each batch. */
  readonly onProgress?: (runs: number) => void;
}

/** An input that is handled wrongly, minimized. */
interface Failure {
  readonly input: Uint8Array;
  readonly problem: string;
}

/** Result of a search. */
export interface FuzzReport {
  /** Inputs that were tried, truncated ones included. */
  readonly runs: number;
  readonly truncations: number;
  /** Size of the corpus. */
  readonly corpus: number;
  readonly failure: Failure | undefined;
}

/** Capacity of the corpus; new inputs replace the oldest. */
const MAX_CORPUS = 4_096;
/** Longest input of the corpus in bytes; short inputs run faster. */
const MAX_INPUT_BYTES = 1_024;
/** Coverage is measured for 50,000 of every 1,000,000 inputs. */
const COVERED = 50_000;
const COVERED_PERIOD = 1_000_000;
/** Inputs between two readings of the coverage. */
const BATCH = 256;

/** Searches until an input fails or a limit is reached. */
export async function fuzz(
  target: Target,
  options: FuzzOptions,
): Promise<FuzzReport> {
  const search = new Search(target, options);
  const { stackTraceLimit } = Error;
  // Most inputs cause errors, whose main cost is the stack trace.
  Error.stackTraceLimit = 0;
  try {
    search.truncateAll();
    await search.explore();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return search.report();
}

class Search {
  readonly #target: Target;
  readonly #options: FuzzOptions;
  readonly #random: Random;
  readonly #corpus: Uint8Array[] = [];
  readonly #signatures = new Set<string>();
  #kept = 0;
  #runs = 0;
  #truncations = 0;
  #failure: Failure | undefined;

  constructor(target: Target, options: FuzzOptions) {
    this.#target = target;
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  /** Tries every prefix of every example and of every seed. */
  truncateAll(): void {
    // The notation of these inputs must not depend on the seed.
    const examples = this.#target.examples(new Random(1));
    for (const input of [...examples, ...this.#options.seeds]) {
      this.#keep(input);
      for (let length = input.length; length >= 0; length--) {
        this.#truncations++;
        if (!this.#try(input.slice(0, length), true)) return;
      }
    }
  }

  /** Tries generated and mutated inputs. */
  async explore(): Promise<void> {
    const { coverage, runs, maxMs = Infinity, onProgress } = this.#options;
    const end = performance.now() + maxMs;
    let done = 0;
    while (done < runs && !this.#failure && performance.now() < end) {
      const isCovered = done % COVERED_PERIOD < COVERED;
      await coverage?.turn(isCovered);
      const valid: Uint8Array[] = [];
      for (let i = 0; i < BATCH && done < runs && !this.#failure; i++, done++) {
        const input = this.#nextInput();
        if (!this.#try(input)) break;
        if (isCovered && this.#target.signature() !== DECLINED) {
          valid.push(input);
        }
      }
      if (isCovered && await coverage?.take()) valid.forEach(this.#keep);
      onProgress?.(this.#runs);
    }
  }

  report(): FuzzReport {
    return {
      runs: this.#runs,
      truncations: this.#truncations,
      corpus: this.#corpus.length,
      failure: this.#failure,
    };
  }

  #nextInput(): Uint8Array {
    const random = this.#random;
    if (random.oneIn(2)) return this.#target.generate(random);
    const frame = random.pick(this.#corpus);
    const other = random.pick(this.#corpus);
    return mutate(frame, { other, random, isText: this.#target.isText });
  }

  /** Runs an input; returns false when it is handled wrongly. */
  #try(input: Uint8Array, thorough = false): boolean {
    this.#runs++;
    const problem = this.#problemOf(input, thorough);
    if (problem !== undefined) {
      const smallest = minimize(
        input,
        (shorter) => this.#problemOf(shorter) !== undefined,
      );
      this.#failure = {
        input: smallest,
        problem: this.#problemOf(smallest) ?? problem,
      };
      return false;
    }
    const signature = this.#target.signature();
    if (!this.#signatures.has(signature)) {
      this.#signatures.add(signature);
      this.#keep(input);
    }
    return true;
  }

  #problemOf(input: Uint8Array, thorough = true): string | undefined {
    try {
      return problemOf(this.#target, input, thorough);
    } catch (error) {
      return `The decoder threw ${error instanceof Error ? error.stack : error}`;
    }
  }

  readonly #keep = (input: Uint8Array): void => {
    if (input.length > MAX_INPUT_BYTES) return;
    this.#corpus[this.#kept++ % MAX_CORPUS] = input;
  };
}

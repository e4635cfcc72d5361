/**
 * Searches for inputs that a decoder handles wrongly.
 *
 * Inputs are frames made by the grammar of the protocol, changed copies of what
 * was interesting before, and every beginning of every good frame. Interesting is
 * what had an effect that no input had before, and the inputs of a batch that
 * reached code for the first time.
 *
 * @module
 */
import type { Coverage } from "./coverage.ts";
import { anyFrame } from "./grammar.ts";
import { minimize, mutate } from "./mutate.ts";
import { Random } from "./random.ts";
import { DECLINED, goodFrames, type Target } from "./target.ts";

/** How long and from where to search. */
export interface FuzzOptions {
  readonly seed: number;
  /** Inputs beside the truncated ones. */
  readonly runs: number;
  /** Milliseconds after which to stop earlier. @default none */
  readonly maxMs?: number;
  /** Inputs to start from. */
  readonly seeds: readonly Uint8Array[];
  /** Guides the search. @default by outcomes only */
  readonly coverage?: Coverage | undefined;
  /** Called after each batch. */
  readonly onProgress?: (runs: number) => void;
}

/** An input that is handled wrongly, made as small as possible. */
export interface Failure {
  readonly input: Uint8Array;
  readonly problem: string;
}

/** What a search has found. */
export interface FuzzReport {
  /** Inputs that were tried, truncated ones included. */
  readonly runs: number;
  readonly truncations: number;
  /** Inputs that were kept. */
  readonly corpus: number;
  readonly failure: Failure | undefined;
}

/** Most inputs that are kept; later ones replace earlier ones. */
const MOST_KEPT = 4_096;
/** Bytes of the longest input that is kept: short ones are tried faster. */
const LONGEST_KEPT = 1_024;
/** Inputs of which the coverage is watched, and after how many it is again. */
const WATCHED = 50_000;
const WATCH_EVERY = 1_000_000;
/** Inputs between two looks at the coverage. */
const BATCH = 256;

/** Searches until something is found or the time is up. */
export async function fuzz(
  target: Target,
  options: FuzzOptions,
): Promise<FuzzReport> {
  const search = new Search(target, options);
  const { stackTraceLimit } = Error;
  // Most inputs are errors, and most of an error's cost is its stack.
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

  /** Tries every good frame and every seed, cut behind each of its bytes. */
  truncateAll(): void {
    const { shape, write } = this.#target;
    // Which notation a frame is written in must not hang on the seed.
    const usual = new Random(1);
    const frames = goodFrames(shape).map((frame) => write(frame, usual));
    for (const frame of [...frames, ...this.#options.seeds]) {
      this.#keep(frame);
      for (let length = frame.length; length >= 0; length--) {
        this.#truncations++;
        if (!this.#try(frame.slice(0, length), true)) return;
      }
    }
  }

  /** Tries made-up inputs. */
  async explore(): Promise<void> {
    const { coverage, runs, maxMs = Infinity, onProgress } = this.#options;
    const end = performance.now() + maxMs;
    let done = 0;
    while (done < runs && !this.#failure && performance.now() < end) {
      const isWatched = done % WATCH_EVERY < WATCHED;
      await coverage?.turn(isWatched);
      const valid: Uint8Array[] = [];
      for (let i = 0; i < BATCH && done < runs && !this.#failure; i++, done++) {
        const input = this.#make();
        if (!this.#try(input)) break;
        if (isWatched && this.#target.signature() !== DECLINED) {
          valid.push(input);
        }
      }
      if (isWatched && await coverage?.take()) valid.forEach(this.#keep);
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

  #make(): Uint8Array {
    const random = this.#random;
    if (random.oneIn(2)) {
      const { shape, write } = this.#target;
      return write(anyFrame(random, shape), random);
    }
    const frame = random.pick(this.#corpus);
    const other = random.pick(this.#corpus);
    return mutate(frame, { other, random, isText: this.#target.isText });
  }

  /** Runs an input; false when it is handled wrongly. */
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
      return this.#target.run(input, thorough);
    } catch (error) {
      return `The decoder threw ${
        error instanceof Error ? error.stack : error
      }`;
    }
  }

  readonly #keep = (input: Uint8Array): void => {
    if (input.length > LONGEST_KEPT) return;
    this.#corpus[this.#kept++ % MOST_KEPT] = input;
  };
}

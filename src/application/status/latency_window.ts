/**
 * Computes the processing latency of the last minute from a histogram that counts since the start.
 *
 * @module
 */
import { type Latency, PROCESSING_BUCKETS } from "./counters.ts";

/** Length of the window, in ms. */
const WINDOW_MS = 60_000;

/** Summary of a histogram. */
export interface LatencySummary {
  /**
   * Upper bounds in seconds of the buckets in which the median and the 99th percentile lie:
   * `Infinity` when beyond the last bound, `undefined` when nothing was measured.
   */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  /** Messages per bucket; the last one is beyond the last bound. */
  readonly counts: readonly number[];
  /** True for the last minute, false for all time. */
  readonly recent: boolean;
}

/** Samples one histogram. */
export class LatencyWindow {
  #samples: { readonly at: number; readonly counts: readonly number[] }[] = [];
  #summary: LatencySummary = summarize([], false);

  /**
   * The histogram over the last minute as far as it was sampled, or over all time when no message
   * arrived in that time.
   */
  get summary(): LatencySummary {
    return this.#summary;
  }

  /**
   * Samples the histogram.
   *
   * @param at monotonic ms
   */
  add(latency: Latency, at: number): void {
    const counts = [...latency.counts];
    this.#samples = this.#samples.filter((each) => at - each.at <= WINDOW_MS);
    const first = this.#samples[0]?.counts;
    this.#samples.push({ at, counts });
    const recent = counts.map((count, bucket) => count - (first?.[bucket] ?? count));
    const isRecent = recent.some((count) => count > 0);
    this.#summary = isRecent ? summarize(recent, true) : summarize(counts, false);
  }
}

function summarize(counts: readonly number[], recent: boolean): LatencySummary {
  const count = counts.reduce((total, each) => total + each, 0);
  return { p50: bound(counts, count * 0.5), p99: bound(counts, count * 0.99), counts, recent };
}

/** Upper bound of the bucket that contains the sample of this rank. */
function bound(counts: readonly number[], rank: number): number | undefined {
  if (rank === 0) return undefined;
  let seen = 0;
  for (const [bucket, count] of counts.entries()) {
    seen += count;
    if (seen >= rank) return PROCESSING_BUCKETS[bucket] ?? Infinity;
  }
  return undefined;
}

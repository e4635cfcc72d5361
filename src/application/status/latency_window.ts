/**
 * Computes the processing latency of the last minute from a histogram that
 * counts since the start.
 *
 * @module
 */
import { type Latency, PROCESSING_BUCKETS } from "./counters.ts";

/** Length of the window, in ms. */
const WINDOW_MS = 60_000;

/** Summary of a histogram. */
export interface LatencySummary {
  /** Messages that were measured. */
  readonly count: number;
  /** Seconds; undefined when nothing was measured. */
  readonly mean: number | undefined;
  /**
   * Upper bounds in seconds of the buckets in which the median and the 99th
   * percentile lie; `Infinity` when beyond the last bound.
   */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  /** Messages per bucket; the last one is beyond the last bound. */
  readonly counts: readonly number[];
  /** True for the last minute, false for all time. */
  readonly recent: boolean;
}

interface Sample {
  readonly at: number;
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Samples one histogram. */
export class LatencyWindow {
  #samples: Sample[] = [];

  /**
   * Summarizes the histogram over the last minute as far as it was sampled, or
   * over all time when no message arrived in that time.
   *
   * @param at monotonic ms
   */
  next(latency: Latency, at: number): LatencySummary {
    const now = { at, counts: [...latency.counts], sum: latency.sum };
    this.#samples = this.#samples.filter((each) => at - each.at <= WINDOW_MS);
    const [first] = this.#samples;
    this.#samples.push(now);
    if (first) {
      const counts = now.counts.map((count, bucket) => count - (first.counts[bucket] ?? 0));
      const recent = summarize(counts, now.sum - first.sum);
      if (recent.count > 0) return { ...recent, recent: true };
    }
    return { ...summarize(now.counts, now.sum), recent: false };
  }
}

function summarize(
  counts: readonly number[],
  sum: number,
): Omit<LatencySummary, "recent"> {
  const count = counts.reduce((total, each) => total + each, 0);
  return {
    count,
    mean: count > 0 ? sum / count : undefined,
    p50: bound(counts, count * 0.5),
    p99: bound(counts, count * 0.99),
    counts,
  };
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

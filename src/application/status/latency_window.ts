/**
 * Summarizes the last minute of a histogram that counts since the start.
 *
 * @module
 */

/** Length of the window, in ms. */
const WINDOW_MS = 60_000;

/** A histogram of seconds. */
export interface Histogram {
  /** Upper bounds in seconds, ascending. */
  readonly bounds: readonly number[];
  /** Per bucket; the last one is beyond the last bound. */
  readonly counts: readonly number[];
}

/** Summary of a histogram. */
export interface LatencySummary extends Histogram {
  /**
   * Upper bounds in seconds of the buckets in which the median and the 99th percentile lie:
   * `Infinity` when beyond the last bound, `undefined` when nothing was measured.
   */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  /** True for the last minute, false for all time. */
  readonly recent: boolean;
}

/** Samples one histogram. */
export class LatencyWindow {
  #samples: { readonly at: number; readonly counts: readonly number[] }[] = [];
  #summary: LatencySummary = summarize({ bounds: [], counts: [] }, false);

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
  add({ bounds, counts: present }: Histogram, at: number): void {
    const counts = [...present];
    this.#samples = this.#samples.filter((each) => at - each.at <= WINDOW_MS);
    const first = this.#samples[0]?.counts;
    this.#samples.push({ at, counts });
    const recent = counts.map((count, bucket) => count - (first?.[bucket] ?? count));
    const isRecent = recent.some((count) => count > 0);
    this.#summary = summarize({ bounds, counts: isRecent ? recent : counts }, isRecent);
  }
}

function summarize(histogram: Histogram, recent: boolean): LatencySummary {
  const count = histogram.counts.reduce((total, each) => total + each, 0);
  const [p50, p99] = [0.5, 0.99].map((share) => bound(histogram, count * share));
  return { ...histogram, p50, p99, recent };
}

/** Upper bound of the bucket that contains the sample of this rank. */
function bound({ bounds, counts }: Histogram, rank: number): number | undefined {
  if (rank === 0) return undefined;
  let seen = 0;
  for (const [bucket, count] of counts.entries()) {
    seen += count;
    if (seen >= rank) return bounds[bucket] ?? Infinity;
  }
  return undefined;
}

/**
 * Samples of a soak run and the growth computed from them.
 *
 * @module
 */

/** State of the proxy at one time. Memory is in bytes. */
export interface Sample {
  /** Seconds since the load started. */
  readonly at: number;
  readonly rss: number;
  /** Anonymous part of `rss`. */
  readonly anonymous: number;
  readonly heapUsed: number;
  /** Bytes that V8 has committed for its heap. */
  readonly heapTotal: number;
  /** Bytes outside of the heap that objects in it hold. */
  readonly external: number;
  /** Bytes that V8 has allocated outside of its heap for itself. */
  readonly malloced: number;
  readonly descriptors: number;
  /** Open gRPC streams. */
  readonly streams: number;
  /** Bytes in queues; 0 where the proxy does not report it. */
  readonly queued: number;
  /** Messages received from upstream so far. */
  readonly received: number;
}

/** A quantity whose growth is judged. */
export interface Growth {
  readonly what: string;
  /** MiB per hour; NaN with fewer than two samples. */
  readonly slope: number;
  /** MiB at the end of the run. */
  readonly last: number;
  /** The bound of the slope in MiB per hour; none when it is only reported. */
  readonly bound?: number;
  readonly isOver: boolean;
}

const MIB = 2 ** 20;

/** A point of a line: seconds and bytes. */
type Point = readonly [seconds: number, bytes: number];

/** The slope of the least-squares line, in MiB per hour; NaN for one point. */
export function slopePerHour(points: readonly Point[]): number {
  const n = points.length;
  const mean = (of: (point: Point) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / n;
  const x = mean(([seconds]) => seconds);
  const y = mean(([, bytes]) => bytes);
  let covariance = 0;
  let variance = 0;
  for (const [seconds, bytes] of points) {
    covariance += (seconds - x) * (bytes - y);
    variance += (seconds - x) ** 2;
  }
  return covariance / variance * 3600 / MIB;
}

/** Parts that a run is cut into for {@linkcode lows}. */
const PARTS = 6;

/**
 * The lowest point of each sixth of `points`: what is left after a garbage
 * collection, without the sawtooth between two of them.
 */
export function lows(points: readonly Point[]): readonly Point[] {
  const size = Math.ceil(points.length / PARTS);
  const found: Point[] = [];
  for (let at = 0; at < points.length; at += size) {
    found.push(
      points.slice(at, at + size).reduce((low, one) => one[1] < low[1] ? one : low),
    );
  }
  return found;
}

/** Bytes of resident memory that are not V8's heap. */
export function beyondHeap({ rss, heapTotal }: Sample): number {
  return rss - heapTotal;
}

/**
 * Seconds at the start of a run that are not judged: a fifth of it, at most 15
 * minutes.
 */
export function warmUpSeconds(runSeconds: number): number {
  return Math.min(runSeconds / 5, 15 * 60);
}

/** Judges the samples after the warm-up. @param bound in MiB per hour */
export function judge(
  samples: readonly Sample[],
  { warmUp, bound }: { readonly warmUp: number; readonly bound: number },
): readonly Growth[] {
  const steady = samples.filter(({ at }) => at >= warmUp);
  const growth = (
    what: string,
    of: (sample: Sample) => number,
    options: {
      readonly limit?: number;
      readonly line?: (points: readonly Point[]) => readonly Point[];
    } = {},
  ): Growth => {
    const { limit, line = (points) => points } = options;
    const points = steady.map((s): Point => [s.at, of(s)]);
    const slope = slopePerHour(line(points));
    const last = steady.at(-1);
    return {
      what,
      slope,
      last: last ? of(last) / MIB : NaN,
      ...limit === undefined ? {} : { bound: limit },
      isOver: limit !== undefined && !(slope <= limit),
    };
  };
  return [
    growth("RSS", ({ rss }) => rss),
    growth("heap after collections", ({ heapUsed }) => heapUsed, {
      limit: bound,
      line: lows,
    }),
    growth("RSS beyond the heap", beyondHeap, { limit: bound }),
  ];
}

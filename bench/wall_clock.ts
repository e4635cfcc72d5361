/**
 * One time for all processes of a bench run.
 *
 * `performance.timeOrigin` is the wall clock at the start of a process to the
 * microsecond and `performance.now()` is monotonic from there, so processes of
 * one machine agree to within microseconds as long as nobody sets its clock
 * while they start.
 *
 * @module
 */

const ORIGIN_SECONDS = Math.floor(performance.timeOrigin / 1000);
const ORIGIN_REST_MS = performance.timeOrigin - ORIGIN_SECONDS * 1000;

/** A point in time that keeps its nanoseconds: seconds and the rest. */
export interface Moment {
  readonly seconds: number;
  readonly nanos: number;
}

/** The moment at which `performance.now()` was `at`. */
export function momentAt(at: number): Moment {
  const ms = ORIGIN_REST_MS + at;
  const whole = Math.floor(ms / 1000);
  return {
    seconds: ORIGIN_SECONDS + whole,
    nanos: Math.floor((ms - whole * 1000) * 1e6),
  };
}

/** Microseconds from `moment` until `performance.now()` was `at`. */
export function microsSince(
  seconds: number,
  nanos: number,
  at: number,
): number {
  return (ORIGIN_SECONDS - seconds) * 1e6 - nanos / 1000 +
    (ORIGIN_REST_MS + at) * 1000;
}

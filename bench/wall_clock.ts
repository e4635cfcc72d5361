/**
 * A clock that all processes of a bench run share.
 *
 * `performance.timeOrigin` is the wall clock at the start of a process, to the
 * microsecond, and `performance.now()` is monotonic from there. Processes of one
 * machine agree within microseconds unless its clock is set while they start.
 *
 * @module
 */

const ORIGIN_SECONDS = Math.floor(performance.timeOrigin / 1000);
const ORIGIN_REST_MS = performance.timeOrigin - ORIGIN_SECONDS * 1000;

/** A time as seconds and nanoseconds. */
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

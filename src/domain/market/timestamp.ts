/**
 * Points in time with nanosecond precision, as exchanges state them.
 *
 * A timestamp is two plain numbers rather than a `bigint`, a `Date` or a
 * `Temporal.Instant`, because one is made for every tick: both numbers are
 * exact, and neither costs more than the element they were read from.
 *
 * @module
 */

/** A point in time: whole seconds since 1970-01-01T00:00:00Z plus nanoseconds. */
export interface Timestamp {
  /** Whole seconds since the Unix epoch, UTC; negative before 1970. */
  readonly seconds: number;
  /** Nanoseconds within that second, always 0 to 999 999 999. */
  readonly nanos: number;
}

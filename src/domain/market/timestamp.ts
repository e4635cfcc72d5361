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

/** 0001-01-01T00:00:00Z, in seconds since the Unix epoch. */
const FIRST_SECOND = -62_135_596_800;
/** 9999-12-31T23:59:59Z, in seconds since the Unix epoch. */
const LAST_SECOND = 253_402_300_799;
const LAST_NANO = 999_999_999;

/**
 * Whether these two numbers are a point in time that every receiver can name:
 * in the years 1 to 9999, which is all that `google.protobuf.Timestamp` and
 * RFC 3339 allow. A consumer may convert one without checking it and fail.
 */
export function isTimestamp({ seconds, nanos }: Timestamp): boolean {
  return Number.isInteger(seconds) && Number.isInteger(nanos) &&
    seconds >= FIRST_SECOND && seconds <= LAST_SECOND &&
    nanos >= 0 && nanos <= LAST_NANO;
}

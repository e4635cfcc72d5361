/**
 * Times with nanosecond precision.
 *
 * A timestamp is two exact numbers instead of a `bigint`, a `Date` or a
 * `Temporal.Instant`, because one is created for every tick.
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
 * Whether a timestamp is in the years 1 to 9999, the range of
 * `google.protobuf.Timestamp` and RFC 3339. A consumer may convert it without a
 * check and fail on any other.
 */
export function isTimestamp({ seconds, nanos }: Timestamp): boolean {
  return Number.isInteger(seconds) && Number.isInteger(nanos) &&
    seconds >= FIRST_SECOND && seconds <= LAST_SECOND &&
    nanos >= 0 && nanos <= LAST_NANO;
}

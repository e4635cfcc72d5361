/**
 * Which points in time may leave the proxy.
 *
 * A consumer may convert a timestamp without checking it and fail on a bad
 * one, so a timestamp outside of what `google.protobuf.Timestamp` allows is
 * left unset rather than sent.
 *
 * @module
 */
import type { Timestamp } from "../../../domain/market/timestamp.ts";

/** 0001-01-01T00:00:00Z, in seconds since the Unix epoch. */
const FIRST_SECOND = -62_135_596_800;
/** 9999-12-31T23:59:59Z, in seconds since the Unix epoch. */
const LAST_SECOND = 253_402_300_799;
const LAST_NANO = 999_999_999;

/** Whether `google.protobuf.Timestamp` can carry this point in time. */
export function isSendable({ seconds, nanos }: Timestamp): boolean {
  return Number.isInteger(seconds) && Number.isInteger(nanos) &&
    seconds >= FIRST_SECOND && seconds <= LAST_SECOND &&
    nanos >= 0 && nanos <= LAST_NANO;
}

/**
 * Timestamps for messages that the generated code serializes.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import {
  type Timestamp as ProtoTimestamp,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import {
  isTimestamp,
  type Timestamp,
} from "../../../domain/market/timestamp.ts";

/** The message for a point in time; undefined for one that nobody could read. */
export function toProtoTimestamp(
  timestamp: Timestamp,
): ProtoTimestamp | undefined {
  if (!isTimestamp(timestamp)) return undefined;
  return create(TimestampSchema, {
    seconds: BigInt(timestamp.seconds),
    nanos: timestamp.nanos,
  });
}

/** The message for a wall clock reading in milliseconds, fractions cut off. */
export function millisToProto(ms: number): ProtoTimestamp | undefined {
  const whole = Math.floor(ms);
  const seconds = Math.floor(whole / 1000);
  return toProtoTimestamp({ seconds, nanos: (whole - seconds * 1000) * 1e6 });
}

/**
 * Converts timestamps for messages that the generated code encodes.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { type Timestamp as ProtoTimestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { isTimestamp, type Timestamp } from "../../../domain/market/timestamp.ts";

/** Returns the message of a timestamp; undefined for an invalid one. */
export function toProtoTimestamp(
  timestamp: Timestamp,
): ProtoTimestamp | undefined {
  if (!isTimestamp(timestamp)) return undefined;
  return create(TimestampSchema, {
    seconds: BigInt(timestamp.seconds),
    nanos: timestamp.nanos,
  });
}

/** Returns the message of a wall clock time in ms; fractions are cut off. */
export function millisToProto(ms: number): ProtoTimestamp | undefined {
  const whole = Math.floor(ms);
  const seconds = Math.floor(whole / 1000);
  return toProtoTimestamp({ seconds, nanos: (whole - seconds * 1000) * 1e6 });
}

/**
 * Missing messages, as the client reports them.
 *
 * @module
 */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type Gap, GapReason } from "../src/gen/cream/v1/stream_proxy_pb.ts";

/**
 * Why messages are missing: the queue of this stream overflowed; the session
 * with Alpaca was down; a message could not be decoded; the position to resume
 * from is no longer retained; the symbol was not subscribed at Alpaca; or the
 * client found a hole that the proxy did not report.
 */
export type StreamGapReason =
  | "slow_client"
  | "upstream_lost"
  | "unreadable"
  | "not_retained"
  | "not_subscribed"
  | "undetected"
  | "unspecified";

/** Messages that are missing at this point of the stream. */
export interface StreamGap {
  /** Why they are missing. */
  readonly reason: StreamGapReason;
  /** Number of missing messages; 0 when it is unknown. */
  readonly count: number;
  /** Position of the first missing message; 0 when it is unknown. */
  readonly firstSequence: bigint;
  /** Position of the last missing message; 0 when it is unknown. */
  readonly lastSequence: bigint;
  /** Affected symbols; empty when they are unknown or more than 32. */
  readonly symbols: readonly string[];
  /** Start of the time in which messages are missing; undefined when it is unknown. */
  readonly startTime?: Timestamp | undefined;
  /** End of the time in which messages are missing; undefined when it is unknown. */
  readonly endTime?: Timestamp | undefined;
}

const REASONS: Readonly<Record<GapReason, StreamGapReason>> = {
  [GapReason.UNSPECIFIED]: "unspecified",
  [GapReason.SLOW_CLIENT]: "slow_client",
  [GapReason.UPSTREAM_LOST]: "upstream_lost",
  [GapReason.UNREADABLE]: "unreadable",
  [GapReason.NOT_RETAINED]: "not_retained",
  [GapReason.NOT_SUBSCRIBED]: "not_subscribed",
};

/** The gap of a notice. */
export function gapOf(
  { reason, count, firstSequence, lastSequence, symbols, startTime, endTime }: Gap,
): StreamGap {
  return {
    reason: REASONS[reason] ?? "unspecified",
    count: Number(count),
    firstSequence,
    lastSequence,
    symbols,
    startTime,
    endTime,
  };
}

/** A hole that the proxy did not report; symbols and positions where they are known. */
export function undetectedGap(
  count: number,
  { symbols = [], firstSequence = 0n, lastSequence = 0n }: Partial<StreamGap> = {},
): StreamGap {
  return { reason: "undetected", count, firstSequence, lastSequence, symbols };
}

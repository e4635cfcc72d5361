/**
 * Encodes notices with the generated code: they are few.
 *
 * The notice has the same field number in the response of every stream, so one encoder serves all
 * channels.
 *
 * @module
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type Duration,
  DurationSchema,
  type Timestamp,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import type { DeliveryPolicy as DomainPolicy } from "../../../application/status/reports.ts";
import type {
  Notice,
  ResumePoint,
  SelectionChange as DomainChange,
  StreamOptions,
} from "../../../application/streaming/stream_options.ts";
import type { FeedNotice, Gap, GapReason as DomainReason } from "../../../domain/market/notices.ts";
import {
  DeliveryPolicy,
  type FeedNoticeSchema,
  GapReason,
  type GapSchema,
  type HelloSchema,
  type NoticeSchema,
  type ResumePointSchema,
  SelectionChange,
  type StreamOptionsSchema,
  StreamQuotesResponseSchema,
} from "../../../gen/cream/v1/stream_proxy_pb.ts";
import { splitMs } from "./message_meta.ts";
import { FRESHNESS, SYMBOL_STATES } from "./status_response.ts";

/** Schema values of the delivery policies. */
export const POLICIES: Readonly<Record<DomainPolicy, DeliveryPolicy>> = {
  every: DeliveryPolicy.EVERY,
  latest: DeliveryPolicy.LATEST,
  every_or_end: DeliveryPolicy.EVERY_OR_END,
};

/** Schema values of the reasons for a gap. */
export const GAP_REASONS: Readonly<Record<DomainReason, GapReason>> = {
  slow_client: GapReason.SLOW_CLIENT,
  upstream_lost: GapReason.UPSTREAM_LOST,
  unreadable: GapReason.UNREADABLE,
  not_retained: GapReason.NOT_RETAINED,
  not_subscribed: GapReason.NOT_SUBSCRIBED,
};

/** Schema values of the changes of a selection. */
const SELECTION_CHANGES: Readonly<Record<DomainChange, SelectionChange>> = {
  entered: SelectionChange.ENTERED,
  left: SelectionChange.LEFT,
  many: SelectionChange.MANY,
  short: SelectionChange.SHORT,
  complete: SelectionChange.COMPLETE,
};

const NANOS_PER_MS = 1_000_000;
const NANOS_PER_SECOND = 1_000_000_000;

/**
 * Encodes a notice as the response of any stream.
 *
 * @param version of the proxy, for hello
 */
export function encodeNotice(notice: Notice, version: string): Uint8Array {
  const at = time(notice.at);
  const message: MessageInitShape<typeof NoticeSchema> = {
    ...(at && { at }),
    kind: kindOf(notice, version),
  };
  const response = create(StreamQuotesResponseSchema, { notice: message });
  return toBinary(StreamQuotesResponseSchema, response);
}

type Kind = NonNullable<MessageInitShape<typeof NoticeSchema>["kind"]>;

function kindOf(notice: Notice, version: string): Kind {
  switch (notice.type) {
    case "hello":
      return { case: "hello", value: helloOf(notice.hello, version) };
    case "gap":
      return { case: "gap", value: gapOf(notice.gap) };
    case "feed":
      return { case: "feed", value: feedOf(notice.feed) };
    case "subscription": {
      const { symbol, state, reason, underlying, selection } = notice;
      return {
        case: "subscription",
        value: {
          symbol,
          state: SYMBOL_STATES[state],
          reason,
          ...(underlying !== undefined && { underlying }),
          ...(selection && { selection: SELECTION_CHANGES[selection] }),
        },
      };
    }
    case "heartbeat": {
      const { sequence, published, delivered, conflated, lost } = notice.totals;
      const value = {
        sequence: BigInt(sequence),
        published: BigInt(published),
        delivered: BigInt(delivered),
        conflated: BigInt(conflated),
        lost: BigInt(lost),
      };
      return { case: "heartbeat", value };
    }
    case "draining":
      return {
        case: "draining",
        value: { reason: notice.reason, grace: duration(notice.graceMs) },
      };
    case "caught_up": {
      const { sequence, count } = notice;
      return {
        case: "caughtUp",
        value: { sequence: BigInt(sequence), count: BigInt(count) },
      };
    }
  }
}

function helloOf(
  hello: Extract<Notice, { readonly type: "hello" }>["hello"],
  version: string,
): MessageInitShape<typeof HelloSchema> {
  const { epoch, sequence, options, resumed, feed, streamId } = hello;
  return {
    epoch,
    sequence: BigInt(sequence),
    options: optionsOf(options),
    version,
    resumed,
    feed: feedOf(feed),
    streamId,
  };
}

function optionsOf(
  options: StreamOptions,
): MessageInitShape<typeof StreamOptionsSchema> {
  const { meta, notices, snapshot, backfill, maxUnacknowledged, resume } = options;
  const { heartbeatMs, minIntervalMs } = options;
  return {
    meta,
    notices,
    snapshot,
    delivery: POLICIES[options.delivery],
    backfill,
    maxUnacknowledged,
    ...(heartbeatMs > 0 && { heartbeatInterval: duration(heartbeatMs) }),
    ...(minIntervalMs > 0 && { minInterval: duration(minIntervalMs) }),
    ...(resume && { resume: resumeOf(resume) }),
  };
}

function resumeOf(
  resume: ResumePoint,
): MessageInitShape<typeof ResumePointSchema> {
  if ("eventId" in resume) return { eventId: resume.eventId };
  return { epoch: resume.epoch, sequence: BigInt(resume.sequence) };
}

function gapOf(gap: Gap): MessageInitShape<typeof GapSchema> {
  const { reason, count, firstSequence, lastSequence, symbols } = gap;
  const startTime = time(gap.startTime);
  const endTime = time(gap.endTime);
  return {
    reason: GAP_REASONS[reason],
    count: BigInt(count),
    firstSequence: BigInt(firstSequence),
    lastSequence: BigInt(lastSequence),
    symbols: [...symbols],
    ...(startTime && { startTime }),
    ...(endTime && { endTime }),
  };
}

function feedOf(notice: FeedNotice): MessageInitShape<typeof FeedNoticeSchema> {
  const { freshness, reason, symbols } = notice;
  const since = time(notice.since);
  return {
    freshness: FRESHNESS[freshness],
    reason,
    symbols: [...symbols],
    ...(since && { since }),
  };
}

/** Returns the message of a wall clock time in ms; undefined for one that it cannot hold. */
function time(ms: number | undefined): Timestamp | undefined {
  const split = ms === undefined ? undefined : splitMs(ms);
  if (split === undefined) return undefined;
  return create(TimestampSchema, {
    seconds: BigInt(split.seconds),
    nanos: split.nanos,
  });
}

function duration(ms: number): Duration {
  const nanos = Math.round(ms * NANOS_PER_MS);
  const seconds = Math.floor(nanos / NANOS_PER_SECOND);
  return create(DurationSchema, {
    seconds: BigInt(seconds),
    nanos: nanos - seconds * NANOS_PER_SECOND,
  });
}

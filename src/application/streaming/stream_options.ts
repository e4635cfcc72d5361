/**
 * What a client can request beyond data messages, and the notices that it then receives.
 *
 * @module
 */
import type { FeedNotice, Gap } from "../../domain/market/notices.ts";
import type { DeliveryPolicy, SymbolState } from "../status/reports.ts";

/** A position at which to continue: an epoch with a sequence, or the id of an order event. */
export type ResumePoint =
  | { readonly epoch: string; readonly sequence: number }
  | { readonly eventId: string };

/** Options of a stream, with defaults filled in. */
export interface StreamOptions {
  /** Every data message carries its metadata. */
  readonly meta: boolean;
  /** Notices are sent in order with data. */
  readonly notices: boolean;
  /** Interval of heartbeats in ms; 0 without notices. */
  readonly heartbeatMs: number;
  /** The last known message of each symbol is sent first. */
  readonly snapshot: boolean;
  readonly delivery: DeliveryPolicy;
  /** With `latest`, least ms between two messages of a symbol; 0 for none. */
  readonly minIntervalMs: number;
  readonly resume: ResumePoint | undefined;
  /** Messages missed in an outage are fetched from REST. */
  readonly backfill: boolean;
  /** Most messages sent beyond the last acknowledged one; 0 for no limit. */
  readonly maxUnacknowledged: number;
}

/** Names of the options that differ from their defaults, as the contract spells them. */
export function namesOf(options: StreamOptions): readonly string[] {
  const { meta, notices, snapshot, delivery, minIntervalMs, resume, backfill } = options;
  const set = {
    meta,
    notices,
    snapshot,
    delivery: delivery !== "every",
    min_interval: minIntervalMs > 0,
    resume: resume !== undefined,
    backfill,
    max_unacknowledged: options.maxUnacknowledged > 0,
  };
  return Object.entries(set).filter(([, isSet]) => isSet).map(([name]) => name);
}

/** Totals of live messages since a stream opened: published = delivered + conflated + lost. */
export interface StreamTotals {
  /**
   * Position at which to resume: the newest one of the channel, or while events are queued the one
   * before the oldest of them.
   */
  readonly sequence: number;
  readonly published: number;
  readonly delivered: number;
  readonly conflated: number;
  readonly lost: number;
}

/** Start of a stream. */
interface Hello {
  readonly epoch: string;
  /** Position of the channel at which the stream starts. */
  readonly sequence: number;
  readonly options: StreamOptions;
  /** The resume is exact. */
  readonly resumed: boolean;
  readonly feed: FeedNotice;
  readonly streamId: string;
}

/** What has changed in the selected contracts of an underlying. */
export type SelectionChange = "entered" | "left" | "many" | "short" | "complete";

/** The state of a subscription, or a change of a selection. */
export interface SubscriptionContent {
  /** The underlying where the notice is about all of its contracts. */
  readonly symbol: string;
  readonly state: SymbolState;
  readonly reason: string;
  /** The underlying of the selection; undefined in a notice that is not about one. */
  readonly underlying?: string | undefined;
  readonly selection?: SelectionChange | undefined;
}

/** A notice and when it was made, in wall clock ms. */
export type Notice =
  & { readonly at: number }
  & (
    | { readonly type: "hello"; readonly hello: Hello }
    | { readonly type: "gap"; readonly gap: Gap }
    | { readonly type: "feed"; readonly feed: FeedNotice }
    | ({ readonly type: "subscription" } & SubscriptionContent)
    | { readonly type: "heartbeat"; readonly totals: StreamTotals }
    | { readonly type: "draining"; readonly reason: string; readonly graceMs: number }
    | { readonly type: "caught_up"; readonly sequence: number; readonly count: number }
  );

/** A notice without its time. */
export type NoticeContent = Notice extends infer N ? N extends Notice ? Omit<N, "at"> : never
  : never;

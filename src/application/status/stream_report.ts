/**
 * Reports on open client streams.
 *
 * @module
 */
import type { ChannelName } from "../../domain/market/channels.ts";

/** One open client stream. */
export interface StreamReport {
  readonly channel: ChannelName;
  /** The filter as the client sent it; empty means everything. */
  readonly filter: string;
  /** Events delivered to the client. */
  readonly delivered: number;
  /** Events queued for the client: its lag. */
  readonly waiting: number;
  /** Events that the client lost because it fell behind. */
  readonly lost: number;
  /** Wall clock ms. */
  readonly openedAt: number;
}

/** Makes a report of every open stream on demand, in no particular order. */
export type StreamsReport = () => readonly StreamReport[];

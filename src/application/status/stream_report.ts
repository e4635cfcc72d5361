/**
 * What is told of each open client stream.
 *
 * @module
 */
import type { ChannelName } from "../../domain/market/channels.ts";

/** One open client stream. */
export interface StreamReport {
  readonly channel: ChannelName;
  /** What was asked for, in the client's own words; empty means everything. */
  readonly filter: string;
  /** Events that the client was given. */
  readonly delivered: number;
  /** Events that wait for the client: its lag. */
  readonly waiting: number;
  /** Events that the client lost because it fell behind. */
  readonly lost: number;
  /** Wall clock ms. */
  readonly openedAt: number;
}

/** Makes a report of every open stream on demand, in no particular order. */
export type StreamsReport = () => readonly StreamReport[];

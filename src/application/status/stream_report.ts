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
  /** Events handed to the transport, which the client may not have read yet. */
  readonly sent: number;
  /** Events queued for the client: its lag. */
  readonly queued: number;
  /** Events dropped because the client fell behind. */
  readonly dropped: number;
  /** Wall clock ms. */
  readonly openedAt: number;
}

/** Makes a report of every open stream on demand, in no particular order. */
export type StreamsReport = () => readonly StreamReport[];

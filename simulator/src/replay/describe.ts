/**
 * Describes what a recording has, without playing it.
 *
 * @module
 */
import { channelOfType } from "../protocol/endpoints.ts";
import { TRADE_UPDATES } from "../trading/trading_session.ts";
import { type Batch, DamagedBatch, readBatch } from "./batch.ts";
import { FeedOrder } from "./feed_order.ts";
import { readTradingFrame, splitFrame, UnreadableFrame } from "./recorded_frame.ts";
import { DamagedRecording, RecordingReader, type RecordingSource } from "./recording.ts";

/** What a recording has of one feed. */
export interface FeedDescription {
  frames: number;
  /** Number of messages by channel; `other` for types that no channel has. */
  readonly messages: Map<string, number>;
  /** Frames and messages that cannot be decoded. */
  unreadable: number;
  /** Times at which the sender had no session. */
  outages: number;
  /** Holes and terms. */
  readonly order: FeedOrder;
  /** Arrival of the first and the last entry, in ms since the Unix epoch. */
  from: number;
  to: number;
}

/** What a recording has. */
export interface RecordingDescription {
  /** By the name of the feed. */
  readonly feeds: ReadonlyMap<string, FeedDescription>;
  /** Bytes of whole records. */
  readonly bytes: number;
  readonly damagedBatches: number;
  /** Bytes of the incomplete record at the end. */
  readonly truncatedBytes: number;
  /** Why the rest of the file could not be read. */
  readonly damage: string | undefined;
}

/**
 * Reads a whole recording, from where the source is.
 *
 * @throws {DamagedRecording} for a file that is no recording
 */
export async function describeRecording(source: RecordingSource): Promise<RecordingDescription> {
  const reader = new RecordingReader(source);
  const feeds = new Map<string, FeedDescription>();
  let damagedBatches = 0;
  let damage: string | undefined;
  try {
    for (let record = await reader.next(); record; record = await reader.next()) {
      try {
        addBatch(feeds, record.feed, readBatch(record.bytes));
      } catch (error) {
        if (!(error instanceof DamagedBatch)) throw error;
        damagedBatches++;
      }
    }
  } catch (error) {
    if (!(error instanceof DamagedRecording) || reader.offset === 0) throw error;
    damage = error.message;
  }
  const { offset: bytes, truncatedBytes } = reader;
  return { feeds, bytes, damagedBatches, truncatedBytes, damage };
}

function addBatch(
  feeds: Map<string, FeedDescription>,
  feed: string,
  { term, entries }: Batch,
): void {
  const [first] = entries;
  if (!first) return;
  let found = feeds.get(feed);
  if (!found) {
    const { receivedAt: from } = first;
    const order = new FeedOrder();
    found = { frames: 0, messages: new Map(), unreadable: 0, outages: 0, order, from, to: from };
    feeds.set(feed, found);
  }
  for (const entry of entries) {
    found.from = Math.min(found.from, entry.receivedAt);
    found.to = Math.max(found.to, entry.receivedAt);
    if (entry.kind === "down") found.outages++;
    const frame = found.order.add(term, entry);
    if (frame) countFrame(found, feed, frame.bytes);
  }
}

function countFrame(found: FeedDescription, feed: string, bytes: Uint8Array): void {
  found.frames++;
  try {
    if (feed === "trading") {
      const { message } = readTradingFrame(bytes);
      if (message["stream"] === TRADE_UPDATES) countMessage(found, TRADE_UPDATES);
      return;
    }
    const { messages, unreadable } = splitFrame(bytes);
    found.unreadable += unreadable;
    for (const { message: { T } } of messages) {
      if (T === "success" || T === "error" || T === "subscription") continue;
      countMessage(found, typeof T === "string" ? channelOfType(T) ?? "other" : "other");
    }
  } catch (error) {
    if (!(error instanceof UnreadableFrame)) throw error;
    found.unreadable++;
  }
}

function countMessage({ messages }: FeedDescription, channel: string): void {
  messages.set(channel, (messages.get(channel) ?? 0) + 1);
}

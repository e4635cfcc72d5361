/**
 * Frames batches.
 *
 * A gRPC stream is a sequence of frames (a zero byte, the length in four bytes, the message), so a
 * batch can be one buffer: one write to HTTP/2 instead of one for each message, which costs tens of
 * microseconds at any size.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** A zero byte (not compressed) and the length in four bytes, big-endian. */
const PREFIX_BYTES = 5;

/** Encoded messages that are written together; never empty. */
export type EncodedMessages = readonly Uint8Array[];

/** Batches in the cache: several channels can alternate. */
const CACHED_BATCHES = 4;
/** Shorter batches are compared with the last one only: a lookup costs as much as framing. */
const MIN_CACHED_MESSAGES = 4;

/**
 * The last batches with their frames. Streams with the same filter are woken in the same turn and
 * mostly write the same batch, so that all but the first copy nothing: they send the same memory.
 * Two batches are equal when they hold the identical buffers, which all streams share, in the same
 * order.
 */
const cachedBatches: EncodedMessages[] = [];
const cachedFrames: Buffer[] = [];
let nextCached = 0;
let lastBatch: EncodedMessages = [];
let lastFrames: Buffer | undefined;

function areSame(some: EncodedMessages, others: EncodedMessages): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < some.length; i++) {
    if (some[i] !== others[i]) return false;
  }
  return true;
}

/**
 * Frames a message or a batch.
 *
 * @returns all frames; not to be written to
 */
export function frame(response: Uint8Array | EncodedMessages): Buffer {
  const messages = response instanceof Uint8Array ? [response] : response;
  if (lastFrames !== undefined && areSame(messages, lastBatch)) return lastFrames;
  const isCached = messages.length >= MIN_CACHED_MESSAGES;
  for (let i = 0; isCached && i < cachedBatches.length; i++) {
    if (areSame(messages, cachedBatches[i] as EncodedMessages)) return cachedFrames[i] as Buffer;
  }
  let bytes = 0;
  for (let i = 0; i < messages.length; i++) {
    bytes += PREFIX_BYTES + (messages[i] as Uint8Array).length;
  }
  const output = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i] as Uint8Array;
    const { length } = message;
    output[at] = 0;
    output[at + 1] = length >>> 24;
    output[at + 2] = length >>> 16;
    output[at + 3] = length >>> 8;
    output[at + 4] = length;
    output.set(message, at + PREFIX_BYTES);
    at += PREFIX_BYTES + length;
  }
  lastBatch = messages;
  lastFrames = output;
  if (isCached) {
    cachedBatches[nextCached] = messages;
    cachedFrames[nextCached] = output;
    nextCached = (nextCached + 1) % CACHED_BATCHES;
  }
  return output;
}

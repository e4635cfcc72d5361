/**
 * Writes batches, and releases the requests of calls.
 *
 * Batches
 * - Product: @grpc/grpc-js 1.14.7 (pinned exactly).
 * - Symptom: it frames one message per write, and of several writes to an HTTP/2 stream the first
 *   is sent immediately while the others wait for its callback: two socket writes per batch, and a
 *   stream write per message, each tens of microseconds at any size.
 * - Report: none found.
 * - Test: "the installed grpc-js has the framing that batches require" fails when grpc-js changes
 *   its framing; "a batch has the frames of its messages, for both content types" keeps the bytes.
 *
 * A gRPC stream is a sequence of frames (a zero byte, the length in four bytes, the message), so a
 * batch can be one buffer. A handler writes an array of encoded messages, and {@linkcode frame}
 * replaces the `serializeMessage` of its call, which grpc-js declares private. Where that method is
 * missing or frames differently, the array is written message by message and the last one carries
 * the callback: slower, same bytes. Cancellation, deadlines, flow control and trailers remain those
 * of grpc-js.
 *
 * Requests
 * - Product: @grpc/grpc-js 1.14.7.
 * - Symptom: it keeps the bytes of a request until the next request of the call begins, which most
 *   calls never send.
 * - Report: none found.
 * - Test: "a field that is not known is not kept while its stream is open" fails without this.
 *
 * A call with an interceptor whose client disconnects before its handler starts is never given to
 * the handler: the listener of grpc-js drops all later events. The test "a client that vanishes
 * right after its request leaves no open call" keeps that.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";

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

/** The part of a call that frames messages; grpc-js declares it private. */
interface Framing {
  serializeMessage(message: unknown): unknown;
}

const supported = new WeakMap<object, boolean>();

/**
 * Whether {@linkcode frame} can replace the framing of a call. Tested once per class of calls, with
 * a message whose frame is known.
 */
export function canFrame(call: object): boolean {
  const framing: object = Object.getPrototypeOf(call);
  let isSupported = supported.get(framing);
  if (isSupported === undefined) {
    isSupported = framesAsExpected(framing);
    supported.set(framing, isSupported);
  }
  return isSupported;
}

function framesAsExpected(framing: object): boolean {
  const message = Buffer.alloc(300, 1);
  try {
    const { serializeMessage } = framing as Framing;
    const handler = { serialize: () => message };
    const framed = serializeMessage.call({ handler }, message);
    return framed instanceof Uint8Array && frame(message).equals(framed);
  } catch {
    return false;
  }
}

/** The part of a call that reads; grpc-js declares it private. */
interface Reader {
  readonly decoder?: { readPartialMessage?: unknown[] };
}

const ignore = () => {};

/** Writes batches and releases requests. */
export const batchInterceptor: ServerInterceptor = (_method, call) => {
  const isReplaced = canFrame(call);
  if (isReplaced) Object.assign(call, { serializeMessage: frame });
  return new ServerInterceptingCall(call, {
    start(next) {
      next({
        onReceiveHalfClose(next) {
          const { decoder } = call as Reader;
          if (Array.isArray(decoder?.readPartialMessage)) decoder.readPartialMessage = [];
          next();
        },
      });
    },
    ...(!isReplaced && {
      sendMessage(message, next) {
        if (!Array.isArray(message)) return next(message);
        const last = message.length - 1;
        for (let i = 0; i < last; i++) call.sendMessage(message[i], ignore);
        next(message[last]);
      },
    }),
  });
};

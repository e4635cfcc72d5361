/**
 * Frames many messages for one write.
 *
 * grpc-js frames one message per write, and of several writes to an HTTP/2
 * stream the first is sent immediately while the others wait for its callback:
 * two socket writes per batch, and a stream write per message. A gRPC stream is
 * a sequence of frames (a zero byte, the length in four bytes, the message), so a
 * batch can be one buffer.
 *
 * grpc-js 1.14.7 (pinned exactly) frames what the method's serializer returns:
 *
 * ```js
 * const output = Buffer.allocUnsafe(message.byteLength + 5);
 * output.writeUInt8(0, 0);
 * output.writeUInt32BE(message.byteLength, 1);
 * message.copy(output, 5);
 * return output;
 * ```
 *
 * {@linkcode FramedBatch} is such a message. Its `byteLength` is the size of the
 * framed batch minus 5, and its `copy` writes from the start of `output`, over the
 * prefix. Invariant: the bytes are those of each message framed by itself.
 *
 * {@linkcode framesBatches} checks before the first write that grpc-js frames like
 * this. Otherwise the interceptor writes message by message: slower, same bytes.
 * The test "the installed grpc-js frames in the way that batches rely on" fails then.
 * Report: none found.
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
/** Shorter batches are not cached: a lookup costs as much as framing. */
const MIN_CACHED_MESSAGES = 4;

/**
 * Caches the last framed batches. Streams with the same filter are woken in the
 * same turn and mostly write the same batch, so that all but the first copy memory
 * once instead of once per message. Two batches are equal when they hold the
 * identical buffers, which all streams share, in the same order.
 */
class FrameCache {
  readonly #batches: EncodedMessages[] = [];
  readonly #frames: Uint8Array[] = [];
  #next = 0;

  /** Returns the framed bytes of a batch, if cached. */
  get(messages: EncodedMessages): Uint8Array | undefined {
    if (messages.length < MIN_CACHED_MESSAGES) return undefined;
    for (let i = 0; i < this.#batches.length; i++) {
      if (areSame(messages, this.#batches[i] as EncodedMessages)) {
        return this.#frames[i];
      }
    }
    return undefined;
  }

  /** Adds a framed batch and evicts the oldest. */
  add(messages: EncodedMessages, frames: Uint8Array): void {
    if (messages.length < MIN_CACHED_MESSAGES) return;
    this.#batches[this.#next] = messages;
    this.#frames[this.#next] = frames;
    this.#next = (this.#next + 1) % CACHED_BATCHES;
  }
}

function areSame(some: EncodedMessages, others: EncodedMessages): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < some.length; i++) {
    if (some[i] !== others[i]) return false;
  }
  return true;
}

const cache = new FrameCache();

/** A batch in the shape of the one message that grpc-js frames. */
export class FramedBatch {
  readonly byteLength: number;
  readonly #messages: EncodedMessages;

  constructor(messages: EncodedMessages) {
    let bytes = 0;
    for (let i = 0; i < messages.length; i++) {
      bytes += PREFIX_BYTES + (messages[i] as Uint8Array).length;
    }
    this.byteLength = bytes - PREFIX_BYTES;
    this.#messages = messages;
  }

  /** Writes all frames into `output`, from its start. */
  copy(output: Uint8Array): number {
    const messages = this.#messages;
    const frames = cache.get(messages);
    if (frames !== undefined) {
      output.set(frames);
      return frames.length;
    }
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
    // grpc-js sends `output` and never writes to it again.
    cache.add(messages, output);
    return at;
  }
}

/** Serializes a message or a batch for grpc-js, which calls methods of Buffers. */
export function serialize(message: Uint8Array | EncodedMessages): Buffer {
  // A FramedBatch has the properties of a Buffer that grpc-js uses.
  if (!(message instanceof Uint8Array)) {
    return new FramedBatch(message) as unknown as Buffer;
  }
  return Buffer.isBuffer(message)
    ? message
    : Buffer.from(message.buffer, message.byteOffset, message.byteLength);
}

/** The part of a call that frames messages; grpc-js declares it private. */
interface Framing {
  serializeMessage(message: unknown): unknown;
}

const supported = new WeakMap<object, boolean>();

/**
 * Whether a call can frame a {@linkcode FramedBatch}. Tested once per class of
 * calls, with messages whose frames are known.
 */
export function framesBatches(call: object): boolean {
  const framing: object = Object.getPrototypeOf(call);
  let isSupported = supported.get(framing);
  if (isSupported === undefined) {
    supported.set(framing, isSupported = framesAsExpected(framing));
  }
  return isSupported;
}

function framesAsExpected(framing: object): boolean {
  const messages = [Buffer.from([1, 2, 3]), Buffer.alloc(0), Buffer.alloc(300)];
  const expected = Buffer.concat(messages.flatMap((message) => [
    Buffer.from([0, 0, 0, message.length >> 8, message.length & 0xff]),
    message,
  ]));
  try {
    const { serializeMessage } = framing as Framing;
    const handler = { serialize: () => new FramedBatch(messages) };
    const framed = serializeMessage.call({ handler }, messages);
    return framed instanceof Uint8Array && expected.equals(framed);
  } catch {
    return false;
  }
}

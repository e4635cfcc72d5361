/**
 * Limits what a connection collects of a message until it has arrived whole.
 *
 * The library `ws` (8.23) has one limit for the life of a connection, does not report what it has
 * collected, and unpacks messages on its own: the limit is checked after each step of unpacking,
 * and an inflater of each connection stays in memory. Here a connection keeps at most the last 32
 * KiB of its messages, if its client refers to earlier ones. Its receiver has what is needed, which
 * is no part of its interface; the constructor throws where a version lacks it
 * (message_limits_test.ts).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { constants, inflateRawSync } from "node:zlib";
import type { WebSocket } from "ws";
import type { Turns, TurnUser } from "./turns.ts";

/** Bytes that each part of a message takes besides its own. */
const PART_BYTES = 256;
/** Bytes that a sync flush ends with, and that compressed messages are sent without. */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const NOTHING = Buffer.alloc(0);
/** Bytes of earlier messages that a compressed one can refer to (RFC 1951). */
export const CONTEXT_BYTES = 32 * 1024;

/** State of the receiver of `ws`. */
interface Receiver {
  _maxPayload: number;
  /** Bytes of frames that are not complete. */
  _bufferedBytes: number;
  readonly _buffers: unknown[];
  /** Bytes of complete fragments. */
  _messageLength: number;
  readonly _fragments: unknown[];
  readonly writableLength: number;
  destroy(error: Error): void;
}

/** The extension permessage-deflate of `ws`, of one connection. */
interface Extension {
  /** What was negotiated. */
  readonly params: { readonly client_no_context_takeover?: boolean };
  decompress: (
    data: Buffer,
    fin: boolean,
    callback: (error: Error | null, data: Buffer) => void,
  ) => void;
}

/** What `ws` has besides its interface. */
interface Internals {
  readonly _receiver: Receiver;
  readonly _extensions: { readonly "permessage-deflate"?: Extension };
}

/** What {@linkcode ReceiverLimits} needs. */
interface ReceiverOptions {
  /** Bytes of the largest message until `maxBytes` is set. */
  readonly maxBytes: number;
  readonly turns: Turns;
  readonly user: TurnUser;
  /** Called when a message that is unpacked is larger, or cannot be unpacked. */
  readonly onInvalid: (isTooLarge: boolean) => void;
  /** Called with the bytes that are kept because later messages can refer to them. */
  readonly onContext: (bytes: number) => void;
}

/** The messages of one connection that have not arrived whole. */
export class ReceiverLimits {
  readonly #receiver: Receiver;
  readonly #options: ReceiverOptions;
  /** Fragments of the compressed message that arrives. */
  #compressed: Buffer[] = [];
  #compressedBytes = 0;
  /** Whether compressed messages can refer to earlier ones. */
  readonly #hasContext: boolean;
  /** The end of the earlier compressed messages, unpacked. */
  #context: Uint8Array = NOTHING;
  #isUnpacking = false;
  #isDiscarded = false;
  /** Resolves when reading is resumed; `undefined` while it is not paused. */
  #paused: PromiseWithResolvers<void> | undefined;

  /** @throws {TypeError} when `ws` lacks what is used of it */
  constructor(ws: WebSocket, options: ReceiverOptions) {
    const { _receiver: receiver, _extensions: extensions } = ws as unknown as Internals;
    const needed = ["_maxPayload", "_bufferedBytes", "_messageLength", "writableLength"] as const;
    const isKnown = needed.every((name) => typeof receiver?.[name] === "number") &&
      Array.isArray(receiver._buffers) && Array.isArray(receiver._fragments);
    if (!isKnown) throw new TypeError("The receiver of ws is not as in version 8.23");
    this.#receiver = receiver;
    this.#options = options;
    this.maxBytes = options.maxBytes;
    const extension = extensions["permessage-deflate"];
    this.#hasContext = extension !== undefined && !extension.params.client_no_context_takeover;
    if (extension) extension.decompress = (...args) => this.#decompress(...args);
  }

  /** Bytes of the largest message, before and after it is unpacked. */
  get maxBytes(): number {
    return this.#receiver._maxPayload;
  }

  set maxBytes(bytes: number) {
    this.#receiver._maxPayload = bytes;
  }

  /** Bytes that are held of messages that have not arrived whole. */
  get heldBytes(): number {
    const receiver = this.#receiver;
    const parts = receiver._buffers.length + receiver._fragments.length + this.#compressed.length;
    return receiver._bufferedBytes + receiver._messageLength + receiver.writableLength +
      this.#compressedBytes + parts * PART_BYTES;
  }

  /** Whether a message has arrived whole and waits to be unpacked. */
  get isUnpacking(): boolean {
    return this.#isUnpacking;
  }

  /** Unpacks no further message until `resume`. */
  pause(): void {
    this.#paused ??= Promise.withResolvers();
  }

  /** Unpacks messages again. */
  resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  /** Frees what is held, and reads no more; idempotent. `ws` has to be closing. */
  discard(): void {
    if (this.#isDiscarded) return;
    this.#isDiscarded = true;
    const receiver = this.#receiver;
    receiver.destroy(new Error("The message is discarded"));
    receiver._buffers.length = receiver._fragments.length = 0;
    receiver._bufferedBytes = receiver._messageLength = 0;
    this.#compressed = [];
    this.#compressedBytes = 0;
    this.#context = NOTHING;
    this.resume();
  }

  #decompress(
    data: Buffer,
    fin: boolean,
    callback: (error: Error | null, data: Buffer) => void,
  ): void {
    this.#compressed.push(data);
    this.#compressedBytes += data.length;
    // The receiver expects the callback later.
    const result = fin ? this.#unpack() : Promise.resolve(NOTHING);
    void result.then((message) => {
      if (message && !this.#isDiscarded) callback(null, message);
    });
  }

  /** Unpacks the message; `undefined` when that is not possible. */
  async #unpack(): Promise<Buffer | undefined> {
    this.#isUnpacking = true;
    while (this.#paused) await this.#paused.promise;
    const packed = Buffer.concat([...this.#compressed, TAIL]);
    this.#compressed = [];
    this.#compressedBytes = 0;
    const { turns, user, onInvalid, onContext } = this.#options;
    try {
      return await turns.run(user, packed.length, () => {
        const message = inflate(packed, this.#context, this.maxBytes);
        if (this.#hasContext && !this.#isDiscarded) {
          this.#context = contextAfter(this.#context, message);
          onContext(this.#context.length);
        }
        return message;
      });
    } catch (error) {
      if (!this.#isDiscarded) {
        onInvalid((error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE");
      }
      return undefined;
    } finally {
      this.#isUnpacking = false;
    }
  }
}

/**
 * Unpacks a message.
 *
 * @param context what it can refer to, at most {@linkcode CONTEXT_BYTES}
 * @param maxBytes of the result
 * @throws {RangeError} with the code `ERR_BUFFER_TOO_LARGE` when the result would be larger
 * @throws {Error} when it is not valid
 */
function inflate(packed: Buffer, context: Uint8Array, maxBytes: number): Buffer {
  const { length } = context;
  const options = {
    maxOutputLength: maxBytes + length,
    finishFlush: constants.Z_SYNC_FLUSH,
  };
  if (length === 0) return inflateRawSync(packed, options);
  // The context comes first as a block that is not compressed, because Deno (2.9) ignores the
  // option `dictionary` of raw deflate.
  const header = Buffer.alloc(5);
  header.writeUInt16LE(length, 1);
  header.writeUInt16LE(length ^ 0xffff, 3);
  return inflateRawSync(Buffer.concat([header, context, packed]), options).subarray(length);
}

/** What messages can refer to after `message`, as a copy, so that no whole message is kept. */
function contextAfter(context: Uint8Array, message: Uint8Array): Uint8Array {
  if (message.length >= CONTEXT_BYTES) return new Uint8Array(message.subarray(-CONTEXT_BYTES));
  const kept = context.subarray(Math.max(0, context.length + message.length - CONTEXT_BYTES));
  const after = new Uint8Array(kept.length + message.length);
  after.set(kept);
  after.set(message, kept.length);
  return after;
}

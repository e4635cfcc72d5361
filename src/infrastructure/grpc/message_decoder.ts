/**
 * Reads the messages of requests: frames of a byte of flags, the length in four bytes and the
 * message, which may be compressed.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createGunzip, createInflate } from "node:zlib";
import { CallError } from "./call_error.ts";
import { Code } from "./status_code.ts";

/** A byte of flags, and the length in four bytes. */
const PREFIX_BYTES = 5;
/** Flag of a message that is compressed. */
const COMPRESSED = 1;

/** A message as it was sent. */
interface FramedMessage {
  readonly isCompressed: boolean;
  readonly bytes: Uint8Array;
}

/** Splits the bytes of a request into messages. */
export class MessageDecoder {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  /** Bytes of the chunks. */
  #bytes = 0;
  /** Bytes of the present frame; 0 until its length has arrived. */
  #frameBytes = 0;

  /** @param maxBytes of one message */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Adds bytes; returns the messages that they complete.
   *
   * @throws {CallError} RESOURCE_EXHAUSTED when a message is too large
   */
  push(chunk: Uint8Array): FramedMessage[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const messages: FramedMessage[] = [];
    while (this.#bytes >= PREFIX_BYTES) {
      if (this.#frameBytes === 0) this.#frameBytes = PREFIX_BYTES + this.#readLength();
      if (this.#bytes < this.#frameBytes) break;
      const all = this.#join();
      messages.push({
        isCompressed: all[0] === COMPRESSED,
        bytes: all.subarray(PREFIX_BYTES, this.#frameBytes),
      });
      const rest = all.subarray(this.#frameBytes);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#bytes = rest.length;
      this.#frameBytes = 0;
    }
    return messages;
  }

  #readLength(): number {
    const { buffer, byteOffset } = this.#join();
    const length = new DataView(buffer, byteOffset).getUint32(1);
    if (length <= this.#maxBytes) return length;
    const text = `Received message larger than max (${length} vs ${this.#maxBytes})`;
    throw new CallError(Code.RESOURCE_EXHAUSTED, text);
  }

  #join(): Uint8Array {
    const [first = new Uint8Array(), ...more] = this.#chunks;
    if (more.length === 0) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

/**
 * Returns the content of a message.
 *
 * @param options.encoding `grpc-encoding` of its request
 * @param options.maxBytes of the content
 * @throws {CallError} or rejects with it, when it cannot be decompressed or is too large
 */
export function contentOf(
  { isCompressed, bytes }: FramedMessage,
  { encoding, maxBytes }: { readonly encoding: string; readonly maxBytes: number },
): Uint8Array | Promise<Uint8Array> {
  if (!isCompressed || encoding === "identity") return bytes;
  if (encoding === "gzip") return decompress(bytes, createGunzip(), maxBytes);
  if (encoding === "deflate") return decompress(bytes, createInflate(), maxBytes);
  const text = `Received message compressed with unsupported encoding "${encoding}"`;
  throw new CallError(Code.UNIMPLEMENTED, text);
}

/** Stops where the content becomes too large: a small message can expand a thousand times. */
function decompress(
  bytes: Uint8Array,
  stream: ReturnType<typeof createGunzip> | ReturnType<typeof createInflate>,
  maxBytes: number,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const parts: Uint8Array[] = [];
  let length = 0;
  stream.on("error", () => {
    reject(new CallError(Code.INTERNAL, "Failed to decompress message"));
  });
  stream.on("data", (part: Uint8Array) => {
    parts.push(part);
    length += part.length;
    if (length <= maxBytes) return;
    const text = `Received message that decompresses to a size larger than ${maxBytes}`;
    reject(new CallError(Code.RESOURCE_EXHAUSTED, text));
    stream.destroy();
  });
  stream.on("end", () => resolve(Buffer.concat(parts)));
  stream.end(bytes);
  return promise;
}

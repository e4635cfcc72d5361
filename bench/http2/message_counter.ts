/**
 * Counts the messages of one gRPC stream and reads their timestamps.
 *
 * Reads only the five-byte prefixes and, of messages that are in one chunk, the
 * timestamp, which follows the wrapper and the symbol in every response that has
 * one.
 *
 * @module
 */

const PREFIX_BYTES = 5;
const TIMESTAMP_TAG = 0x12;
const SECONDS_TAG = 0x08;
const NANOS_TAG = 0x10;

/** Called with the timestamp of a message. */
export type OnStamp = (seconds: number, nanos: number) => void;

/** Counts the messages of one stream. */
export class MessageCounter {
  #messages = 0;
  #bytes = 0;
  /** Missing bytes of the current message. */
  #missing = 0;
  readonly #prefix = new Uint8Array(PREFIX_BYTES);
  #prefixBytes = 0;

  /** Complete messages so far. */
  get messages(): number {
    return this.#messages;
  }

  /** Bytes so far, prefixes included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Reads the bytes `from` up to `to` of `chunk`, the next ones of the stream. */
  push(chunk: Uint8Array, from: number, to: number, onStamp: OnStamp): void {
    this.#bytes += to - from;
    let at = from;
    while (at < to) {
      if (this.#missing > 0) {
        const taken = Math.min(this.#missing, to - at);
        at += taken;
        this.#missing -= taken;
        if (this.#missing === 0) this.#messages++;
      } else if (this.#prefixBytes === 0 && to - at >= PREFIX_BYTES) {
        at = this.#whole(chunk, at, to, onStamp);
      } else {
        this.#prefix[this.#prefixBytes++] = chunk[at++] ?? 0;
        if (this.#prefixBytes === PREFIX_BYTES) {
          this.#prefixBytes = 0;
          this.#missing = lengthAt(this.#prefix, 0);
          if (this.#missing === 0) this.#messages++;
        }
      }
    }
  }

  /** Reads a message with a complete prefix; returns the start of the next one. */
  #whole(
    chunk: Uint8Array,
    at: number,
    to: number,
    onStamp: OnStamp,
  ): number {
    const body = at + PREFIX_BYTES;
    const length = lengthAt(chunk, at);
    if (body + length > to) {
      this.#missing = length;
      return body;
    }
    this.#messages++;
    readStamp(chunk, body, onStamp);
    return body + length;
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 1] ?? 0) << 24 | (bytes[at + 2] ?? 0) << 16 |
    (bytes[at + 3] ?? 0) << 8 | (bytes[at + 4] ?? 0)) >>> 0;
}

/** Reads the timestamp of the response that starts at `at`. */
function readStamp(bytes: Uint8Array, at: number, onStamp: OnStamp): void {
  // Wrapper: tag, length in one byte or two. Symbol: tag, length, text.
  at += (bytes[at + 1] ?? 0) > 0x7f ? 3 : 2;
  at += 2 + (bytes[at + 1] ?? 0);
  if (bytes[at] !== TIMESTAMP_TAG) return;
  at += 2;
  let seconds = 0;
  let nanos = 0;
  if (bytes[at] === SECONDS_TAG) {
    for (let shift = 1; at++ >= 0; shift *= 128) {
      const byte = bytes[at] ?? 0;
      seconds += (byte & 0x7f) * shift;
      if (byte < 0x80) break;
    }
    at++;
  }
  if (bytes[at] === NANOS_TAG) {
    for (let shift = 1; at++ >= 0; shift *= 128) {
      const byte = bytes[at] ?? 0;
      nanos += (byte & 0x7f) * shift;
      if (byte < 0x80) break;
    }
  }
  onStamp(seconds, nanos);
}

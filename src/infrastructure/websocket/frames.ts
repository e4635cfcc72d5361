/**
 * Makes WebSocket frames (RFC 6455): a server's frames are not masked, so that clients with equal
 * content share the bytes of a frame with its header.
 *
 * @module
 */
import { encode } from "@msgpack/msgpack";
import type { Envelope } from "../../application/broadcast/envelope.ts";
import type { MessageFormat, RelayedMessage } from "../../application/relay/relayed_message.ts";
import { compressFrame } from "./deflate.ts";
import { JsonToMsgpack } from "./json_to_msgpack.ts";

/** Opcode of a frame. */
export type Opcode = "text" | "binary";

/** First byte: the last fragment, and the opcode. */
const FIRST_BYTE: Readonly<Record<Opcode, number>> = { text: 0x81, binary: 0x82 };
/** Bytes of the longest header of a frame. */
const MAX_HEADER_BYTES = 10;
/** Bytes of the longest head of a MessagePack list. */
const MAX_LIST_HEAD_BYTES = 5;
/**
 * Bytes of messages at which a frame is complete: clients that use the Python library accept 1 MiB
 * unless they set more.
 */
const MAX_FRAME_BYTES = 256 * 1024;

const OPEN_LIST = 0x5b, CLOSE_LIST = 0x5d, COMMA = 0x2c;
const toUtf8 = new TextEncoder();

/** Makes a frame with a header of its own. */
export function frameOf(payload: Uint8Array, opcode: Opcode): Uint8Array {
  const header = headerLength(payload.length);
  const frame = new Uint8Array(header + payload.length);
  writeHeader(frame, { at: 0, length: payload.length, opcode });
  frame.set(payload, header);
  return frame;
}

/** Makes the frame of a control message, which is a list of one. */
export function controlFrame(message: Readonly<Record<string, unknown>>, format: MessageFormat) {
  return format === "json"
    ? frameOf(toUtf8.encode(JSON.stringify([message])), "text")
    : frameOf(encode([message]), "binary");
}

function headerLength(payload: number): number {
  if (payload < 126) return 2;
  return payload < 0x10000 ? 4 : MAX_HEADER_BYTES;
}

function writeHeader(
  frame: Uint8Array,
  { at, length, opcode }: {
    readonly at: number;
    readonly length: number;
    readonly opcode: Opcode;
  },
): void {
  frame[at] = FIRST_BYTE[opcode];
  if (length < 126) frame[at + 1] = length;
  else if (length < 0x10000) {
    frame[at + 1] = 126;
    frame[at + 2] = length >>> 8;
    frame[at + 3] = length & 0xff;
  } else {
    frame[at + 1] = 127;
    new DataView(frame.buffer, frame.byteOffset).setBigUint64(at + 2, BigInt(length));
  }
}

/** Messages that are sent together. */
type MessageBatch = readonly Envelope<RelayedMessage>[];

/** The frames of one batch. */
interface MadeFrames {
  readonly batch: MessageBatch;
  readonly frames: readonly Uint8Array[];
  /** The same compressed, once a client has needed them. */
  compressed?: readonly Uint8Array[];
}

/** What {@linkcode BatchFrames} can have beside the format. */
interface BatchFramesOptions {
  /** Whether sizes are doubles. @default false */
  readonly isCrypto?: boolean;
  /** Bytes of the smallest frame that is compressed; 0 for none. @default 0 */
  readonly compressFrom?: number;
}

/** Makes the frames of batches; those of equal batches are the same until `clear`. */
export class BatchFrames {
  /** How the messages of the feed are encoded. */
  readonly #source: MessageFormat;
  readonly #onError: (error: unknown) => void;
  readonly #transcoder: JsonToMsgpack;
  readonly #compressFrom: number;
  /** By the first message of the batch. */
  readonly #made: Readonly<Record<MessageFormat, Map<unknown, MadeFrames[]>>> = {
    json: new Map(),
    msgpack: new Map(),
  };

  /**
   * @param onError called with the error of a message that cannot be transcoded
   */
  constructor(
    source: MessageFormat,
    onError: (error: unknown) => void,
    { isCrypto = false, compressFrom = 0 }: BatchFramesOptions = {},
  ) {
    this.#compressFrom = compressFrom || Infinity;
    this.#transcoder = new JsonToMsgpack({ hasTimes: true, isCrypto });
    this.#source = source;
    this.#onError = onError;
  }

  /**
   * The frames of a batch that is not empty.
   *
   * @param isCompressed whether the client can read compressed frames
   */
  of(batch: MessageBatch, format: MessageFormat, isCompressed = false): readonly Uint8Array[] {
    const made = this.#find(batch, format);
    if (!isCompressed || this.#compressFrom === Infinity) return made.frames;
    return made.compressed ??= made.frames.map((frame) => this.#compress(frame, format));
  }

  #compress(frame: Uint8Array, format: MessageFormat): Uint8Array {
    if (frame.length < this.#compressFrom) return frame;
    const opcode = format === "json" ? "text" : "binary";
    return compressFrame(frame, (payload) => frameOf(payload, opcode));
  }

  #find(batch: MessageBatch, format: MessageFormat): MadeFrames {
    const made = this.#made[format];
    const [first] = batch;
    const similar = made.get(first);
    const equal = similar?.find((other) => isEqual(other.batch, batch));
    if (equal) return equal;
    const added: MadeFrames = { batch, frames: this.#make(batch, format) };
    if (similar) similar.push(added);
    else made.set(first, [added]);
    return added;
  }

  /** Forgets the frames that were made. */
  clear(): void {
    this.#made.json.clear();
    this.#made.msgpack.clear();
  }

  #make(batch: MessageBatch, format: MessageFormat): readonly Uint8Array[] {
    const parts = this.#parts(batch, format);
    const frames: Uint8Array[] = [];
    for (let from = 0; from < parts.length;) {
      let bytes = 0;
      let to = from;
      while (to < parts.length && bytes < MAX_FRAME_BYTES) {
        const { start, end } = parts[to++] as RelayedMessage;
        bytes += end - start;
      }
      const own = parts.slice(from, to);
      frames.push(format === "json" ? jsonFrame(own, bytes) : msgpackFrame(own, bytes));
      from = to;
    }
    return frames;
  }

  /** The messages in a format; those that cannot be transcoded are left out. */
  #parts(batch: MessageBatch, format: MessageFormat): readonly RelayedMessage[] {
    if (format === this.#source) return batch.map(({ event }) => event);
    const parts: RelayedMessage[] = [];
    for (const envelope of batch) {
      const bytes = envelope.encoded ??= this.#transcode(envelope.event);
      if (bytes.length > 0) parts.push({ frame: bytes, start: 0, end: bytes.length });
    }
    return parts;
  }

  /** Empty when it is not possible. */
  #transcode({ frame, start, end }: RelayedMessage): Uint8Array {
    try {
      return this.#transcoder.transcode(frame, start, end);
    } catch (error) {
      this.#onError(error);
      return new Uint8Array(0);
    }
  }
}

function isEqual(some: MessageBatch, others: MessageBatch): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false;
  return true;
}

/** @param bytes of all messages */
function jsonFrame(parts: readonly RelayedMessage[], bytes: number): Uint8Array {
  const length = bytes + parts.length + 1;
  const header = headerLength(length);
  const frame = new Uint8Array(header + length);
  writeHeader(frame, { at: 0, length, opcode: "text" });
  let at = header;
  for (let i = 0; i < parts.length;) {
    const { frame: source, start, end: first } = parts[i++] as RelayedMessage;
    let end = first;
    // Messages that follow one another in a frame are copied together.
    for (; i < parts.length; i++) {
      const next = parts[i] as RelayedMessage;
      if (next.frame !== source || next.start !== end + 1 || source[end] !== COMMA) break;
      end = next.end;
    }
    frame[at] = at === header ? OPEN_LIST : COMMA;
    frame.set(source.subarray(start, end), at + 1);
    at += 1 + end - start;
  }
  frame[at] = CLOSE_LIST;
  return frame;
}

/** @param bytes of all messages */
function msgpackFrame(parts: readonly RelayedMessage[], bytes: number): Uint8Array {
  const count = parts.length;
  const list = count < 16 ? 1 : count < 0x10000 ? 3 : MAX_LIST_HEAD_BYTES;
  const length = list + bytes;
  const header = headerLength(length);
  const frame = new Uint8Array(header + length);
  writeHeader(frame, { at: 0, length, opcode: "binary" });
  let at = header;
  if (list === 1) frame[at] = 0x90 | count;
  else if (list === 3) {
    frame[at] = 0xdc;
    frame[at + 1] = count >>> 8;
    frame[at + 2] = count & 0xff;
  } else {
    frame[at] = 0xdd;
    new DataView(frame.buffer).setUint32(at + 1, count);
  }
  at += list;
  for (let i = 0; i < parts.length;) {
    const { frame: source, start, end: first } = parts[i++] as RelayedMessage;
    let end = first;
    for (; i < parts.length; i++) {
      const next = parts[i] as RelayedMessage;
      if (next.frame !== source || next.start !== end) break;
      end = next.end;
    }
    frame.set(source.subarray(start, end), at);
    at += end - start;
  }
  return frame;
}

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
import { headerLength, type Opcode, writeHeader } from "./frame_header.ts";
import { headBytes, LIST, writeHead } from "./msgpack_values.ts";
import { type BatchContent, TranscodedFrames } from "./transcoded_frames.ts";

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

/** Messages that are sent together. */
type MessageBatch = readonly Envelope<RelayedMessage>[];

/** The frames that were made of one batch. */
interface MadeFrames extends BatchContent {
  readonly batch: MessageBatch;
  /** The same compressed, once a client has needed them. */
  compressed?: BatchContent;
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
  readonly #transcoded: TranscodedFrames;
  readonly #compressFrom: number;
  /** By the first message of the batch; `undefined` while there are none. */
  readonly #made: Record<MessageFormat, Map<unknown, MadeFrames[]> | undefined> = {
    json: undefined,
    msgpack: undefined,
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
    this.#transcoded = new TranscodedFrames({ isCrypto, maxBytes: MAX_FRAME_BYTES, onError });
    this.#source = source;
  }

  /**
   * The frames of a batch that is not empty.
   *
   * @param isCompressed whether the client can read compressed frames
   */
  of(batch: MessageBatch, format: MessageFormat, isCompressed = false): BatchContent {
    const made = this.#find(batch, format);
    if (!isCompressed || this.#compressFrom === Infinity) return made;
    return made.compressed ??= {
      frames: made.frames.map((frame) => this.#compress(frame, format)),
      lost: made.lost,
    };
  }

  #compress(frame: Uint8Array, format: MessageFormat): Uint8Array {
    if (frame.length < this.#compressFrom) return frame;
    const opcode = format === "json" ? "text" : "binary";
    return compressFrame(frame, (payload) => frameOf(payload, opcode));
  }

  #find(batch: MessageBatch, format: MessageFormat): MadeFrames {
    const made = this.#made[format] ??= new Map<unknown, MadeFrames[]>();
    const [first] = batch;
    const similar = made.get(first);
    const equal = similar?.find((other) => isEqual(other.batch, batch));
    if (equal) return equal;
    const added: MadeFrames = { batch, ...this.#make(batch, format) };
    if (similar) similar.push(added);
    else made.set(first, [added]);
    return added;
  }

  /** Forgets the frames that were made. */
  clear(): void {
    // `Map.clear` of V8 links the old table, with its entries, to the next one: a table that has
    // reached the old generation keeps all later messages alive until that is collected.
    this.#made.json = this.#made.msgpack = undefined;
  }

  #make(batch: MessageBatch, format: MessageFormat): BatchContent {
    if (format !== this.#source) return this.#transcoded.make(batch);
    const parts = batch.map(({ event }) => event);
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
    return { frames, lost: 0 };
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
  const list = headBytes(count);
  const length = list + bytes;
  const header = headerLength(length);
  const frame = new Uint8Array(header + length);
  writeHeader(frame, { at: 0, length, opcode: "binary" });
  let at = writeHead(new DataView(frame.buffer), header, count, LIST);
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

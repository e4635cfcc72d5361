/**
 * Encodes and decodes batches: frames of one feed as Alpaca sent them, with numbers by which a
 * receiver detects a loss. One batch is one message of NATS.
 *
 * ```text
 * batch: u8 version | u64 term | u64 number of the first entry | entry …
 * entry: u8 kind | f64 wall clock ms of arrival | u32 bytes | payload
 * ```
 *
 * Integers and floats are little-endian. Entries have the numbers 1, 2, 3, … per feed and term; a
 * beacon takes none. What is decoded may come from another program, so every field is checked.
 *
 * @module
 */

/**
 * What an entry is:
 *
 * - `frame`: a frame after the login. Replies to the hub's own requests are among them; receivers
 *   ignore those.
 * - `up`: the hub has a session with Alpaca.
 * - `down`: the hub has none; the payload is JSON (`hub_protocol.ts`).
 * - `beacon`: nothing else was sent for a second; its number is that of the next entry.
 * - `part`: the beginning of a frame, or a further part, that continues with the next entry.
 * - `end`: the last part of a frame; a hub of an earlier version sends it as `frame`.
 */
type EntryKind = typeof KINDS[number];

const KINDS = ["frame", "up", "down", "beacon", "part", "end"] as const;

/** What one entry carries. */
export interface EntryContent {
  readonly kind: EntryKind;
  /** Wall clock ms at which the frame arrived, or at which the entry was made. */
  readonly receivedAt: number;
  readonly payload: Uint8Array;
}

/** One entry of a batch that was read; the payload is a view of the batch. */
export interface BatchEntry extends EntryContent {
  readonly number: number;
}

/** One batch that was read. */
export interface FrameBatch {
  /** Revision of the lease under which the hub has sent it. */
  readonly term: bigint;
  /** At least one. */
  readonly entries: readonly BatchEntry[];
  /** Number of the first entry of the next batch. */
  readonly next: number;
}

/** Bytes are not a batch of this version. */
export class InvalidBatch extends Error {
  override readonly name = "InvalidBatch";
}

const VERSION = 1;
/** Bytes of a batch before its entries. */
export const BATCH_HEADER_BYTES = 17;
/** Bytes of an entry before its payload. */
export const ENTRY_HEADER_BYTES = 13;
/** The empty payload. */
export const NO_PAYLOAD: Uint8Array = new Uint8Array(0);

const MAX_TERM = 2n ** 64n - 1n;

/**
 * Encodes a batch into memory of its own.
 *
 * @param first number of the first entry
 * @param entries at least one; payloads below 4 GiB
 */
export function encodeBatch(
  term: bigint,
  first: number,
  entries: readonly EntryContent[],
): Uint8Array {
  let size = BATCH_HEADER_BYTES;
  for (const { payload } of entries) size += ENTRY_HEADER_BYTES + payload.length;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setBigUint64(1, term, true);
  view.setBigUint64(9, BigInt(first), true);
  let at = BATCH_HEADER_BYTES;
  for (const { kind, receivedAt, payload } of entries) {
    view.setUint8(at, KINDS.indexOf(kind));
    view.setFloat64(at + 1, receivedAt, true);
    view.setUint32(at + 9, payload.length, true);
    bytes.set(payload, at + ENTRY_HEADER_BYTES);
    at += ENTRY_HEADER_BYTES + payload.length;
  }
  return bytes;
}

/**
 * Decodes a batch. Nothing is copied: payloads are views of `bytes`.
 *
 * @throws InvalidBatch
 */
export function decodeBatch(bytes: Uint8Array): FrameBatch {
  if (bytes.length < BATCH_HEADER_BYTES) {
    throw new InvalidBatch(`A batch has at least ${BATCH_HEADER_BYTES} bytes, not ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint8(0);
  if (version !== VERSION) throw new InvalidBatch(`Version ${version} of a batch is not known`);
  const term = view.getBigUint64(1, true);
  const first = view.getBigUint64(9, true);
  // A number of entries that fits into the memory is far below the difference to 2 ** 64.
  if (first < 1n || first > BigInt(Number.MAX_SAFE_INTEGER - bytes.length)) {
    throw new InvalidBatch(`${first} is not the number of an entry`);
  }
  let next = Number(first);
  const entries: BatchEntry[] = [];
  for (let at = BATCH_HEADER_BYTES; at < bytes.length;) {
    const start = at + ENTRY_HEADER_BYTES;
    if (start > bytes.length) throw new InvalidBatch("The last entry of a batch is cut off");
    const code = view.getUint8(at);
    const kind = KINDS[code];
    if (kind === undefined) throw new InvalidBatch(`Kind ${code} of an entry is not known`);
    const receivedAt = view.getFloat64(at + 1, true);
    if (!Number.isFinite(receivedAt)) throw new InvalidBatch("An entry has no valid time");
    const end = start + view.getUint32(at + 9, true);
    if (end > bytes.length) throw new InvalidBatch("The last entry of a batch is cut off");
    const payload = start === end ? NO_PAYLOAD : bytes.subarray(start, end);
    entries.push({ kind, number: next, receivedAt, payload });
    if (kind !== "beacon") next++;
    at = end;
  }
  if (entries.length === 0) throw new InvalidBatch("A batch has no entry");
  return { term, entries, next };
}

/** Whether a number can be the term of a batch. */
export function isTerm(term: bigint): boolean {
  return term >= 0n && term <= MAX_TERM;
}

/** Splits a frame into entries with payloads of at most `maxBytes`: `part` … `end`. */
export function frameEntries(
  frame: Uint8Array,
  receivedAt: number,
  maxBytes: number,
): readonly EntryContent[] {
  const entries: EntryContent[] = [];
  let at = 0;
  for (; frame.length - at > maxBytes; at += maxBytes) {
    entries.push({ kind: "part", receivedAt, payload: frame.subarray(at, at + maxBytes) });
  }
  const payload = frame.subarray(at);
  entries.push({ kind: at === 0 ? "frame" : "end", receivedAt, payload });
  return entries;
}

/** Bytes of the largest frame that is joined from parts. */
const MAX_FRAME_BYTES = 64 * 1_048_576;

/** Whether an entry may be in a frame of which earlier parts exist. */
export function isInFrame(kind: EntryKind): boolean {
  return kind === "part" || kind === "end";
}

/** Joins the parts of frames; for entries without a hole in their numbers. */
export class FrameJoiner {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #size = 0;

  /** @param maxBytes of the largest frame. @default 64 MiB */
  constructor(maxBytes = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes a part or a frame; returns the frame that it completes. A frame in one entry is returned
   * as it is.
   *
   * @throws InvalidBatch when the parts of a frame are larger than allowed; they are dropped
   */
  add({ kind, payload }: Pick<EntryContent, "kind" | "payload">): Uint8Array | undefined {
    if (kind === "frame" && this.#parts.length === 0) return payload;
    this.#size += payload.length;
    if (this.#size > this.#maxBytes) {
      this.reset();
      throw new InvalidBatch(`A frame in parts is larger than ${this.#maxBytes} bytes`);
    }
    this.#parts.push(payload);
    if (kind === "part") return undefined;
    const frame = new Uint8Array(this.#size);
    let at = 0;
    for (const part of this.#parts) {
      frame.set(part, at);
      at += part.length;
    }
    this.reset();
    return frame;
  }

  /** Drops the parts of a frame that will not be completed, as after a hole or a new term. */
  reset(): void {
    this.#parts = [];
    this.#size = 0;
  }
}

/**
 * Reads a batch of a recording: frames of one feed with numbers that show what is missing.
 *
 * ```text
 * batch: u8 version | u64 term | u64 number of the first entry | entry …
 * entry: u8 kind | f64 arrival in ms since the Unix epoch | u32 bytes | payload
 * ```
 *
 * @module
 */

/** What an entry is; `other` is a kind of a later version. */
export type EntryKind = "frame" | "up" | "down" | "beacon" | "part" | "end" | "other";

/** One entry of a batch. */
export interface Entry {
  readonly kind: EntryKind;
  /** Counts from 1 per feed and term; a beacon has the number of the entry after it. */
  readonly number: number;
  /** Ms since the Unix epoch. */
  readonly receivedAt: number;
  readonly payload: Uint8Array;
}

/** The entries of a batch. */
export interface Batch {
  /** A new one begins with each sender; its numbers begin with 1. */
  readonly term: bigint;
  readonly entries: readonly Entry[];
}

/** The bytes of a record are no batch. */
export class DamagedBatch extends Error {
  override readonly name = "DamagedBatch";
}

const VERSION = 1;
const HEADER_BYTES = 17;
const ENTRY_BYTES = 13;
const KINDS: readonly EntryKind[] = ["frame", "up", "down", "beacon", "part", "end"];
/** Far above what a term can have, and far below what a number can be. */
const MAX_NUMBER = 2n ** 52n;
/** The times that a Date can have. */
const MAX_TIME_MS = 8.64e15;

/**
 * Reads a batch; payloads are views of its bytes.
 *
 * @throws DamagedBatch
 */
export function readBatch(bytes: Uint8Array): Batch {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES) throw new DamagedBatch("it is too short");
  if (view.getUint8(0) !== VERSION) {
    throw new DamagedBatch(`it has version ${view.getUint8(0)}, not ${VERSION}`);
  }
  const term = view.getBigUint64(1, true);
  const first = view.getBigUint64(9, true);
  if (first === 0n || first > MAX_NUMBER) throw new DamagedBatch(`its number is ${first}`);
  let number = Number(first);
  const entries: Entry[] = [];
  for (let at = HEADER_BYTES; at < bytes.length;) {
    const begin = at + ENTRY_BYTES;
    if (begin > bytes.length) throw new DamagedBatch("an entry is cut off");
    const kind = KINDS[view.getUint8(at)] ?? "other";
    const receivedAt = view.getFloat64(at + 1, true);
    // Also false for NaN.
    if (!(Math.abs(receivedAt) <= MAX_TIME_MS)) throw new DamagedBatch("an entry has no time");
    const end = begin + view.getUint32(at + 9, true);
    if (end > bytes.length) throw new DamagedBatch("an entry is cut off");
    entries.push({ kind, number, receivedAt, payload: bytes.subarray(begin, end) });
    if (kind !== "beacon") number++;
    at = end;
  }
  return { term, entries };
}

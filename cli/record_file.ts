/**
 * Writes a recording.
 *
 * ```text
 * file:   "ASPR1\n" | record …
 * record: u16 bytes of the name | name of the feed | u32 bytes of the batch | batch
 * ```
 *
 * Integers are little-endian; a batch is what a hub sends (`frame_batch.ts`). Records are written
 * several times a second, each whole, so that a process which is killed loses the last ones and the
 * file stays readable up to its last whole record.
 *
 * @module
 */
import type { FeedId } from "../src/domain/connection/feed.ts";

/** An open file. */
export interface WritableFile {
  /** Writes some of the bytes; returns how many. */
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** Bounds of a recording. */
interface RecordFileOptions {
  /** Largest size of the file. @default unlimited */
  readonly maxBytes?: number | undefined;
  /** Bytes that may wait for a slow disk. @default 64 MiB */
  readonly maxPendingBytes?: number;
}

/** Why a batch was not added. */
type Refusal = "full" | "slow disk";

const MAGIC = new TextEncoder().encode("ASPR1\n");
const MAX_PENDING_BYTES = 64 * 1_048_576;
/** Time in which records are collected for one write. */
const COLLECT_MS = 100;

/** One recording that is written. */
export class RecordFile implements AsyncDisposable {
  readonly #file: WritableFile;
  readonly #maxBytes: number;
  readonly #maxPendingBytes: number;
  #pending: Uint8Array[] = [MAGIC];
  #pendingBytes = MAGIC.length;
  #bytes = MAGIC.length;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> | undefined;
  readonly #failed = Promise.withResolvers<never>();

  constructor(
    file: WritableFile,
    { maxBytes = Infinity, maxPendingBytes = MAX_PENDING_BYTES }: RecordFileOptions = {},
  ) {
    this.#file = file;
    this.#maxBytes = maxBytes;
    this.#maxPendingBytes = maxPendingBytes;
    // Handled where the recording waits for its end.
    this.#failed.promise.catch(() => {});
    this.#plan();
  }

  /** Bytes of all records that were added. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Rejects when a write fails, as on a full disk. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Adds a batch; returns why not, if it does not fit. */
  add(feed: FeedId, batch: Uint8Array): Refusal | undefined {
    const record = recordOf(feed, batch);
    if (this.#bytes + record.length > this.#maxBytes) return "full";
    if (this.#pendingBytes + record.length > this.#maxPendingBytes) return "slow disk";
    this.#bytes += record.length;
    this.#pending.push(record);
    this.#pendingBytes += record.length;
    this.#plan();
    return undefined;
  }

  /** Writes what was added, and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
    await this.#write();
    this.#file.close();
  }

  #plan(): void {
    if (this.#timer !== undefined || this.#writing) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#write().then(() => {
        this.#writing = undefined;
        if (this.#pending.length > 0) this.#plan();
      });
    }, COLLECT_MS);
  }

  async #write(): Promise<void> {
    const records = this.#pending;
    this.#pending = [];
    let rest = joined(records);
    try {
      while (rest.length > 0) {
        const written = await this.#file.write(rest);
        rest = rest.subarray(written);
        this.#pendingBytes -= written;
      }
    } catch (error) {
      this.#failed.reject(error);
    }
  }
}

function recordOf(feed: FeedId, batch: Uint8Array): Uint8Array {
  const head = 2 + feed.length + 4;
  const record = new Uint8Array(head + batch.length);
  const view = new DataView(record.buffer);
  view.setUint16(0, feed.length, true);
  new TextEncoder().encodeInto(feed, record.subarray(2));
  view.setUint32(2 + feed.length, batch.length, true);
  record.set(batch, head);
  return record;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

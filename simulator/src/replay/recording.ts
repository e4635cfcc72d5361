/**
 * Reads the records of a recording one after the other.
 *
 * ```text
 * file:   "ASPR1\n" | record …
 * record: u16 bytes of the name | name of the feed | u32 bytes of the batch | batch
 * ```
 *
 * Integers are little-endian. A recording that was cut off, as when its writer was killed, is read
 * up to its last whole record.
 *
 * @module
 */

/** The bytes of a recording. */
export interface RecordingSource {
  /** Reads some bytes; null at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Continues with the first byte. */
  rewind(): Promise<void>;
}

/** One record: a batch of a feed as it was sent. */
export interface RecordedBatch {
  /** `sip`, `opra`, `crypto`, `news` or `trading`. */
  readonly feed: string;
  readonly bytes: Uint8Array;
  /** Place of the record in the file. */
  readonly offset: number;
}

/** A file is no recording, or the limits of its records are unknown from some byte on. */
export class DamagedRecording extends Error {
  /** The name of the class. */
  override readonly name = "DamagedRecording";
}

const MAGIC = new TextEncoder().encode("ASPR1\n");
const FEED_NAME = /^[a-z0-9_-]{1,32}$/;
const MAX_NAME_BYTES = 32;
/** The header of a batch without entries. */
const MIN_BATCH_BYTES = 17;
/** The largest message of NATS. */
const MAX_BATCH_BYTES = 64 * 1_048_576;
const CHUNK_BYTES = 1_048_576;
const ASCII = new TextDecoder("latin1");

/** Reads records. The batches that it returns stay valid. */
export class RecordingReader {
  readonly #source: RecordingSource;
  /** Replaced, never overwritten: batches are views of it. */
  #buffer = new Uint8Array(0);
  #view = new DataView(this.#buffer.buffer);
  #start = 0;
  #end = 0;
  #offset = 0;
  #isOver = false;
  #truncatedBytes = 0;

  /** Reads from where the source is, which has to be its first byte. */
  constructor(source: RecordingSource) {
    this.#source = source;
  }

  /** Bytes of the incomplete record at the end; 0 before it is reached. */
  get truncatedBytes(): number {
    return this.#truncatedBytes;
  }

  /** Bytes that were read in whole records. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * The next record; undefined at the end.
   *
   * @throws DamagedRecording
   */
  async next(): Promise<RecordedBatch | undefined> {
    if (this.#isOver) return undefined;
    if (this.#offset === 0 && !await this.#readMagic()) return this.#finish();
    if (!await this.#fill(2)) return this.#finish();
    const nameBytes = this.#view.getUint16(this.#start, true);
    if (nameBytes === 0 || nameBytes > MAX_NAME_BYTES) throw this.#damaged("no name of a feed");
    const head = 2 + nameBytes + 4;
    if (!await this.#fill(head)) return this.#finish();
    const name = this.#buffer.subarray(this.#start + 2, this.#start + 2 + nameBytes);
    const feed = ASCII.decode(name);
    if (!FEED_NAME.test(feed)) throw this.#damaged("no name of a feed");
    const length = this.#view.getUint32(this.#start + 2 + nameBytes, true);
    if (length < MIN_BATCH_BYTES || length > MAX_BATCH_BYTES) {
      throw this.#damaged(`a batch of ${length} bytes`);
    }
    if (!await this.#fill(head + length)) return this.#finish();
    const begin = this.#start + head;
    const bytes = this.#buffer.subarray(begin, begin + length);
    const offset = this.#offset;
    this.#take(head + length);
    return { feed, bytes, offset };
  }

  async #readMagic(): Promise<boolean> {
    const isWhole = await this.#fill(MAGIC.length);
    const found = this.#buffer.subarray(this.#start, Math.min(this.#end, MAGIC.length));
    if (found.some((byte, index) => byte !== MAGIC[index])) {
      throw new DamagedRecording("it is not a recording: it does not begin with ASPR1");
    }
    if (isWhole) this.#take(MAGIC.length);
    return isWhole;
  }

  #take(bytes: number): void {
    this.#start += bytes;
    this.#offset += bytes;
  }

  #finish(): undefined {
    this.#isOver = true;
    this.#truncatedBytes = this.#end - this.#start;
  }

  #damaged(what: string): DamagedRecording {
    this.#isOver = true;
    return new DamagedRecording(`it is damaged at byte ${this.#offset}: ${what}`);
  }

  /** Reads until as many bytes are there; false when the file ends before. */
  async #fill(bytes: number): Promise<boolean> {
    while (this.#end - this.#start < bytes) {
      if (this.#start + bytes > this.#buffer.length) this.#grow(bytes);
      const count = await this.#source.read(this.#buffer.subarray(this.#end));
      if (count === null) return false;
      this.#end += count;
    }
    return true;
  }

  #grow(bytes: number): void {
    const rest = this.#buffer.subarray(this.#start, this.#end);
    this.#buffer = new Uint8Array(Math.max(bytes, CHUNK_BYTES));
    this.#buffer.set(rest);
    this.#view = new DataView(this.#buffer.buffer);
    this.#start = 0;
    this.#end = rest.length;
  }
}

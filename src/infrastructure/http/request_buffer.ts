/**
 * Collects the bytes of a connection until they hold a request's head.
 *
 * @module
 */

/** Largest head that is accepted, in bytes: browsers send all their cookies. */
export const MAX_HEAD_BYTES = 32 * 1024;

/** Bytes that a connection begins with. */
const INITIAL_BYTES = 2 * 1024;

const LF = 10;
const CR = 13;

/** A buffer that grows up to {@linkcode MAX_HEAD_BYTES}. */
export class RequestBuffer {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #length = 0;
  /** Bytes that are known not to end a head. */
  #scanned = 0;

  /** True when there is no room for more. */
  get full(): boolean {
    return this.#length >= MAX_HEAD_BYTES;
  }

  /** False when the bytes cannot become a request: TLS, for example. */
  get plausible(): boolean {
    const [first = LF] = this.#bytes.subarray(0, this.#length);
    return first === LF || first === CR || (first > 0x20 && first < 0x7f);
  }

  /** Room to read into; call {@linkcode filled} with the number of bytes read. */
  room(): Uint8Array<ArrayBuffer> {
    if (this.#length === this.#bytes.length && !this.full) {
      const larger = new Uint8Array(
        Math.min(MAX_HEAD_BYTES, 2 * this.#bytes.length),
      );
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return this.#bytes.subarray(this.#length);
  }

  /** Notes that `count` bytes of the room were filled. */
  filled(count: number): void {
    this.#length += count;
  }

  /** Takes out a whole head as Latin-1, without its empty line, if there is one. */
  takeHead(): string | undefined {
    this.#skipEmptyLines();
    if (this.#length === 1 && this.#bytes[0] === CR) return undefined;
    for (let at = this.#scanned; at < this.#length; at++) {
      if (this.#bytes[at] !== LF) continue;
      const next = this.#bytes[at + 1] === CR ? at + 2 : at + 1;
      if (next >= this.#length) {
        this.#scanned = at;
        return undefined;
      }
      if (this.#bytes[next] !== LF) continue;
      const end = this.#bytes[at - 1] === CR ? at - 1 : at;
      const head = latin1(this.#bytes.subarray(0, end));
      this.#drop(next + 1);
      return head;
    }
    this.#scanned = this.#length;
    return undefined;
  }

  /** Clients may send empty lines before a request. */
  #skipEmptyLines(): void {
    if (this.#scanned > 0) return;
    let at = 0;
    while (
      at < this.#length &&
      (this.#bytes[at] === LF ||
        (this.#bytes[at] === CR && this.#bytes[at + 1] === LF &&
          at + 1 < this.#length))
    ) at++;
    if (at > 0) this.#drop(at);
  }

  #drop(count: number): void {
    this.#bytes.copyWithin(0, count, this.#length);
    this.#length -= count;
    this.#scanned = 0;
  }
}

function latin1(bytes: Uint8Array): string {
  // Not "latin1": that label means windows-1252, which maps some bytes elsewhere.
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/**
 * Finds the messages in MessagePack frames.
 *
 * @module
 */
import type { FoundMessage } from "../../../application/relay/relayed_message.ts";
import { cutShort, Found, FrameText, type MessageScanner } from "./message_scanner.ts";

const LARGE_S = 0x53, LARGE_T = 0x54;
/** Head of a text of one byte. */
const TEXT_OF_1 = 0xa1;
/** Head and bytes of `symbols`. */
const SYMBOLS = [0xa7, ...new TextEncoder().encode("symbols")];

/** Finds the messages in MessagePack frames. */
export class MsgpackScanner implements MessageScanner {
  readonly #found = new Found();
  readonly #text = new FrameText();
  #frame: Uint8Array = new Uint8Array(0);
  #at = 0;

  scan(frame: Uint8Array, onMessage: (message: FoundMessage) => void): void {
    this.#frame = frame;
    this.#at = 0;
    const length = isMap(frame[0]) ? 1 : this.#listLength();
    for (let i = 0; i < length; i++) {
      const head = frame[this.#at];
      if (!isMap(head)) this.#skip(1);
      else {
        this.#found.begin(frame, this.#at);
        this.#readMessage();
        this.#found.end = this.#at;
        onMessage(this.#found);
      }
    }
  }

  #readMessage(): void {
    const frame = this.#frame;
    const found = this.#found;
    for (let left = this.#mapSize(); left > 0; left--) {
      const at = this.#at;
      const key = frame[at] === TEXT_OF_1 ? frame[at + 1] : undefined;
      if (key === LARGE_T || key === LARGE_S) {
        this.#at = at + 2;
        const text = this.#readText();
        if (text === undefined) continue;
        if (key === LARGE_T) found.type = text;
        else found.symbol = text;
      } else if (SYMBOLS.every((byte, i) => frame[at + i] === byte)) {
        this.#at = at + SYMBOLS.length;
        this.#readSymbols();
      } else this.#skip(2);
    }
    if (found.symbol !== undefined) found.symbols = undefined;
  }

  #readSymbols(): void {
    const head = this.#frame[this.#at] ?? 0;
    const isList = (head & 0xf0) === 0x90 || head === 0xdc || head === 0xdd;
    if (!isList) return this.#skip(1);
    const symbols: string[] = [];
    for (let left = this.#listLength(); left > 0; left--) {
      const text = this.#readText();
      if (text !== undefined) symbols.push(text);
    }
    this.#found.symbols = symbols;
  }

  /** Reads text; `undefined` for another value. */
  #readText(): string | undefined {
    const head = this.#frame[this.#at] ?? 0;
    const isText = (head & 0xe0) === 0xa0 || (head >= 0xd9 && head <= 0xdb);
    if (!isText) {
      this.#skip(1);
      return undefined;
    }
    this.#at++;
    const length = head < 0xc0 ? head & 0x1f : this.#uint(1 << (head - 0xd9));
    const from = this.#take(length);
    return this.#text.read(this.#frame, from, from + length);
  }

  /** Skips values of any depth. */
  #skip(count: number): void {
    for (let left = count; left > 0; left--) {
      const head = this.#uint(1);
      if (head < 0x80 || head >= 0xe0) continue;
      if (head < 0x90) left += 2 * (head & 0x0f);
      else if (head < 0xa0) left += head & 0x0f;
      else if (head < 0xc0) this.#take(head & 0x1f);
      else if (head >= 0xdc) {
        const length = this.#uint(2 << (head & 1));
        left += head < 0xde ? length : 2 * length;
      } else this.#take(this.#scalarLength(head));
    }
  }

  /** Bytes after the head of a value that contains no other values. */
  #scalarLength(head: number): number {
    if (head >= 0xd9) return this.#uint(1 << (head - 0xd9)); // str
    if (head >= 0xd4) return 1 + (1 << (head - 0xd4)); // fixext
    if (head >= 0xd0) return 1 << (head - 0xd0); // int
    if (head >= 0xcc) return 1 << (head - 0xcc); // uint
    if (head >= 0xca) return 4 << (head - 0xca); // float
    if (head >= 0xc7) return 1 + this.#uint(1 << (head - 0xc7)); // ext
    if (head >= 0xc4) return this.#uint(1 << (head - 0xc4)); // bin
    return 0;
  }

  #listLength(): number {
    const head = this.#uint(1);
    if ((head & 0xf0) === 0x90) return head & 0x0f;
    if (head === 0xdc) return this.#uint(2);
    if (head === 0xdd) return this.#uint(4);
    throw new RangeError("The frame is neither a list nor a map");
  }

  #mapSize(): number {
    const head = this.#uint(1);
    if (head < 0x90) return head & 0x0f;
    return this.#uint(head === 0xde ? 2 : 4);
  }

  #uint(width: number): number {
    const at = this.#take(width);
    let value = 0;
    for (let i = at; i < at + width; i++) value = value * 256 + (this.#frame[i] as number);
    return value;
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#frame.length - at) throw cutShort();
    this.#at = at + length;
    return at;
  }
}

function isMap(head: number | undefined): boolean {
  return head !== undefined && ((head & 0xf0) === 0x80 || head === 0xde || head === 0xdf);
}

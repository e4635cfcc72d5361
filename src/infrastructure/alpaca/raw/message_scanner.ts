/**
 * Finds the messages in the frames of a market data stream without decoding their values.
 *
 * @module
 */
import type { FoundMessage } from "../../../application/relay/relayed_message.ts";
import { addToHash, symbolTable } from "../fast/intern_table.ts";

/** Finds the messages of frames. */
export interface MessageScanner {
  /**
   * Calls `onMessage` for each message, in order; other values of the list are skipped.
   *
   * Values that are not valid may go unnoticed.
   *
   * @returns whether the frame is a whole list, which nothing follows
   * @throws RangeError when a message has no end; those before it were found
   */
  scan(frame: Uint8Array, onMessage: (message: FoundMessage) => void): boolean;
}

/** The message that was found last. */
export class Found implements FoundMessage {
  frame: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  type = "";
  symbol: string | undefined;
  symbols: readonly string[] | undefined;

  /** Begins another message. */
  begin(frame: Uint8Array, start: number): void {
    this.frame = frame;
    this.start = start;
    this.type = "";
    this.symbol = undefined;
    this.symbols = undefined;
  }
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
/** Bytes of the longest text that is interned. */
const MAX_INTERNED = 64;

/** The types of one letter. */
const LETTERS: readonly string[] = Array.from({ length: 0x80 }, (_, i) => String.fromCharCode(i));

/** Text in frames; symbols repeat, so that the same string is returned for each. */
export class FrameText {
  readonly #symbols = symbolTable();

  /** The text of the bytes `from` up to `to`, which are UTF-8. */
  read(frame: Uint8Array, from: number, to: number): string {
    const first = frame[from] ?? 0;
    if (to - from === 1 && first < 0x80) return LETTERS[first] ?? "";
    if (to === from || to - from > MAX_INTERNED) return utf8.decode(frame.subarray(from, to));
    let hash = 0;
    for (let at = from; at < to; at++) {
      const byte = frame[at] as number;
      if (byte >= 0x80) return utf8.decode(frame.subarray(from, to));
      hash = addToHash(hash, byte);
    }
    return this.#symbols.intern(frame, from, to, hash);
  }
}

/** The frame ends within a value. */
export function cutShort(): RangeError {
  return new RangeError("The frame ends within a value");
}

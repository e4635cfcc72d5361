/**
 * Finds the messages in MessagePack frames.
 *
 * @module
 */
import type { FoundMessage } from "../../../application/relay/relayed_message.ts";
import { isList, isMap, isText, MsgpackReader } from "../../../formats/msgpack_reader.ts";
import { Found, FrameText, type MessageScanner } from "./message_scanner.ts";

const LARGE_S = 0x53, LARGE_T = 0x54;
/** Head of a text of one byte. */
const TEXT_OF_1 = 0xa1;
/** Head and bytes of `symbols`. */
const SYMBOLS = [0xa7, ...new TextEncoder().encode("symbols")];

/** Finds the messages in MessagePack frames. */
export class MsgpackScanner implements MessageScanner {
  readonly #found = new Found();
  readonly #text = new FrameText();

  scan(frame: Uint8Array, onMessage: (message: FoundMessage) => void): boolean {
    const reader = new MsgpackReader(frame);
    const found = this.#found;
    const isWholeList = isList(reader.head);
    if (!isMap(reader.head) && !isList(reader.head)) {
      throw new RangeError("The frame is neither a list nor a map");
    }
    for (let left = isMap(reader.head) ? 1 : reader.listLength(); left > 0; left--) {
      if (!isMap(reader.head)) reader.skip(1);
      else {
        found.begin(frame, reader.at);
        this.#readMessage(reader);
        found.end = reader.at;
        onMessage(found);
      }
    }
    return isWholeList && reader.at === frame.length;
  }

  #readMessage(reader: MsgpackReader): void {
    const { bytes } = reader;
    const found = this.#found;
    for (let left = reader.mapSize(); left > 0; left--) {
      const { at } = reader;
      const key = bytes[at] === TEXT_OF_1 ? bytes[at + 1] : undefined;
      if (key === LARGE_T || key === LARGE_S) {
        reader.at = at + 2;
        const text = this.#readText(reader);
        if (text === undefined) continue;
        if (key === LARGE_T) found.type = text;
        else found.symbol = text;
      } else if (SYMBOLS.every((byte, i) => bytes[at + i] === byte)) {
        reader.at = at + SYMBOLS.length;
        this.#readSymbols(reader);
      } else reader.skip(2);
    }
    if (found.symbol !== undefined) found.symbols = undefined;
  }

  #readSymbols(reader: MsgpackReader): void {
    if (!isList(reader.head)) return void reader.skip(1);
    const symbols: string[] = [];
    for (let left = reader.listLength(); left > 0; left--) {
      const text = this.#readText(reader);
      if (text !== undefined) symbols.push(text);
    }
    this.#found.symbols = symbols;
  }

  /** Reads text; `undefined` for another value. */
  #readText(reader: MsgpackReader): string | undefined {
    if (!isText(reader.head)) {
      reader.skip(1);
      return undefined;
    }
    const length = reader.textLength();
    const from = reader.take(length);
    return this.#text.read(reader.bytes, from, from + length);
  }
}

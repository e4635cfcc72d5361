/**
 * Finds the messages in JSON frames.
 *
 * Nearly every message begins with its type and its symbol; the rest is skipped byte by byte. For
 * any other one the keys are read up to its end.
 *
 * @module
 */
import type { FoundMessage } from "../../../application/relay/relayed_message.ts";
import { cutShort, Found, FrameText, type MessageScanner } from "./message_scanner.ts";

const QUOTE = 0x22, COMMA = 0x2c, COLON = 0x3a, LARGE_S = 0x53, LARGE_T = 0x54;
const OPEN_LIST = 0x5b, BACKSLASH = 0x5c, CLOSE_LIST = 0x5d, OPEN_MAP = 0x7b, CLOSE_MAP = 0x7d;
const SPACE = 0x20;

const utf8 = new TextDecoder();

/** Finds the messages in JSON frames. */
export class JsonScanner implements MessageScanner {
  readonly #found = new Found();
  readonly #text = new FrameText();

  scan(frame: Uint8Array, onMessage: (message: FoundMessage) => void): boolean {
    const found = this.#found;
    let at = skipSpace(frame, 0);
    const isList = frame[at] === OPEN_LIST;
    if (isList) at++;
    for (;;) {
      at = skipSpace(frame, at);
      const byte = frame[at];
      if (byte === undefined) return false;
      if (byte === CLOSE_LIST) return isList && skipSpace(frame, at + 1) === frame.length;
      if (byte === COMMA) at++;
      else if (byte === OPEN_MAP) {
        found.begin(frame, at);
        found.end = this.#readMessage(frame, at);
        at = found.end;
        onMessage(found);
      } else at = skipValue(frame, at);
    }
  }

  /** Reads the type and the symbol of a message; returns the position after it. */
  #readMessage(frame: Uint8Array, start: number): number {
    const found = this.#found;
    // {"T":"q","S":"
    if (
      frame[start + 1] === QUOTE && frame[start + 2] === LARGE_T && frame[start + 3] === QUOTE &&
      frame[start + 4] === COLON && frame[start + 5] === QUOTE && frame[start + 7] === QUOTE &&
      frame[start + 8] === COMMA && frame[start + 9] === QUOTE && frame[start + 10] === LARGE_S &&
      frame[start + 11] === QUOTE && frame[start + 12] === COLON && frame[start + 13] === QUOTE
    ) {
      const from = start + 14;
      let to = from;
      let byte = frame[to] as number;
      while (byte !== QUOTE && byte !== BACKSLASH && byte >= SPACE) byte = frame[++to] as number;
      if (byte === QUOTE && frame[start + 6] !== BACKSLASH) {
        found.type = this.#text.read(frame, start + 6, start + 7);
        found.symbol = this.#text.read(frame, from, to);
        return skipNested(frame, to + 1, 1);
      }
    }
    return this.#readKeys(frame, start);
  }

  #readKeys(frame: Uint8Array, start: number): number {
    const found = this.#found;
    for (let at = start + 1;;) {
      at = skipSpace(frame, at);
      const byte = frame[at];
      if (byte === CLOSE_MAP) {
        if (found.symbol !== undefined) found.symbols = undefined;
        return at + 1;
      }
      if (byte === COMMA) {
        at++;
        continue;
      }
      if (byte !== QUOTE) throw cutShort();
      const keyEnd = skipText(frame, at);
      const key = this.#readText(frame, at, keyEnd);
      at = skipSpace(frame, keyEnd);
      if (frame[at] !== COLON) throw cutShort();
      at = skipSpace(frame, at + 1);
      const end = skipValue(frame, at);
      const isText = frame[at] === QUOTE;
      if (key === "T" && isText) found.type = this.#readText(frame, at, end);
      else if (key === "S" && isText) found.symbol = this.#readText(frame, at, end);
      else if (key === "symbols" && frame[at] === OPEN_LIST) {
        found.symbols = textsOf(JSON.parse(utf8.decode(frame.subarray(at, end))));
      }
      at = end;
    }
  }

  /** The text of a string with its quotes. */
  #readText(frame: Uint8Array, from: number, to: number): string {
    for (let at = from + 1; at < to - 1; at++) {
      if (frame[at] === BACKSLASH) return JSON.parse(utf8.decode(frame.subarray(from, to)));
    }
    return this.#text.read(frame, from + 1, to - 1);
  }
}

function textsOf(list: readonly unknown[]): readonly string[] {
  return list.filter((each) => typeof each === "string");
}

function skipSpace(frame: Uint8Array, from: number): number {
  let at = from;
  while (frame[at] as number <= SPACE) at++;
  return at;
}

/** The position after a value. */
function skipValue(frame: Uint8Array, from: number): number {
  const byte = frame[from];
  if (byte === QUOTE) return skipText(frame, from);
  if (byte === OPEN_MAP || byte === OPEN_LIST) return skipNested(frame, from + 1, 1);
  let at = from;
  for (;; at++) {
    const next = frame[at];
    if (next === undefined || next === COMMA || next <= SPACE) break;
    if (next === CLOSE_LIST || next === CLOSE_MAP) break;
  }
  if (at === from) throw cutShort();
  return at;
}

/** The position after a text that begins at `from`. */
function skipText(frame: Uint8Array, from: number): number {
  for (let at = from + 1;; at++) {
    const byte = frame[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at++;
    else if (byte === undefined) throw cutShort();
  }
}

/** The position after the end of `depth` lists and maps that are open at `from`. */
function skipNested(frame: Uint8Array, from: number, depth: number): number {
  let open = depth;
  for (let at = from;; at++) {
    const byte = frame[at];
    if (byte === QUOTE) {
      for (at++;; at++) {
        const inside = frame[at];
        if (inside === QUOTE) break;
        if (inside === BACKSLASH) at++;
        else if (inside === undefined) throw cutShort();
      }
    } else if (byte === CLOSE_MAP || byte === CLOSE_LIST) {
      if (--open === 0) return at + 1;
    } else if (byte === OPEN_MAP || byte === OPEN_LIST) open++;
    else if (byte === undefined) throw cutShort();
  }
}

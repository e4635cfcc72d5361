/**
 * Splits a recorded frame into its messages, with the bytes of each.
 *
 * @module
 */
import { decode, decodeTimestampToTimeSpec, ExtensionCodec } from "@msgpack/msgpack";
import type { Encoded, Encoding } from "../protocol/encoding.ts";
import type { Encodable } from "../protocol/messages.ts";
import { Timestamp } from "../protocol/timestamp.ts";
import { msgpackElements } from "./msgpack_elements.ts";

/** A map, as every message is one. */
export type DecodedMessage = Readonly<Record<string, Encodable>>;

/** One message of a frame. */
export interface RecordedMessage {
  /** As it was recorded: text for JSON. */
  readonly encoded: Encoded;
  readonly message: DecodedMessage;
}

/** The messages of a frame, in the encoding that it has. */
export interface RecordedFrame {
  readonly encoding: Encoding;
  readonly messages: readonly RecordedMessage[];
  /** Messages that cannot be decoded. */
  readonly unreadable: number;
}

/** A frame cannot be split into messages. */
export class UnreadableFrame extends Error {
  override readonly name = "UnreadableFrame";
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });
/** Numbers of this many digits may not fit into a double. */
const LONG_NUMBER = /[0-9]{16}/;
const TIMESTAMP_TYPE = -1;

const extensionCodec = new ExtensionCodec();
extensionCodec.register({
  type: TIMESTAMP_TYPE,
  encode: () => null,
  decode: (bytes) => {
    const { sec, nsec } = decodeTimestampToTimeSpec(bytes);
    return new Timestamp(sec, nsec);
  },
});

/**
 * Splits a frame of market data: an array of messages.
 *
 * @throws UnreadableFrame
 */
export function splitFrame(frame: Uint8Array): RecordedFrame {
  const isMsgpack = (frame[0] ?? 0) >= 0x80;
  const encoding = isMsgpack ? "msgpack" : "json";
  const elements = isMsgpack ? msgpackElements(frame) : jsonElements(textOf(frame));
  if (elements === undefined) throw new UnreadableFrame("it is not an array of messages");
  const messages: RecordedMessage[] = [];
  for (const encoded of elements) {
    const message = decodeMessage(encoded);
    if (message) messages.push({ encoded, message });
  }
  return { encoding, messages, unreadable: elements.length - messages.length };
}

/**
 * Decodes a frame of the trading stream: one message.
 *
 * @throws UnreadableFrame
 */
export function readTradingFrame(frame: Uint8Array): RecordedMessage & { encoding: Encoding } {
  const isMsgpack = (frame[0] ?? 0) >= 0x80;
  const encoded = isMsgpack ? frame : textOf(frame);
  const message = decodeMessage(encoded);
  if (!message) throw new UnreadableFrame("it is not a message");
  return { encoding: isMsgpack ? "msgpack" : "json", encoded, message };
}

function textOf(frame: Uint8Array): string {
  try {
    return UTF8.decode(frame);
  } catch (error) {
    if (error instanceof TypeError) throw new UnreadableFrame("its text is not UTF-8");
    throw error;
  }
}

/** The map that some bytes or some text has; undefined if it has none. */
function decodeMessage(encoded: Encoded): DecodedMessage | undefined {
  try {
    const value = typeof encoded === "string"
      ? parseJson(encoded)
      : decode(encoded, { useBigInt64: true, extensionCodec });
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return value as DecodedMessage;
  } catch (error) {
    // The decoder throws errors of several types for bytes that are not MessagePack.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** Parses JSON; whole numbers that do not fit into a double become bigints. */
function parseJson(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text);
  const revive = (_key: string, value: unknown, context?: { readonly source?: string }) => {
    const { source = "" } = context ?? {};
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  };
  return JSON.parse(text, revive);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** The objects and arrays in an array; undefined if the text is none. */
function jsonElements(text: string): string[] | undefined {
  if (!text.trimStart().startsWith("[")) return undefined;
  const elements: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (OPENING.has(code)) {
      depth++;
      if (depth === 2) start = at;
    } else if (CLOSING.has(code)) {
      depth--;
      if (depth === 1) elements.push(text.slice(start, at + 1));
      if (depth === 0) return text.slice(at + 1).trim() === "" ? elements : undefined;
    }
  }
  return undefined;
}

/** The place of the quote that ends a string; the end of the text if there is none. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let first = at;
    while (text.charCodeAt(first - 1) === BACKSLASH) first--;
    if ((at - first) % 2 === 0) return at;
  }
  return text.length;
}

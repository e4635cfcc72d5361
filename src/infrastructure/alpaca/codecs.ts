/**
 * The encodings of Alpaca's streams.
 *
 * @module
 */
import { encode } from "@msgpack/msgpack";
import { decodeMsgpack } from "./msgpack_decoder.ts";
import type { Frame, Payload } from "./session.ts";

/** Decodes the frames of a stream. */
export interface FrameCodec {
  /** Decodes a frame; throws when it is not in this encoding. */
  decode(frame: Frame): unknown;
  /** As `decode`, slower, with `bigint` for integers that a double cannot hold. */
  decodeExactly(frame: Frame): unknown;
}

/** An encoding of the market data streams. */
export interface Codec extends FrameCodec {
  /** `Content-Type` of the upgrade request, which selects the encoding. */
  readonly contentType: string;
  encode(value: unknown): Payload;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** JSON, the encoding of the stock stream. */
export const jsonCodec: Codec = {
  contentType: "application/json",
  decode: (frame) => JSON.parse(utf8.decode(frame)),
  decodeExactly: (frame) => parseWithBigInts(utf8.decode(frame)),
  encode: JSON.stringify,
};

/** MessagePack, the only encoding of the option stream. */
export const msgpackCodec: Codec = {
  contentType: "application/msgpack",
  decode: decodeMsgpack,
  // Its integers are always exact.
  decodeExactly: decodeMsgpack,
  encode,
};

/** Keep-alive byte of an older version of the trading stream. */
const KEEP_ALIVE = 0x01;

/** JSON whose numbers are money, the encoding of the trading stream. */
export const moneyCodec: FrameCodec = { decode: decodeMoney, decodeExactly: decodeMoney };

function decodeMoney(frame: Frame): unknown {
  if (frame.length === 1 && frame[0] === KEEP_ALIVE) return [];
  return parseWithNumberText(utf8.decode(frame));
}

interface Source {
  readonly source: string;
}

/** An integer of at most 1,000 digits; parsing one of megabytes takes seconds. */
const INTEGER = /^-?\d{1,1000}$/;

/**
 * Like `JSON.parse`, but integers of up to 1,000 digits that a double cannot hold become `bigint`.
 * Several times slower than `JSON.parse`.
 *
 * @throws SyntaxError
 */
export function parseWithBigInts(text: string): unknown {
  return JSON.parse(text, (_key, value, context?: Source) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const source = context?.source ?? "";
    return INTEGER.test(source) ? BigInt(source) : value;
  });
}

/** Characters of the longest number of money. */
const MAX_NUMBER_LENGTH = 1_000;
/** Characters from which V8 makes a slice of a part of a string. */
const SLICE_LENGTH = 13;

/**
 * Like `JSON.parse`, but every number becomes its source text, for messages whose numbers are
 * money.
 *
 * @throws SyntaxError
 */
export function parseWithNumberText(text: string): unknown {
  return JSON.parse(
    text,
    (_key, value, context?: Source) =>
      typeof value === "number" ? numberText(context?.source ?? String(value)) : value,
  );
}

/**
 * A copy: the source is a slice that keeps the text of the whole frame. A number that is too long
 * becomes an empty list, which no field accepts.
 */
function numberText(source: string): unknown {
  if (source.length > MAX_NUMBER_LENGTH) return [];
  return source.length < SLICE_LENGTH ? source : ` ${source}`.slice(1);
}

/**
 * The encodings of Alpaca's streams.
 *
 * @module
 */
import { encode } from "@msgpack/msgpack";
import { NumberText } from "./fields.ts";
import { decodeMsgpack } from "./msgpack_decoder.ts";
import type { Frame, Payload } from "./session.ts";

/** Decodes the frames of a stream. */
export interface FrameCodec {
  /** Decodes a frame; throws when it is not in this encoding. */
  decode(frame: Frame): unknown;
  /**
   * As `decode`, slower, with `bigint` for integers that a double cannot hold and
   * {@linkcode NumberText} for other numbers. Absent where `decode` is exact.
   */
  readonly decodeExactly?: (frame: Frame) => unknown;
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
  decodeExactly: (frame) => parseExactly(utf8.decode(frame)),
  encode: JSON.stringify,
};

/** MessagePack, the only encoding of the option stream. */
export const msgpackCodec: Codec = {
  contentType: "application/msgpack",
  decode: decodeMsgpack,
  encode,
};

/** Keep-alive byte of an older version of the trading stream. */
const KEEP_ALIVE = 0x01;

/** JSON whose numbers are money, the encoding of the trading stream. */
export const moneyCodec: FrameCodec = { decode: decodeMoney };

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

/** Characters of the longest number whose digits are kept. */
const MAX_DIGITS = 64;

/** As {@linkcode parseWithBigInts}, with the digits of numbers that are not integers. */
function parseExactly(text: string): unknown {
  return JSON.parse(text, (_key, value, context?: Source) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const source = context?.source ?? "";
    if (INTEGER.test(source)) return BigInt(source);
    return new NumberText(value, source.length > MAX_DIGITS ? String(value) : copyOf(source));
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

/** The digits of a number; one that is too long is an empty list, which no field accepts. */
function numberText(source: string): unknown {
  return source.length > MAX_NUMBER_LENGTH ? [] : copyOf(source);
}

/** A copy: the source is a slice that keeps the text of the whole frame. */
function copyOf(source: string): string {
  return source.length < SLICE_LENGTH ? source : ` ${source}`.slice(1);
}

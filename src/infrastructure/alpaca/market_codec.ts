/**
 * The two encodings of the market data streams.
 *
 * @module
 */
import { encode } from "@msgpack/msgpack";
import { parseWithBigInts } from "./exact_json.ts";
import { decodeMsgpack } from "./msgpack_decoder.ts";
import type { Frame } from "./wire.ts";

/** How frames are read and requests written. */
export interface MarketCodec {
  /** Value of the upgrade request's `Content-Type`, which selects the encoding. */
  readonly contentType: string;
  /** Decodes a frame; throws when it is not of this encoding. */
  decode(frame: Frame): unknown;
  /**
   * Decodes a frame again, slower, with whole numbers as `bigint` where a
   * double cannot hold them.
   */
  decodeExactly(frame: Frame): unknown;
  encode(value: unknown): string | Uint8Array<ArrayBuffer>;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** JSON: stocks. */
export const jsonCodec: MarketCodec = {
  contentType: "application/json",
  decode: (frame) => JSON.parse(utf8.decode(frame)),
  decodeExactly: (frame) => parseWithBigInts(utf8.decode(frame)),
  encode: (value) => JSON.stringify(value),
};

/** MessagePack: options, which speak nothing else. */
export const msgpackCodec: MarketCodec = {
  contentType: "application/msgpack",
  decode: decodeMsgpack,
  // Integers are exact the first time.
  decodeExactly: decodeMsgpack,
  encode: (value) => encode(value),
};

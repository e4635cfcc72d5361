/**
 * The two encodings of the market data streams.
 *
 * @module
 */
import { decode, encode, ExtensionCodec } from "@msgpack/msgpack";
import type { Timestamp } from "../../domain/market/timestamp.ts";
import { parseWithBigInts } from "./exact_json.ts";
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

const TIMESTAMP_EXTENSION = -1;

const extensions = new ExtensionCodec();
extensions.register({
  type: TIMESTAMP_EXTENSION,
  encode: () => null,
  decode: readTimestamp,
});

/** MessagePack: options, which speak nothing else. */
export const msgpackCodec: MarketCodec = {
  contentType: "application/msgpack",
  decode(frame) {
    return decode(frame, { extensionCodec: extensions });
  },
  decodeExactly(frame) {
    return decode(frame, {
      extensionCodec: extensions,
      useBigInt64: true,
    });
  },
  encode: (value) => encode(value),
};

/**
 * The standard timestamp extension in its forms of 4, 8 and 12 bytes;
 * `undefined` for any other length, so that a bad time costs the element that
 * carries it and not the frame. Whether the values are possible is judged where
 * the field is read.
 */
function readTimestamp(data: Uint8Array): Timestamp | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  switch (view.byteLength) {
    case 4:
      return { seconds: view.getUint32(0), nanos: 0 };
    case 8: {
      // 30 bits of nanoseconds, then 34 bits of seconds.
      const high = view.getUint32(0);
      const seconds = (high & 0b11) * 2 ** 32 + view.getUint32(4);
      return { seconds, nanos: high >>> 2 };
    }
    case 12:
      return { seconds: Number(view.getBigInt64(4)), nanos: view.getUint32(0) };
    default:
      return undefined;
  }
}

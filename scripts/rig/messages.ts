/**
 * Requests of the gRPC API as bytes, and the frames that carry them.
 *
 * @module
 */
import { concat, END_HEADERS, END_STREAM, FRAME, http2Frame } from "../../bench/http2/frames.ts";
import { type Field, grpcFields, headerBlock } from "./hpack.ts";

/** Methods of the service. */
export type Method =
  | "StreamQuotes"
  | "StreamTrades"
  | "StreamBars"
  | "StreamOptionQuotes"
  | "StreamOptionTrades"
  | "StreamOrderUpdates"
  | "GetConnectionStatus";

/** The flag of HEADERS, PRIORITY and CONTINUATION frames that end nothing. */
export const OPEN = 0;
/** Type of a CONTINUATION frame. */
export const CONTINUATION = 9;
/** Bytes of the largest frame that every peer accepts. */
export const MAX_FRAME_BYTES = 16_384;

const SERVICE = "/cream.v1.StreamProxyService";
const ascii = new TextEncoder();

/** The `:path` of a method. */
export function pathOf(method: Method): string {
  return `${SERVICE}/${method}`;
}

/** Encodes an integer as protobuf does: seven bits a byte, lowest first. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) {
    bytes.push(rest % 128 + 128);
  }
  bytes.push(rest);
  return bytes;
}

/** Encodes a repeated text field; `number` is below 16. */
export function texts(number: number, values: readonly string[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const value of values) {
    const bytes = ascii.encode(value);
    parts.push(
      new Uint8Array([number << 3 | 2, ...varint(bytes.length)]),
      bytes,
    );
  }
  return concat(parts);
}

/** Frames a gRPC message: one byte of flags, four of length, the message. */
export function framed(message: Uint8Array, flags = 0): Uint8Array {
  const head = new Uint8Array(5);
  head[0] = flags;
  new DataView(head.buffer).setUint32(1, message.length);
  return concat([head, message]);
}

/** A request to open. */
export interface Call {
  readonly method: Method;
  /** The encoded request. */
  readonly message: Uint8Array;
  /** Metadata beyond what every call has. */
  readonly metadata?: readonly Field[];
}

/** HEADERS, followed by CONTINUATION frames where the block is long. */
export function headerFrames(
  stream: number,
  block: Uint8Array,
  flags: number = OPEN,
): Uint8Array<ArrayBuffer> {
  const frames: Uint8Array[] = [];
  let at = 0;
  do {
    const payload = block.subarray(at, at + MAX_FRAME_BYTES);
    const isFirst = at === 0;
    at += MAX_FRAME_BYTES;
    const end = at >= block.length ? END_HEADERS : 0;
    frames.push(http2Frame(isFirst ? FRAME.headers : CONTINUATION, {
      stream,
      flags: end | (isFirst ? flags : 0),
      payload,
    }));
  } while (at < block.length);
  return concat(frames);
}

/** DATA frames that carry `body`, the last of which ends the request. */
export function dataFrames(
  stream: number,
  body: Uint8Array,
  flags: number = END_STREAM,
): Uint8Array<ArrayBuffer> {
  const frames: Uint8Array[] = [];
  let at = 0;
  do {
    const payload = body.subarray(at, at + MAX_FRAME_BYTES);
    at += MAX_FRAME_BYTES;
    const isLast = at >= body.length;
    frames.push(
      http2Frame(FRAME.data, { stream, flags: isLast ? flags : 0, payload }),
    );
  } while (at < body.length);
  return concat(frames);
}

/** A whole request: headers and its message. */
export function callFrames(
  stream: number,
  { method, message, metadata }: Call,
): Uint8Array<ArrayBuffer> {
  const block = headerBlock(grpcFields(pathOf(method), metadata));
  return concat([
    headerFrames(stream, block),
    dataFrames(stream, framed(message)),
  ]);
}

/** RST_STREAM with an error code; 8 is CANCEL. */
export function resetFrame(
  stream: number,
  code = 8,
): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, code);
  return http2Frame(FRAME.reset, { stream, payload });
}

/**
 * The part of HTTP/2 (RFC 9113) and HPACK (RFC 7541) that a reader of gRPC streams
 * needs.
 *
 * @module
 */

/** Frame types. */
export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;

/** Bytes of a frame header. */
export const HEADER_BYTES = 9;
/** Flag of DATA and HEADERS: the end of the stream. */
export const END_STREAM = 0x1;
/** Flag of HEADERS: the block is complete. */
export const END_HEADERS = 0x4;
/** Flag of SETTINGS and PING: an acknowledgement. */
export const ACK = 0x1;

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTING_INITIAL_WINDOW = 4;
/** Initial window of every connection; SETTINGS do not change it. */
const FIRST_WINDOW = 65_535;

const ascii = new TextEncoder();

/** One frame. */
export function http2Frame(
  type: number,
  options: {
    readonly flags?: number;
    readonly stream?: number;
    readonly payload?: Uint8Array;
  },
): Uint8Array<ArrayBuffer> {
  const { flags = 0, stream = 0, payload = new Uint8Array(0) } = options;
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, payload.length << 8 | type);
  frame[4] = flags;
  view.setUint32(5, stream);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** Extends the window of a stream, or of the connection (stream 0). */
export function windowUpdate(
  stream: number,
  bytes: number,
): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, bytes);
  return http2Frame(FRAME.windowUpdate, { stream, payload });
}

/** First bytes of a client: preface and windows. */
export function clientHello(windows: {
  readonly stream: number;
  readonly connection: number;
}): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(6);
  const view = new DataView(payload.buffer);
  view.setUint16(0, SETTING_INITIAL_WINDOW);
  view.setUint32(2, windows.stream);
  return concat([
    ascii.encode(PREFACE),
    http2Frame(FRAME.settings, { payload }),
    windowUpdate(0, windows.connection - FIRST_WINDOW),
  ]);
}

/** HPACK's integer with a prefix of 7 bits and no flag. */
function length(value: number): number[] {
  if (value < 127) return [value];
  const bytes = [127];
  let rest = value - 127;
  for (; rest > 127; rest = Math.floor(rest / 128)) {
    bytes.push(rest % 128 + 128);
  }
  return [...bytes, rest];
}

function text(value: string): number[] {
  const bytes = ascii.encode(value);
  return [...length(bytes.length), ...bytes];
}

/** Opens a gRPC call: headers and its one message. */
export function grpcRequest(
  stream: number,
  call: {
    readonly path: string;
    readonly message: Uint8Array;
    readonly token?: string | undefined;
  },
): Uint8Array<ArrayBuffer> {
  // Static table: 3 = ":method: POST", 6 = ":scheme: http"; names 4 = ":path",
  // 1 = ":authority", 31 = "content-type". Literals are not indexed.
  const block = new Uint8Array([
    0x83,
    0x86,
    0x04,
    ...text(call.path),
    0x01,
    ...text("bench"),
    0x0f,
    31 - 15,
    ...text("application/grpc"),
    0x00,
    ...text("te"),
    ...text("trailers"),
    ...call.token === undefined
      ? []
      : [0x00, ...text("authorization"), ...text(`Bearer ${call.token}`)],
  ]);
  const body = new Uint8Array(5 + call.message.length);
  new DataView(body.buffer).setUint32(1, call.message.length);
  body.set(call.message, 5);
  return concat([
    http2Frame(FRAME.headers, { flags: END_HEADERS, stream, payload: block }),
    http2Frame(FRAME.data, { flags: END_STREAM, stream, payload: body }),
  ]);
}

/** Concatenates byte arrays. */
export function concat(
  parts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The field `options { meta: true }`. */
const META = new Uint8Array([0x7a, 2, 0x08, 1]);

/** A request of the market data streams: field 1, repeated text, and field 15, the options. */
export function requestMessage(symbols: readonly string[], meta: boolean): Uint8Array {
  const fields = symbols.map((symbol) => {
    const bytes = ascii.encode(symbol);
    return new Uint8Array([0x0a, bytes.length, ...bytes]);
  });
  return concat(meta ? [...fields, META] : fields);
}

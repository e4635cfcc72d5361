/**
 * Writes values of MessagePack in their shortest form. Each function writes at a position and
 * returns the one after the value.
 *
 * @module
 */
const UINT_32 = 2 ** 32;
/** Seconds that the timestamp of 8 bytes holds. */
const UINT_34 = 2 ** 34;

/** Bytes of the longest head of a list, map or text. */
export const MAX_HEAD_BYTES = 5;

/** Writes a double. */
export function writeDouble(view: DataView, at: number, value: number): number {
  view.setUint8(at, 0xcb);
  view.setFloat64(at + 1, value);
  return at + 9;
}

/** Writes a safe integer. */
export function writeInteger(view: DataView, at: number, value: number): number {
  if (value >= 0) {
    if (value < 0x80) {
      view.setUint8(at, value);
      return at + 1;
    }
    if (value < 0x100) {
      view.setUint16(at, 0xcc00 | value);
      return at + 2;
    }
    if (value < 0x10000) {
      view.setUint8(at, 0xcd);
      view.setUint16(at + 1, value);
      return at + 3;
    }
    if (value < UINT_32) {
      view.setUint8(at, 0xce);
      view.setUint32(at + 1, value);
      return at + 5;
    }
    view.setUint8(at, 0xcf);
    view.setUint32(at + 1, Math.floor(value / UINT_32));
    view.setUint32(at + 5, value % UINT_32);
    return at + 9;
  }
  if (value >= -0x20) {
    view.setInt8(at, value);
    return at + 1;
  }
  if (value >= -0x80) {
    view.setUint8(at, 0xd0);
    view.setInt8(at + 1, value);
    return at + 2;
  }
  if (value >= -0x8000) {
    view.setUint8(at, 0xd1);
    view.setInt16(at + 1, value);
    return at + 3;
  }
  if (value >= -UINT_32 / 2) {
    view.setUint8(at, 0xd2);
    view.setInt32(at + 1, value);
    return at + 5;
  }
  return writeLargeInteger(view, at, BigInt(value));
}

/** Writes an integer of 64 bits. */
export function writeLargeInteger(view: DataView, at: number, value: bigint): number {
  view.setUint8(at, value < 0n ? 0xd3 : 0xcf);
  if (value < 0n) view.setBigInt64(at + 1, value);
  else view.setBigUint64(at + 1, value);
  return at + 9;
}

/** Writes a time as the timestamp extension. */
export function writeTimestamp(
  view: DataView,
  at: number,
  seconds: number,
  nanos: number,
): number {
  if (nanos === 0 && seconds >= 0 && seconds < UINT_32) {
    view.setUint16(at, 0xd6ff);
    view.setUint32(at + 2, seconds);
    return at + 6;
  }
  if (seconds >= 0 && seconds < UINT_34) {
    view.setUint16(at, 0xd7ff);
    // 30 bits of nanoseconds, then 34 bits of seconds.
    view.setUint32(at + 2, nanos * 4 + Math.floor(seconds / UINT_32));
    view.setUint32(at + 6, seconds % UINT_32);
    return at + 10;
  }
  view.setUint16(at, 0xc70c);
  view.setUint8(at + 2, 0xff);
  view.setUint32(at + 3, nanos);
  view.setBigInt64(at + 7, BigInt(seconds));
  return at + 15;
}

/** Bytes of the head of a list or map. */
export function headBytes(length: number): number {
  if (length < 16) return 1;
  return length < 0x10000 ? 3 : MAX_HEAD_BYTES;
}

/**
 * Writes the head of a list or map.
 *
 * @param short first byte of a list or map of 0
 * @param long first byte of one with a length of 16 bits
 */
export function writeHead(
  view: DataView,
  at: number,
  length: number,
  [short, long]: readonly [short: number, long: number],
): number {
  const bytes = headBytes(length);
  if (bytes === 1) view.setUint8(at, short | length);
  else {
    view.setUint8(at, bytes === 3 ? long : long + 1);
    if (bytes === 3) view.setUint16(at + 1, length);
    else view.setUint32(at + 1, length);
  }
  return at + bytes;
}

/** First bytes of maps. */
export const MAP = [0x80, 0xde] as const;
/** First bytes of lists. */
export const LIST = [0x90, 0xdc] as const;

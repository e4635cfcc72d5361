/**
 * Finds the elements of a MessagePack array without decoding them.
 *
 * @module
 */

const ARRAY_16 = 0xdc;
const ARRAY_32 = 0xdd;

/** The bytes of each element of an array; undefined if the bytes are none. */
export function msgpackElements(bytes: Uint8Array): Uint8Array[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const type = view.getUint8(0);
    if ((type & 0xf0) === 0x90) return elementsFrom(bytes, view, { at: 1, count: type & 0x0f });
    if (type === ARRAY_16) return elementsFrom(bytes, view, { at: 3, count: view.getUint16(1) });
    if (type === ARRAY_32) return elementsFrom(bytes, view, { at: 5, count: view.getUint32(1) });
    return undefined;
  } catch (error) {
    // The view throws it for a place after the end.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function elementsFrom(
  bytes: Uint8Array,
  view: DataView,
  { at, count }: { at: number; count: number },
): Uint8Array[] | undefined {
  const elements: Uint8Array[] = [];
  let start = at;
  for (let index = 0; index < count; index++) {
    const end = endOfValue(view, start);
    if (end === undefined || end > bytes.length) return undefined;
    elements.push(bytes.subarray(start, end));
    start = end;
  }
  return start === bytes.length ? elements : undefined;
}

/** The place after the value at `start`; undefined for a type that does not exist. */
function endOfValue(view: DataView, start: number): number | undefined {
  let at = start;
  // Values that remain, with those that are within the ones before.
  for (let values = 1; values > 0; values--) {
    const type = view.getUint8(at);
    const shape = shapeOf(view, type, at + 1);
    if (shape === undefined) return undefined;
    at += 1 + shape.bytes;
    values += shape.values;
  }
  return at;
}

/** What follows the type of a value: bytes, and then values. */
interface Shape {
  readonly bytes: number;
  readonly values: number;
}

/** Bytes that follow the types from 0xc0 on whose values have a fixed length. */
const FIXED: Readonly<Record<number, number>> = {
  0xc0: 0, // nil
  0xc2: 0, // false
  0xc3: 0, // true
  0xca: 4, // float 32
  0xcb: 8,
  0xcc: 1, // uint 8
  0xcd: 2,
  0xce: 4,
  0xcf: 8,
  0xd0: 1, // int 8
  0xd1: 2,
  0xd2: 4,
  0xd3: 8,
  0xd4: 2, // fixext 1
  0xd5: 3,
  0xd6: 5,
  0xd7: 9,
  0xd8: 17,
};

function shapeOf(view: DataView, type: number, at: number): Shape | undefined {
  if (type < 0x80 || type >= 0xe0) return bytes(0);
  if (type < 0x90) return { bytes: 0, values: 2 * (type & 0x0f) };
  if (type < 0xa0) return { bytes: 0, values: type & 0x0f };
  if (type < 0xc0) return bytes(type & 0x1f);
  const fixed = FIXED[type];
  if (fixed !== undefined) return bytes(fixed);
  switch (type) {
    case 0xc4: // bin 8
    case 0xd9: // str 8
      return bytes(1 + view.getUint8(at));
    case 0xc5:
    case 0xda:
      return bytes(2 + view.getUint16(at));
    case 0xc6:
    case 0xdb:
      return bytes(4 + view.getUint32(at));
    case 0xc7: // ext 8: the length, the type, the data
      return bytes(2 + view.getUint8(at));
    case 0xc8:
      return bytes(3 + view.getUint16(at));
    case 0xc9:
      return bytes(5 + view.getUint32(at));
    case ARRAY_16:
      return { bytes: 2, values: view.getUint16(at) };
    case ARRAY_32:
      return { bytes: 4, values: view.getUint32(at) };
    case 0xde: // map 16
      return { bytes: 2, values: 2 * view.getUint16(at) };
    case 0xdf:
      return { bytes: 4, values: 2 * view.getUint32(at) };
    default:
      return undefined;
  }
}

function bytes(count: number): Shape {
  return { bytes: count, values: 0 };
}

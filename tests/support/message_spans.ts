/**
 * Finds the messages of frames without decoding their values, from the formats' specifications.
 *
 * @module
 */

/** Texts of the elements of a JSON array. @throws Error when it is not one */
export function jsonElements(text: string): string[] {
  if (!text.startsWith("[") || !text.endsWith("]")) throw new Error(`Not an array: ${text}`);
  const elements: string[] = [];
  let depth = 0;
  let start = 1;
  for (let at = 1; at < text.length - 1; at++) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at);
    else if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    else if (char === "," && depth === 0) {
      elements.push(text.slice(start, at));
      start = at + 1;
    }
  }
  if (start < text.length - 1) elements.push(text.slice(start, -1));
  return elements;
}

function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at;
  }
  throw new Error("A string has no end");
}

/** Bytes of the elements of a MessagePack array. @throws Error when it is not one */
export function msgpackElements(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const first = view.getUint8(0);
  const [count, header] = (first & 0xf0) === 0x90
    ? [first & 0x0f, 1]
    : first === 0xdc
    ? [view.getUint16(1), 3]
    : first === 0xdd
    ? [view.getUint32(1), 5]
    : [-1, 0];
  if (count < 0) throw new Error(`Not an array: ${first}`);
  const elements: Uint8Array[] = [];
  let at = header;
  for (let i = 0; i < count; i++) {
    const end = endOf(view, at);
    elements.push(bytes.subarray(at, end));
    at = end;
  }
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes after the array`);
  return elements;
}

/** Total sizes of the types from 0xc0 on with a fixed size. */
const SIZES: Readonly<Record<number, number>> = {
  0xc0: 1,
  0xc2: 1,
  0xc3: 1,
  0xca: 5,
  0xcb: 9,
  0xcc: 2,
  0xcd: 3,
  0xce: 5,
  0xcf: 9,
  0xd0: 2,
  0xd1: 3,
  0xd2: 5,
  0xd3: 9,
  0xd4: 3,
  0xd5: 4,
  0xd6: 6,
  0xd7: 10,
  0xd8: 18,
};
/** Width of the length, and bytes between it and the content. */
const LENGTHS: Readonly<Record<number, readonly [1 | 2 | 4, number]>> = {
  0xc4: [1, 0],
  0xc5: [2, 0],
  0xc6: [4, 0],
  0xc7: [1, 1],
  0xc8: [2, 1],
  0xc9: [4, 1],
  0xd9: [1, 0],
  0xda: [2, 0],
  0xdb: [4, 0],
};

function endOf(view: DataView, at: number): number {
  const first = view.getUint8(at);
  if (first < 0x80 || first >= 0xe0) return at + 1;
  if (first < 0x90) return skip(view, at + 1, 2 * (first & 0x0f));
  if (first < 0xa0) return skip(view, at + 1, first & 0x0f);
  if (first < 0xc0) return at + 1 + (first & 0x1f);
  const size = SIZES[first];
  if (size !== undefined) return at + size;
  const length = LENGTHS[first];
  if (length) {
    const [width, extra] = length;
    return at + 1 + width + extra + numberAt(view, at + 1, width);
  }
  const width = first % 2 === 0 ? 2 : 4; // 0xdc and 0xde, or 0xdd and 0xdf
  const factor = first < 0xde ? 1 : 2;
  return skip(view, at + 1 + width, factor * numberAt(view, at + 1, width));
}

function skip(view: DataView, at: number, count: number): number {
  for (let i = 0; i < count; i++) at = endOf(view, at);
  return at;
}

function numberAt(view: DataView, at: number, width: 1 | 2 | 4): number {
  if (width === 1) return view.getUint8(at);
  return width === 2 ? view.getUint16(at) : view.getUint32(at);
}

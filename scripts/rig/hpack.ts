/**
 * Encodes header blocks (HPACK, RFC 7541) without compression: each field is a
 * literal without indexing, so blocks are built fast, are as long as they look
 * and may hold anything, valid or not.
 *
 * @module
 */

/** A header field: name and value, in the order of the block. */
export type Field = readonly [name: string, value: string];

const ascii = new TextEncoder();

/**
 * Encodes an integer with a prefix of `bits` bits (RFC 7541, 5.1).
 *
 * @param first bits of the first byte above the prefix
 */
export function integer(value: number, bits: number, first = 0): number[] {
  const full = 2 ** bits - 1;
  if (value < full) return [first | value];
  const bytes = [first | full];
  let rest = value - full;
  for (; rest >= 128; rest = Math.floor(rest / 128)) {
    bytes.push(rest % 128 + 128);
  }
  bytes.push(rest);
  return bytes;
}

/** Encodes fields as literals without indexing and without Huffman codes. */
export function headerBlock(
  fields: readonly Field[],
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (const [name, value] of fields) {
    const nameBytes = ascii.encode(name);
    const valueBytes = ascii.encode(value);
    const head = [0x00, ...integer(nameBytes.length, 7)];
    const middle = integer(valueBytes.length, 7);
    const field = new Uint8Array(
      head.length + nameBytes.length + middle.length + valueBytes.length,
    );
    field.set(head);
    field.set(nameBytes, head.length);
    field.set(middle, head.length + nameBytes.length);
    field.set(valueBytes, field.length - valueBytes.length);
    parts.push(field);
    size += field.length;
  }
  const block = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    block.set(part, at);
    at += part.length;
  }
  return block;
}

/** The fields of a gRPC request, then `more`. */
export function grpcFields(
  path: string,
  more: readonly Field[] = [],
): readonly Field[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "127.0.0.1"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...more,
  ];
}

/** A header block in several frames becomes one frame with the same block. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import {
  type FrameHeader,
  FrameReader,
} from "../../../../../src/infrastructure/grpc/http2_workarounds/frames.ts";
import { HeaderBlock } from "../../../../../src/infrastructure/grpc/http2_workarounds/header_block.ts";
import { frame } from "../../../../support/frame_client.ts";

const PREFACE = new Uint8Array(24);

/** The header of a frame as it is read from a connection. */
function headerOf(bytes: readonly number[]): FrameHeader {
  const reader = new FrameReader();
  reader.skipPayload(PREFACE, 0);
  const read = reader.readHeader(Uint8Array.from(bytes), 0);
  assert(read);
  return read.frame;
}

/** A literal field that is not indexed, with a name of one byte. */
function field(bytes: number): number[] {
  const value = new Array<number>(bytes).fill(0x7c);
  const rest = bytes - 127;
  return [0, 1, 0x78, 0x7f, rest % 128 + 128, rest >> 7, ...value];
}

function join(block: readonly number[], sizes: readonly number[], padding = 0) {
  const parts: number[][] = [];
  for (let at = 0, i = 0; at < block.length; i++) {
    const size = sizes[i % sizes.length] as number;
    parts.push(block.slice(at, at + size));
    at += size;
  }
  let joined: HeaderBlock | undefined;
  parts.forEach((part, i) => {
    const isPadded = i === 0 && padding > 0;
    const payload = isPadded ? [padding, ...part, ...new Array<number>(padding).fill(0)] : part;
    const flags = (i === parts.length - 1 ? 4 : 0) | (isPadded ? 8 : 0);
    const header = headerOf(
      frame(i === 0 ? 1 : 9, { flags, stream: 7, payload }),
    );
    joined ??= new HeaderBlock(header);
    joined.begin(header);
    joined.add(Uint8Array.from(payload));
  });
  assert(joined?.isComplete);
  return Buffer.from(joined.join());
}

Deno.test("a block in any frames, padded or not, is joined to the same block", () => {
  const fields = fc.array(fc.integer({ min: 127, max: 400 }), { minLength: 1 });
  fc.assert(fc.property(
    fields,
    fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
    fc.nat(20),
    (lengths, sizes, padding) => {
      const block = [0x83, 0x86, ...lengths.flatMap(field), 0x41, 1, 0x61];
      const expected = Buffer.from(
        frame(1, { flags: 4, stream: 7, payload: block }),
      );
      assert(join(block, sizes, padding).equals(expected));
    },
  ));
});

Deno.test("a field that HTTP/2 cannot read is left out, and what enters the table is not", () => {
  const block = [0x83, 0x40, 1, 0x61, 1, 0x62, ...field(16_200), 0x86];
  const large = [0x83, 0x40, 1, 0x61, 1, 0x62, ...field(16_384), 0x86];
  const small = [0x83, 0x40, 1, 0x61, 1, 0x62, 0x86];
  const one = (payload: number[]) => Buffer.from(frame(1, { flags: 4, stream: 7, payload }));
  assert(join(block, [9_000]).equals(one(block)));
  assert(join(large, [9_000]).equals(one(small)));
});

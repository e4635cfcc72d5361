/** Frames are found wherever the chunks that carry them are cut. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { FrameReader } from "../../../../../src/infrastructure/grpc/http2_workarounds/frames.ts";
import { frame } from "../../../../support/frame_client.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

interface Sent {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly length: number;
}

const sentFrame = fc.record({
  type: fc.nat(255),
  flags: fc.nat(255),
  stream: fc.nat(2 ** 31 - 1),
  length: fc.nat(40),
}, { noNullPrototype: true });

function bytesOf(frames: readonly Sent[]): Buffer {
  return Buffer.concat([
    Buffer.from(PREFACE),
    ...frames.map(({ type, flags, stream, length }) =>
      Buffer.from(
        frame(type, { flags, stream, payload: new Array(length).fill(0xff) }),
      )
    ),
  ]);
}

function readAll(reader: FrameReader, chunk: Uint8Array): Sent[] {
  const found: Sent[] = [];
  let at = 0;
  for (;;) {
    at = reader.skipPayload(chunk, at);
    const read = reader.readHeader(chunk, at);
    if (read === undefined) return found;
    const { type, flags, stream, length } = read.frame;
    found.push({ type, flags, stream, length });
    at = read.at;
  }
}

Deno.test("frames are found however their bytes are cut into chunks", () => {
  fc.assert(fc.property(
    fc.array(sentFrame, { maxLength: 8 }),
    fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
    (frames, sizes) => {
      const bytes = bytesOf(frames);
      const reader = new FrameReader();
      const found: Sent[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = sizes[i % sizes.length] as number;
        found.push(...readAll(reader, bytes.subarray(at, at + size)));
        at += size;
      }
      assert.deepEqual(found, frames);
    },
  ));
});

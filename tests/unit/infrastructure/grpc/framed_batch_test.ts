/** The bytes of a batch are those of its messages, framed one by one. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { frame } from "../../../../src/infrastructure/grpc/framed_batch.ts";

/** Frames each message by itself, as specified by gRPC over HTTP/2. */
function framesOf(bodies: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(bodies.flatMap((body) => {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(body.length, 1);
    return [prefix, body];
  }));
}

Deno.test("a batch of two has the bytes of the specification", () => {
  const bodies = [new Uint8Array([0xaa]), new Uint8Array([0xbb, 0xcc])];
  assert.equal(
    new Uint8Array(frame(bodies)).toHex(),
    "0000000001aa0000000002bbcc",
  );
});

Deno.test("a batch of any number and sizes has the frames of its messages", () => {
  fc.assert(fc.property(
    fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1 }),
    (bodies) => {
      assert.deepEqual(
        new Uint8Array(frame(bodies)),
        new Uint8Array(framesOf(bodies)),
      );
    },
  ));
});

Deno.test("lengths of one to four bytes are written completely", () => {
  for (const length of [0, 0xff, 0x100, 0xffff, 0x10000, 0x100_0001]) {
    const bodies = [new Uint8Array(1), new Uint8Array(length).fill(7)];
    const framed = Buffer.from(frame(bodies));
    assert(framed.equals(framesOf(bodies)), `length ${length}`);
  }
});

Deno.test("equal batches have equal bytes, with any others in between", () => {
  const pool = Array.from({ length: 6 }, (_, i) => new Uint8Array(i).fill(i));
  const batch = fc.array(fc.constantFrom(...pool), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 30 }), (batches) => {
      for (const bodies of [...batches, ...batches]) {
        assert.deepEqual(
          new Uint8Array(frame([...bodies])),
          new Uint8Array(framesOf(bodies)),
        );
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("a cached batch is not framed again", () => {
  const bodies = Array.from({ length: 100 }, () => new Uint8Array(90));
  const framed = frame(bodies);
  assert.equal(frame([...bodies]), framed);
  assert.deepEqual(new Uint8Array(framed), new Uint8Array(framesOf(bodies)));
});

Deno.test("a single message has one frame", () => {
  const message = new Uint8Array([0xaa, 0xbb]);
  assert.equal(frame(message).toString("hex"), "0000000002aabb");
});

/** The bytes of a batch are those of its messages, framed one by one. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import {
  canFrame,
  frame,
} from "../../../../../src/infrastructure/grpc/http2_workarounds/framed_batch.ts";

interface Handler {
  readonly handler: { readonly serialize: (message: Buffer) => Buffer };
}

/** Frames like the class of grpc-js 1.14.7. */
class KnownFraming {
  serializeMessage(this: Handler, value: Buffer): Uint8Array {
    const message = this.handler.serialize(value);
    const output = Buffer.allocUnsafe(message.byteLength + 5);
    output.writeUInt8(0, 0);
    output.writeUInt32BE(message.byteLength, 1);
    message.copy(output, 5);
    return output;
  }
}

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

Deno.test("the expected framing is supported", () => {
  assert.equal(canFrame(new KnownFraming()), true);
});

Deno.test("an unexpected framing is not supported", () => {
  const others: Record<string, object> = {
    "prefix written last": new class {
      serializeMessage(this: Handler, value: Buffer): Uint8Array {
        const message = this.handler.serialize(value);
        const output = Buffer.alloc(message.byteLength + 5);
        message.copy(output);
        output.writeUInt32BE(message.byteLength, 1);
        return output;
      }
    }(),
    "body without a prefix": new class {
      serializeMessage(this: Handler, value: Buffer): Uint8Array {
        const message = this.handler.serialize(value);
        const output = Buffer.alloc(message.byteLength);
        message.copy(output);
        return output;
      }
    }(),
    "parts instead of one piece": new class {
      serializeMessage(): Uint8Array[] {
        return [];
      }
    }(),
    "no framing at all": new (class {})(),
  };
  for (const [name, call] of Object.entries(others)) {
    assert.equal(canFrame(call), false, name);
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

/** Requests in any pieces, and compressed ones. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { frame } from "../../../../src/infrastructure/grpc/framed_batch.ts";
import { contentOf, MessageDecoder } from "../../../../src/infrastructure/grpc/message_decoder.ts";
import { Code } from "../../../../src/infrastructure/grpc/status_code.ts";

const MAX_BYTES = 1_000;
const TEXT = new TextEncoder().encode("AAPL ".repeat(20));

function decompress(bytes: Uint8Array, encoding: string, maxBytes = MAX_BYTES) {
  return (async () => await contentOf({ isCompressed: true, bytes }, { encoding, maxBytes }))();
}

Deno.test("messages in any pieces are those that were framed", () => {
  fc.assert(fc.property(
    fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 8 }),
    fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
    (messages, sizes) => {
      const bytes = frame(messages);
      const decoder = new MessageDecoder(MAX_BYTES);
      const decoded: Uint8Array[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = sizes[i % sizes.length] as number;
        for (const message of decoder.push(bytes.subarray(at, at + size))) {
          assert.equal(message.isCompressed, false);
          decoded.push(Uint8Array.from(message.bytes));
        }
        at += size;
      }
      assert.deepEqual(decoded, messages);
    },
  ));
});

Deno.test("a message is refused when its length has arrived", () => {
  const decoder = new MessageDecoder(MAX_BYTES);
  assert.deepEqual(decoder.push(new Uint8Array([0, 0, 0, 3])), []);
  assert.throws(() => decoder.push(new Uint8Array([0xe9])), {
    code: Code.RESOURCE_EXHAUSTED,
    message: "Received message larger than max (1001 vs 1000)",
  });
});

Deno.test("the first byte of a frame shows whether its message is compressed", () => {
  const decoder = new MessageDecoder(MAX_BYTES);
  const flags = decoder.push(new Uint8Array([1, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]));
  assert.deepEqual(flags.map(({ isCompressed }) => isCompressed), [true, false, false]);
});

Deno.test("gzip and deflate are read, and so is a message that is not compressed", async () => {
  assert.deepEqual(await decompress(gzipSync(TEXT), "gzip"), Buffer.from(TEXT));
  assert.deepEqual(await decompress(deflateSync(TEXT), "deflate"), Buffer.from(TEXT));
  assert.deepEqual(await decompress(TEXT, "identity"), TEXT);
  const plain = { isCompressed: false, bytes: TEXT };
  assert.equal(contentOf(plain, { encoding: "gzip", maxBytes: MAX_BYTES }), TEXT);
});

Deno.test("what cannot be decompressed is refused", async () => {
  await assert.rejects(decompress(TEXT, "gzip"), {
    code: Code.INTERNAL,
    message: "Failed to decompress message",
  });
  await assert.rejects(decompress(TEXT, "br"), {
    code: Code.UNIMPLEMENTED,
    message: 'Received message compressed with unsupported encoding "br"',
  });
  await assert.rejects(decompress(gzipSync(new Uint8Array(2_000)), "gzip"), {
    code: Code.RESOURCE_EXHAUSTED,
    message: "Received message that decompresses to a size larger than 1000",
  });
});

/** HTTP/2 keepalive of clients, as the documented clients use it. */
import assert from "node:assert/strict";
import { startGrpcHarness } from "../../support/grpc_client.ts";

const HEADER_BYTES = 9;
const SETTINGS = 4, PING = 6, GOAWAY = 7;
const ACK = 1;

function frame(type: number, payload: readonly number[] = []): number[] {
  return [0, 0, payload.length, type, 0, 0, 0, 0, 0, ...payload];
}

/** The types of the frames that arrive, PING replies apart. */
async function readFrames(
  conn: Deno.Conn,
  onReply: () => void,
): Promise<number[]> {
  const types: number[] = [];
  let rest: number[] = [];
  const piece = new Uint8Array(65_536);
  for (;;) {
    const size = await conn.read(piece).catch(() => null);
    if (size === null) return types;
    rest.push(...piece.subarray(0, size));
    while (rest.length >= HEADER_BYTES) {
      const [a = 0, b = 0, c = 0, type = 0, flags = 0] = rest;
      const end = HEADER_BYTES + (a << 16 | b << 8 | c);
      if (rest.length < end) break;
      rest = rest.slice(end);
      if (type === PING && (flags & ACK) !== 0) onReply();
      else types.push(type);
    }
  }
}

Deno.test("a thousand PINGs without an open stream are answered, without GOAWAY", async () => {
  await using harness = await startGrpcHarness();
  const { port } = harness.server;
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  let replies = 0;
  let replied = Promise.withResolvers<void>();
  const reading = readFrames(conn, () => {
    replies++;
    replied.resolve();
  });
  const preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  await conn.write(Uint8Array.from([...preface, ...frame(SETTINGS)]));
  for (let round = 1; round <= 100; round++) {
    const ping = frame(PING, [0, 0, 0, 0, 0, 0, 0, round]);
    const ten = Array.from({ length: 10 }, () => ping).flat();
    await conn.write(Uint8Array.from(ten));
    while (replies < 10 * round) {
      await replied.promise;
      replied = Promise.withResolvers();
    }
  }
  conn.close();
  const types = await reading;
  assert.equal(replies, 1000);
  assert(!types.includes(GOAWAY), `frames: ${types}`);
});

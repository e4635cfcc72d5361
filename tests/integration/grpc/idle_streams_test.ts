/** The heap that a stream takes while nothing is sent. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Remote } from "../../../bench/control.ts";
import { frame } from "../../../src/infrastructure/grpc/framed_batch.ts";
import { FrameClient, Type } from "../../support/frame_client.ts";
import { pathOf } from "../../support/grpc_client.ts";

const STREAMS = 2_000;
const CONNECTIONS = 4;
/** What was measured, and two thirds of it as a margin. */
const MAX_BYTES = 12 * 1_024;

/** A request for one symbol. */
function requestFor(symbol: string): number[] {
  return [...frame([new Uint8Array([0x0a, symbol.length, ...Buffer.from(symbol)])])];
}

/** Opens streams on a new connection, and waits for their headers. */
async function openAll(port: number, count: number): Promise<FrameClient> {
  const client = await FrameClient.connect(port);
  const path = pathOf("StreamQuotes");
  for (let i = 0; i < count; i++) client.open(path, { message: requestFor("AAPL") });
  await client.until(() => client.of(Type.headers).length === count);
  return client;
}

Deno.test("an idle stream takes less than 12 KiB of the heap", async () => {
  await using made = new AsyncDisposableStack();
  const server = made.use(
    new Remote(new URL("./idle_streams_server.ts", import.meta.url), {
      flags: ["--allow-all", "--no-check", "--v8-flags=--expose-gc"],
    }),
  );
  const port = await server.call<number>("port");
  const measure = () => server.call<{ heap: number; streams: number }>("measure");
  // Code is compiled and tables grow with the first streams.
  made.use(await openAll(port, STREAMS / CONNECTIONS));
  const before = await measure();
  for (let i = 0; i < CONNECTIONS; i++) made.use(await openAll(port, STREAMS / CONNECTIONS));
  const after = await measure();
  assert.equal(after.streams - before.streams, STREAMS);
  const each = (after.heap - before.heap) / STREAMS;
  assert.ok(each < MAX_BYTES, `${Math.round(each)} bytes for each of ${STREAMS} streams`);
});

/** Windows of flow control: what a client allows is sent, and no byte more. */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { pathOf, startGrpcHarness } from "../../support/grpc_client.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import {
  ERROR_CODES,
  frame,
  FrameClient,
  numberAt,
  Type,
  uint32,
} from "../../support/frame_client.ts";
import { until } from "../../support/until.ts";

const QUOTES = pathOf("StreamQuotes");
/** Bytes of one golden quote with its prefix. */
const QUOTE_BYTES = 5 + 55;
const LARGEST = 2 ** 31 - 1;

function bytesOf(client: FrameClient, stream: number): number {
  return client.of(Type.data, stream).reduce((sum, { payload }) => sum + payload.length, 0);
}

/** A client of one stream with a small window, and a stream that has more to send. */
async function blockedStream(streamWindow = 100) {
  const harness = await startGrpcHarness();
  const client = await FrameClient.connect(harness.server.port, { streamWindow });
  const stream = client.open(QUOTES);
  await harness.market.untilOpen(1);
  for (let i = 0; i < 50; i++) harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await client.until(() => bytesOf(client, stream) >= streamWindow);
  await client.roundTrip();
  return {
    harness,
    client,
    stream,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await harness[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a stream sends what its window allows, and continues when it is extended", async () => {
  await using blocked = await blockedStream();
  const { client, stream } = blocked;
  assert.equal(bytesOf(client, stream), 100);
  // Byte by byte, so that no chunk has the whole frame.
  for (const byte of frame(Type.windowUpdate, { stream, payload: uint32(50) })) {
    client.send([byte]);
    for (let turn = 0; turn < 3; turn++) await nextTurn();
  }
  await client.until(() => bytesOf(client, stream) >= 150);
  await client.roundTrip();
  assert.equal(bytesOf(client, stream), 150);
});

Deno.test("a new initial window applies to open streams", async () => {
  await using blocked = await blockedStream();
  const { client, stream } = blocked;
  client.sendFrame(Type.settings, { payload: [0, 4, ...uint32(160)] });
  await client.until(() => bytesOf(client, stream) >= 160);
  await client.roundTrip();
  assert.equal(bytesOf(client, stream), 160);
  client.sendFrame(Type.settings, { payload: [0, 4, ...uint32(10)] });
  client.sendFrame(Type.windowUpdate, { stream, payload: uint32(150) });
  await client.roundTrip();
  assert.equal(bytesOf(client, stream), 160, "the window is used up");
  client.sendFrame(Type.windowUpdate, { stream, payload: uint32(1) });
  await client.until(() => bytesOf(client, stream) > 160);
  assert.equal(bytesOf(client, stream), 161);
});

Deno.test("a too large window of a stream ends the connection, and clients retry", async () => {
  await using blocked = await blockedStream();
  const { client, stream, harness } = blocked;
  const other = client.open(QUOTES);
  await harness.market.untilOpen(2);
  client.sendFrame(Type.windowUpdate, { stream, payload: uint32(10_000) });
  client.sendFrame(Type.windowUpdate, { stream, payload: uint32(LARGEST) });
  await client.until(() => client.of(Type.rstStream, other).length > 0);
  const [reset] = client.of(Type.rstStream, stream);
  assert.equal(reset && ERROR_CODES[numberAt(reset, 0)], "REFUSED_STREAM");
  await harness.market.untilOpen(0);
});

Deno.test("a call whose window begins with 0 is sent its message and its status", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port, { streamWindow: 0 });
  const stream = client.open("/grpc.health.v1.Health/Check");
  await client.until(() => client.of(Type.headers, stream).length === 1);
  await client.roundTrip();
  assert.equal(bytesOf(client, stream), 0);
  client.sendFrame(Type.windowUpdate, { stream, payload: uint32(100) });
  await client.until(() => client.of(Type.headers, stream).length === 2);
  assert.equal(bytesOf(client, stream), 7);
});

Deno.test("a status needs no window", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port, { streamWindow: 0 });
  const stream = client.open(QUOTES);
  await harness.market.untilOpen(1);
  const [open] = harness.market.streams;
  open?.end();
  await client.until(() => client.of(Type.headers, stream).length === 2);
});

Deno.test("settings in single bytes are read, those of the window and others", async () => {
  await using blocked = await blockedStream();
  const { client, stream } = blocked;
  const acks = () => client.of(Type.settings).filter(({ flags }) => flags === 1).length;
  const before = acks();
  const payload = [0, 1, ...uint32(0), 0, 4, ...uint32(130), 0, 5, ...uint32(20_000)];
  for (const byte of frame(Type.settings, { payload })) {
    client.send([byte]);
    for (let turn = 0; turn < 3; turn++) await nextTurn();
  }
  await client.until(() => bytesOf(client, stream) >= 130 && acks() > before);
  await client.roundTrip();
  assert.equal(bytesOf(client, stream), 130);
});

Deno.test("an initial window above the limit of flow control ends the connection", async () => {
  await using blocked = await blockedStream();
  const { client, stream, harness } = blocked;
  client.sendFrame(Type.settings, { payload: [0, 4, ...uint32(2 ** 31)] });
  await client.until(() => client.of(Type.rstStream, stream).length > 0);
  await harness.market.untilOpen(0);
});

for (
  const [name, connectionWindow, increment] of [
    ["too large", LARGEST, 1],
    ["not extended", 65_535, 0],
  ] as const
) {
  Deno.test(`a connection window that is ${name} ends the connection`, async () => {
    await using harness = await startGrpcHarness();
    await using client = await FrameClient.connect(harness.server.port, { connectionWindow });
    client.open(QUOTES);
    await harness.market.untilOpen(1);
    client.sendFrame(Type.windowUpdate, { payload: uint32(increment) });
    await until("the connection ends", () => client.end !== undefined);
    await harness.market.untilOpen(0);
  });
}

Deno.test("a status follows the data that waits for a window", async () => {
  await using blocked = await blockedStream();
  const { client, stream, harness } = blocked;
  const [open] = harness.market.streams;
  open?.end();
  await client.roundTrip();
  assert.equal(client.of(Type.headers, stream).length, 1);
  client.sendFrame(Type.windowUpdate, { stream, payload: uint32(100_000) });
  await client.until(() => client.of(Type.headers, stream).length === 2);
  const types = client.frames.filter((each) => each.stream === stream).map(({ type }) => type);
  assert.equal(types.lastIndexOf(Type.headers), types.length - 1, "nothing follows the status");
  assert.equal(bytesOf(client, stream) % QUOTE_BYTES, 0, "no message is cut");
});

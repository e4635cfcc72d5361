/** A stream that has ended is released, whichever way and whenever it ends. */
import assert from "node:assert/strict";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import { ERROR_CODES, FrameClient, Type, uint32 } from "../../support/frame_client.ts";
import { type GrpcHarness, pathOf, startGrpcHarness } from "../../support/grpc_client.ts";
import { until } from "../../support/until.ts";

/** Longest that a stream may be held after its end, in ms. */
const RELEASE_MS = 1_000;

/** Resolves when no call and no market stream is open. */
function untilReleased({ server, market }: GrpcHarness): Promise<void> {
  return until(
    "everything is released",
    () => server.openCalls === 0 && market.streams.size === 0,
    RELEASE_MS,
  );
}

/** Resolves when a write of every stream waits for flow control. */
async function fill(harness: GrpcHarness, client: FrameClient): Promise<void> {
  const before = client.of(Type.data).length;
  for (let i = 0; i < 3_000; i++) {
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  }
  await client.until(() => client.of(Type.data).length > before);
}

/** What a stream does when it is ended; each gives the stream's id. */
const MOMENTS: Readonly<
  Record<string, (harness: GrpcHarness, client: FrameClient) => Promise<number>>
> = {
  "that is idle": async ({ market }, client) => {
    const stream = client.open(pathOf("StreamQuotes"));
    await market.untilOpen(1);
    return stream;
  },
  "with a pending write": async (harness, client) => {
    const stream = client.open(pathOf("StreamQuotes"));
    await harness.market.untilOpen(1);
    await fill(harness, client);
    return stream;
  },
  "whose status is pending": async (harness, client) => {
    const stream = client.open("/grpc.health.v1.Health/Watch", {
      headers: [["grpc-timeout", "20m"]],
    });
    await until("the call is open", () => harness.server.openCalls === 1);
    await new Promise((resolve) => setTimeout(resolve, 40));
    return stream;
  },
  "whose request has not ended": async (_, client) => {
    const stream = client.open(pathOf("StreamQuotes"), { halfClose: false });
    await client.roundTrip();
    return stream;
  },
  "that the server has not seen": (_, client) =>
    Promise.resolve(client.open(pathOf("StreamQuotes"))),
  "that watches health": async (harness, client) => {
    const stream = client.open("/grpc.health.v1.Health/Watch");
    await until("the call is open", () => harness.server.openCalls === 1);
    return stream;
  },
  "that streams both ways": async (harness, client) => {
    const stream = client.open(
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      { halfClose: false },
    );
    await until("the call is open", () => harness.server.openCalls === 1);
    return stream;
  },
};

/** Windows of a client that reads nothing of its streams, or all. */
const WINDOWS = { "does not read": 10, "reads": 2 ** 31 - 1 };

for (const [moment, open] of Object.entries(MOMENTS)) {
  for (const [habit, streamWindow] of Object.entries(WINDOWS)) {
    Deno.test(`any RST_STREAM releases a stream ${moment} of a client that ${habit}`, async () => {
      await using harness = await startGrpcHarness();
      for (const code of ERROR_CODES.keys()) {
        await using client = await FrameClient.connect(harness.server.port, {
          streamWindow,
        });
        const stream = await open(harness, client);
        client.reset(stream, code);
        await client.roundTrip();
        await untilReleased(harness);
        assert.equal(client.end, undefined, "the connection goes on");
      }
    });
  }
}

Deno.test("a reset with NO_ERROR releases a stream that its client does not read", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port);
  const read = client.open(pathOf("StreamQuotes"));
  await harness.market.untilOpen(1);
  const other = client.open(pathOf("StreamTrades"));
  await harness.market.untilOpen(2);
  // The window of the connection is used up by the first stream.
  await fill(harness, client);
  client.reset(read, 0);
  await until("one stream is left", () => {
    const { server, market } = harness;
    return server.openCalls === 1 && market.streams.size === 1;
  }, RELEASE_MS);
  assert.deepEqual(client.of(Type.rstStream, other), []);
});

Deno.test("a reset that overtakes the status of a stream releases it", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port, {
    streamWindow: 10,
  });
  const stream = client.open(pathOf("StreamQuotes"), {
    headers: [["grpc-timeout", "300m"]],
  });
  await harness.market.untilOpen(1);
  await fill(harness, client);
  // The deadline ends the call while its data cannot be sent.
  await new Promise((resolve) => setTimeout(resolve, 400));
  client.reset(stream, 0);
  await client.roundTrip();
  await untilReleased(harness);
});

/** Ends of a connection that a client or a network makes. */
const ENDS: Readonly<Record<string, (client: FrameClient) => void>> = {
  "GOAWAY and FIN": (client) => {
    client.goaway(0);
    client.socket.end();
  },
  "GOAWAY with an error": (client) => client.goaway(2),
  "FIN": (client) => client.socket.end(),
  "FIN in the middle of a frame": (client) => {
    client.send([0, 0, 10, 0]);
    client.socket.end();
  },
  "FIN of a client that reads no more": (client) => {
    client.socket.pause();
    client.socket.end();
  },
  "a reset": (client) => client.socket.resetAndDestroy(),
  "a protocol error": (client) => client.sendFrame(Type.windowUpdate, { payload: uint32(0) }),
  "bytes that are no frame": (client) => client.send(new Array<number>(100).fill(255)),
};

for (const [name, end] of Object.entries(ENDS)) {
  Deno.test(`${name} releases all streams of the connection`, async () => {
    await using harness = await startGrpcHarness();
    for (const [moment, open] of Object.entries(MOMENTS)) {
      for (const streamWindow of Object.values(WINDOWS)) {
        await using client = await FrameClient.connect(harness.server.port, {
          streamWindow,
        });
        await open(harness, client);
        end(client);
        await untilReleased(harness);
        await until(
          `the connection of a stream ${moment} is closed`,
          () => harness.server.connections === 0,
          RELEASE_MS,
        );
      }
    }
  });
}

Deno.test("streams go on after a GOAWAY without an error", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port);
  const stream = client.open(pathOf("StreamQuotes"));
  await harness.market.untilOpen(1);
  client.goaway(0);
  await client.until(() => client.of(Type.goaway).length > 0);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await client.until(() => client.of(Type.data, stream).length > 0);
  assert.equal(harness.server.openCalls, 1);
});

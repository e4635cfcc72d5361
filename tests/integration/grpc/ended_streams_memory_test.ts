/** Ended streams and connections leave no memory behind. */
import assert from "node:assert/strict";
import { FrameClient, Type } from "../../support/frame_client.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import { type GrpcHarness, pathOf, startGrpcHarness } from "../../support/grpc_client.ts";
import { until } from "../../support/until.ts";

const { gc } = globalThis as { gc?: () => void };
const missing = gc ? "" : " (skipped: run with --v8-flags=--expose-gc)";

const WARM_UP = 50;
const CYCLES = 200;
/** Less than anything that is held for a stream: its call, its queue. */
const MAX_GROWTH_BYTES = 3_000;

type End = (
  harness: GrpcHarness,
  client: FrameClient,
  stream: number,
) => Promise<void>;

const resetWith = (code: number): End => async (_, client, stream) => {
  client.reset(stream, code);
  await client.roundTrip();
};

const ENDS: Readonly<Record<string, End>> = {
  "a reset with CANCEL": resetWith(8),
  "a reset with NO_ERROR": resetWith(0),
  "a reset with INTERNAL_ERROR": resetWith(2),
  "a protocol error": async (_, client) => {
    client.sendFrame(Type.windowUpdate, { payload: [0, 0, 0, 0] });
    await client.until(() => client.end !== undefined);
  },
  "a broken connection": (_, client) => {
    client.socket.resetAndDestroy();
    return Promise.resolve();
  },
};

/** One stream of a client that does not read, from its start to its end. */
async function cycle(harness: GrpcHarness, end: End): Promise<void> {
  await using client = await FrameClient.connect(harness.server.port, {
    streamWindow: 100,
  });
  const stream = client.open(pathOf("StreamQuotes"));
  await harness.market.untilOpen(1);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await client.until(() => client.of(Type.data).length > 0);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await end(harness, client, stream);
  await harness.market.untilOpen(0);
}

/** Bytes of the heap after everything that can be collected was. */
async function heap(harness: GrpcHarness): Promise<number> {
  await until("all is closed", () => {
    const { server } = harness;
    return server.openCalls === 0 && server.connections === 0;
  });
  harness.log.records.length = 0;
  harness.tracing.spans.length = 0;
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    gc?.();
  }
  return Deno.memoryUsage().heapUsed;
}

for (const [name, end] of Object.entries(ENDS)) {
  Deno.test({
    name: `streams ended by ${name} leave nothing in the heap${missing}`,
    ignore: !gc,
    fn: async () => {
      await using harness = await startGrpcHarness();
      for (let i = 0; i < WARM_UP; i++) await cycle(harness, end);
      const before = await heap(harness);
      for (let i = 0; i < CYCLES; i++) await cycle(harness, end);
      const growth = (await heap(harness) - before) / CYCLES;
      assert(growth < MAX_GROWTH_BYTES, `${growth} bytes a stream`);
    },
  });
}

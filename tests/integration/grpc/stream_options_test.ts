/** Streams with options over real sockets. */
import assert from "node:assert/strict";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Notice } from "../../../src/application/streaming/stream_options.ts";
import {
  DeliveryPolicy,
  Origin,
  type StreamOptionsSchema,
  StreamQuotesRequestSchema,
  type StreamQuotesResponse,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { BadRequestSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";
import { GOLDEN_ORDER_UPDATE, GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import {
  connectClient,
  type Connected,
  grpcClient,
  type GrpcHarness,
  pathOf,
  RAW,
  startGrpcHarness,
} from "../../support/grpc_client.ts";
import type { StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";

type Options = MessageInitShape<typeof StreamOptionsSchema>;
type Client = Connected<typeof StreamProxyService>;

/** What a stream of quotes received and how it ended. */
class Reading {
  readonly responses: StreamQuotesResponse[] = [];
  readonly ended: Promise<ConnectError>;
  #wake = () => {};

  constructor(client: Client, options: Options | undefined, signal?: AbortSignal) {
    this.ended = this.#read(client.streamQuotes(
      { symbols: ["AAPL"], ...(options && { options }) },
      { ...(signal && { signal }) },
    ));
  }

  async #read(stream: AsyncIterable<StreamQuotesResponse>): Promise<ConnectError> {
    try {
      for await (const response of stream) {
        this.responses.push(response);
        this.#wake();
      }
    } catch (error) {
      return ConnectError.from(error);
    }
    throw new Error("The stream ended without an error");
  }

  /** Resolves when `count` responses have arrived. */
  async until(count: number): Promise<readonly StreamQuotesResponse[]> {
    while (this.responses.length < count) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.responses;
  }

  /** The kind of each response: of a notice, or `data`. */
  get kinds(): (string | undefined)[] {
    return this.responses.map(({ notice }) => notice ? notice.kind.case : "data");
  }
}

const CAUGHT_UP: Notice = { type: "caught_up", at: 5, sequence: 3, count: 2 };

/** Sends a notice in every stream with notices. */
function notify(harness: GrpcHarness, notice: Notice): void {
  for (const stream of harness.market.streams) stream.notify(notice);
}

Deno.test("a stream with options has metadata and notices, in order", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const leave = new AbortController();
  const reading = new Reading(client, { meta: true, notices: true }, leave.signal);
  await harness.market.untilOpen(1);
  notify(harness, CAUGHT_UP);
  const { sequence } = harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  notify(harness, CAUGHT_UP);
  const [first, second, third] = await reading.until(3);
  assert.deepEqual(reading.kinds, ["caughtUp", "data", "caughtUp"]);
  assert.equal(first?.notice?.kind.value?.$typeName, "cream.v1.CaughtUp");
  assert.equal(second?.quote?.symbol, "AAPL");
  assert.equal(second.meta?.sequence, BigInt(sequence));
  assert.equal(second.meta.origin, Origin.LIVE);
  assert.equal(third?.meta, undefined);
  leave.abort();
  await reading.ended;
  await harness.market.untilOpen(0);
});

Deno.test("the event of an order is in its metadata as Alpaca spells it", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const leave = new AbortController();
  const updates = client.streamOrderUpdates({ options: { meta: true } }, leave);
  const next = updates[Symbol.asyncIterator]().next();
  await harness.market.untilOpen(1);
  harness.market.publish("orderUpdates", { ...GOLDEN_ORDER_UPDATE, event: "order_held" });
  const { meta, update } = (await next).value ?? {};
  assert.equal(meta?.eventWord, "order_held");
  assert.equal(update?.eventId, "e-1");
  leave.abort();
  await harness.market.untilOpen(0);
});

Deno.test("options reach the stream with defaults; empty options are options", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const leave = new AbortController();
  const readings = [
    new Reading(client, { notices: true, delivery: DeliveryPolicy.LATEST }, leave.signal),
    new Reading(client, {}, leave.signal),
    new Reading(client, undefined, leave.signal),
  ];
  await harness.market.untilOpen(3);
  const options = Array.from(harness.market.streams, (stream) => stream.options);
  assert.deepEqual(
    options.map((each) => each && [each.delivery, each.heartbeatMs]).sort(),
    [["every", 0], ["latest", 30_000], undefined],
  );
  leave.abort();
  await Promise.all(readings.map(({ ended }) => ended));
  await harness.market.untilOpen(0);
});

Deno.test("without meta and notices the bytes are those of a stream without options", async () => {
  await using harness = await startGrpcHarness();
  using client = grpcClient(harness);
  const received: string[][] = [];
  const calls = [undefined, {}, { meta: true }].map((options) => {
    const bytes: string[] = [];
    received.push(bytes);
    const request = create(StreamQuotesRequestSchema, { ...(options && { options }) });
    const call = client.makeServerStreamRequest(
      pathOf("StreamQuotes"),
      RAW.serialize,
      RAW.deserialize,
      toBinary(StreamQuotesRequestSchema, request),
    );
    call.on("error", () => {});
    const arrived = Promise.withResolvers<void>();
    call.on("data", (data: Uint8Array) => {
      bytes.push(data.toHex());
      arrived.resolve();
    });
    return { call, arrived: arrived.promise };
  });
  await harness.market.untilOpen(3);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await Promise.all(calls.map(({ arrived }) => arrived));
  const [plain = [], empty, withMeta = []] = received;
  assert.deepEqual(plain, empty);
  assert.equal(withMeta[0]?.slice(0, plain[0]?.length), plain[0]);
  assert.equal(withMeta[0]?.slice(plain[0]?.length).slice(0, 2), "7a");
  for (const { call } of calls) call.cancel();
  await harness.market.untilOpen(0);
});

Deno.test("invalid options refuse the stream with every field", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const reading = new Reading(client, {
    minInterval: { seconds: 1n, nanos: 0 },
    maxUnacknowledged: 5,
  });
  const error = await reading.ended;
  assert.equal(error.code, Code.InvalidArgument);
  const [details] = error.findDetails(BadRequestSchema);
  assert.deepEqual(details?.fieldViolations.map(({ field }) => field), [
    "options.max_unacknowledged",
    "options.min_interval",
  ]);
  assert.equal(harness.market.streams.size, 0);
});

Deno.test("an event that cannot be encoded is a gap for streams with notices", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const leave = new AbortController();
  const noticed = new Reading(client, { notices: true }, leave.signal);
  const plain = new Reading(client, undefined, leave.signal);
  await harness.market.untilOpen(2);
  const broken = { ...GOLDEN_QUOTE, conditions: null } as unknown as typeof GOLDEN_QUOTE;
  const { sequence } = harness.market.publish("stockQuotes", broken);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  const [gap] = await noticed.until(2);
  await plain.until(1);
  assert.deepEqual(noticed.kinds, ["gap", "data"]);
  assert.deepEqual(plain.kinds, ["data"]);
  assert(gap?.notice?.kind.case === "gap");
  assert.equal(gap.notice.kind.value.firstSequence, BigInt(sequence));
  leave.abort();
  await Promise.all([noticed.ended, plain.ended]);
  await harness.market.untilOpen(0);
});

Deno.test("a stream with notices receives one before the stop and continues a while", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const noticed = new Reading(client, { notices: true });
  const plain = new Reading(client, { meta: true });
  await harness.market.untilOpen(2);
  const stopped = harness.server.stop(800, "maintenance at noon");
  const end = await plain.ended;
  assert.deepEqual([end.code, end.rawMessage], [Code.Unavailable, "maintenance at noon"]);
  const [notice] = await noticed.until(1);
  assert(notice?.notice?.kind.case === "draining");
  const { reason, grace } = notice.notice.kind.value;
  assert.equal(reason, "maintenance at noon");
  assert.deepEqual([grace?.seconds, grace?.nanos], [0n, 200_000_000]);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await noticed.until(2);
  const last = await noticed.ended;
  assert.deepEqual([last.code, last.rawMessage], [Code.Unavailable, "maintenance at noon"]);
  assert.deepEqual(noticed.kinds, ["draining", "data"]);
  await stopped;
  assert.equal(harness.server.connections, 0);
});

Deno.test("a client that leaves while the proxy drains does not delay the stop", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const leave = new AbortController();
  const noticed = new Reading(client, { notices: true }, leave.signal);
  await harness.market.untilOpen(1);
  const stopped = harness.server.stop(60_000, "maintenance");
  await noticed.until(1);
  const started = performance.now();
  leave.abort();
  assert.equal((await noticed.ended).code, Code.Canceled);
  await stopped;
  assert(performance.now() - started < 30_000, "the stop waited for the grace period");
});

Deno.test("a stream that the proxy ends states the reason and what to do", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const reading = new Reading(client, { delivery: DeliveryPolicy.EVERY_OR_END });
  await harness.market.untilOpen(1);
  for (const stream of harness.market.streams) {
    stream.endReason = "The client is too slow";
    stream.end();
  }
  const { code, rawMessage } = await reading.ended;
  assert.equal(code, Code.Unavailable);
  assert.match(rawMessage, /^The client is too slow; reopen it with options.resume after /);
  const { level, message, fields } = harness.log.records[0] ?? {};
  assert.deepEqual([level, message], ["warn", "Ended a stream: its client is too slow"]);
  assert.deepEqual(fields, { channel: "stockQuotes", cause: "The client is too slow" });
});

Deno.test("positions are acknowledged; ids of unknown streams are returned", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const positions = [
    { streamId: "open-1", sequence: 7n },
    { streamId: "gone", sequence: 1n },
    { streamId: "open-2", sequence: 2n ** 63n },
  ];
  const { unknownStreamIds } = await client.acknowledge({ positions });
  assert.deepEqual(unknownStreamIds, ["gone"]);
  assert.deepEqual(harness.market.acknowledged, [["open-1", 7], ["gone", 1], ["open-2", 2 ** 63]]);
  assert.deepEqual((await client.acknowledge({})).unknownStreamIds, []);
});

Deno.test("invalid acknowledgements change nothing", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const fieldsOf = async (positions: { streamId: string; sequence: bigint }[]) => {
    const error = await client.acknowledge({ positions }).then(() => undefined, ConnectError.from);
    assert.equal(error?.code, Code.InvalidArgument);
    const [details] = error.findDetails(BadRequestSchema);
    return details?.fieldViolations.map(({ field }) => field);
  };
  const valid = { streamId: "open", sequence: 1n };
  assert.deepEqual(await fieldsOf(new Array(1_001).fill(valid)), ["positions"]);
  assert.deepEqual(
    await fieldsOf([valid, { ...valid, streamId: "" }, { ...valid, streamId: "x".repeat(65) }]),
    ["positions[1].stream_id", "positions[2].stream_id"],
  );
  assert.deepEqual(harness.market.acknowledged, []);
  const { unknownStreamIds } = await client.acknowledge({
    positions: Array.from({ length: 1_000 }, (_, i) => ({ ...valid, sequence: BigInt(i) })),
  });
  // The last position of a stream counts.
  assert.deepEqual(unknownStreamIds, []);
  assert.deepEqual(harness.market.acknowledged, [["open", 999]]);
});

/** The status of invalid requests. */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type ServiceError, status } from "@grpc/grpc-js";
import { DEFAULT_SELECTION } from "../../../src/domain/options/selection.ts";
import { OptionRight } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { BadRequestSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../src/gen/google/rpc/status_pb.ts";
import {
  connectClient,
  grpcClient,
  pathOf,
  RAW,
  startGrpcHarness,
} from "../../support/grpc_client.ts";

Deno.test("a connect client receives which field is invalid and why", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const symbols = ["AAPL", "  ", "A\u0000B", "X".repeat(65)];
  const stream = client.streamQuotes({ symbols })[Symbol.asyncIterator]();
  const error = await stream.next().then(() => undefined, (e: unknown) => e);
  assert(error instanceof ConnectError);
  assert.equal(error.code, Code.InvalidArgument);
  assert.match(error.rawMessage, /symbols\[1\].*empty.*2 more/);
  const [detail] = error.findDetails(BadRequestSchema);
  assert.deepEqual(
    detail?.fieldViolations.map(({ field }) => field),
    ["symbols[1]", "symbols[2]", "symbols[3]"],
  );
  assert.equal(harness.market.streams.size, 0);
});

Deno.test("a grpc-js client finds google.rpc.Status in the trailers", async () => {
  await using harness = await startGrpcHarness();
  using client = grpcClient(harness);
  const call = client.makeServerStreamRequest(
    pathOf("StreamOrderUpdates"),
    RAW.serialize,
    RAW.deserialize,
    new Uint8Array([0x0a, 0x00]), // order_ids: [""]
  );
  const { promise, resolve } = Promise.withResolvers<ServiceError>();
  call.on("error", (error) => resolve(error as ServiceError));
  call.resume();
  const error = await promise;
  assert.equal(error.code, status.INVALID_ARGUMENT);
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  assert(bytes instanceof Uint8Array);
  const { code, details } = fromBinary(StatusSchema, bytes);
  assert.equal(code, status.INVALID_ARGUMENT);
  const badRequest = details[0] && anyUnpack(details[0], BadRequestSchema);
  assert.equal(badRequest?.fieldViolations[0]?.field, "order_ids[0]");
});

Deno.test("20,001 symbols are rejected and 20,000 are not", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const symbols = Array.from({ length: 20_001 }, (_, i) => `S${i}`);
  const refused = client.streamQuotes({ symbols })[Symbol.asyncIterator]();
  await assert.rejects(refused.next(), { code: Code.InvalidArgument });

  const leave = new AbortController();
  symbols.pop();
  const accepted = client.streamQuotes({ symbols }, leave);
  const next = accepted[Symbol.asyncIterator]().next();
  await harness.market.untilOpen(1);
  const [stream] = harness.market.streams;
  assert.equal(stream?.filter.symbols.length, 20_000);
  leave.abort();
  await assert.rejects(next, { code: Code.Canceled });
  await harness.market.untilOpen(0);
});

Deno.test("the symbol limit is a setting, and large requests are accepted", async () => {
  await using harness = await startGrpcHarness({ maxSymbols: 300_000 });
  using client = connectClient(harness);
  // 5.1 MB: more than a gRPC server reads by default.
  const symbols = Array.from(
    { length: 300_001 },
    (_, i) => `O:SPY${String(i).padStart(11, "0")}`,
  );
  const stream = client.streamOptionQuotes({ symbols })[Symbol.asyncIterator]();
  await assert.rejects(stream.next(), {
    code: Code.InvalidArgument,
    message: /300001 entries; at most 300000/,
  });
});

Deno.test("an option selection overrides the default settings", async () => {
  const defaultSelection = { ...DEFAULT_SELECTION, maxContracts: 7 };
  await using harness = await startGrpcHarness({ defaultSelection });
  using client = connectClient(harness);
  const leave = new AbortController();
  const underlyings = ["SPY"];
  const optionSelection = { maxDays: 3, right: OptionRight.CALL };
  const streams = [
    client.streamOptionQuotes({ underlyings, optionSelection }, leave),
    client.streamOptionTrades({ underlyings, optionSelection }, leave),
    client.streamOptionTrades({ underlyings }, leave),
  ];
  const nexts = streams.map((one) => one[Symbol.asyncIterator]().next());
  await harness.market.untilOpen(3);
  const chosen = Array.from(harness.market.streams, ({ channel, filter }) => ({
    channel,
    selection: filter.selection,
  }));
  const selection = { ...defaultSelection, maxDays: 3, right: "call" };
  // Calls of one connection may be opened in any order.
  assert.deepEqual(
    new Set(chosen),
    new Set([
      { channel: "optionQuotes", selection },
      { channel: "optionTrades", selection },
      { channel: "optionTrades", selection: undefined },
    ]),
  );
  leave.abort();
  await Promise.allSettled(nexts);
  await harness.market.untilOpen(0);
});

Deno.test("an invalid option selection is reported with its field", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const request = { underlyings: ["SPY"], optionSelection: { maxDays: -1 } };
  const stream = client.streamOptionTrades(request)[Symbol.asyncIterator]();
  const error = await stream.next().then(() => undefined, (e: unknown) => e);
  assert(error instanceof ConnectError);
  assert.equal(error.code, Code.InvalidArgument);
  const [detail] = error.findDetails(BadRequestSchema);
  assert.equal(
    detail?.fieldViolations[0]?.field,
    "option_selection.max_days",
  );
});

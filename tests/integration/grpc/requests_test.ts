/** What a client is told about a request that makes no sense. */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type ServiceError, status } from "@grpc/grpc-js";
import { BadRequestSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../src/gen/google/rpc/status_pb.ts";
import {
  connectClient,
  grpcClient,
  pathOf,
  RAW,
  startFace,
} from "../../support/grpc_face.ts";

Deno.test("a connect client reads which field is wrong and why", async () => {
  await using face = await startFace();
  using client = connectClient(face);
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
  assert.equal(face.market.streams.size, 0);
});

Deno.test("a grpc-js client finds google.rpc.Status in the trailers", async () => {
  await using face = await startFace();
  using client = grpcClient(face);
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

Deno.test("20 001 symbols are refused and 20 000 are not", async () => {
  await using face = await startFace();
  using client = connectClient(face);
  const symbols = Array.from({ length: 20_001 }, (_, i) => `S${i}`);
  const refused = client.streamQuotes({ symbols })[Symbol.asyncIterator]();
  await assert.rejects(refused.next(), { code: Code.InvalidArgument });

  const leave = new AbortController();
  symbols.pop();
  const accepted = client.streamQuotes({ symbols }, leave);
  const next = accepted[Symbol.asyncIterator]().next();
  await face.market.untilOpen(1);
  const [stream] = face.market.streams;
  assert.equal(stream?.filter.symbols.length, 20_000);
  leave.abort();
  await assert.rejects(next, { code: Code.Canceled });
  await face.market.untilOpen(0);
});

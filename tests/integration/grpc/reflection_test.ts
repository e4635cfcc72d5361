/** Server reflection for tools such as grpcurl. */
import assert from "node:assert/strict";
import { credentials } from "@grpc/grpc-js";
import { GrpcReflection } from "grpc-js-reflection-client";
import { create, createFileRegistry, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "../../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import { bareClient, connectTo, startGrpcHarness } from "../../support/grpc_client.ts";

type Question = MessageInitShape<typeof ServerReflectionRequestSchema>;

/** Sends all requests on one stream. */
async function ask(questions: Question[]): Promise<ServerReflectionResponse[]> {
  await using harness = await startGrpcHarness();
  using client = connectTo(harness, ServerReflection);
  async function* requests() {
    yield* questions;
  }
  // Ends with OK: there was no further request.
  const answers = await Array.fromAsync(
    client.serverReflectionInfo(requests()),
  );
  while (harness.server.openCalls > 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.deepEqual(harness.log.records, []);
  return answers;
}

function filesOf(answer: ServerReflectionResponse | undefined) {
  assert.equal(answer?.messageResponse.case, "fileDescriptorResponse");
  return answer.messageResponse.value.fileDescriptorProto.map((
    bytes,
  ): FileDescriptorProto => fromBinary(FileDescriptorProtoSchema, bytes));
}

const symbol = (value: string): Question => ({
  messageRequest: { case: "fileContainingSymbol", value },
});

Deno.test("the services of the server are listed", async () => {
  const [answer] = await ask([
    { host: "h", messageRequest: { case: "listServices", value: "*" } },
  ]);
  assert.equal(answer?.validHost, "h");
  assert.equal(answer.originalRequest?.messageRequest.case, "listServices");
  assert.equal(answer.messageResponse.case, "listServicesResponse");
  assert.deepEqual(
    answer.messageResponse.value.service.map(({ name }) => name),
    [
      "cream.v1.StreamProxyService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
    ],
  );
});

Deno.test("a client can rebuild the whole schema from one response", async () => {
  const [answer] = await ask([symbol("cream.v1.StreamProxyService")]);
  const file = filesOf(answer);
  assert.equal(file[0]?.name, "cream/v1/stream_proxy.proto");
  const registry = createFileRegistry(
    create(FileDescriptorSetSchema, { file: file.toReversed() }),
  );
  const service = registry.getService("cream.v1.StreamProxyService");
  assert.equal(service?.methods.length, 21);
  assert(registry.getEnum("cream.v1.Environment"));
  assert(registry.getMessage("google.protobuf.Timestamp"));
});

Deno.test("every kind of name leads to its file", async () => {
  const names = [
    "cream.v1.StreamProxyService.StreamQuotes",
    "cream.v1.StockQuote",
    "cream.v1.StockQuote.bid_price",
    "cream.v1.FeedType",
    "cream.v1.FEED_TYPE_SIP",
  ];
  for (const answer of await ask(names.map(symbol))) {
    assert.equal(filesOf(answer)[0]?.name, "cream/v1/stream_proxy.proto");
  }
  const [nested, byName] = await ask([
    symbol("grpc.health.v1.HealthCheckResponse.ServingStatus"),
    {
      messageRequest: {
        case: "fileByFilename",
        value: "cream/v1/common.proto",
      },
    },
  ]);
  assert.equal(filesOf(nested)[0]?.name, "grpc/health/v1/health.proto");
  assert.equal(filesOf(byName)[0]?.name, "cream/v1/common.proto");
});

Deno.test("unknown names are errors in the response, and the stream continues", async () => {
  const answers = await ask([
    symbol("cream.v1.ScannerService"),
    { messageRequest: { case: "fileByFilename", value: "x.proto" } },
    {
      messageRequest: { case: "allExtensionNumbersOfType", value: "no.Such" },
    },
    {
      messageRequest: {
        case: "fileContainingExtension",
        value: { containingType: "cream.v1.StockQuote", extensionNumber: 5 },
      },
    },
    {},
    {
      messageRequest: {
        case: "allExtensionNumbersOfType",
        value: "cream.v1.StockQuote",
      },
    },
  ]);
  assert.deepEqual(
    answers.map(({ messageResponse: { case: kind, value } }) =>
      kind === "errorResponse" ? value.errorCode : kind
    ),
    [5, 5, 5, 5, 3, "allExtensionNumbersResponse"],
  );
});

Deno.test("older tools find reflection under its old name", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const { headers, trailers } = client.request(
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
  );
  assert.equal((await headers)["grpc-status"], undefined);
  assert.equal((await trailers)["grpc-status"], "0");
});

Deno.test("stopping ends a reflection stream that waits for requests", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const stream = client.open("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
  const { promise: trailers, resolve } = Promise.withResolvers<string>();
  stream.on("trailers", (received) => {
    resolve(String(received["grpc-status"]));
    stream.end(); // as clients do once they know how the call ended
  });
  stream.resume();
  stream.write(new Uint8Array([0, 0, 0, 0, 0]));
  while (harness.server.openCalls === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await harness.server.stop(5_000);
  assert.equal(await trailers, "14");
});

for (const version of ["v1", "v1alpha"]) {
  Deno.test(`a reflection client of ${version} reads services and error details`, async () => {
    await using harness = await startGrpcHarness();
    const address = `127.0.0.1:${harness.server.port}`;
    const options = { "grpc.use_local_subchannel_pool": 1 };
    const client = new GrpcReflection(address, credentials.createInsecure(), options, version);
    const services = await client.listServices();
    assert(services.includes("cream.v1.StreamProxyService"));
    const methods = await client.listMethods("cream.v1.StreamProxyService");
    assert.equal(methods.length, 21);
    const details = await client.getDescriptorByFileName("google/rpc/error_details.proto");
    const packages = details.getPackageObject() as Readonly<Record<string, unknown>>;
    assert.deepEqual(Object.keys(Object(Object(packages["google"])["rpc"])).sort(), [
      "BadRequest",
      "ErrorInfo",
      "QuotaFailure",
      "RetryInfo",
    ]);
    // It has no method for it; an open one would crash when its server stops, see `grpcClient`.
    Reflect.get(client, "client").close();
  });
}

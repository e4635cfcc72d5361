/** Requests that are not one message, deadlines, and the statuses on the wire. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http2";
import { frame } from "../../../src/infrastructure/grpc/framed_batch.ts";
import { bareClient, pathOf, startGrpcHarness } from "../../support/grpc_client.ts";

const EMPTY = new Uint8Array();

/** Sends bytes as a request; returns the headers of the response. */
async function headersOf(
  client: Awaited<ReturnType<typeof bareClient>>,
  method: string,
  { body, ...headers }: { readonly body: Uint8Array; readonly [name: string]: unknown },
): Promise<IncomingHttpHeaders> {
  const stream = client.open(pathOf(method), headers as Record<string, string>);
  stream.on("error", () => {});
  const response = once(stream, "response");
  stream.end(body);
  const [received] = await response;
  stream.resume();
  return received;
}

Deno.test("a request without a message, or with a second one, is UNIMPLEMENTED", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const path = pathOf("StreamQuotes");
  const cases: [Uint8Array, string][] = [
    [EMPTY, `Received no request message for server streaming method ${path}`],
    [
      frame([EMPTY]).subarray(0, 4),
      `Received no request message for server streaming method ${path}`,
    ],
    [
      frame([EMPTY, EMPTY]),
      `Received a second request message for server streaming method ${path}`,
    ],
  ];
  for (const [body, text] of cases) {
    const headers = await headersOf(client, "StreamQuotes", { body });
    assert.equal(headers["grpc-status"], "12");
    assert.equal(headers["grpc-message"], encodeURI(text));
  }
  assert.equal(harness.market.streams.size, 0);
});

Deno.test("a request in single bytes is read", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const stream = client.open(pathOf("StreamQuotes"));
  const response = once(stream, "response");
  for (const byte of frame([new Uint8Array([0x0a, 4, ...Buffer.from("AAPL")])])) {
    stream.write(new Uint8Array([byte]));
  }
  stream.end();
  await response;
  await harness.market.untilOpen(1);
  assert.deepEqual([...harness.market.streams][0]?.filter.symbols, ["AAPL"]);
});

Deno.test("a deadline that passes before the request has arrived ends the call", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const stream = client.open(pathOf("StreamQuotes"), { "grpc-timeout": "20m" });
  stream.on("error", () => {});
  const [headers] = await once(stream, "response");
  assert.equal(headers["grpc-status"], "4");
  assert.equal(headers["grpc-message"], "Deadline%20exceeded");
});

Deno.test("a unary call has headers, a message and its status in trailers", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const { stream, headers, trailers } = client.request("/grpc.health.v1.Health/Check");
  const chunks: Uint8Array[] = [];
  stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  const fieldsOf = (all: object) =>
    Object.entries(all).filter(([name]) => name !== "date").map((entry) => entry.join(": "));
  assert.deepEqual(fieldsOf(await headers), [
    ":status: 200",
    "content-type: application/grpc",
    "grpc-accept-encoding: identity,deflate,gzip",
    "grpc-encoding: identity",
  ]);
  assert.deepEqual(fieldsOf(await trailers), ["grpc-status: 0", "grpc-message: OK"]);
  assert.equal(Buffer.concat(chunks).toString("hex"), "00000000020801");
});

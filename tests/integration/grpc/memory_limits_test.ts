/** Errors of the memory limits of all streams. */
import assert from "node:assert/strict";
import { TooManySymbols } from "../../../src/application/streaming/market_streams.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import { bareClient, pathOf, startGrpcHarness } from "../../support/grpc_client.ts";

Deno.test("a stalled stream ends with UNAVAILABLE, its numbers and a fix", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const { headers, trailers } = client.request(pathOf("StreamQuotes"));
  await headers;
  await harness.market.untilOpen(1);
  const [stream] = harness.market.streams;
  stream?.stall({ queued: 12, stalledMs: 300_400 });
  const { "grpc-status": code, "grpc-message": text } = await trailers;
  assert.equal(code, "14");
  assert.equal(
    decodeURIComponent(String(text)),
    "The stream has stalled: 12 messages queued, nothing read for 300 s; " +
      "reopen it and read faster (STREAM_PROXY_STALLED_STREAM_SECS)",
  );
  await harness.market.untilOpen(0);
});

Deno.test("after a stall, a client that reads on gets messages, then the status", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const { stream: call, headers, trailers } = client.request(
    pathOf("StreamQuotes"),
  );
  await headers;
  await harness.market.untilOpen(1);
  call.pause();
  for (let i = 0; i < 5_000; i++) {
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  }
  const [stream] = harness.market.streams;
  assert.ok(stream);
  stream.stall({ queued: 1, stalledMs: 1_000 });
  await harness.market.untilOpen(0);
  let bytes = 0;
  call.on("data", (chunk: Uint8Array) => bytes += chunk.length);
  call.resume();
  assert.equal((await trailers)["grpc-status"], "14");
  assert.equal((await trailers)["grpc-status"], "14");
  assert.equal(bytes % (5 + 55), 0, "whole messages only");
});

Deno.test("a stream above the symbols of all streams is refused with the setting", async () => {
  await using harness = await startGrpcHarness();
  harness.market.admit = () => {
    throw new TooManySymbols({ limit: 100_000, used: 99_999, requested: 3 });
  };
  await using client = await bareClient(harness);
  const { trailers } = client.request(pathOf("StreamQuotes"));
  const { "grpc-status": code, "grpc-message": text } = await trailers;
  assert.equal(code, "8");
  assert.equal(
    decodeURIComponent(String(text)),
    "The limit on the symbols, underlyings and order ids of all open streams " +
      "is exceeded by 2: 100000 allowed, 99999 used, 3 more requested; " +
      "request fewer, close other streams, or raise STREAM_PROXY_MAX_SYMBOLS",
  );
  assert.equal(harness.log.records.length, 1);
});

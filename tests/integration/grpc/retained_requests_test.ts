/** Large requests and responses are not retained by open calls. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "node:http2";
import type { FeedSubscriptions } from "../../../src/application/status/reports.ts";
import { Health } from "../../../src/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import { fastClock } from "../../support/fast_clock.ts";
import { FrameClient, Type } from "../../support/frame_client.ts";
import { type GrpcHarness, pathOf, startGrpcHarness } from "../../support/grpc_client.ts";
import { until } from "../../support/until.ts";

const QUOTES = pathOf("StreamQuotes");
const STATUS = pathOf("GetConnectionStatus");
const WATCH = `/${Health.typeName}/Watch`;
const CHECK = `/${Health.typeName}/Check`;
const REFLECTION = `/${ServerReflection.typeName}/ServerReflectionInfo`;
const MEGABYTE = 2 ** 20;

const { gc } = globalThis as { gc?: () => void };

function varint(value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...varint(value >>> 7)];
}

/** One field of a protobuf message, its value in bytes. */
function field(number: number, value: Uint8Array): Buffer {
  const prefix = [...varint(number << 3 | 2), ...varint(value.length)];
  return Buffer.concat([Buffer.from(prefix), value]);
}

/** A message as it is framed by a call. */
function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Calls of a client that half-closes and reads nothing but headers. */
function caller(harness: GrpcHarness) {
  const session = connect(harness.url, { settings: { initialWindowSize: 0 } });
  session.on("error", () => {});
  const call = (path: string, message: Uint8Array) => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
    });
    stream.on("error", () => {});
    stream.end(message);
    const { promise, resolve } = Promise.withResolvers<
      { code: number; message: string }
    >();
    stream.once("response", (headers) =>
      resolve({
        code: Number(headers["grpc-status"] ?? -1),
        message: decodeURI(String(headers["grpc-message"] ?? "")),
      }));
    return promise;
  };
  return {
    call,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        session.once("close", () => resolve());
        session.destroy();
      }),
  };
}

async function used(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    gc?.();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

const blanks = Buffer.alloc(3 * MEGABYTE, " ");
const REQUESTS: readonly [string, string, Buffer][] = [
  [
    "a field that is not known is not kept while its stream is open",
    QUOTES,
    field(99, blanks),
  ],
  [
    "one symbol many times is not kept while its stream is open",
    QUOTES,
    Buffer.concat(
      new Array<Buffer>(20_000).fill(field(1, Buffer.from("AAPL"))),
    ),
  ],
  [
    "the name of a service is not kept while its stream is open",
    WATCH,
    field(1, blanks),
  ],
];

for (const [name, path, body] of REQUESTS) {
  Deno.test({
    name,
    ignore: gc === undefined,
    async fn() {
      const message = framed(body);
      await using harness = await startGrpcHarness();
      await using client = caller(harness);
      const call = async () => {
        const { code, message: text } = await client.call(path, message);
        assert.equal(code, -1, text);
      };
      for (let i = 0; i < 5; i++) await call();
      const before = await used();
      for (let i = 0; i < 20; i++) await call();
      const each = (await used() - before) / 20;
      assert.equal(harness.server.openCalls, 25);
      assert(each < 100_000, `${Math.round(each)} bytes for each stream`);
    },
  });
}

Deno.test("blanks around a symbol are limited: they would be retained with it", async () => {
  await using harness = await startGrpcHarness();
  await using client = caller(harness);
  const symbol = Buffer.concat([blanks, Buffer.from("AAPL250117C00150000")]);
  const { code } = await client.call(QUOTES, framed(field(1, symbol)));
  assert.equal(code, 3);
});

Deno.test("reflection does not repeat a request of megabytes", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port);
  const message = field(1, Buffer.alloc(10_000, "x"));
  const prefix = [0, 0, 0, message.length >> 8, message.length & 255];
  const stream = client.open(REFLECTION, { message: [...prefix, ...message] });
  await client.until(() => client.of(Type.headers, stream).length === 2);
  assert.equal(client.of(Type.data, stream).length, 0);
});

Deno.test("an unknown service of megabytes is not repeated in a header", async () => {
  await using harness = await startGrpcHarness();
  await using client = caller(harness);
  const { code, message } = await client.call(CHECK, framed(field(1, blanks)));
  assert.equal(code, 5);
  assert(message.length < 300, `${message.length} characters`);
});

Deno.test("large responses that are not read share a limit and have a deadline", async () => {
  const report: FeedSubscriptions = {
    feed: "sip",
    channels: [{
      channel: "trades",
      symbols: Array.from({ length: 100_000 }, (_, i) => ({
        symbol: `SYMBOL${i}`,
        state: "acknowledged" as const,
        streams: 1,
        reason: undefined,
      })),
      unfiltered: 0,
    }],
    quota: { limit: undefined, learned: false, used: 1 },
    expansions: [],
  };
  await using time = fastClock();
  await using harness = await startGrpcHarness({
    clock: time.clock,
    subscriptions: () => [report],
  });
  await using client = caller(harness);
  const ask = (detailed: boolean) =>
    client.call(STATUS, framed(Uint8Array.from(detailed ? [120, 1] : [])));
  let asked = 0;
  let refused: Awaited<ReturnType<typeof ask>> | undefined;
  while (refused === undefined && asked++ < 60) {
    const answer = await ask(true);
    if (answer.code !== -1) refused = answer;
  }
  assert.equal(refused?.code, 8);
  assert.match(String(refused?.message), /retry later/);
  assert.equal(harness.refusals.answers, 1);
  assert.equal((await ask(false)).code, -1, "small answers are still given");
  const answers = async () => (await ask(true)).code;
  let isFree = false;
  void answers();
  await until("the answers that were not read are given up", () => {
    void answers().then((code) => isFree ||= code === -1);
    return isFree;
  });
});

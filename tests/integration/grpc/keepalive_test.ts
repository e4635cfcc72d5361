/** HTTP/2 keepalive of clients, as the documented clients use it. */
import assert from "node:assert/strict";
import { FrameClient, numberAt, Type } from "../../support/frame_client.ts";
import { pathOf, startGrpcHarness } from "../../support/grpc_client.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import { ManualClock } from "../../support/manual_clock.ts";

const HEADER_BYTES = 9;
const SETTINGS = 4, PING = 6, GOAWAY = 7;
const ACK = 1;

function frame(type: number, payload: readonly number[] = []): number[] {
  return [0, 0, payload.length, type, 0, 0, 0, 0, 0, ...payload];
}

/** The types of the frames that arrive, PING replies apart. */
async function readFrames(
  conn: Deno.Conn,
  onReply: () => void,
): Promise<number[]> {
  const types: number[] = [];
  let rest: number[] = [];
  const piece = new Uint8Array(65_536);
  for (;;) {
    const size = await conn.read(piece).catch(() => null);
    if (size === null) return types;
    rest.push(...piece.subarray(0, size));
    while (rest.length >= HEADER_BYTES) {
      const [a = 0, b = 0, c = 0, type = 0, flags = 0] = rest;
      const end = HEADER_BYTES + (a << 16 | b << 8 | c);
      if (rest.length < end) break;
      rest = rest.slice(end);
      if (type === PING && (flags & ACK) !== 0) onReply();
      else types.push(type);
    }
  }
}

Deno.test("a thousand PINGs without an open stream are answered, without GOAWAY", async () => {
  await using harness = await startGrpcHarness();
  const { port } = harness.server;
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  let replies = 0;
  let replied = Promise.withResolvers<void>();
  const reading = readFrames(conn, () => {
    replies++;
    replied.resolve();
  });
  const preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  await conn.write(Uint8Array.from([...preface, ...frame(SETTINGS)]));
  for (let round = 1; round <= 100; round++) {
    const ping = frame(PING, [0, 0, 0, 0, 0, 0, 0, round]);
    const ten = Array.from({ length: 10 }, () => ping).flat();
    await conn.write(Uint8Array.from(ten));
    while (replies < 10 * round) {
      await replied.promise;
      replied = Promise.withResolvers();
    }
  }
  conn.close();
  const types = await reading;
  assert.equal(replies, 1000);
  assert(!types.includes(GOAWAY), `frames: ${types}`);
});

const QUOTES = pathOf("StreamQuotes");
const ENHANCE_YOUR_CALM = 11, REFUSED_STREAM = 7;

/** A server whose time a test advances; it sends no pings itself meanwhile. */
async function startInVirtualTime() {
  const clock = new ManualClock();
  const harness = await startGrpcHarness({ clock, keepaliveMs: 10 * 86_400_000 });
  return {
    clock,
    harness,
    async [Symbol.asyncDispose]() {
      let isClosed = false;
      const closing = Promise.resolve(harness[Symbol.asyncDispose]()).finally(() =>
        isClosed = true
      );
      // The server gives streams time by this clock.
      while (!isClosed) await clock.advance(1_000);
      await closing;
    },
  };
}

/**
 * Sends a PING every `everyMs` until `forMs` have passed or the connection ends.
 *
 * @returns ms that passed
 */
async function pingEvery(
  everyMs: number,
  forMs: number,
  client: FrameClient,
  clock: ManualClock,
): Promise<number> {
  const start = clock.monotonic();
  const isOver = () => client.end !== undefined || client.of(Type.goaway).length > 0;
  while (clock.monotonic() - start < forMs && !isOver()) {
    await clock.advance(everyMs);
    client.sendFrame(Type.ping, { payload: [0, 0, 0, 0, 0, 0, 0, 1] });
    await client.until(() => isOver() || client.of(Type.ping).length > 0);
    // The replies of a day would make every search slow.
    if (!isOver()) client.frames.length = 0;
  }
  return clock.monotonic() - start;
}

/** Pings ten times a second until the server ends the connection, and checks how it does. */
async function assertEnded({ hasStream }: { readonly hasStream: boolean }): Promise<void> {
  await using started = await startInVirtualTime();
  const { clock, harness } = started;
  await using client = await FrameClient.connect(harness.server.port);
  const stream = hasStream ? client.open(QUOTES) : undefined;
  if (hasStream) await harness.market.untilOpen(1);
  await client.roundTrip();
  const passed = await pingEvery(100, 600_000, client, clock);
  assert.ok(passed >= 180_000 && passed <= 240_000, `${passed} ms`);
  await client.until(() => client.end !== undefined);
  const [goaway] = client.of(Type.goaway);
  assert.ok(goaway, "GOAWAY was received");
  assert.equal(numberAt(goaway, 4), ENHANCE_YOUR_CALM);
  assert.equal(new TextDecoder().decode(goaway.payload.subarray(8)), "too_many_pings");
  // Clients report a refused stream as UNAVAILABLE, and retry it.
  const resets = client.of(Type.rstStream);
  assert.deepEqual(
    resets.map((reset) => [reset.stream, numberAt(reset, 0)]),
    hasStream ? [[stream, REFUSED_STREAM]] : [],
  );
  assert.equal(harness.refusals.pings, 1);
  const lines = harness.log.records.filter(({ fields }) => fields.limit === "pings");
  assert.equal(lines.length, 1);
}

Deno.test("ten PINGs a second without a stream end the connection within minutes", () =>
  assertEnded({ hasStream: false }));

Deno.test("ten PINGs a second with a silent stream end the connection within minutes", () =>
  assertEnded({ hasStream: true }));

Deno.test("a PING every 10 s for a day, without data, ends no connection", async () => {
  await using started = await startInVirtualTime();
  const { clock, harness } = started;
  await using client = await FrameClient.connect(harness.server.port);
  client.open(QUOTES);
  await harness.market.untilOpen(1);
  await client.roundTrip();
  assert.equal(await pingEvery(10_000, 86_400_000, client, clock), 86_400_000);
  assert.equal(client.end, undefined);
  assert.equal(harness.refusals.pings, 0);
});

Deno.test("PINGs at any rate while data flows end no connection", async () => {
  await using started = await startInVirtualTime();
  const { clock, harness } = started;
  await using client = await FrameClient.connect(harness.server.port, {
    connectionWindow: 2 ** 30,
  });
  client.open(QUOTES);
  await harness.market.untilOpen(1);
  await client.roundTrip();
  for (let i = 0; i < 3_000; i++) {
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
    await client.until(() => client.of(Type.data).length > 0 || client.end !== undefined);
    await pingEvery(100, 100, client, clock);
    if (client.end !== undefined) break;
  }
  assert.equal(client.end, undefined);
  assert.equal(harness.refusals.pings, 0);
});

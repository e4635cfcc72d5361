/** A stream that never has a hole ends when its client is slow, and is resumed exactly. */
import assert from "node:assert/strict";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import {
  DeliveryPolicy,
  Origin,
  type StreamOptionsSchema,
  StreamProxyService,
  type StreamQuotesResponse,
} from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { areSubscribed, startHarness } from "../support/harness.ts";
import { until } from "../support/until.ts";

const CAPACITY = 100;
const WINDOW = 5;
const PUBLISHED = 150;

Deno.test("a stream of every message or end is resumed without a hole", async () => {
  await using harness = await startHarness({
    env: {
      ALPACA_FEED: "sip",
      STREAM_PROXY_STOCK_QUOTES_CAPACITY: String(CAPACITY),
      // The symbol stays subscribed until the stream is resumed.
      STREAM_PROXY_UNSUBSCRIBE_GRACE_MS: "60000",
    },
  });
  const baseUrl = `http://${harness.address}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  using _transport = { [Symbol.dispose]: () => sessionManager.abort() };
  const client = createClient(
    StreamProxyService,
    createGrpcTransport({ baseUrl, sessionManager }),
  );
  const options = {
    meta: true,
    notices: true,
    delivery: DeliveryPolicy.EVERY_OR_END,
    maxUnacknowledged: WINDOW,
  };
  const open = (more: MessageInitShape<typeof StreamOptionsSchema> = {}, signal?: AbortSignal) =>
    client.streamQuotes({ symbols: ["AAPL"], options: { ...options, ...more } }, {
      ...(signal && { signal }),
    });
  const emit = () =>
    harness.simulator.emit("sip", [{
      T: "q",
      S: "AAPL",
      bx: "Q",
      bp: 1,
      bs: 1,
      ax: "Q",
      ap: 2,
      as: 1,
      c: ["R"],
      t: "2026-01-15T10:00:00Z",
      z: "C",
    }]);
  /** Without notices of the feed: nothing after a burst is silence while the market is open. */
  const received: StreamQuotesResponse[] = [];
  const helloOf = (response: StreamQuotesResponse | undefined) => {
    const { kind } = response?.notice ?? {};
    assert(kind?.case === "hello");
    return kind.value;
  };
  const sequences = () => received.flatMap(({ meta }) => meta ? [Number(meta.symbolSequence)] : []);
  /** Reads and acknowledges from the moment on at which `start` resolves. */
  const read = async (stream: AsyncIterable<StreamQuotesResponse>, start: Promise<unknown>) => {
    let streamId = "";
    for await (const response of stream) {
      if (response.notice?.kind.case !== "feed") received.push(response);
      if (response.notice?.kind.case === "hello") streamId = response.notice.kind.value.streamId;
      await start;
      const { sequence } = response.meta ?? {};
      if (sequence === undefined) continue;
      const { unknownStreamIds } = await client.acknowledge({
        positions: [{ streamId, sequence }],
      });
      // After its last window the stream may have ended.
      assert(unknownStreamIds.length === 0 || received.length > CAPACITY - WINDOW);
    }
  };

  const full = Promise.withResolvers<void>();
  const ended = read(open(), full.promise).then(() => undefined, ConnectError.from);
  await until(
    "the symbol is subscribed",
    () => areSubscribed(harness.simulator, { endpoint: "sip", channel: "quotes" }, ["AAPL"]),
  );
  for (let count = 0; count < PUBLISHED; count++) emit();
  const queued = async () => {
    const metrics = await fetch(`${harness.health}/metrics`).then((response) => response.text());
    return /received_total\{[^}]*feed="sip"[^}]*message_type="quote"[^}]*\} (\d+)/.exec(metrics)
      ?.[1];
  };
  await until("all are received", async () => await queued() === String(PUBLISHED));
  full.resolve();
  const error = await ended;
  assert.equal(error?.code, Code.Unavailable);
  assert.match(error.rawMessage, /queue is full; reopen it with options.resume after the last/);
  const delivered = sequences();
  assert.equal(delivered.length, delivered.at(-1));
  assert(delivered.length >= CAPACITY && delivered.length < PUBLISHED, `${delivered.length}`);

  const { epoch } = helloOf(received[0]);
  const sequence = received.at(-1)?.meta?.sequence;
  assert(sequence !== undefined);
  const stop = new AbortController();
  const start = received.length;
  const resumed = read(open({ resume: { epoch, sequence } }, stop.signal), Promise.resolve());
  resumed.catch(() => {}); // a failure of the test ends it
  await until("the rest has arrived", () => sequences().length >= PUBLISHED);
  assert.deepEqual(sequences(), Array.from({ length: PUBLISHED }, (_, index) => index + 1));
  assert.equal(helloOf(received[start]).resumed, true);
  const replayed = received.slice(start).filter(({ meta }) => meta?.origin === Origin.REPLAY);
  assert.equal(replayed.length, PUBLISHED - delivered.length);
  emit();
  await until("live data follows", () => sequences().at(-1) === PUBLISHED + 1);
  assert.equal(received.at(-1)?.meta?.origin, Origin.LIVE);
  assert.deepEqual(
    received.slice(start).map(({ notice }) => notice?.kind.case).filter((kind) => kind),
    ["hello", "caughtUp"],
  );
  stop.abort();
  await resumed.catch(() => {});
  await until("the stream is closed", async () => {
    const { clients } = await fetch(`${harness.health}/health`).then((response) => response.json());
    return clients.total === 0;
  });
});

/**
 * Clients that know the base contract only are not affected by others that use every option: a
 * client without any gRPC stubs, which compares bytes, connect-es, grpcio and tonic.
 *
 * @module
 */
import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { Client as GrpcClient, type ClientReadableStream, credentials } from "@grpc/grpc-js";
import type { Clock } from "../../src/application/ports/clock.ts";
import {
  DeliveryPolicy,
  type MessageMeta,
  type Notice,
  type StreamOptions,
  StreamOptionsSchema,
  StreamProxyService,
} from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { systemClock } from "../../src/infrastructure/clock/system_clock.ts";
import {
  compileForPython,
  compileForRust,
  connectEs,
  grpcio,
  tonic,
} from "../support/external_clients.ts";
import { pathOf, RAW } from "../support/grpc_client.ts";
import { areSubscribed, type Harness, startHarness } from "../support/harness.ts";
import { missingForRust } from "../support/status_probes.ts";
import { until } from "../support/until.ts";

const FUTURE = "AAPL990315C00172500";

const LATER_MS = Date.now() - Date.parse("2024-01-15T15:00:00Z");

/** The time of the messages, at which their contracts trade. */
const CLOCK: Clock = { ...systemClock, now: () => Date.now() - LATER_MS };

/** A stream of the base contract with a message and the bytes that it has there. */
interface Golden {
  readonly method: string;
  /** Bytes of the request. */
  readonly request: string;
  readonly emit: (harness: Harness) => void;
  readonly bytes: string;
}

/** The symbols `AAPL` and `MSFT` as field 1. */
const STOCKS = "0a044141504c0a044d534654";

const GOLDEN: readonly Golden[] = [
  {
    method: "StreamQuotes",
    request: STOCKS,
    emit: ({ simulator }) =>
      simulator.emit("sip", [{
        T: "q",
        S: "AAPL",
        bx: "Q",
        bp: 150.25,
        bs: 3,
        ax: "P",
        ap: 150.27,
        as: 4,
        c: ["R"],
        t: "2024-01-15T10:00:00.123456789Z",
        z: "C",
      }]),
    bytes: "0a350a044141504c120b08a08494ad0610959aef3a1a0151210000000000c8624028033201" +
      "5039713d0ad7a3c8624040044a0152520143",
  },
  {
    method: "StreamTrades",
    request: STOCKS,
    emit: ({ simulator }) =>
      simulator.emit("sip", [{
        T: "t",
        S: "AAPL",
        i: 52_983_525_029_461,
        x: "D",
        p: 126.55,
        s: 1,
        c: ["@", "I"],
        t: "2024-01-15T10:00:00.5Z",
        z: "C",
      }]),
    bytes: "0a330a044141504c120c08a08494ad061080cab5ee0118d5ecc08183860c2201442933333333" +
      "33a35f4030013a01403a0149420143",
  },
  {
    method: "StreamBars",
    request: "",
    emit: ({ simulator }) =>
      simulator.emit("sip", [{
        T: "b",
        S: "SPY",
        o: 388.985,
        h: 389.13,
        l: 388.975,
        c: 389.12,
        v: 49_378,
        n: 461,
        vw: 389.062639,
        t: "2024-01-15T14:30:00Z",
      }]),
    bytes: "0a410a03535059120608e88295ad0619f6285c8fc24f784021ae47e17a14527840299a999999" +
      "994f78403152b81e85eb51784038e28103414487c0910051784048cd03",
  },
  {
    method: "StreamOptionQuotes",
    // A contract of 2024 beside one of 2099.
    request: "0a1353505857323430333237503034393235303030" + "0a13" +
      new TextEncoder().encode(FUTURE).toHex(),
    emit: ({ simulator }) =>
      simulator.emit("opra", [{
        T: "q",
        S: "SPXW240327P04925000",
        bx: "C",
        bp: 9.46,
        bs: 53,
        ax: "C",
        ap: 9.66,
        as: 38,
        c: "A",
        t: "2024-03-12T11:59:38.897261568Z",
      }]),
    bytes: "0a420a1353505857323430333237503034393235303030120c08aa87c1af061080c0ecab031a" +
      "014321ec51b81e85eb224028353201433952b81e85eb51234040264a0141",
  },
  {
    method: "StreamOptionTrades",
    request: "0a134141504c323430333135433030313732353030" + "0a13" +
      new TextEncoder().encode(FUTURE).toHex(),
    emit: ({ simulator }) =>
      simulator.emit("opra", [{
        T: "t",
        S: "AAPL240315C00172500",
        p: 2.84,
        s: 1,
        x: "N",
        c: "S",
        t: "2024-03-11T13:35:35.133122560Z",
      }]),
    bytes: "0a330a134141504c323430333135433030313732353030120b08a791bcaf06108094bd3f19b8" +
      "1e85eb51b8064020012a014e320153",
  },
  {
    method: "StreamOrderUpdates",
    request: "0a036f2d31",
    emit: ({ simulator }) =>
      simulator.trading.stream.emitTradeUpdate({
        event: "partial_fill",
        event_id: "e-1",
        timestamp: "2024-01-15T15:00:00Z",
        price: "150.5",
        qty: "4",
        position_qty: "6",
        order: {
          id: "o-1",
          client_order_id: "c-1",
          symbol: "AAPL",
          asset_class: "us_equity",
          order_class: "simple",
          type: "stop_limit",
          side: "sell",
          time_in_force: "gtc",
          qty: "10",
          filled_qty: "4",
          filled_avg_price: "150.5",
          limit_price: "150",
          status: "partially_filled",
          extended_hours: true,
          created_at: "2024-01-15T14:59:00Z",
          updated_at: "2024-01-15T15:00:00Z",
          submitted_at: "2024-01-15T14:59:01Z",
          legs: [{
            id: "l-1",
            symbol: "AAPL",
            side: "buy",
            qty: "1",
            filled_qty: "0",
            filled_avg_price: "",
            ratio_qty: "1",
            status: "new",
          }],
        },
      }),
    bytes: "0a980108031203652d311a0608f09095ad06227a0a036f2d311203632d311a044141504c2001" +
      "28013004380240024a0231305201345a053135302e35620331353072107061727469616c6c795f66" +
      "696c6c6564780182010608b49095ad068a010608f09095ad0692010608b59095ad06ba011b0a036c" +
      "2d3112044141504c18012201312a01303a013142036e657732053135302e353a0134420136",
  },
];

/** Every option, in combinations that are possible on market data. */
const OPTIONS: readonly MessageInitShape<typeof StreamOptionsSchema>[] = [
  { meta: true, notices: true, snapshot: true, heartbeatInterval: { seconds: 1n, nanos: 0 } },
  {
    meta: true,
    notices: true,
    delivery: DeliveryPolicy.LATEST,
    minInterval: { seconds: 0n, nanos: 10_000_000 },
    maxUnacknowledged: 1,
  },
  { notices: true, delivery: DeliveryPolicy.EVERY_OR_END },
  { meta: true, notices: true, backfill: true, resume: { epoch: "gone", sequence: 5n } },
  {},
];

/** What a response of any stream with options has. */
interface AnyResponse {
  readonly meta?: MessageMeta | undefined;
  readonly notice?: Notice | undefined;
}

/** A stream with options and what it has received. */
interface Reader {
  readonly options: StreamOptions;
  readonly responses: AnyResponse[];
}

/** Opens streams with every option on every channel. */
function openWithOptions(
  { address, health }: Harness,
): AsyncDisposable & {
  readonly readers: readonly Reader[];
  /** Resolves when every snapshot is complete, which requests to REST precede. */
  readonly caughtUp: () => Promise<void>;
} {
  const sessionManager = new Http2SessionManager(`http://${address}`);
  const client = createClient(
    StreamProxyService,
    createGrpcTransport({ baseUrl: `http://${address}`, sessionManager }),
  );
  const stop = new AbortController();
  const streams = [
    (options: StreamOptions) => client.streamQuotes({ symbols: ["AAPL"], options }, stop),
    (options: StreamOptions) => client.streamTrades({ symbols: ["AAPL"], options }, stop),
    (options: StreamOptions) => client.streamBars({ symbols: ["SPY"], options }, stop),
    (options: StreamOptions) => client.streamOptionQuotes({ symbols: [FUTURE], options }, stop),
    (options: StreamOptions) => client.streamOptionTrades({ symbols: [FUTURE], options }, stop),
    (options: StreamOptions) => client.streamOrderUpdates({ options }, stop),
  ];
  const ends: Promise<void>[] = [];
  const readers = streams.flatMap((open, at) =>
    OPTIONS.map((each): Reader => {
      const options = create(StreamOptionsSchema, each);
      // Quotes have no history, and orders no latest value.
      if (at === 0 || at === 3 || at === 5) options.backfill = false;
      if (at === 5 && options.delivery === DeliveryPolicy.LATEST) {
        options.delivery = DeliveryPolicy.EVERY;
        delete options.minInterval;
      }
      const responses: AnyResponse[] = [];
      const read = async () => {
        for await (const response of open(options)) responses.push(response);
      };
      ends.push(
        read().catch((cause) => {
          if (!stop.signal.aborted) throw cause;
        }),
      );
      return { options, responses };
    })
  );
  return {
    readers,
    caughtUp: () =>
      until(
        "snapshots are complete",
        () =>
          readers.filter(({ options }) => options.snapshot).every(({ responses }) =>
            responses.some(({ notice }) => notice?.kind.case === "caughtUp")
          ),
      ),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(ends);
      // The transport starts a timer when its last stream is closed.
      await until("the streams are closed", async () => {
        const { clients } = await fetch(`${health}/health`).then((response) => response.json());
        return clients.total <= GOLDEN.length;
      });
      sessionManager.abort();
    },
  };
}

/** Opens a stream by its bytes; returns those of what it receives. */
function openByBytes(client: GrpcClient, { method, request }: Golden) {
  const received: string[] = [];
  const call: ClientReadableStream<Uint8Array> = client.makeServerStreamRequest(
    pathOf(method),
    RAW.serialize,
    RAW.deserialize,
    Uint8Array.fromHex(request),
  );
  call.on("data", (bytes: Uint8Array) => received.push(bytes.toHex()));
  call.on("error", () => {});
  const { promise, resolve } = Promise.withResolvers<void>();
  call.on("metadata", () => resolve());
  return { method, received, call, opened: promise };
}

async function untilCarried({ simulator, health }: Harness): Promise<void> {
  await until("all feeds are connected and carry the symbols", async () => {
    const areCarried = areSubscribed(simulator, { endpoint: "sip", channel: "quotes" }, ["AAPL"]) &&
      areSubscribed(simulator, { endpoint: "sip", channel: "trades" }, ["AAPL"]) &&
      areSubscribed(simulator, { endpoint: "sip", channel: "bars" }, ["*"]) &&
      areSubscribed(simulator, { endpoint: "opra", channel: "quotes" }, ["SPXW240327P04925000"]) &&
      areSubscribed(simulator, { endpoint: "opra", channel: "trades" }, ["AAPL240315C00172500"]) &&
      simulator.sessions().some(({ endpoint, state }) =>
        endpoint === "trading" && state === "authenticated"
      );
    if (!areCarried) return false;
    const { status } = await fetch(`${health}/health`).then((response) => response.json());
    return status === "healthy";
  });
}

/** Closes all sessions, which are open until the proxy has replied. */
async function dropSessions({ simulator }: Harness): Promise<void> {
  const dropped = new Set(simulator.sessions().map(({ connection }) => connection));
  simulator.connections.drop({}, { clean: true });
  await until(
    "the sessions have ended",
    () => !simulator.sessions().some(({ connection }) => dropped.has(connection)),
  );
}

Deno.test("contract clients receive the same bytes while others use every option", async () => {
  await using harness = await startHarness({ clock: CLOCK, env: { ALPACA_FEED: "sip" } });
  const client = new GrpcClient(harness.address, credentials.createInsecure());
  const others = openWithOptions(harness);
  const plain = GOLDEN.map((golden) => openByBytes(client, golden));
  try {
    await Promise.all(plain.map(({ opened }) => opened));
    const expected = (count: number) =>
      GOLDEN.map(({ method, bytes }) => [method, new Array(count).fill(bytes)]);
    const received = () => plain.map(({ method, received }) => [method, received]);
    for (const count of [1, 2]) {
      await untilCarried(harness);
      for (const { emit } of GOLDEN) emit(harness);
      await until(
        "each stream has its message",
        () => plain.every(({ received }) => received.length >= count),
      );
      assert.deepEqual(received(), expected(count));
      // An outage, which the other streams are informed of.
      if (count === 1) await dropSessions(harness);
    }
    const noticed = others.readers.filter(({ options }) => options.notices);
    const heartbeats = () =>
      noticed.filter(({ options }) => options.heartbeatInterval)
        .map(({ responses }) => responses.some(({ notice }) => notice?.kind.case === "heartbeat"));
    await until("the other streams have heartbeats", () => !heartbeats().includes(false));
    for (const { responses, options } of noticed) {
      const [hello] = responses;
      assert(hello?.notice?.kind.case === "hello");
      const { options: inForce } = hello.notice.kind.value;
      assert.equal(inForce?.maxUnacknowledged, options.maxUnacknowledged);
      assert(responses.every(({ meta, notice }) => meta === undefined || notice === undefined));
    }
    const withMeta = others.readers.filter(({ responses }) => responses.some(({ meta }) => meta));
    assert(withMeta.length >= 3, `${withMeta.length} streams received metadata`);
    assert.deepEqual(received(), expected(2));
  } finally {
    await others[Symbol.asyncDispose]();
    for (const { call } of plain) call.cancel();
    client.close();
  }
});

const protos = await compileForPython();
const withoutRust = await missingForRust();
const rust = withoutRust === undefined ? await compileForRust() : undefined;

for (const kind of [connectEs, grpcio(protos), tonic(rust, withoutRust)]) {
  Deno.test({
    name: `${kind.name} is not affected by streams with options${
      kind.missing === undefined ? "" : ` (skipped: ${kind.missing})`
    }`,
    ignore: kind.missing !== undefined,
    fn: async () => {
      await using harness = await startHarness({ env: { ALPACA_FEED: "sip" } });
      await using others = openWithOptions(harness);
      const [golden] = GOLDEN;
      await using client = kind.start({
        address: harness.address,
        method: "streamQuotes",
        request: { symbols: ["AAPL"] },
        count: 2,
      });
      await client.ready;
      for (let count = 0; count < 2; count++) {
        await until(
          "it is subscribed",
          () => areSubscribed(harness.simulator, { endpoint: "sip", channel: "quotes" }, ["AAPL"]),
        );
        golden?.emit(harness);
      }
      const quote = {
        symbol: "AAPL",
        timestamp: "2024-01-15T10:00:00.123456789Z",
        bidExchange: "Q",
        bidPrice: 150.25,
        bidSize: 3,
        askExchange: "P",
        askPrice: 150.27,
        askSize: 4,
        conditions: ["R"],
        tape: "C",
      };
      assert.deepEqual(await client.messages, [{ quote }, { quote }]);
      await others.caughtUp();
    },
  });
}

globalThis.addEventListener("unload", () => {
  for (const folder of [protos, rust]) if (folder) Deno.removeSync(folder, { recursive: true });
});

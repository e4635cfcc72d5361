/** From the simulator by way of a hub and NATS to clients of edges. */
import assert from "node:assert/strict";
import { jetstreamManager } from "@nats-io/jetstream";
import {
  Origin,
  type StreamOrderUpdatesResponse,
  type StreamQuotesResponse,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { RpcError } from "../../../client/rpc_client.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { connect } from "../../../src/infrastructure/nats/connect.ts";
import { decodeBatch } from "../../../src/infrastructure/nats/frame_batch.ts";
import {
  prepareRetainedFrames,
  warnOfRetainedFrames,
} from "../../../src/infrastructure/nats/retained_frames.ts";
import {
  type Cluster,
  type ClusterOptions,
  type Edge,
  startCluster,
} from "../../support/cluster.ts";
import { areSubscribed } from "../../support/harness.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { requires } from "../../support/requires.ts";
import { clientOf, collect, type Collected, messageOf, METHODS } from "../../support/streams.ts";
import { until } from "../../support/until.ts";

/** Counts what a hub has done, by its metrics. */
async function figureOf({ hub }: Cluster, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${hub.ports.health}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(name));
  return Number(line?.split(" ").at(-1) ?? 0);
}

/** Subscriptions of each edge, as the health of the hub shows them. */
async function subscriptionsOf({ hub }: Cluster): Promise<readonly number[]> {
  const response = await fetch(`http://127.0.0.1:${hub.ports.health}/health`);
  const { cluster } = await response.json();
  return cluster.edges.map(({ subscriptions }: { subscriptions: number }) => subscriptions);
}

function cluster(
  name: string,
  run: (place: Cluster) => Promise<void>,
  options: ClusterOptions = {},
): void {
  Deno.test(requires(["nats-server"], {
    name,
    fn: async () => {
      await using place = await startCluster({
        simulator: { trading: { engine: { acceptDelayMs: 0 } } },
        ...options,
      });
      await run(place);
    },
  }));
}

/** The first edges of a cluster. */
function edgesOf({ edges }: Cluster): [Edge, Edge] {
  const [one, other = one] = edges;
  assert(one && other);
  return [one, other];
}

const SIP_QUOTES = { endpoint: "sip", channel: "quotes" };

function quote(symbol: string, bidPrice: number) {
  const t = "2026-09-14T14:30:02.123456789Z";
  return {
    T: "q",
    S: symbol,
    bx: "Q",
    bp: bidPrice,
    bs: 3,
    ax: "P",
    ap: 200,
    as: 4,
    c: ["R"],
    t,
    z: "C",
  };
}

/** The symbols and bid prices that a stream has received. */
function quotesOf({ messages }: Collected): readonly string[] {
  return messages.flatMap((message) => {
    const quote = messageOf(message) as unknown as
      | { readonly symbol: string; readonly bidPrice: number }
      | undefined;
    return quote ? [`${quote.symbol} ${quote.bidPrice}`] : [];
  });
}

cluster("clients of two edges receive what they subscribe, of one session", async (place) => {
  const { simulator } = place;
  const [one, other] = edgesOf(place);
  using client = clientOf(one);
  using otherClient = clientOf(other);
  await using apple = collect(client, METHODS.streamQuotes, { symbols: ["AAPL", "MSFT"] });
  await using tesla = collect(otherClient, METHODS.streamQuotes, { symbols: ["TSLA", "MSFT"] });
  await until(
    () => `the union is subscribed: ${JSON.stringify(simulator.sessions())}`,
    () => areSubscribed(simulator, SIP_QUOTES, ["AAPL", "MSFT", "TSLA"]),
  );
  await until("both edges have their pairs", async () => {
    const pairs = await subscriptionsOf(place);
    return pairs.length === 2 && pairs.every((count) => count === 2);
  });
  simulator.emit("sip", [quote("AAPL", 1), quote("MSFT", 2), quote("TSLA", 3), quote("AAPL", 4)]);
  await until("all quotes arrive", () => apple.messages.length + tesla.messages.length >= 5);
  assert.deepEqual(quotesOf(apple), ["AAPL 1", "MSFT 2", "AAPL 4"]);
  assert.deepEqual(quotesOf(tesla), ["MSFT 2", "TSLA 3"]);
  const sip = simulator.sessions().filter(({ endpoint }) => endpoint === "sip");
  assert.equal(sip.length, 1);
  await tesla.close();
  await until(
    "what only the other edge requested is unsubscribed",
    () => !areSubscribed(simulator, SIP_QUOTES, ["TSLA"]),
  );
  assert(areSubscribed(simulator, SIP_QUOTES, ["AAPL", "MSFT"]));
}, { edges: 2 });

cluster("the pairs of an edge that is gone are unsubscribed", async (place) => {
  const { simulator } = place;
  const [edge] = edgesOf(place);
  using client = clientOf(edge);
  await using stream = collect(client, METHODS.streamTrades, { symbols: ["AAPL"] });
  await stream.opened;
  const trades = { endpoint: "sip", channel: "trades" };
  await until("it is subscribed", () => areSubscribed(simulator, trades, ["AAPL"]));
  await edge[Symbol.asyncDispose]();
  await until("the edge expires", async () => (await subscriptionsOf(place)).length === 0);
  await until("it is unsubscribed", () => !areSubscribed(simulator, trades, ["AAPL"]));
});

cluster("a stream above the quota of the hub is refused, also at another edge", async (place) => {
  const { simulator } = place;
  const [one, other] = edgesOf(place);
  using client = clientOf(one);
  using otherClient = clientOf(other);
  const symbols = Array.from(
    { length: 30 },
    (_, i) => `S${String.fromCharCode(65 + i % 26)}${i >= 26 ? "A" : ""}`,
  );
  await using all = collect(client, METHODS.streamQuotes, { symbols });
  await all.opened;
  await until("they are subscribed", () => areSubscribed(simulator, SIP_QUOTES, symbols));
  const open = (...symbols: string[]) => collect(otherClient, METHODS.streamQuotes, { symbols });
  await until("a further symbol is refused", async () => {
    await using more = open("AAPL", "SA");
    await more.opened;
    const ending = more.ending();
    return ending instanceof RpcError && ending.code === "RESOURCE_EXHAUSTED";
  });
  await using shared = open("SA");
  await until("the other edge receives what is carried", () => {
    simulator.emit("sip", [quote("SA", 1)]);
    return shared.messages.length > 0;
  });
  await all.close();
  await until("it is accepted when slots are free", async () => {
    const more = open("AAPL", "SA");
    await more.opened;
    const ending = more.ending();
    if (ending !== undefined) return false;
    await until("it is subscribed", () => areSubscribed(simulator, SIP_QUOTES, ["AAPL"]));
    await more.close();
    return true;
  });
}, { edges: 2, env: { ALPACA_PLAN: "basic" } });

const BUY = { symbol: "AAPL", qty: "100", side: "buy", type: "limit", time_in_force: "gtc" };

cluster("order updates reach clients of an edge, those that its hub missed too", async (place) => {
  const { simulator } = place;
  const engine = simulator.trading.engineOf("SIM_KEY");
  const submittedAt = Date.now() - 86_400_000;
  const old = engine.inject({ ...BUY, limit_price: "1.00" }, { submittedAt });
  const [edge] = edgesOf(place);
  const reconciled = () =>
    edge.log.records.filter(({ message }) => message === "Reconciled orders").length;
  await until("orders are read by way of the hub", () => reconciled() > 0);
  using client = clientOf(edge);
  await using stream = collect(client, METHODS.streamOrderUpdates, { options: { meta: true } });
  await stream.opened;
  engine.manualFills.fill(old.id, { qty: "10", price: "0.99" });
  const events = () =>
    (stream.messages as StreamOrderUpdatesResponse[]).flatMap(({ update, meta }) =>
      update ? [`${meta?.eventWord} ${update.qty ?? ""} ${meta?.origin === Origin.LIVE}`] : []
    );
  await until("the fill arrives", () => events().length === 1);
  simulator.faults.rejectUpgrades("trading", 503, 2);
  simulator.connections.drop({ endpoint: "trading" }, { clean: true });
  engine.manualFills.fill(old.id, { qty: "20", price: "0.98" });
  await until("the missed fill is derived", () => events().length === 2);
  assert.deepEqual(events(), ["partial_fill 10 true", "partial_fill 20 false"]);
  const requests = "alpaca_proxy_hub_requests_total";
  assert(await figureOf(place, `${requests}{kind="rest",outcome="ok"}`) > 0);
  assert.equal(await figureOf(place, `${requests}{kind="rest",outcome="invalid"}`), 0);
});

cluster("a snapshot of an edge is read by its hub", async (place) => {
  const { simulator } = place;
  // No session receives it: it is known to REST only.
  simulator.emit("sip", [quote("ZZA", 3)]);
  const [edge] = edgesOf(place);
  using client = clientOf(edge);
  const options = { meta: true, snapshot: true };
  await using stream = collect(client, METHODS.streamQuotes, { symbols: ["ZZA"], options });
  await until("the snapshot arrives", () => quotesOf(stream).includes("ZZA 3"));
  const requests = `alpaca_proxy_rest_requests_total{purpose="snapshot",outcome="ok"}`;
  assert(await figureOf(place, requests) > 0, "with the credentials of the hub");
});

cluster(
  "a session that the hub loses is a gap for clients of edges, and is repaired",
  async (place) => {
    const { simulator } = place;
    const [edge] = edgesOf(place);
    using client = clientOf(edge);
    const request = { symbols: ["AAPL"], options: { meta: true, notices: true } };
    await using stream = collect(client, METHODS.streamQuotes, request);
    await until("it is subscribed", () => areSubscribed(simulator, SIP_QUOTES, ["AAPL"]));
    simulator.emit("sip", [quote("AAPL", 1)]);
    await until("a quote arrives", () => quotesOf(stream).includes("AAPL 1"));
    simulator.connections.drop({ endpoint: "sip" }, { clean: true });
    await until(
      "it is subscribed again",
      () =>
        simulator.sessions().some(({ endpoint, state }) =>
          endpoint === "sip" && state === "authenticated"
        ) && areSubscribed(simulator, SIP_QUOTES, ["AAPL"]),
    );
    await until("quotes arrive again", () => {
      simulator.emit("sip", [quote("AAPL", 2)]);
      return quotesOf(stream).includes("AAPL 2");
    });
    const reasons = edge.log.records.map(({ fields }) => String(fields.cause ?? ""));
    assert(reasons.some((cause) => cause.includes("Connection closed")), reasons.join("\n"));
    const kinds = () =>
      (stream.messages as StreamQuotesResponse[]).flatMap(({ notice }) => notice?.kind.case ?? []);
    await until(() => `a gap is reported: ${kinds()}`, () => kinds().includes("gap"));
  },
);

cluster(
  "frames are retained in JetStream with the limits of the settings",
  async (place) => {
    const { nats, simulator } = place;
    const connection = await connect({
      servers: [nats.url.replace("nats://", "")],
      resolve: false,
    });
    try {
      const { streams } = await jetstreamManager(connection, { checkAPI: false });
      await until(
        "the stream exists",
        async () => await streams.info("ALPACA_FRAMES").then(() => true, () => false),
      );
      const { config } = await streams.info("ALPACA_FRAMES");
      assert.deepEqual(
        [config.subjects, config.max_bytes, config.max_age, config.discard, config.num_replicas],
        [["alpaca.feed.>"], 3 * 1_048_576, 120_000_000_000, "old", 1],
      );
      const [edge] = edgesOf(place);
      using client = clientOf(edge);
      await using stream = collect(client, METHODS.streamQuotes, { symbols: ["AAPL"] });
      await stream.opened;
      await until("it is subscribed", () => areSubscribed(simulator, SIP_QUOTES, ["AAPL"]));
      simulator.emit("sip", [quote("AAPL", 1)]);
      await until("the frame is retained", async () => {
        const last = await streams.getMessage("ALPACA_FRAMES", { last_by_subj: "alpaca.feed.sip" });
        const entries = last ? decodeBatch(last.data).entries : [];
        return entries.some(({ payload }) => new TextDecoder().decode(payload).includes('"AAPL"'));
      });
      const opened = { connection: () => Promise.resolve(connection) };
      await prepareRetainedFrames({
        client: opened,
        stream: "ALPACA_FRAMES",
        subjects: "alpaca.feed.>",
        replicas: 1,
        maxBytes: 5 * 1_048_576,
        maxAgeMs: 60_000,
        clock: systemClock,
        log: new RecordingLog(),
      }, AbortSignal.timeout(5_000));
      const { config: updated } = await streams.info("ALPACA_FRAMES");
      assert.deepEqual([updated.max_bytes, updated.max_age], [5 * 1_048_576, 60_000_000_000]);
      const log = new RecordingLog();
      for (const stream of ["ALPACA_FRAMES", "NO_FRAMES"]) {
        await warnOfRetainedFrames({ client: opened, stream, log }, AbortSignal.timeout(5_000));
      }
      assert.deepEqual(log.records.map(({ level, fields: { remedy } }) => [level, remedy]), [[
        "warn",
        "Remove the stream if its frames are not needed: nats stream rm ALPACA_FRAMES",
      ]]);
    } finally {
      await connection.close();
    }
  },
  { env: { STREAM_PROXY_NATS_RETAIN_MB: "3", STREAM_PROXY_NATS_RETAIN_SECS: "120" } },
);

cluster(
  "an edge that loses its connection to NATS has no gap where frames are retained",
  async (place) => {
    const { nats, simulator } = place;
    const [edge] = edgesOf(place);
    using client = clientOf(edge);
    const request = { symbols: ["AAPL"], options: { meta: true, notices: true } };
    await using stream = collect(client, METHODS.streamQuotes, request);
    await until("it is subscribed", () => areSubscribed(simulator, SIP_QUOTES, ["AAPL"]));
    let sent = 0;
    const emit = () => simulator.emit("sip", [quote("AAPL", ++sent)]);
    const arrived = () => quotesOf(stream).includes(`AAPL ${sent}`);
    emit();
    await until("the first quote arrives", arrived);
    const reconnects = () =>
      edge.log.records.filter(({ message }) => message === "Connected to NATS again").length;
    await nats.closeConnections("alpaca-stream-proxy-edge");
    await until("the edge is connected again", () => reconnects() === 1);
    // After this one the client of NATS waits for a second.
    await nats.closeConnections("alpaca-stream-proxy-edge");
    for (let count = 0; count < 20; count++) {
      emit();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(arrived(), false);
    await until("the last quote arrives", arrived);
    assert.deepEqual(quotesOf(stream), Array.from({ length: sent }, (_, i) => `AAPL ${i + 1}`));
    const notices = (stream.messages as StreamQuotesResponse[]).flatMap(({ notice }) =>
      notice ? [notice.kind.case, ...notice.kind.case === "feed" ? [notice.kind.value] : []] : []
    );
    assert.equal(notices.includes("gap"), false);
    assert(edge.log.records.some(({ message }) => message.startsWith("Missing entries were read")));
  },
  { hubEnv: { STREAM_PROXY_NATS_RETAIN_MB: "3" } },
);

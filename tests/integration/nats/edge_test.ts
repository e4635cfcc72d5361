/** Edges of one hub, as their clients see them, over a real nats-server. */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { startSimulator } from "@alpaca-stream-proxy/simulator";
import { startHub } from "../../../src/composition/hub.ts";
import { startProxy } from "../../../src/composition/proxy.ts";
import { RetryInfoSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";
import { GapReason, StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { parseConfig } from "../../../src/infrastructure/config/parse_config.ts";
import { clusterEnv, startCluster, untilReady } from "../../support/cluster.ts";
import { connectTo } from "../../support/grpc_client.ts";
import { areSubscribed } from "../../support/harness.ts";
import { NatsServer } from "../../support/nats_server.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { requires } from "../../support/requires.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";
import { until } from "../../support/until.ts";

const OPTIONS = { meta: true, notices: true };

function test(name: string, fn: () => Promise<void>): void {
  Deno.test(requires(["nats-server"], { name, fn }));
}

function quote(symbol: string, size: number) {
  return { T: "q", S: symbol, bx: "Q", bp: 1, bs: size, ax: "Q", ap: 2, as: 1, c: ["R"], z: "C" };
}

const at = { t: "2024-01-15T10:00:00.123456789Z" };

test("each edge receives what its own streams request; Alpaca has the union", async () => {
  await using cluster = await startCluster({ edges: 2 });
  const { simulator, edges: [first, second] } = cluster;
  assert.ok(first && second);
  using one = clientOf(first);
  using two = clientOf(second);
  await using apple = collect(one, METHODS.streamQuotes, { symbols: ["AAPL"] });
  await using both = collect(two, METHODS.streamQuotes, { symbols: ["AAPL", "MSFT"] });
  const place = { endpoint: "sip", channel: "quotes" };
  await until("the union", () => areSubscribed(simulator, place, ["AAPL", "MSFT"]));
  // An edge may still wait for the answer of the hub.
  await new Promise((resolve) => setTimeout(resolve, 100));
  simulator.emit("sip", [{ ...quote("AAPL", 1), ...at }, { ...quote("MSFT", 2), ...at }]);
  await until("all quotes", () => apple.messages.length === 1 && both.messages.length === 2);
  assert.equal(simulator.sessions().filter(({ endpoint }) => endpoint === "sip").length, 1);
  await both.close();
  await until(
    "the symbol of the second edge is released",
    () => !areSubscribed(simulator, place, ["MSFT"]),
  );
  assert.ok(areSubscribed(simulator, place, ["AAPL"]));
});

test("order updates resume by event_id at another edge", async () => {
  await using cluster = await startCluster({ edges: 2 });
  const { simulator: { trading }, edges: [first, second] } = cluster;
  assert.ok(first && second);
  const emit = (id: string) =>
    trading.stream.emitTradeUpdate({ event: "new", order: { id, symbol: "AAPL" } });
  const idsOf = (messages: readonly unknown[]) =>
    messages.flatMap((one) => Object(one).update ?? []).map(({ order }) => order.id);
  using one = clientOf(first);
  using two = clientOf(second);
  const eventId = await (async () => {
    await using stream = collect(one, METHODS.streamOrderUpdates, { options: OPTIONS });
    await stream.opened;
    for (const id of ["o-1", "o-2", "o-3"]) emit(id);
    await until("three updates", () => idsOf(stream.messages).length === 3);
    const [update] = stream.messages.filter((one) => Object(one).update?.order.id === "o-1");
    return Object(update).update.eventId as string;
  })();
  assert.ok(eventId);
  emit("o-4");
  const request = { options: { ...OPTIONS, resume: { eventId } } };
  await using resumed = collect(two, METHODS.streamOrderUpdates, request);
  await until("the rest", () => idsOf(resumed.messages).length === 3);
  assert.deepEqual(idsOf(resumed.messages), ["o-2", "o-3", "o-4"]);
  // An edge that starts later has what the hub has stored.
  const third = await cluster.addEdge();
  using three = clientOf(third);
  await using late = collect(three, METHODS.streamOrderUpdates, request);
  await until("the rest", () => idsOf(late.messages).length === 3);
  assert.deepEqual(idsOf(late.messages), ["o-2", "o-3", "o-4"]);
});

test("an edge that starts before its hub waits for it, without an error", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  await using nats = await NatsServer.start();
  const env = clusterEnv(simulator, nats);
  const log = new RecordingLog();
  await using edge = await startProxy(parseConfig(env.edge), { log });
  await using _hub = await startHub(parseConfig(env.hub), { log: new RecordingLog() });
  await untilReady({ health: `http://127.0.0.1:${edge.ports.health}` });
  assert.deepEqual(log.records.filter(({ level }) => level === "error"), []);
  assert.ok(log.records.some(({ message }) => /^No order updates are stored yet/.test(message)));
});

test("an edge that starts before NATS has what is stored, once there is NATS", async () => {
  await using cluster = await startCluster();
  const { simulator: { trading }, nats, edges: [first] } = cluster;
  assert.ok(first);
  const emit = (id: string) =>
    trading.stream.emitTradeUpdate({ event: "new", order: { id, symbol: "AAPL" } });
  const updatesOf = (messages: readonly unknown[]) =>
    messages.flatMap((one) => Object(one).update ?? []);
  using one = clientOf(first);
  await using stream = collect(one, METHODS.streamOrderUpdates, { options: OPTIONS });
  await stream.opened;
  for (const id of ["o-1", "o-2", "o-3"]) emit(id);
  await until("three updates", () => updatesOf(stream.messages).length === 3);
  const stored = async () =>
    /^alpaca_proxy_order_updates_pending 0$/m.test(
      await (await fetch(`http://127.0.0.1:${cluster.hub.ports.health}/metrics`)).text(),
    );
  await until("they are stored", stored);
  await nats.stop("SIGKILL");
  const second = cluster.addEdge();
  await until(
    "the edge waits",
    () =>
      cluster.edgeLogs.at(-1)?.records.some(({ message }) => /^Waiting for NATS/.test(message)) ??
        false,
    10_000,
  );
  await nats.run();
  using two = clientOf(await second);
  const [{ eventId }] = updatesOf(stream.messages);
  const request = { options: { ...OPTIONS, resume: { eventId } } };
  await using resumed = collect(two, METHODS.streamOrderUpdates, request);
  await until("the rest", () => updatesOf(resumed.messages).length === 2);
  // NATS was down for longer than the lease: the hub had no session meanwhile.
  const reasons = resumed.messages.map((one) => Object(one).notice?.kind)
    .filter((kind) => kind?.case === "gap").map(({ value }) => value.reason);
  assert.ok(!reasons.includes(GapReason.NOT_RETAINED));
});

test("a standby takes over; streams of edges have one gap and continue", async () => {
  await using cluster = await startCluster();
  const { simulator, hub, edges: [edge] } = cluster;
  assert.ok(edge);
  using client = clientOf(edge);
  const request = { symbols: ["AAPL"], options: OPTIONS };
  await using stream = collect(client, METHODS.streamQuotes, request);
  const place = { endpoint: "sip", channel: "quotes" };
  await until("subscribed", () => areSubscribed(simulator, place, ["AAPL"]));
  await cluster.addHub();
  const start = performance.now();
  await hub[Symbol.asyncDispose]();
  const sizes = () =>
    stream.messages.flatMap((one) => Object(one).quote?.bidSize ?? []) as number[];
  await until("a quote of the next hub", async () => {
    if (areSubscribed(simulator, place, ["AAPL"])) {
      simulator.emit("sip", [{ ...quote("AAPL", 7), ...at }]);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    return sizes().length > 0;
  });
  const silentMs = performance.now() - start;
  assert.ok(silentMs < 5_000, `${silentMs} ms`);
  const gaps = stream.messages.filter((one) => Object(one).notice?.kind.case === "gap");
  assert.equal(gaps.length, 1);
  assert.equal(stream.ending(), undefined);
});

test("without a hub new streams are refused after ten seconds, open ones stay", async () => {
  await using cluster = await startCluster();
  const { hub, edges: [edge] } = cluster;
  assert.ok(edge);
  using client = clientOf(edge);
  const request = { symbols: ["AAPL"], options: OPTIONS };
  await using open = collect(client, METHODS.streamQuotes, request);
  await open.opened;
  await hub[Symbol.asyncDispose]();
  let refusal: unknown;
  await until("a new stream is refused", async () => {
    const stream = collect(client, METHODS.streamQuotes, request);
    await new Promise((resolve) => setTimeout(resolve, 200));
    refusal = stream.ending();
    await stream.close();
    return refusal !== undefined;
  }, 30_000);
  assert.match(String(Object(refusal).message ?? refusal), /No hub answers/);
  using other = connectTo({ url: `http://${edge.address}` }, StreamProxyService);
  const start = performance.now();
  const refused = await Array.fromAsync(other.streamQuotes({ symbols: ["AAPL"] })).catch(
    (error) => error,
  );
  const refusedMs = performance.now() - start;
  assert.ok(refused instanceof ConnectError);
  assert.equal(refused.code, Code.Unavailable);
  const [retry] = refused.findDetails(RetryInfoSchema);
  assert.equal(retry?.retryDelay?.seconds, 5n);
  assert.ok(refusedMs < 1_000, `${refusedMs} ms`);
  assert.equal(open.ending(), undefined);
  const stale = open.messages.map((one) => Object(one).notice?.kind)
    .filter((kind) => kind?.case === "feed").at(-1);
  assert.match(stale.value.reason, /^Stocks is not connected: /);
  const ready = await fetch(`${edge.health}/readyz`);
  assert.equal(ready.status, 503);
  await ready.body?.cancel();
});

test("the environment of an edge has no key and no address of Alpaca", async () => {
  await using cluster = await startCluster({ edges: 0 });
  const { edge, hub } = clusterEnv(cluster.simulator, cluster.nats);
  const ofAlpaca = (env: Record<string, string>) =>
    Object.keys(env).filter((name) => /^ALPACA_.*(?:KEY|SECRET|URL)$/.test(name));
  assert.ok(ofAlpaca(hub).length > 2);
  assert.deepEqual(ofAlpaca(edge), []);
});

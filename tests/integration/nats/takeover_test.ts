/** Clients of an edge continue when another hub takes over. */
import assert from "node:assert/strict";
import { startSimulator } from "@alpaca-stream-proxy/simulator";
import { startHub } from "../../../src/composition/hub.ts";
import { parseConfig } from "../../../src/infrastructure/config/parse_config.ts";
import { startProxy } from "../../../src/composition/proxy.ts";
import type { StreamQuotesResponse } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { areSubscribed, FREE_PORTS } from "../../support/harness.ts";
import { NatsServer } from "../../support/nats_server.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { requires } from "../../support/requires.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";
import { until } from "../../support/until.ts";

const t = "2026-09-14T14:30:02.123456789Z";

/** What `/health` of a hub or an edge says about the cluster. */
async function clusterOf(port: number) {
  const body = await (await fetch(`http://127.0.0.1:${port}/health`)).json();
  return body.cluster as {
    readonly role: string;
    readonly lease: { readonly held: boolean; readonly term: string };
    readonly edges: readonly { readonly subscriptions: number }[];
    readonly hub: { readonly term: string; readonly silence_ms: number };
  };
}

Deno.test(requires(["nats-server"], {
  name: "a hub that stops hands its edges over to the other one, with one gap for their clients",
  fn: async () => {
    await using made = new AsyncDisposableStack();
    const nats = made.use(await NatsServer.start());
    const simulator = made.use(await startSimulator({ messagesPerSecond: 0 }));
    const log = new RecordingLog();
    const edgeLog = new RecordingLog();
    const settings = {
      ...FREE_PORTS,
      STREAM_PROXY_NATS_URL: nats.url,
      STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS: "10",
      STREAM_PROXY_FEEDS: "sip",
    };
    const hub = async () =>
      made.use(
        await startHub(
          parseConfig({
            ...simulator.environment(),
            ...settings,
            STREAM_PROXY_ROLE: "hub",
            STREAM_PROXY_LEASE_TTL_SECS: "2",
          }),
          { log },
        ),
      );
    const first = await hub();
    await until("it has the lease", async () => (await clusterOf(first.ports.health)).lease.held);
    const second = await hub();
    const { ALPACA_KEY: _key, ALPACA_SECRET: _secret, ...places } = simulator.environment();
    const edge = made.use(
      await startProxy(
        parseConfig({ ...places, ...settings, STREAM_PROXY_ROLE: "edge" }),
        { log: edgeLog },
      ),
    );
    using client = clientOf({ address: `127.0.0.1:${edge.ports.grpc}` });
    const request = { symbols: ["AAPL"], options: { meta: true, notices: true } };
    await using stream = collect(client, METHODS.streamQuotes, request);
    const received = () => (stream.messages as StreamQuotesResponse[]);
    const prices = () => received().flatMap(({ quote }) => quote?.bidPrice ?? []);
    const isSubscribed = () =>
      areSubscribed(simulator, { endpoint: "sip", channel: "quotes" }, ["AAPL"]);
    const emit = (bp: number) =>
      simulator.emit("sip", [{
        T: "q",
        S: "AAPL",
        bx: "Q",
        bp,
        bs: 3,
        ax: "P",
        ap: 200,
        as: 4,
        t,
      }]);
    await until("it is subscribed", isSubscribed);
    emit(1);
    await until("a quote arrives", () => prices().includes(1));
    const attached = edgeLog.records.length;
    await first[Symbol.asyncDispose]();
    await until("the other hub serves the edge", async () => {
      const { lease, edges } = await clusterOf(second.ports.health);
      return lease.held && edges.some(({ subscriptions }) => subscriptions === 1);
    });
    await until("it is subscribed again", isSubscribed);
    emit(2);
    await until("quotes arrive again", () => prices().includes(2));
    assert.deepEqual(prices(), [1, 2]);
    const gaps = () => received().filter(({ notice }) => notice?.kind.case === "gap");
    await until("the gap is reported", () => gaps().length > 0);
    assert.equal(gaps().length, 1);
    assert.equal(stream.ending(), undefined);
    const failures = edgeLog.records.slice(attached).filter(({ level }) => level === "warn");
    assert.deepEqual(failures.map(({ message }) => message), ["Feed connection failed, retrying"]);
    assert.match(String(failures[0]?.fields["cause"]), /^The hub has no session: /);
    const { role, hub: followed } = await clusterOf(edge.ports.health);
    const { term } = (await clusterOf(second.ports.health)).lease;
    assert.deepEqual([role, followed.term], ["edge", term]);
    assert.ok(followed.silence_ms < 3_000, `${followed.silence_ms} ms`);
    const metrics = await (await fetch(`http://127.0.0.1:${second.ports.health}/metrics`)).text();
    assert.match(metrics, /^alpaca_proxy_hub_edges 1$/m);
    assert.match(metrics, /^alpaca_proxy_hub_requests_total{kind="attach",outcome="ok"} [1-9]/m);
    assert.match(metrics, /^alpaca_proxy_hub_dropped_entries_total{feed="sip"} 0$/m);
  },
}));

/** Many clients while a proxy drains, and while it is replaced by another one. */
import assert from "node:assert/strict";
import { startSimulator } from "@alpaca-stream-proxy/simulator";
import {
  connect,
  type ProxyClient,
  type ProxyStream,
  type StockTrade,
  type StreamGap,
} from "../../client/mod.ts";
import type { StockTrade as TradeEvent } from "../../src/domain/market/stock_events.ts";
import { systemClock } from "../../src/infrastructure/clock/system_clock.ts";
import { freePort } from "../docs/loopback.ts";
import { administered } from "../support/administered.ts";
import { GOLDEN_TRADE } from "../support/grpc_events.ts";
import { startGrpcHarness } from "../support/grpc_client.ts";
import { FREE_PORTS } from "../support/harness.ts";
import { until } from "../support/until.ts";
import { Child, type LogLine } from "./process/child.ts";

const OPERATOR = { identity: "operator" };
const CLIENTS = 12;
const STREAMS_PER_CLIENT = 8;
const ALL = CLIENTS * STREAMS_PER_CLIENT;
const PATIENCE_MS = 60_000;

/** Clients with streams of trades, which collect what they receive. */
class Crowd implements AsyncDisposable {
  readonly gaps: StreamGap[] = [];
  readonly streams: ProxyStream<StockTrade>[] = [];
  /** Ids of the trades of each stream. */
  readonly received: bigint[][] = [];
  readonly #clients: ProxyClient[] = [];
  readonly #consuming: Promise<void>[] = [];

  constructor(address: string, symbols: readonly string[]) {
    for (let i = 0; i < CLIENTS; i++) {
      const client = connect({ address });
      this.#clients.push(client);
      for (let j = 0; j < STREAMS_PER_CLIENT; j++) {
        const stream = client.trades(symbols, { onGap: (gap) => this.gaps.push(gap) });
        const ids: bigint[] = [];
        this.streams.push(stream);
        this.received.push(ids);
        this.#consuming.push((async () => {
          for await (const { tradeId } of stream) ids.push(BigInt(tradeId));
        })());
      }
    }
  }

  /** How many streams fulfill a condition. */
  count(is: (stream: ProxyStream<StockTrade>["stats"]) => boolean): number {
    return this.streams.filter(({ stats }) => is(stats)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await Promise.all(this.#consuming);
  }
}

/** Time in ms between the first and the last end of a stream, by the audit log. */
function spreadOf(log: readonly LogLine[]): number {
  const times = log.filter(({ msg, ended_by: by }) => msg === "Stream ended" && by === "proxy")
    .map(({ ts }) => Date.parse(String(ts)));
  return Math.max(...times) - Math.min(...times);
}

Deno.test("streams that an operator has drained resume exactly, without a loss", async () => {
  const made = administered(systemClock, { capacity: 100_000 });
  await using harness = await startGrpcHarness({ ...made, admin: undefined });
  made.streams.carried({ feed: "sip", channel: "trades", symbols: ["AAPL"] });
  await using crowd = new Crowd(`127.0.0.1:${harness.server.port}`, ["AAPL"]);
  await until("all streams", () => made.clients.count === ALL, PATIENCE_MS);
  let published = 0;
  const publish = () => {
    const trade: TradeEvent = { ...GOLDEN_TRADE, symbol: "AAPL", tradeId: ++published };
    made.channels.stockTrades.publish(trade, Date.now());
  };
  const publishing = setInterval(publish, 20);
  await until("trades", () => crowd.received.every((ids) => ids.length > 0), PATIENCE_MS);

  made.admin.drain(OPERATOR, { reason: "moving", endStreams: true });
  assert.equal(made.clients.count, ALL, "they do not end together");
  await until("the end of all streams", () => made.clients.count === 0, PATIENCE_MS);
  made.admin.undrain(OPERATOR);
  const resumed = () => crowd.count((each) => each.exactResumes === 1);
  await until(() => `all resumes, not ${resumed()}`, () => resumed() === ALL, PATIENCE_MS);
  clearInterval(publishing);
  publish();
  const last = BigInt(published);
  const haveAll = () => crowd.received.every((ids) => ids.at(-1) === last);
  await until("the last trade", haveAll, PATIENCE_MS);

  assert.deepEqual(crowd.gaps, []);
  for (const ids of crowd.received) {
    const [first = 0n] = ids;
    assert.deepEqual(ids, ids.map((_, at) => first + BigInt(at)), "each trade once, in order");
  }
});

Deno.test("a proxy under load is replaced: no 406, and every client continues", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 200 });
  const port = String(freePort());
  await using left = new AsyncDisposableStack();
  const startProxy = async () => {
    const own = { STREAM_PROXY_GRPC_PORT: port, OTEL_ENABLED: "false" };
    const env = { ...simulator.environment(), ...FREE_PORTS, ...own };
    const child = left.use(new Child({ env }));
    await child.logged("Started");
    return child;
  };
  const isConnected = (log: readonly LogLine[]) =>
    log.filter(({ msg }) => msg === "Feed connected").length === 3;

  const old = await startProxy();
  await until("its feeds", () => isConnected(old.log), PATIENCE_MS);
  await using crowd = new Crowd(`127.0.0.1:${port}`, ["AAPL", "MSFT", "NVDA"]);
  await until("trades", () => crowd.received.every((ids) => ids.length > 0), PATIENCE_MS);

  old.signal("SIGTERM");
  const { code, log } = await old.ended();
  assert.equal(code, 0);
  const ends = log.filter(({ msg }) => msg === "Stream ended");
  assert.equal(ends.length, ALL);
  assert.deepEqual(
    new Set(ends.map(({ status }) => status)),
    new Set([
      "UNAVAILABLE: the proxy is shutting down",
    ]),
  );
  assert.ok(spreadOf(log) >= 500, `the streams ended within ${spreadOf(log)} ms`);

  const next = await startProxy();
  const isBack = () => crowd.count((each) => each.connections > 1 && each.inexactResumes === 1);
  await until(() => `all streams, not ${isBack()}`, () => isBack() === ALL, PATIENCE_MS);
  const before = crowd.received.map(({ length }) => length);
  const continues = () => crowd.received.every((ids, at) => ids.length > (before[at] ?? 0));
  await until("more trades", continues, PATIENCE_MS);

  assert.ok(isConnected(next.log));
  assert.deepEqual(next.log.filter(({ error_type: type }) => type !== undefined), []);
  const refused = simulator.requests().filter(({ error }) => error !== undefined);
  assert.deepEqual(refused, [], "no 406");
  // Another process has other positions: what was missed is a gap, and nothing else is.
  assert.deepEqual(new Set(crowd.gaps.map(({ reason }) => reason)), new Set(["not_retained"]));
  assert.equal(crowd.gaps.length, ALL);
  for (const ids of crowd.received) assert.equal(new Set(ids).size, ids.length, "no trade twice");
});

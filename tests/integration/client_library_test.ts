/** The client library against the proxy and the simulator, with real connections. */
import assert from "node:assert/strict";
import { isFieldSet, toJson } from "@bufbuild/protobuf";
import {
  connect,
  ConnectionState,
  type ContractSelection,
  FeedType,
  Origin,
  type ProxyStream,
  type Received,
  type StockQuote,
  type StreamGap,
} from "../../client/mod.ts";
import { millisecondsOf } from "../../cli/text.ts";
import { startRelay } from "../docs/loopback.ts";
import { startHarness } from "../support/harness.ts";
import { ModelProxy, serveModel } from "../support/model_proxy.ts";
import { ScriptedProxy } from "../support/scripted_proxy.ts";
import { until } from "../support/until.ts";
import {
  OptionSelectionSchema,
  StreamProxyService,
} from "../../src/gen/cream/v1/stream_proxy_pb.ts";

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Consumes a stream in the background. */
function consume(
  stream: ProxyStream<StockQuote>,
  onMessage: (quote: Received<StockQuote>) => void | Promise<void>,
): Promise<void> {
  return (async () => {
    for await (const quote of stream) await onMessage(quote);
  })();
}

Deno.test("broken connections cost no message and repeat none", async () => {
  await using harness = await startHarness({
    simulator: { messagesPerSecond: 2_000 },
    // The symbols stay subscribed, and their messages retained, while the client is away.
    env: { STREAM_PROXY_UNSUBSCRIBE_GRACE_MS: "30000", STREAM_PROXY_RETAIN_MESSAGES: "1000000" },
  });
  await using relay = await startRelay();
  relay.target = harness.proxy.ports.grpc;
  using client = connect({ address: relay.address });
  const gaps: StreamGap[] = [];
  const symbols = ["AAPL", "MSFT", "NVDA"];
  const stream = client.quotes(symbols, { snapshot: true, onGap: (gap) => gaps.push(gap) });
  const sequences = new Map<string, number[]>();
  let replayed = 0;
  const consuming = consume(stream, ({ symbol, meta }) => {
    const seen = sequences.get(symbol) ?? [];
    sequences.set(symbol, seen);
    seen.push(Number(meta.symbolSequence));
    if (meta.origin === Origin.REPLAY) replayed++;
  });
  await until("quotes of each symbol", () => sequences.size === symbols.length);
  const resumes = () => {
    const { connections, exactResumes, inexactResumes } = stream.stats;
    return `a resume: ${exactResumes}, ${inexactResumes} others, ${connections} connections`;
  };
  for (let cut = 1; cut <= 4; cut++) {
    const before = stream.stats.received;
    await until("more quotes", () => stream.stats.received > before + 50);
    relay.breakAll();
    // A connection that breaks before its hello is no resume.
    await until(resumes, () => stream.stats.exactResumes === cut);
  }
  const { received } = stream.stats;
  await until("more quotes", () => stream.stats.received > received + 50);
  client.close();
  await consuming;
  assert.deepEqual(gaps, []);
  assert.ok(replayed > 0, "something was replayed");
  for (const seen of sequences.values()) {
    const first = seen[0] ?? 0;
    assert.deepEqual(seen, seen.map((_, at) => first + at));
  }
});

Deno.test("a slow consumer of the latest messages processes recent ones only", async () => {
  await using harness = await startHarness({ simulator: { messagesPerSecond: 5_000 } });
  using client = connect({ address: harness.address });
  const gaps: StreamGap[] = [];
  const stream = client.quotes(["AAPL", "MSFT", "NVDA"], {
    delivery: "latest",
    maxUnacknowledged: 20,
    heartbeatInterval: 1_000,
    onGap: (gap) => gaps.push(gap),
  });
  const ages: number[] = [];
  const since = Date.now();
  const consuming = consume(stream, async ({ timestamp }) => {
    if (timestamp) ages.push(Date.now() - millisecondsOf(timestamp));
    await sleep(10);
  });
  await until("300 quotes", () => ages.length >= 300, 30_000);
  const elapsedMs = Date.now() - since;
  const { heartbeat } = stream.stats;
  client.close();
  await consuming;
  // Of 300 quotes in order, half would be older than half of the time.
  const median = ages.sort((a, b) => a - b)[ages.length >> 1] ?? NaN;
  assert.ok(median < elapsedMs / 4, `half of them were older than ${median} ms`);
  assert.ok((heartbeat?.conflated ?? 0n) > 0n, "messages were conflated");
  assert.deepEqual(gaps, []);
  assert.ok(client.stats.acknowledged > 0);
});

Deno.test("after a restart of the proxy a gap is reported and a snapshot follows", async () => {
  await using relay = await startRelay();
  using client = connect({ address: relay.address });
  const log: string[] = [];
  const stream = client.quotes(["AAPL"], {
    snapshot: true,
    onGap: ({ reason }) => log.push(reason),
  });
  const consuming = consume(stream, ({ meta }) => {
    log.push(meta.origin === Origin.SNAPSHOT ? "snapshot" : "live");
  });
  for (let start = 1; start <= 2; start++) {
    await using harness = await startHarness({
      simulator: { messagesPerSecond: 500 },
      // The proxy has a last quote when the stream under test connects.
      env: { STREAM_PROXY_UNSUBSCRIBE_GRACE_MS: "30000" },
    });
    using other = connect({ address: harness.address });
    for await (const _ of other.quotes(["AAPL"])) break;
    relay.target = harness.proxy.ports.grpc;
    const gap = () => log.lastIndexOf("not_retained");
    await until("live quotes", () => log.lastIndexOf("live") > gap() && (start === 1 || gap() > 0));
  }
  client.close();
  await consuming;
  const gap = log.indexOf("not_retained");
  assert.ok(gap > 0);
  assert.equal(log[gap + 1], "snapshot");
  assert.equal(log.filter((one) => one === "not_retained").length, 1);
  assert.equal(log.includes("undetected"), false);
});

Deno.test("a silent connection is replaced by another one", async () => {
  const model = new ModelProxy();
  await using server = await serveModel(model);
  using client = connect({ address: server.address });
  const stream = client.quotes(["A"], { heartbeatInterval: 1_000 });
  const seen: number[] = [];
  const consuming = consume(stream, ({ bidPrice }) => void seen.push(bidPrice));
  await until("a stream", () => stream.stats.connections === 1);
  model.publish("A");
  model.stream?.deliver();
  await until("a quote", () => seen.length === 1);
  await until("another connection", () => stream.stats.exactResumes === 1);
  model.publish("A");
  model.stream?.deliver();
  await until("a quote of it", () => seen.length === 2);
  client.close();
  await consuming;
  assert.deepEqual(seen, [1, 2]);
  assert.equal(model.streams.length, 2);
});

Deno.test("order updates continue after the last event, across broken connections", async () => {
  await using harness = await startHarness();
  await using relay = await startRelay();
  relay.target = harness.proxy.ports.grpc;
  const { stream: trading } = harness.simulator.trading;
  using client = connect({ address: relay.address });
  const gaps: StreamGap[] = [];
  const stream = client.orderUpdates([], { onGap: (gap) => gaps.push(gap) });
  const seen: string[] = [];
  const consuming = (async () => {
    for await (const { order } of stream) seen.push(order?.id ?? "");
  })();
  const sent: string[] = [];
  const send = () => {
    const id = `order-${sent.length}`;
    sent.push(id);
    trading.emitTradeUpdate({ event: "new", order: { id, symbol: "AAPL" } });
  };
  await until("the feeds are connected", async () => {
    const response = await fetch(`${harness.health}/health`);
    return (await response.json()).status === "healthy";
  });
  await until("a stream", () => stream.stats.freshness !== undefined);
  for (let cut = 0; cut < 3; cut++) {
    send();
    await until("an order", () => seen.length === sent.length);
    relay.breakAll();
    send();
    send();
    await until("the orders", () => seen.length === sent.length);
  }
  client.close();
  await consuming;
  assert.deepEqual(seen, sent);
  assert.deepEqual(gaps, []);
  assert.equal(stream.stats.exactResumes, 3);
});

Deno.test("a selection with every field is sent with every field of the contract", async () => {
  await using proxy = await ScriptedProxy.start();
  using client = connect({ address: proxy.address });
  const selection: Required<ContractSelection> = {
    minDays: 0,
    maxDays: 9,
    expiries: ["2027-01-15"],
    expiryFrom: "2027-01-01",
    expiryTo: "2027-03-01",
    maxExpiries: 4,
    strikeWindowPercent: 7.5,
    strikesEachSide: 6,
    minStrike: 4000.5,
    maxStrike: 7000,
    minAbsDelta: 0.1,
    maxAbsDelta: 0.5,
    right: "put",
    roots: ["SPXW"],
    includeAdjusted: true,
    maxContracts: 50,
    maxContractsPerExpiry: 20,
    weight: 3,
    onlySelected: true,
  };
  const stream = client.optionQuotes({ underlyings: ["SPX"], selection });
  const reading = stream[Symbol.asyncIterator]().next();
  const { streamOptionQuotes } = StreamProxyService.method;
  const { underlyings, optionSelection } = await proxy.request(streamOptionQuotes);
  client.close();
  await reading;
  assert.deepEqual(underlyings, ["SPX"]);
  assert.ok(optionSelection);
  assert.deepEqual(toJson(OptionSelectionSchema, optionSelection), {
    ...selection,
    right: "OPTION_RIGHT_PUT",
  });
  const unset = OptionSelectionSchema.fields.filter((field) => !isFieldSet(optionSelection, field));
  assert.deepEqual(unset.map(({ name }) => name), []);
});

Deno.test("orders of some client order ids and events arrive; the others are no gap", async () => {
  await using harness = await startHarness();
  const { simulator: { trading } } = harness;
  using client = connect({ address: harness.address });
  const gaps: StreamGap[] = [];
  const received: string[] = [];
  const filter = { clientOrderIdPrefixes: ["bot-"], events: ["fill", "canceled"] };
  const stream = client.orderUpdates(filter, { onGap: (gap) => gaps.push(gap) });
  const consuming = (async () => {
    for await (const { order } of stream) received.push(order?.id ?? "");
  })();
  await until("the stream", () => stream.position !== undefined);
  await until("the trading feed", async () => {
    const { feeds = [] } = await client.status() ?? {};
    return feeds.some(({ feedType, state }) =>
      feedType === FeedType.TRADE_UPDATES && state === ConnectionState.CONNECTED
    );
  });
  const send = (id: string, client_order_id: string, event: string) =>
    trading.stream.emitTradeUpdate({ event, order: { id, symbol: "AAPL", client_order_id } });
  send("1", "bot-1", "fill");
  send("2", "human-1", "fill");
  send("3", "bot-2", "new");
  send("4", "bot-2", "canceled");
  await until("two updates", () => received.length === 2);
  client.close();
  await consuming;
  assert.deepEqual(received, ["1", "4"]);
  assert.deepEqual(gaps, []);
});

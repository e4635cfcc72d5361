/** Crypto and news from the simulator through the proxy to gRPC clients. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { DescMethodServerStreaming } from "@bufbuild/protobuf";
import type { Message } from "@alpaca-stream-proxy/simulator";
import { connect } from "../../client/mod.ts";
import { RpcError } from "../../client/rpc_client.ts";
import {
  type ConnectionStatus,
  FeedType,
  GapReason,
  type NewsArticle,
  type Orderbook,
  type StreamOrderbooksResponse,
} from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { type Harness, type HarnessOptions, startHarness } from "../support/harness.ts";
import { clientOf, collect, messageOf, METHODS } from "../support/streams.ts";
import { until } from "../support/until.ts";
import { changes, metric, subscribed } from "./subscriptions/kit.ts";

const t = "2026-09-13T12:00:02.118450321Z";
const timestamp = { seconds: 1_789_300_802n, nanos: 118_450_321 };
const MIB = 1024 * 1024;
const PLACE = { endpoint: "crypto/us", channel: "orderbooks" };

function startFurther(options: HarnessOptions = {}): Promise<Harness> {
  const feeds = { STREAM_PROXY_FEEDS: "sip,opra,trading,crypto,news" };
  return startHarness({ ...options, env: { ...feeds, ...options.env } });
}

async function wholeStatus({ address }: Harness): Promise<ConnectionStatus> {
  using client = clientOf({ address });
  const { status } = await client.call(METHODS.getConnectionStatus, {});
  assert.ok(status);
  return status;
}

const bar = { S: "BTC/USD", o: 1.5, h: 2.5, l: 1.25, c: 2, v: 0.123456789, n: 461, vw: 1.75, t };
const barMeans = {
  open: 1.5,
  high: 2.5,
  low: 1.25,
  close: 2,
  volume: 0.123456789,
  tradeCount: 461,
  vwap: 1.75,
};

/** A method, Alpaca's channel, a message of it, and the fields that clients receive. */
const CHANNELS: readonly (readonly [
  DescMethodServerStreaming,
  string,
  Message,
  Readonly<Record<string, unknown>>,
])[] = [
  [
    METHODS.streamCryptoQuotes,
    "quotes",
    { T: "q", S: "BTC/USD", bp: 64_249.5, bs: 0.000000001, ap: 64_250, as: 3, t },
    { bidPrice: 64_249.5, bidSize: 0.000000001, askPrice: 64_250, askSize: 3 },
  ],
  [
    METHODS.streamCryptoTrades,
    "trades",
    {
      T: "t",
      S: "BTC/USD",
      p: 64_250,
      s: 0.25,
      t,
      i: 3_447_222_699_101_865_076n,
      tks: "S",
    },
    { price: 64_250, size: 0.25, tradeId: 3_447_222_699_101_865_076n, takerSide: "S" },
  ],
  [METHODS.streamCryptoBars, "bars", { T: "b", ...bar }, barMeans],
  [METHODS.streamCryptoUpdatedBars, "updatedBars", { T: "u", ...bar }, barMeans],
  [METHODS.streamCryptoDailyBars, "dailyBars", { T: "d", ...bar, v: 0 }, {
    ...barMeans,
    volume: 0,
  }],
];

for (const [method, channel, element, means] of CHANNELS) {
  Deno.test(`${method.name} subscribes ${channel} of its pairs and delivers them`, async () => {
    await using harness = await startFurther();
    const { simulator } = harness;
    using client = clientOf(harness);
    await using stream = collect(client, method, { symbols: ["btc-usd", "BTCUSD"] });
    await stream.opened;
    const place = { endpoint: "crypto/us", channel };
    await until("subscribed", () => subscribed(simulator, place).has("BTC/USD"));
    simulator.emit("crypto/us", [{ ...element, S: "ETH/USD" }, element]);
    await until("delivered", () => stream.messages.length > 0);
    assert.equal(stream.messages.length, 1);
    const message = messageOf(stream.messages[0]);
    if (message === undefined || !("timestamp" in message)) assert.fail("no timestamp");
    const { $typeName: _, timestamp: at, ...fields } = message;
    assert.deepEqual({ ...fields, at: { seconds: at?.seconds, nanos: at?.nanos } }, {
      symbol: "BTC/USD",
      ...means,
      at: timestamp,
    });
    assert.deepEqual(changes(harness, "sip"), []);
  });
}

interface Book {
  readonly bids: Map<number, number>;
  readonly asks: Map<number, number>;
}

/** What a client knows after the messages. */
function bookOf(messages: readonly unknown[], symbol: string): Book {
  const book: Book = { bids: new Map(), asks: new Map() };
  for (const response of messages) {
    const message = messageOf(response) as Orderbook | undefined;
    if (message?.symbol !== symbol) continue;
    if (message.reset) {
      book.bids.clear();
      book.asks.clear();
    }
    for (const side of ["bids", "asks"] as const) {
      for (const { price, size } of message[side]) {
        if (size === 0) book[side].delete(price);
        else book[side].set(price, size);
      }
    }
  }
  return book;
}

function sorted({ bids, asks }: Book): unknown {
  const order = (side: Map<number, number>) => [...side].sort(([one], [other]) => one - other);
  return [order(bids), order(asks)];
}

const book = (
  b: readonly (readonly [number, number])[],
  a: readonly (readonly [number, number])[],
  r?: true,
) => {
  const levels = (side: readonly (readonly [number, number])[]) => side.map(([p, s]) => ({ p, s }));
  const message = { T: "o", S: "BTC/USD", t, b: levels(b), a: levels(a) };
  return r ? { ...message, r } : message;
};

Deno.test("a stream that opens later starts with the whole order book", async () => {
  await using harness = await startFurther();
  const { simulator } = harness;
  using client = clientOf(harness);
  await using first = collect(client, METHODS.streamOrderbooks, { symbols: ["BTC/USD"] });
  await until("the whole order book", () => first.messages.length > 0);
  assert.equal((messageOf(first.messages[0]) as Orderbook).reset, true);
  simulator.emit("crypto/us", [
    book([[10, 1], [9, 2.5]], [[11, 3], [12, 4]], true),
    book([[10, 0], [8, 0.000000001]], [[11, 5]]),
  ]);
  await until("the changes", () => first.messages.length >= 3);
  for (const options of [undefined, { meta: true, notices: true }, { snapshot: true }]) {
    for (const symbols of [["BTC/USD"], []]) {
      await using late = collect(client, METHODS.streamOrderbooks, { symbols, options });
      const messages = () => late.messages.filter((response) => messageOf(response));
      await until("the whole order book", () => messages().length > 0);
      const whole = messageOf(messages()[0]) as Orderbook;
      assert.deepEqual([whole.reset, whole.symbol], [true, "BTC/USD"]);
      assert.deepEqual(whole.bids.map(({ price }) => price), [9, 8]);
      assert.deepEqual(whole.asks.map(({ price, size }) => [price, size]), [[11, 5], [12, 4]]);
      simulator.emit("crypto/us", [book([[9, 7]], []), book([[9, 2.5]], [])]);
      await until("later changes", () => messages().length >= 3);
      const own = sorted(bookOf(messages(), "BTC/USD"));
      assert.deepEqual(own, sorted(bookOf(first.messages, "BTC/USD")));
    }
  }
});

Deno.test("order books are right for every stream, also after the session was down", async () => {
  await using harness = await startFurther({ simulator: { messagesPerSecond: 2_000 } });
  const { simulator } = harness;
  using client = clientOf(harness);
  const symbols = ["ETH/USD", "SOL/USD"];
  await using first = collect(client, METHODS.streamOrderbooks, { symbols });
  await until("changes", () => first.messages.length > 50);
  await using second = collect(client, METHODS.streamOrderbooks, { symbols });
  await until("changes of the second", () => second.messages.length > 50);
  simulator.connections.drop({ endpoint: "crypto/us" }, { clean: true });
  const before = first.messages.length;
  const resets = () =>
    first.messages.slice(before).filter((each) => (messageOf(each) as Orderbook).reset).length;
  await until("whole order books of the next session", () => resets() === 2);
  await using third = collect(client, METHODS.streamOrderbooks);
  await until("changes of the third", () => third.messages.length > 50);
  simulator.market.messagesPerSecond = 0;
  for (const symbol of symbols) {
    const [message] = simulator.market.orderBooks("crypto/us", symbol);
    const levels = (key: "b" | "a") =>
      (message?.[key] as { p: number; s: number }[]).map(({ p, s }): [number, number] => [p, s]);
    const expected = sorted({ bids: new Map(levels("b")), asks: new Map(levels("a")) });
    for (const stream of [first, second, third]) {
      const isEqual = () => isDeepStrictEqual(sorted(bookOf(stream.messages, symbol)), expected);
      await until(`the order book of ${symbol}`, isEqual);
    }
  }
});

for (const symbols of [["BTC/USD"], []]) {
  const which = symbols.length > 0 ? "its pair" : "all pairs";
  Deno.test(`a lost change of an order book renews it, for a stream of ${which}`, async () => {
    await using harness = await startFurther();
    const { simulator } = harness;
    using client = clientOf(harness);
    await using plain = collect(client, METHODS.streamOrderbooks, { symbols });
    const options = { meta: true, notices: true };
    await using optioned = collect(client, METHODS.streamOrderbooks, { symbols, options });
    const own = (messages: readonly unknown[]) =>
      messages.map((each) => messageOf(each) as Orderbook | undefined)
        .filter((each) => each?.symbol === "BTC/USD");
    const streams = [plain.messages, optioned.messages];
    await until("whole order books", () => streams.every((each) => own(each).length > 0));
    const unreadable = { ...book([], []), b: "not a list" };
    const later = book([[7, 7]], []);
    const before = streams.map((each) => own(each).length);
    simulator.emit("crypto/us", [unreadable, later]);
    const since = (index: number) => own(streams[index] ?? []).slice(before[index]);
    await until("whole order books", () => [0, 1].every((index) => since(index).length > 0));
    for (const index of [0, 1]) assert.equal(since(index)[0]?.reset, true);
    const reasons = optioned.messages.map((each) => (each as StreamOrderbooksResponse).notice?.kind)
      .map((kind) => kind?.case === "gap" ? kind.value.reason : undefined);
    assert.ok(reasons.includes(GapReason.UNREADABLE), `${reasons}`);
    simulator.emit("crypto/us", [book([[6, 6]], [])]);
    await until("changes", () => [0, 1].every((index) => since(index).length > 1));
    const [message] = simulator.market.orderBooks("crypto/us", "BTC/USD");
    const levels = (key: "b" | "a") =>
      (message?.[key] as { p: number; s: number }[]).map(({ p, s }): [number, number] => [p, s]);
    const expected = sorted({ bids: new Map(levels("b")), asks: new Map(levels("a")) });
    await using late = collect(client, METHODS.streamOrderbooks, { symbols });
    await until("the whole order book", () => own(late.messages).length > 0);
    for (const messages of [...streams, late.messages]) {
      assert.deepEqual(sorted(bookOf(messages, "BTC/USD")), expected);
    }
  });
}

Deno.test("an undecodable frame of crypto renews the order books of all pairs", async () => {
  await using harness = await startFurther();
  const { simulator } = harness;
  using client = clientOf(harness);
  const symbols = ["BTC/USD", "ETH/USD"];
  await using stream = collect(client, METHODS.streamOrderbooks, { symbols });
  await until("whole order books", () => stream.messages.length === 2);
  simulator.emitRaw("crypto/us", "[{");
  await until("whole order books", () => stream.messages.length === 4);
  const renewed = stream.messages.slice(2).map((each) => messageOf(each) as Orderbook);
  assert.deepEqual(renewed.map(({ symbol }) => symbol).sort(), symbols);
  assert.ok(renewed.every(({ reset }) => reset));
});

Deno.test("a stream of order books that is too slow ends instead of losing a change", async () => {
  await using harness = await startFurther({ env: { STREAM_PROXY_ORDERBOOKS_CAPACITY: "20" } });
  const { simulator } = harness;
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamOrderbooks, { symbols: ["BTC/USD"] });
  await until("subscribed", () => subscribed(simulator, PLACE).has("BTC/USD"));
  await until("the whole order book", () => stream.messages.length > 0);
  // The frames arrive in one turn, in which no stream is written.
  const frames = Array.from({ length: 100 }, () => JSON.stringify([book([[10, 1]], [])]));
  await until("the end", () => {
    for (const frame of frames) simulator.emitRaw("crypto/us", frame);
    return stream.ending() !== undefined;
  });
  const ending = stream.ending();
  assert.ok(ending instanceof RpcError);
  assert.match(ending.message, /ended this stream; reopen it/);
});

Deno.test("articles go to the streams of any of their symbols, each once", async () => {
  await using harness = await startFurther();
  const { simulator } = harness;
  using client = clientOf(harness);
  await using named = collect(client, METHODS.streamNews, { symbols: ["AAPL", "btc/usd"] });
  await using all = collect(client, METHODS.streamNews);
  await until(
    "subscribed",
    () => subscribed(simulator, { endpoint: "news", channel: "news" }).size === 3,
  );
  const { market } = simulator;
  const both = market.publishArticle({ symbols: ["AAPL", "BTC/USD"], bytes: 300 });
  market.publishArticle({ symbols: ["MSFT"], bytes: 300 });
  market.publishArticle({ symbols: [], bytes: 1.5 * MIB });
  await until("all articles", () => all.messages.length === 3);
  assert.equal(named.messages.length, 1);
  const article = messageOf(named.messages[0]) as NewsArticle;
  assert.equal(article.id, BigInt(Number(both["id"])));
  assert.deepEqual(article.symbols, ["AAPL", "BTCUSD"]);
  for (const key of ["headline", "summary", "author", "content", "url", "source"] as const) {
    assert.equal(article[key], both[key]);
  }
  assert.ok(article.createdAt && article.updatedAt);
  const large = messageOf(all.messages[2]) as NewsArticle;
  assert.ok(new TextEncoder().encode(large.content).length >= 1.5 * MIB);
});

Deno.test("an article above the limit costs that article only", async () => {
  await using harness = await startFurther({ env: { STREAM_PROXY_MAX_ARTICLE_MB: "1" } });
  const { simulator } = harness;
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamNews, { symbols: ["F"] });
  await until(
    "subscribed",
    () => subscribed(simulator, { endpoint: "news", channel: "news" }).size === 1,
  );
  simulator.market.publishArticle({ symbols: ["F"], bytes: 3 * MIB });
  const { id } = simulator.market.publishArticle({ symbols: ["F"], bytes: 10 });
  await until("the next article", () => stream.messages.length > 0);
  assert.equal((messageOf(stream.messages[0]) as NewsArticle).id, BigInt(Number(id)));
  const labels = '{feed="news",error_type="malformed_element"}';
  assert.equal(await metric(harness, `alpaca_proxy_websocket_errors_total${labels}`), 1);
});

Deno.test("a snapshot of news has the latest version of each article", async () => {
  await using harness = await startFurther();
  const { simulator } = harness;
  using client = connect({ address: harness.address });
  const first = client.news(["AAPL"]);
  const received: bigint[] = [];
  const reading = (async () => {
    for await (const article of first) {
      received.push(article.id);
      if (received.length === 2) break;
    }
  })();
  await until(
    "subscribed",
    () => subscribed(simulator, { endpoint: "news", channel: "news" }).has("AAPL"),
  );
  const { market } = simulator;
  const one = market.publishArticle({ symbols: ["AAPL"], bytes: 10 });
  simulator.emit("news", [{ ...one, headline: "UPDATE" }]);
  await reading;
  assert.equal(received[0], received[1]);
  // A snapshot has the latest version of each article.
  const snapshot = client.news(["AAPL"], { snapshot: true });
  for await (const article of snapshot) {
    assert.equal(article.headline, "UPDATE");
    assert.equal(article.meta.symbolSequence, 2n);
    break;
  }
});

Deno.test("the client library receives whole order books and changes without a gap", async () => {
  await using harness = await startFurther({ simulator: { messagesPerSecond: 500 } });
  using client = connect({ address: harness.address });
  const gaps: unknown[] = [];
  const onGap = (gap: unknown) => gaps.push(gap);
  for (let open = 0; open < 2; open++) {
    let count = 0;
    for await (const message of client.orderbooks(["ETH/USD"], { onGap })) {
      assert.equal(message.reset, count === 0);
      if (++count === 30) break;
    }
  }
  assert.deepEqual(gaps, []);
});

Deno.test("crypto and news are off unless a setting adds them", async () => {
  await using harness = await startHarness();
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamNews);
  await until("refused", () => stream.ending() !== undefined);
  assert.match(String(stream.ending()), /news feed is disabled; add it to STREAM_PROXY_FEEDS/);
  const status = await wholeStatus(harness);
  assert.equal(status.feeds.length, 3);
  assert.deepEqual(status.furtherFeeds, []);
  const health = await (await fetch(`${harness.health}/health`)).json();
  assert.deepEqual(Object.keys(health.feeds), ["sip", "opra", "trading"]);
  const endpoints = harness.simulator.sessions().map(({ endpoint }) => endpoint);
  assert.ok(!endpoints.includes("news") && !endpoints.includes("crypto/us"));
});

Deno.test("the status has crypto and news in a field of their own, health all feeds", async () => {
  await using harness = await startFurther();
  await until("connected", async () => {
    const { furtherFeeds } = await wholeStatus(harness);
    return furtherFeeds.every(({ state }) => state === 4);
  });
  const { feeds, furtherFeeds } = await wholeStatus(harness);
  assert.equal(feeds.length, 3);
  assert.deepEqual(furtherFeeds.map(({ feedType }) => feedType), [FeedType.CRYPTO, FeedType.NEWS]);
  const health = await (await fetch(`${harness.health}/health`)).json();
  assert.deepEqual(Object.keys(health.feeds), ["sip", "opra", "trading", "crypto", "news"]);
  const page = await (await fetch(`${harness.health}/`)).text();
  assert.match(page, /<h3 id="feed.crypto">Crypto/);
});

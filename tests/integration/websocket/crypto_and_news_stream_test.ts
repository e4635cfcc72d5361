/** Clients of Alpaca's crypto and news streams, against the simulator. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { AlpacaClient, type Received } from "../../support/alpaca_client.ts";
import { areSubscribed, type Harness, startHarness } from "../../support/harness.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";
import { until } from "../../support/until.ts";

const t = "2026-09-13T12:00:02.118450321Z";
const CRYPTO = "/v1beta3/crypto/us";
const NEWS = "/v1beta1/news";
const MIB = 1024 * 1024;

const TRADE = {
  T: "t",
  S: "BTC/USD",
  p: 64_250,
  s: 2,
  t,
  i: 3_447_222,
  tks: "B",
  future: [1, "two"],
};
const WHOLE = {
  T: "o",
  S: "BTC/USD",
  t,
  b: [{ p: 10, s: 1 }, { p: 9, s: 2.5 }],
  a: [{ p: 11, s: 3 }],
  r: true,
};
const CHANGE = { T: "o", S: "BTC/USD", t, b: [{ p: 10, s: 0 }, { p: 8, s: 0.5 }], a: [] };
const EMPTY = {
  T: "subscription",
  trades: [],
  quotes: [],
  orderbooks: [],
  bars: [],
  updatedBars: [],
  dailyBars: [],
};

function startFurther(env: Readonly<Record<string, string>> = {}): Promise<Harness> {
  const feeds = { STREAM_PROXY_FEEDS: "sip,opra,trading,crypto,news" };
  return startHarness({ websocket: true, env: { ...feeds, ...env } });
}

Deno.test("a JSON client of crypto receives the messages of its pairs unchanged", async () => {
  await using harness = await startFurther();
  const { simulator, websocket } = harness;
  await using client = await AlpacaClient.logIn(websocket + CRYPTO);
  const ack = await client.request({ action: "subscribe", trades: ["BTC/USD"], lulds: null });
  assert.deepEqual(ack, { ...EMPTY, trades: ["BTC/USD"] });
  simulator.emit("crypto/us", [{ ...TRADE, S: "ETH/USD" }, TRADE]);
  assert.deepEqual(await client.next(), TRADE);
  assert.equal(client.frames.at(-1), `[${JSON.stringify(TRADE)}]`);
  const foreign = await client.request({ action: "subscribe", news: ["*"] });
  assert.equal(foreign.code, 410);
  const malformed = await client.request({ action: "subscribe", trades: ["BTCUSD"] });
  assert.equal(malformed.code, 400);
});

Deno.test("a MessagePack client of crypto receives all sizes as doubles", async () => {
  await using harness = await startFurther();
  const { simulator, websocket } = harness;
  await using client = await AlpacaClient.logIn(websocket + CRYPTO, { format: "msgpack" });
  await client.request({ action: "subscribe", trades: ["*"] });
  simulator.emit("crypto/us", [TRADE]);
  assert.equal((await client.next()).s, 2);
  assert.match((client.frames.at(-1) as Uint8Array).toHex(), /a173cb4000000000000000a174d7ff/);
  await client.request({ action: "subscribe", orderbooks: ["BTC/USD"] });
  assert.equal((await client.next()).r, true);
  simulator.emit("crypto/us", [CHANGE]);
  const { b } = await client.next();
  assert.deepEqual(b, CHANGE.b);
  // The price 10 and the size 0 of the first level.
  const hex = (client.frames.at(-1) as Uint8Array).toHex();
  assert.match(hex, /82a170cb4024000000000000a173cb0000000000000000/);
});

Deno.test("a client that subscribes later starts with the whole order book", async () => {
  await using harness = await startFurther();
  const { simulator, websocket } = harness;
  await using first = await AlpacaClient.logIn(websocket + CRYPTO);
  await first.request({ action: "subscribe", orderbooks: ["BTC/USD"] });
  // That of the simulator.
  assert.equal((await first.next()).r, true);
  simulator.emit("crypto/us", [WHOLE, CHANGE]);
  assert.deepEqual(await first.take(2), [WHOLE, CHANGE]);
  const whole = { ...WHOLE, b: [{ p: 9, s: 2.5 }, { p: 8, s: 0.5 }] };
  for (const symbol of ["BTC/USD", "*"]) {
    for (const format of ["json", "msgpack"] as const) {
      await using late = await AlpacaClient.logIn(websocket + CRYPTO, { format });
      const { T } = await late.request({ action: "subscribe", orderbooks: [symbol] });
      assert.equal(T, "subscription");
      let book: Received = await late.next();
      // With `*` the simulator sends the others too.
      while (book.S !== "BTC/USD") book = await late.next();
      const time = format === "json" ? t : new Date("2026-09-13T12:00:02.118Z");
      // Upstream sends all order books again when `*` is subscribed.
      assert.deepEqual(book, { ...whole, t: symbol === "*" ? book.t : time });
    }
  }
});

Deno.test("after a lost change of an order book the whole one follows, not changes", async () => {
  await using harness = await startFurther();
  const { simulator, websocket } = harness;
  await using client = await AlpacaClient.logIn(websocket + CRYPTO);
  await client.request({ action: "subscribe", orderbooks: ["BTC/USD"], trades: ["BTC/USD"] });
  assert.equal((await client.next()).r, true);
  simulator.emit("crypto/us", [{ ...CHANGE, b: "not a list" }, CHANGE, TRADE]);
  assert.deepEqual(await client.next(), TRADE);
  const whole = await client.next();
  assert.deepEqual([whole.T, whole.S, whole.r], ["o", "BTC/USD", true]);
  simulator.emit("crypto/us", [CHANGE]);
  assert.deepEqual(await client.next(), CHANGE);
});

Deno.test("a frame that cannot be decoded is error 407 to its clients", async () => {
  await using harness = await startFurther();
  const { simulator, websocket } = harness;
  await using opened = new AsyncDisposableStack();
  const subscribe = async (pairs: Readonly<Record<string, readonly string[]>>) => {
    const client = opened.use(await AlpacaClient.logIn(websocket + CRYPTO));
    await client.request({ action: "subscribe", ...pairs });
    return client;
  };
  const bitcoin = await subscribe({ trades: ["BTC/USD"] });
  const all = await subscribe({ trades: ["*"] });
  const ether = await subscribe({ trades: ["ETH/USD"], quotes: ["BTC/USD"] });
  const books = await subscribe({ orderbooks: ["BTC/USD"] });
  assert.equal((await books.next()).r, true);
  const codes = async () => {
    const received: unknown[] = [];
    simulator.emit("crypto/us", [{ ...TRADE, S: "ETH/USD" }, TRADE]);
    for (const client of [bitcoin, all, ether]) {
      for (let count = client === all ? 2 : 1; count > 0;) {
        const { code, T } = await client.next();
        if (T === "t") count--;
        else received.push([client, code]);
      }
    }
    return received;
  };
  const invalid = JSON.stringify([TRADE]).replace("64250", "NaN");
  // Losses that follow one another are one.
  for (const frame of [invalid, invalid]) simulator.emitRaw("crypto/us", frame);
  assert.deepEqual(await codes(), [[bitcoin, 407], [all, 407]]);
  assert.deepEqual(await codes(), []);
  simulator.emitRaw("crypto/us", invalid.slice(0, -2));
  assert.deepEqual(await codes(), [[bitcoin, 407], [all, 407], [ether, 407]]);
  while (books.waiting > 0) assert.equal((await books.next()).r, true);
});

Deno.test("clients of gRPC and WebSocket share one session of crypto", async () => {
  await using harness = await startFurther();
  const { simulator, websocket } = harness;
  using grpc = clientOf(harness);
  await using stream = collect(grpc, METHODS.streamOrderbooks, { symbols: ["BTC/USD"] });
  await until("the whole order book", () => stream.messages.length > 0);
  await using client = await AlpacaClient.logIn(websocket + CRYPTO);
  await client.request({ action: "subscribe", orderbooks: ["BTC/USD"] });
  assert.equal((await client.next()).r, true);
  const sessions = simulator.sessions().filter(({ endpoint }) => endpoint === "crypto/us");
  assert.equal(sessions.length, 1);
});

Deno.test("articles go to the clients of any of their symbols, also large ones", async () => {
  await using harness = await startFurther();
  const { simulator, websocket } = harness;
  await using named = await AlpacaClient.logIn(websocket + NEWS);
  await using all = await AlpacaClient.logIn(websocket + NEWS, { format: "msgpack" });
  const ack = await named.request({ action: "subscribe", news: ["AAPL", "BTCUSD"] });
  assert.deepEqual(ack, { T: "subscription", news: ["AAPL", "BTCUSD"] });
  await all.request({ action: "subscribe", news: ["*"] });
  const place = { endpoint: "news", channel: "news" };
  assert.ok(areSubscribed(simulator, place, ["AAPL", "BTCUSD", "*"]));
  const { market } = simulator;
  market.publishArticle({ symbols: ["MSFT"], bytes: 100 });
  const both = market.publishArticle({ symbols: ["BTC/USD", "AAPL"], bytes: 1.5 * MIB });
  market.publishArticle({ symbols: [], bytes: 100 });
  const article = await named.next();
  assert.deepEqual([article.id, article.content], [both["id"], both["content"]]);
  assert.equal(named.frames.at(-1), `[${JSON.stringify(article)}]`);
  const [, large, last] = await all.take(3);
  assert.equal(large?.content, both["content"]);
  assert.ok(large?.created_at instanceof Date);
  assert.deepEqual(last?.symbols, []);
  assert.equal(named.waiting, 0);
});

Deno.test("paths of another location and of feeds that are off are answered with 409", async () => {
  await using off = await startHarness({ websocket: true });
  await using on = await startFurther();
  const refused = async (url: string) => {
    await using client = new AlpacaClient(url);
    await client.opened();
    await client.next();
    return (await client.request({ action: "auth", key: "K", secret: "S" })).code;
  };
  for (const path of [CRYPTO, NEWS]) assert.equal(await refused(off.websocket + path), 409);
  for (const path of ["/v1beta3/crypto/eu-1", "/v1beta1/crypto-perps/global"]) {
    assert.equal(await refused(on.websocket + path), 409);
  }
  const unknown = new AlpacaClient(`${on.websocket}/v1beta3/crypto/mars`);
  await assert.rejects(unknown.opened(), /404/);
});

const python = Deno.env.get("ALPACA_PY_PYTHON");

Deno.test({
  name: "alpaca-py receives crypto, order books and a large article through the proxy" +
    (python ? "" : " (skipped: ALPACA_PY_PYTHON is not set)"),
  ignore: !python,
  fn: async () => {
    await using harness = await startHarness({
      websocket: true,
      env: { STREAM_PROXY_FEEDS: "crypto,news" },
      simulator: { messagesPerSecond: 200, barSeconds: 1 },
    });
    const { simulator, websocket } = harness;
    const publishing = setInterval(
      () => simulator.market.publishArticle({ symbols: ["AAPL", "BTC/USD"], bytes: 1.5 * MIB }),
      500,
    );
    const folder = "../../../simulator/tests/integration/crypto_news_client.py";
    const script = fileURLToPath(new URL(folder, import.meta.url));
    const output = await new Deno.Command(python ?? "python3", {
      args: [script, websocket + CRYPTO, websocket + NEWS],
    }).output();
    clearInterval(publishing);
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
    assert.ok(output.success, text(output.stderr).slice(-2_000));
    const items = new Map(
      text(output.stdout).split("\n").map((line) => JSON.parse(line)).map((
        item,
      ) => [item.kind, item]),
    );
    assert.equal(items.get("trade").symbol, "BTC/USD");
    assert.ok(items.get("orderbook reset").bids.length > 5);
    assert.equal(items.get("orderbook change").symbol, "ETH/USD");
    assert.ok(items.get("news").content >= 1.5 * MIB);
  },
});

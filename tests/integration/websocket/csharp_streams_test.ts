/**
 * What Alpaca's C# SDK sends, from its source: binary frames with JSON text, subscriptions of at
 * most 100 symbols that do not wait for acknowledgements, options in MessagePack. Not all versions
 * send a content type for options.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { type Harness, startHarness } from "../../support/harness.ts";
import { type Control, RawStream, type RawStreamOptions } from "../../support/raw_stream.ts";
import { cryptoMessages, newsMessages } from "../../support/further_messages.ts";
import { optionMessages, stockMessages } from "../../support/stock_messages.ts";
import { until } from "../../support/until.ts";

const ACCOUNT = { key: "SIM_KEY", secret: "SIM_SECRET", plan: "broker_standard" } as const;
const CHUNK = 100;

function chunksOf(symbols: readonly string[]): string[][] {
  return Array.from(
    { length: Math.ceil(symbols.length / CHUNK) },
    (_, i) => symbols.slice(i * CHUNK, (i + 1) * CHUNK),
  );
}

Deno.test("the frames of the C# SDK subscribe to stocks in chunks, without waiting", async () => {
  await using harness = await startHarness({
    websocket: true,
    simulator: { accounts: [ACCOUNT] },
  });
  const { simulator } = harness;
  const open = (url: string) =>
    RawStream.open({ url: `${url}/v2/sip`, encoding: "json", contentType: "", binary: true });
  await using direct = await open(simulator.url.replace("http", "ws"));
  await using proxied = await open(harness.websocket);
  const symbols = Array.from({ length: 250 }, (_, i) => `S${String.fromCharCode(65 + i % 26)}${i}`)
    .map((symbol) => symbol.replace(/\d/g, (digit) => "ABCDEFGHIJ"[Number(digit)] ?? ""));
  for (const stream of [direct, proxied]) {
    for (const chunk of chunksOf(symbols)) stream.send({ action: "subscribe", trades: chunk });
  }
  const subscriptions = (stream: RawStream) =>
    stream.controls.filter(({ T }) => T === "subscription");
  const sizes = (stream: RawStream) =>
    subscriptions(stream).map(({ trades }) => (trades as string[]).length);
  await until(
    () => `three acknowledgements: ${[direct, proxied].map(sizes)}`,
    () => [direct, proxied].every((stream) => sizes(stream).length === 3),
  );
  assert.deepEqual(sizes(proxied), [100, 200, 250]);
  const [first, second] = [direct, proxied].map((stream) => subscriptions(stream).at(-1));
  const sorted = (control: typeof first) =>
    Object.entries(control ?? {}).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.toSorted() : value,
    ]);
  assert.deepEqual(sorted(second), sorted(first));
  for (const symbol of symbols) simulator.emit("sip", stockMessages(symbol, 1));
  const expected = symbols.length * 3; // a trade, a correction and a cancellation of each
  await until(
    () => `${expected} messages: ${direct.lines.length} and ${proxied.lines.length}`,
    () => [direct, proxied].every(({ lines }) => lines.length >= expected),
  );
  assert.deepEqual(proxied.lines, direct.lines);
  proxied.send({ action: "unsubscribe", trades: symbols.slice(0, 249) });
  await until("the fourth acknowledgement", () => sizes(proxied).length === 4);
  assert.equal(sizes(proxied).at(-1), 1);
});

const JSON_FRAMES = { encoding: "json", contentType: "", binary: true } as const;

/** The full states that a stream has acknowledged. */
function acknowledged({ controls }: RawStream): readonly Control[] {
  return controls.filter(({ T }) => T === "subscription");
}

/** Opens a stream of a path to the simulator, and one to the proxy. */
async function twins(
  { simulator, websocket }: Harness,
  path: string,
  options: Omit<RawStreamOptions, "url">,
): Promise<readonly [RawStream, RawStream]> {
  const open = (base: string) => RawStream.open({ ...options, url: base + path });
  return [await open(simulator.url.replace("http", "ws")), await open(websocket)];
}

for (const contentType of ["", "application/msgpack"]) {
  const form = contentType === "" ? "without a content type" : "with a content type";
  Deno.test(`the frames of the C# SDK receive option quotes, ${form}`, async () => {
    await using harness = await startHarness({
      websocket: true,
      simulator: { accounts: [ACCOUNT] },
    });
    const { simulator } = harness;
    const both = await twins(harness, "/v1beta1/opra", { encoding: "msgpack", contentType });
    const [direct, proxied] = both;
    await using _direct = direct;
    await using _proxied = proxied;
    const contracts = simulator.market.optionContracts("AAPL").map(({ symbol }) => symbol)
      .slice(0, 150);
    for (const stream of both) {
      for (const quotes of chunksOf(contracts)) stream.send({ action: "subscribe", quotes });
    }
    const sizes = (stream: RawStream) =>
      acknowledged(stream).map(({ quotes }) => (quotes as string[]).length);
    await until("two acknowledgements", () => both.every((each) => sizes(each).length === 2));
    assert.deepEqual(sizes(direct), [100, 150]);
    assert.deepEqual(sizes(proxied), [100, 150]);
    const emit = () => {
      for (const symbol of contracts) simulator.emit("opra", optionMessages(symbol, 1));
    };
    emit();
    await until("quotes", () => both.every(({ lines }) => lines.length === contracts.length));
    const [first = ""] = contracts;
    for (const stream of both) stream.send({ action: "unsubscribe", quotes: [first] });
    await until("unsubscribed", () => both.every((each) => sizes(each).at(-1) === 149));
    emit();
    await until("quotes", () => both.every(({ lines }) => lines.length === 299));
    assert.deepEqual(proxied.lines, direct.lines);
  });
}

Deno.test("the frames of the C# SDK receive crypto, channels in one request", async () => {
  await using harness = await startHarness({
    websocket: true,
    env: { STREAM_PROXY_FEEDS: "crypto" },
    simulator: { accounts: [ACCOUNT] },
  });
  const { simulator } = harness;
  const both = await twins(harness, "/v1beta3/crypto/us", JSON_FRAMES);
  const [direct, proxied] = both;
  await using _direct = direct;
  await using _proxied = proxied;
  const pair = ["AAA/USD"];
  for (const stream of both) {
    const bars = { dailyBars: pair, bars: ["*"], updatedBars: pair };
    stream.send({ action: "subscribe", trades: pair, quotes: pair, ...bars });
  }
  await until("acknowledgements", () => both.every((each) => acknowledged(each).length === 1));
  assert.deepEqual(acknowledged(proxied), acknowledged(direct));
  const emit = () => {
    for (const symbol of ["AAA/USD", "BBB/USD"]) {
      simulator.emit("crypto/us", cryptoMessages(symbol, 1));
    }
  };
  emit();
  await until("messages", () => both.every(({ lines }) => lines.length === 6));
  for (const stream of both) stream.send({ action: "unsubscribe", trades: pair, bars: ["*"] });
  await until("acknowledgements", () => both.every((each) => acknowledged(each).length === 2));
  assert.deepEqual(acknowledged(proxied), acknowledged(direct));
  emit();
  await until("messages", () => both.every(({ lines }) => lines.length === 9));
  assert.deepEqual(proxied.lines, direct.lines);
});

Deno.test("the frames of the C# SDK receive news of symbols and of all", async () => {
  await using harness = await startHarness({
    websocket: true,
    env: { STREAM_PROXY_FEEDS: "news" },
    simulator: { accounts: [ACCOUNT] },
  });
  const { simulator } = harness;
  const both = await twins(harness, "/v1beta1/news", JSON_FRAMES);
  const [direct, proxied] = both;
  await using _direct = direct;
  await using _proxied = proxied;
  const emit = () => {
    for (const symbol of ["AAPL", "MSFT"]) simulator.emit("news", newsMessages(symbol, 1));
  };
  let received = 0;
  const steps = [
    { command: { action: "subscribe", news: ["AAPL"] }, articles: 1 },
    { command: { action: "subscribe", news: ["*"] }, articles: 2 },
    { command: { action: "unsubscribe", news: ["AAPL", "*"] }, articles: 0 },
  ];
  for (const [index, { command, articles }] of steps.entries()) {
    for (const stream of both) stream.send(command);
    await until("replies", () => both.every((each) => acknowledged(each).length === index + 1));
    emit();
    received += articles;
    await until("articles", () => both.every(({ lines }) => lines.length === received));
  }
  assert.deepEqual(acknowledged(proxied), acknowledged(direct));
  assert.deepEqual(proxied.lines, direct.lines);
});

Deno.test("the frames of the C# SDK receive order updates: legacy login, then listen", async () => {
  await using harness = await startHarness({
    websocket: true,
    simulator: { trading: { stream: { tradingSessionLimit: 0 } } },
  });
  const { simulator } = harness;
  interface Frame {
    readonly stream: string;
    readonly data: Readonly<Record<string, unknown>>;
  }
  const received: Frame[] = [];
  const socket = new WebSocket(`${harness.websocket}/stream`, { perMessageDeflate: false });
  const send = (command: unknown) =>
    socket.send(Buffer.from(JSON.stringify(command)), { binary: true });
  socket.on("open", () => {
    send({ action: "authenticate", data: { key_id: "any", secret_key: "any" } });
  });
  socket.on("message", (data) => {
    const message = JSON.parse(String(data));
    received.push(message);
    if (message.stream === "authorization") {
      send({ action: "listen", data: { streams: ["trade_updates"] } });
    }
  });
  try {
    await until("the reply to listen", () => received.length === 2);
    assert.deepEqual(received.slice(), [
      { stream: "authorization", data: { status: "authorized", action: "authenticate" } },
      { stream: "listening", data: { streams: ["trade_updates"] } },
    ]);
    await until("the proxy listens", () => simulator.trading.stream.listeners > 0);
    const { id } = simulator.trading.engineOf("SIM_KEY").submit({
      symbol: "AAPL",
      qty: "1",
      side: "buy",
      type: "market",
      time_in_force: "day",
    });
    const events = () => received.slice(2).map(({ data }) => data["event"]);
    await until("the fill", () => events().includes("fill"));
    assert.ok(JSON.stringify(received).includes(id));
    assert.equal(events().at(-1), "fill");
  } finally {
    socket.terminate();
  }
});

/**
 * What Alpaca's C# SDK sends, from its source: binary frames with JSON text, subscriptions of at
 * most 100 symbols that do not wait for acknowledgements, options in MessagePack without a header.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { startHarness } from "../../support/harness.ts";
import { RawStream } from "../../support/raw_stream.ts";
import { stockMessages } from "../../support/stock_messages.ts";
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

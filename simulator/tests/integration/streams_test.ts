import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { encode } from "@msgpack/msgpack";
import { startSimulator } from "../../src/simulator.ts";
import { connectStalled } from "./stalled_client.ts";
import { RawClient, refusal } from "./raw_client.ts";

const SILENT = { messagesPerSecond: 0 };
const QUOTE = {
  T: "q",
  S: "AAPL",
  bx: "Q",
  bp: 232,
  bs: 100,
  ax: "P",
  ap: 232.01,
  as: 200,
  c: ["R"],
  t: "2026-09-14T14:30:02.118450321Z",
  z: "C",
};

/** Waits until something is so; fails the test after two seconds. */
async function until(isSo: () => boolean): Promise<void> {
  for (let patience = 200; patience > 0; patience--) {
    if (isSo()) return;
    await sleep(10);
  }
  assert.fail("it did not happen within two seconds");
}

Deno.test("emitted messages arrive byte for byte, with exact ids and nanoseconds", async () => {
  await using simulator = await startSimulator(SILENT);
  await using client = await RawClient.open(simulator.streamUrls.stocks());
  await client.ask({ action: "subscribe", quotes: ["AAPL"], trades: ["*"] });
  const trade = { T: "t", S: "F", i: 9_007_199_254_740_993n, p: 11.04 };
  assert.equal(simulator.emit("sip", [QUOTE, trade]), 2);
  assert.equal(
    await client.raw(),
    `[${JSON.stringify(QUOTE)},` +
      `{"T":"t","S":"F","i":9007199254740993,"p":11.04}]`,
  );
  assert.equal(simulator.emit("sip", [{ T: "q", S: "GE", bp: 1 }]), 0);
  assert.throws(() => simulator.emit("sipp", []), /unknown endpoint "sipp"/);
});

Deno.test("a msgpack client gets binary frames with timestamp extensions", async () => {
  await using simulator = await startSimulator(SILENT);
  const url = simulator.streamUrls.options();
  await using client = await RawClient.open(url, { msgpack: true });
  const symbol = "SPY261218C00650000";
  await client.ask({ action: "subscribe", quotes: [symbol] });
  simulator.emit("opra", [
    { T: "q", S: symbol, t: "2026-09-14T14:30:02.118450321Z" },
  ]);
  const bytes = await client.raw();
  assert.ok(typeof bytes !== "string");
  assert.ok(bytes.toHex().endsWith("a174d7ff1c3da2446aa804ea"));
});

Deno.test("JSON in binary, fragments and compression are understood", async () => {
  await using simulator = await startSimulator(SILENT);
  const url = simulator.streamUrls.stocks();
  await using client = await RawClient.open(url, { perMessageDeflate: true });
  assert.match(client.ws.extensions, /permessage-deflate/);
  client.ws.send(new TextEncoder().encode('{"action":"subscribe",'), {
    fin: false,
    binary: true,
  });
  client.ws.send(new TextEncoder().encode('"bars":["*"]}'), { fin: true });
  assert.deepEqual((await client.frame())[0]?.["bars"], ["*"]);
  client.ws.send(encode({ action: "subscribe", bars: ["F"] }));
  assert.deepEqual((await client.frame())[0]?.["bars"], ["*", "F"]);
});

Deno.test("unknown paths and planned statuses reject the upgrade", async () => {
  await using simulator = await startSimulator(SILENT);
  const { faults, streamUrls, url } = simulator;
  assert.equal(await refusal(url.replace("http", "ws") + "/v2/nope"), 404);
  faults.rejectUpgrades("sip", 429);
  faults.rejectUpgrades("trading", 502);
  assert.equal(await refusal(streamUrls.stocks()), 429);
  assert.equal(await refusal(streamUrls.trading), 502);
  await using client = await RawClient.open(streamUrls.stocks());
  assert.equal(client.ws.readyState, client.ws.OPEN);
});

Deno.test("an unclean close leaves a ghost session, a clean close does not", async () => {
  await using simulator = await startSimulator({
    ...SILENT,
    ghostSeconds: 0.3,
  });
  const url = simulator.streamUrls.stocks();
  const login = { action: "auth", key: "SIM_KEY", secret: "SIM_SECRET" };
  const first = await RawClient.open(url);
  first.ws.terminate();
  await until(() => simulator.sessions()[0]?.state === "ghost");
  await using second = new RawClient(url);
  await second.frame();
  assert.equal((await second.ask(login))[0]?.["code"], 406);
  await until(() => simulator.sessions().length === 1);
  assert.equal((await second.ask(login))[0]?.["msg"], "authenticated");
  await second[Symbol.asyncDispose]();
  await until(() => simulator.sessions().length === 0);
  await using third = await RawClient.open(url);
  assert.equal(third.ws.readyState, third.ws.OPEN);
});

Deno.test("a drop ends the socket with or without a close frame", async () => {
  await using simulator = await startSimulator({ ...SILENT, ghostSeconds: 0 });
  const url = simulator.streamUrls.stocks();
  const rough = await RawClient.open(url);
  assert.equal(simulator.connections.drop({ endpoint: "opra" }), 0);
  assert.equal(simulator.connections.drop({ endpoint: "sip" }), 1);
  assert.equal((await rough.closed).code, 1006);
  await until(() => simulator.sessions().length === 0);
  const gentle = await RawClient.open(url);
  const options = { clean: true, code: 1001, reason: "maintenance" };
  simulator.connections.drop({}, options);
  assert.deepEqual(await gentle.closed, { code: 1001, reason: "maintenance" });
});

Deno.test("a half-open socket sends nothing, then is a ghost session", async () => {
  await using simulator = await startSimulator({
    ...SILENT,
    pingSeconds: 0.1,
    pongTimeoutSeconds: 0.2,
  });
  const client = await RawClient.open(simulator.streamUrls.stocks());
  simulator.connections.halfOpen();
  client.send({ action: "subscribe", quotes: ["AAPL"] });
  client.ws.ping();
  let pongs = 0;
  client.ws.on("pong", () => pongs++);
  await until(() => simulator.sessions()[0]?.state === "ghost");
  assert.equal(client.ws.readyState, client.ws.OPEN);
  assert.deepEqual([client.unread, pongs], [0, 0]);
  client.ws.terminate();
  await client.closed;
});

Deno.test("pings are answered, and a client that answers none is cut off", async () => {
  await using simulator = await startSimulator({
    ...SILENT,
    pingSeconds: 0.1,
    pongTimeoutSeconds: 0.25,
    ghostSeconds: 0,
  });
  const url = simulator.streamUrls.stocks();
  await using alive = await RawClient.open(url);
  alive.ws.ping("hello");
  const [echo] = await once(alive.ws, "pong");
  assert.equal(String(echo), "hello");
  await once(alive.ws, "ping");
  const iex = simulator.streamUrls.stocks("iex");
  const dead = await RawClient.open(iex, { autoPong: false });
  assert.equal((await dead.closed).code, 1006);
  assert.equal(alive.ws.readyState, alive.ws.OPEN);
});

Deno.test("a muted socket sends no data, acknowledgements or pongs", async () => {
  await using simulator = await startSimulator(SILENT);
  await using client = await RawClient.open(simulator.streamUrls.stocks());
  await client.ask({ action: "subscribe", quotes: ["AAPL"] });
  simulator.connections.mute({ connection: 1 });
  simulator.emit("sip", [QUOTE]);
  client.send({ action: "subscribe", quotes: ["F"] });
  let pongs = 0;
  client.ws.on("pong", () => pongs++);
  client.ws.ping();
  await until(() => simulator.requests().length === 3);
  await sleep(50);
  assert.deepEqual([client.unread, pongs], [0, 0]);
  simulator.connections.unmute();
  simulator.emit("sip", [QUOTE]);
  assert.deepEqual(await client.frame(), [QUOTE]);
});

Deno.test("a client that does not read is cut off at the bound", async () => {
  await using simulator = await startSimulator({
    ...SILENT,
    slowClientBytes: 2_000_000,
  });
  using _stalled = await connectStalled(simulator.streamUrls.stocks());
  const isOpen = () => simulator.sessions().length > 0;
  await until(() => simulator.requests().length === 2);
  const filler = { ...QUOTE, note: "x".repeat(100_000) };
  let mostPending = 0;
  for (let sent = 0; sent < 300 && isOpen(); sent++) {
    simulator.emit("sip", [filler]);
    const pending = simulator.sessions().map((one) => one.pendingBytes);
    mostPending = Math.max(mostPending, ...pending);
    await sleep(1);
  }
  assert.ok(mostPending > 1_000_000 && mostPending <= 2_000_000);
  await until(() => !isOpen());
});

Deno.test("any frame reaches every authenticated session", async () => {
  await using simulator = await startSimulator(SILENT);
  await using client = await RawClient.open(simulator.streamUrls.stocks());
  const url = simulator.streamUrls.stocks("iex");
  await using msgpack = await RawClient.open(url, { msgpack: true });
  assert.equal(simulator.emitRaw("sip", '[{"T":"q"},oops'), 1);
  assert.equal(await client.raw(), '[{"T":"q"},oops');
  assert.equal(simulator.emitRaw("iex", [{ T: "zz" }, 42, null]), 1);
  assert.deepEqual(await msgpack.frame(), [{ T: "zz" }, 42, null]);
  assert.equal(simulator.emitRaw("opra", []), 0);
});

Deno.test("stock and option clients receive the generated market, bars included", async () => {
  await using simulator = await startSimulator({
    messagesPerSecond: 2000,
    barSeconds: 1,
  });
  await using stocks = await RawClient.open(simulator.streamUrls.stocks());
  const url = simulator.streamUrls.options();
  await using options = await RawClient.open(url, { msgpack: true });
  await stocks.ask({ action: "subscribe", quotes: ["*"], bars: ["AAPL"] });
  const [contract] = simulator.market.optionContracts("AAPL");
  const symbol = contract?.symbol ?? "";
  await options.ask({
    action: "subscribe",
    quotes: [symbol],
    trades: [symbol],
  });
  const seen = new Set<unknown>();
  while (!seen.has("b")) {
    for (const { T } of await stocks.frame()) seen.add(T);
  }
  assert.deepEqual(seen, new Set(["q", "b"]));
  const [quote] = await options.frame();
  assert.equal(quote?.["S"], symbol);
});

Deno.test("two sockets of one account on different endpoints coexist", async () => {
  await using simulator = await startSimulator(SILENT);
  const { stocks } = simulator.streamUrls;
  await using _sip = await RawClient.open(stocks("sip"));
  await using _iex = await RawClient.open(stocks("iex"));
  await using _test = await RawClient.open(stocks("test"));
  const states = simulator.sessions().map(({ state }) => state);
  assert.deepEqual(states, Array(3).fill("authenticated"));
});

Deno.test("dispose is idempotent and frees the port", async () => {
  const simulator = await startSimulator(SILENT);
  const port = Number(new URL(simulator.url).port);
  const client = await RawClient.open(simulator.streamUrls.stocks());
  await simulator[Symbol.asyncDispose]();
  await simulator[Symbol.asyncDispose]();
  await client.closed;
  await using again = await startSimulator({ ...SILENT, port });
  await assert.rejects(startSimulator({ ...SILENT, port }), {
    code: "EADDRINUSE",
  });
  assert.equal(new URL(again.url).port, String(port));
});

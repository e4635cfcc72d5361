import assert from "node:assert/strict";
import { startSimulator } from "../../src/simulator.ts";
import { RawClient } from "./raw_client.ts";

const SILENT = { messagesPerSecond: 0 };

function quote(S: string, bp: number) {
  return { T: "q", S, bp, ap: bp + 1, t: "2026-09-14T14:30:00Z" };
}

Deno.test("a muted stream answers requests and pings but sends no data", async () => {
  await using simulator = await startSimulator(SILENT);
  await using before = await RawClient.open(simulator.streamUrls.stocks("iex"));
  simulator.faults.muteStream("sip");
  // A connection of later is muted like one of before.
  await using client = await RawClient.open(simulator.streamUrls.stocks());
  const [ack] = await client.ask({ action: "subscribe", quotes: ["AAPL"] });
  assert.deepEqual(ack?.["quotes"], ["AAPL"]);
  simulator.emit("sip", [quote("AAPL", 1)]);
  const pong = Promise.withResolvers<void>();
  client.ws.once("pong", () => pong.resolve());
  client.ws.ping();
  await pong.promise;
  await before.ask({ action: "subscribe", quotes: ["AAPL"] });
  simulator.emit("iex", [quote("AAPL", 2)]);
  assert.equal((await before.frame())[0]?.["bp"], 2);
  assert.equal(client.unread, 0);
  simulator.faults.unmuteStream("sip");
  simulator.emit("sip", [quote("AAPL", 3)]);
  assert.equal((await client.frame())[0]?.["bp"], 3);
});

Deno.test("a silent stream executes requests but sends nothing", async () => {
  await using simulator = await startSimulator(SILENT);
  simulator.faults.muteStream("*", { replies: false });
  await using stocks = new RawClient(simulator.streamUrls.stocks());
  await using trading = new RawClient(simulator.streamUrls.trading);
  let pongs = 0;
  for (const { ws } of [stocks, trading]) {
    ws.on("pong", () => pongs++);
    if (ws.readyState !== ws.OPEN) await new Promise((resolve) => ws.once("open", resolve));
    ws.ping();
  }
  const auth = { action: "auth", key: "SIM_KEY", secret: "SIM_SECRET" };
  stocks.send(auth);
  stocks.send({ action: "subscribe", quotes: ["F"] });
  trading.send(auth);
  trading.send({ action: "listen", data: { streams: ["trade_updates"] } });
  const subscribed = () => simulator.sessions()[0]?.subscriptions["quotes"]?.includes("F");
  while (!subscribed() || simulator.trading.stream.listeners === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  simulator.faults.unmuteStream("*");
  simulator.emit("sip", [quote("F", 1)]);
  simulator.trading.stream.emitTradeUpdate({ event: "new" });
  // The first frames: greetings and acknowledgements were never sent.
  assert.equal((await stocks.frame())[0]?.["bp"], 1);
  assert.match(new TextDecoder().decode(await trading.raw() as Uint8Array), /"event":"new"/);
  assert.equal(pongs, 0);
});

Deno.test("a trading connection is muted for events or for replies alone", async () => {
  await using simulator = await startSimulator(SILENT);
  await using client = new RawClient(simulator.streamUrls.trading);
  const next = async () => JSON.parse(new TextDecoder().decode(await client.raw() as Uint8Array));
  const listen = { action: "listen", data: { streams: ["trade_updates"] } };
  await new Promise((resolve) => client.ws.once("open", resolve));
  client.send({ action: "auth", key: "SIM_KEY", secret: "SIM_SECRET" });
  assert.equal((await next()).data.status, "authorized");
  simulator.connections.mute({ endpoint: "trading" }, { acks: false, pongs: false });
  client.send(listen);
  assert.equal((await next()).stream, "listening");
  simulator.trading.stream.emitTradeUpdate({ event: "new" });
  simulator.connections.mute({ endpoint: "trading" }, { data: false });
  client.send({ ...listen, data: { streams: [] } });
  while (simulator.trading.stream.listeners > 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  simulator.connections.unmute();
  client.send(listen);
  assert.deepEqual((await next()).data.streams, ["trade_updates"]);
});

Deno.test("one channel of a symbol is muted while the market goes on", async () => {
  await using simulator = await startSimulator(SILENT);
  await using client = await RawClient.open(simulator.streamUrls.stocks());
  await client.ask({ action: "subscribe", quotes: ["F"], trades: ["F"] });
  simulator.faults.muteSymbol("F", { endpoint: "sip", channel: "quotes" });
  simulator.emit("sip", [quote("F", 1), { T: "t", S: "F", i: 1, p: 2 }]);
  assert.equal((await client.frame())[0]?.["T"], "t");
  const response = await fetch(`${simulator.url}/v2/stocks/quotes/latest?symbols=F`, {
    headers: { "APCA-API-KEY-ID": "SIM_KEY", "APCA-API-SECRET-KEY": "SIM_SECRET" },
  });
  assert.equal((await response.json()).quotes.F.bp, 1);
  simulator.faults.unmuteSymbol("F", { channel: "quotes" });
  simulator.emit("sip", [quote("F", 3)]);
  assert.equal((await client.frame())[0]?.["bp"], 3);
});

Deno.test("refused symbols are an error, or missing in the acknowledgement", async () => {
  await using simulator = await startSimulator(SILENT);
  await using client = await RawClient.open(simulator.streamUrls.stocks());
  simulator.faults.refuseSymbols(["BAD"], { endpoint: "sip", code: 405 });
  simulator.faults.refuseSymbols(["LOST"], { code: 0 });
  const ask = async (...quotes: string[]) =>
    (await client.ask({ action: "subscribe", quotes }))[0] ?? {};
  assert.equal((await ask("BAD", "F"))["code"], 405);
  assert.deepEqual((await ask("LOST", "F"))["quotes"], ["F"]);
  simulator.faults.acceptSymbols("sip");
  assert.deepEqual((await ask("BAD", "LOST"))["quotes"], ["F", "BAD"]);
  simulator.faults.acceptSymbols();
  assert.deepEqual((await ask("LOST"))["quotes"], ["F", "BAD", "LOST"]);
});

Deno.test("single messages come malformed among valid ones", async () => {
  await using simulator = await startSimulator(SILENT);
  await using client = await RawClient.open(simulator.streamUrls.stocks(), { msgpack: true });
  await client.ask({ action: "subscribe", quotes: ["F", "GM"] });
  simulator.faults.malformNext({ symbol: "F", channel: "quotes" });
  simulator.emit("sip", [quote("GM", 1), quote("F", 2), quote("F", 3)]);
  const frame = await client.frame();
  assert.deepEqual(frame.map(({ bp }) => bp), [1, "not a number", 3]);
  assert.deepEqual(frame[1]?.["t"], []);
});

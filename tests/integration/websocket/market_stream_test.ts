/**
 * Clients of Alpaca's market data streams, against the simulator.
 *
 * @module
 */
import assert from "node:assert/strict";
import { AlpacaClient } from "../../support/alpaca_client.ts";
import { areSubscribed, startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";

const QUOTE = {
  T: "q",
  S: "AAPL",
  bx: "Q",
  bp: 187.5,
  bs: 3,
  ax: "K",
  ap: 188,
  as: 1,
  c: ["R"],
  t: "2026-09-14T14:30:02.118450321Z",
  z: "C",
  future: { nested: [1, "two"] },
};
const EMPTY = {
  T: "subscription",
  trades: [],
  quotes: [],
  bars: [],
  updatedBars: [],
  dailyBars: [],
  statuses: [],
  lulds: [],
  corrections: [],
  cancelErrors: [],
  imbalances: [],
};

Deno.test("a JSON client receives the messages of its symbols as they were sent", async () => {
  await using harness = await startHarness({ websocket: true });
  const { simulator, websocket } = harness;
  await using client = await AlpacaClient.logIn(`${websocket}/v2/sip`);
  const ack = await client.request({ action: "subscribe", quotes: ["AAPL"], trades: ["MSFT"] });
  assert.deepEqual(ack, {
    ...EMPTY,
    trades: ["MSFT"],
    quotes: ["AAPL"],
    corrections: ["MSFT"],
    cancelErrors: ["MSFT"],
  });
  assert.ok(areSubscribed(simulator, { endpoint: "sip", channel: "quotes" }, ["AAPL"]));
  simulator.emit("sip", [{ ...QUOTE, S: "MSFT" }, QUOTE]);
  assert.deepEqual(await client.next(), QUOTE);
  assert.equal(client.waiting, 0);
  assert.equal(client.frames.at(-1), `[${JSON.stringify(QUOTE)}]`);
});

Deno.test("a MessagePack client of stocks receives timestamps and doubles", async () => {
  await using harness = await startHarness({ websocket: true });
  const { simulator, websocket } = harness;
  await using client = await AlpacaClient.logIn(`${websocket}/v2/sip`, { format: "msgpack" });
  await client.request({ action: "subscribe", quotes: ["*"] });
  simulator.emit("sip", [QUOTE]);
  const quote = await client.next();
  assert.deepEqual(quote, { ...QUOTE, t: new Date("2026-09-14T14:30:02.118Z") });
  // A whole number as a double, and all nanoseconds.
  const hex = (client.frames.at(-1) as Uint8Array).toHex();
  assert.match(hex, /a26170cb4067800000000000/);
  assert.match(hex, /a174d7ff1c3da2446aa804ea/);
});

Deno.test("an option client receives MessagePack as it was sent", async () => {
  await using harness = await startHarness({ websocket: true });
  const { simulator, websocket } = harness;
  const contract = "SPY261218C00650000";
  await using client = await AlpacaClient.logIn(`${websocket}/v1beta1/opra`, {
    format: "msgpack",
  });
  const ack = await client.request({ action: "subscribe", quotes: [contract], bars: null });
  assert.deepEqual(ack, { T: "subscription", trades: [], quotes: [contract] });
  simulator.emit("opra", [{ ...QUOTE, S: contract, c: "A" }]);
  const { S, bp, future } = await client.next();
  assert.deepEqual({ S, bp, future }, { S: contract, bp: 187.5, future: QUOTE.future });
});

Deno.test("unsubscribing is acknowledged with what is left, and reaches upstream", async () => {
  await using harness = await startHarness({ websocket: true });
  const { simulator, websocket } = harness;
  await using client = await AlpacaClient.logIn(`${websocket}/v2/sip`);
  await client.request({ action: "subscribe", quotes: ["AAPL", "MSFT"], bars: ["*"] });
  const ack = await client.request({ action: "unsubscribe", quotes: ["AAPL", "TSLA"], bars: [] });
  assert.deepEqual(ack, { ...EMPTY, quotes: ["MSFT"], bars: ["*"] });
  simulator.emit("sip", [QUOTE, { ...QUOTE, S: "MSFT" }]);
  assert.deepEqual(await client.next(), { ...QUOTE, S: "MSFT" });
  await until(
    "unsubscribed",
    () => !areSubscribed(simulator, { endpoint: "sip", channel: "quotes" }, ["AAPL"]),
  );
});

Deno.test("clients share one session, and each receives its own symbols", async () => {
  await using harness = await startHarness({ websocket: true });
  const { simulator, websocket } = harness;
  await using clients = new AsyncDisposableStack();
  const make = async (symbol: string) => {
    const client = clients.use(await AlpacaClient.logIn(`${websocket}/v2/sip`));
    await client.request({ action: "subscribe", quotes: [symbol] });
    return client;
  };
  const symbols = ["AAPL", "MSFT", "AAPL", "*"];
  const made = await Promise.all(symbols.map(make));
  assert.equal(simulator.sessions().filter(({ endpoint }) => endpoint === "sip").length, 1);
  simulator.emit("sip", [QUOTE, { ...QUOTE, S: "MSFT" }, { ...QUOTE, S: "F" }]);
  const { clients: { total } } = await (await fetch(`${harness.health}/health`)).json();
  assert.equal(total, symbols.length);
  const [apple, microsoft, other, all] = made;
  assert.equal((await apple?.next())?.S, "AAPL");
  assert.equal((await other?.next())?.S, "AAPL");
  assert.equal((await microsoft?.next())?.S, "MSFT");
  assert.deepEqual((await all?.take(3))?.map(({ S }) => S), ["AAPL", "MSFT", "F"]);
});

/**
 * Clients of Alpaca's trading stream, against the simulator.
 *
 * @module
 */
import assert from "node:assert/strict";
import { AlpacaClient, type Received } from "../../support/alpaca_client.ts";
import { type Harness, startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";

const BUY = { symbol: "AAPL", qty: "100", side: "buy", type: "limit", time_in_force: "gtc" };
const LOGIN = { action: "authenticate", data: { key_id: "K", secret_key: "S" } };
const LISTEN = { action: "listen", data: { streams: ["trade_updates", "account_updates"] } };
const AUTHORIZED = {
  stream: "authorization",
  data: { status: "authorized", action: "authenticate" },
};
const LISTENING = { stream: "listening", data: { streams: ["trade_updates"] } };

/** With white space and digits that a parser would change. */
const UPDATE = '{"stream":"trade_updates", "data":{"event":"new","qty":1.10,"future":[0.10],' +
  '"order":{"id":"b3e4","status":"new"}}}';

const start = (env: Readonly<Record<string, string>> = {}) =>
  startHarness({
    websocket: true,
    simulator: { trading: { engine: { acceptDelayMs: 0 } } },
    env,
  });

async function listening({ websocket }: Harness, format: "json" | "msgpack" = "json") {
  const client = new AlpacaClient(`${websocket}/stream`, { format });
  await client.opened();
  assert.deepEqual(await client.request(LOGIN), AUTHORIZED);
  assert.deepEqual(await client.request(LISTEN), LISTENING);
  return client;
}

function eventOf({ data }: Received): string {
  return (data as { readonly event: string }).event;
}

const reconciled = ({ log }: Harness, times: number) =>
  until(
    "orders are reconciled",
    () => log.records.filter(({ message }) => message === "Reconciled orders").length >= times,
  );

Deno.test("updates are passed on byte for byte, in binary frames on paper", async () => {
  await using harness = await start();
  const { simulator } = harness;
  await using client = await listening(harness);
  await until("the upstream session listens", () => simulator.trading.stream.listeners > 0);
  simulator.trading.stream.emitFrame(UPDATE);
  await client.next();
  assert.ok(client.frames.every((each) => typeof each !== "string"), "binary frames");
  assert.equal(new TextDecoder().decode(client.frames.at(-1) as Uint8Array), UPDATE);
});

Deno.test("a client that listens to nothing receives no further update", async () => {
  await using harness = await start();
  const { simulator } = harness;
  await using client = await listening(harness);
  const reply = await client.request({ action: "listen", data: { streams: [] } });
  assert.deepEqual(reply, { stream: "listening", data: { streams: [] } });
  await until("the upstream session listens", () => simulator.trading.stream.listeners > 0);
  await using other = await listening(harness);
  simulator.trading.stream.emitFrame(UPDATE);
  await other.next();
  assert.deepEqual(await client.request(LISTEN), LISTENING);
  assert.equal(client.waiting, 0);
});

Deno.test("updates of an outage are sent once they are derived, with the whole order", async () => {
  await using harness = await start();
  const { simulator } = harness;
  const engine = simulator.trading.engineOf("SIM_KEY");
  const { id } = engine.inject({ ...BUY, limit_price: "1.00" }, { submittedAt: Date.now() });
  await reconciled(harness, 1);
  // The state of the order is read when the session starts.
  simulator.connections.drop({ endpoint: "trading" }, { clean: true });
  await reconciled(harness, 2);
  await using client = await listening(harness);
  simulator.faults.rejectUpgrades("trading", 503, 3);
  simulator.connections.drop({ endpoint: "trading" }, { clean: true });
  engine.manualFills.fill(id, { qty: "30", price: "0.98" });
  engine.manualFills.fill(id, { qty: "70", price: "0.97" });
  const events: Received[] = [];
  while (events.length === 0 || eventOf(events.at(-1) as Received) !== "fill") {
    events.push(await client.next());
  }
  assert.deepEqual(events.map(eventOf).slice(-2), ["partial_fill", "fill"]);
  const [partial, fill] = events.slice(-2).map(({ data }) => data as Received);
  const state = ({ order }: Received = {}) => {
    const { status, filled_qty, asset_id, limit_price } = order as Received;
    return { status, filled_qty, limit_price, hasAsset: typeof asset_id === "string" };
  };
  assert.deepEqual([partial?.qty, partial?.price], ["30", "0.98"]);
  assert.deepEqual(state(partial), {
    status: "partially_filled",
    filled_qty: "30",
    limit_price: "1",
    hasAsset: true,
  });
  assert.deepEqual(state(fill).status, "filled");
  assert.ok(typeof partial?.timestamp === "string" && typeof fill?.timestamp === "string");
});

Deno.test("a MessagePack client of orders receives the same values", async () => {
  await using harness = await start();
  const { simulator } = harness;
  await using client = await listening(harness, "msgpack");
  await until("the upstream session listens", () => simulator.trading.stream.listeners > 0);
  const order = { id: "b3e4", status: "new", qty: "1.10", created_at: "2026-09-14T14:31:07Z" };
  const data = { event: "new", timestamp: "2026-09-14T14:31:07.4Z", order };
  simulator.trading.stream.emitFrame(JSON.stringify({ stream: "trade_updates", data }));
  assert.deepEqual(await client.next(), { stream: "trade_updates", data });
});

Deno.test("a client that listens before its login is not authorized", async () => {
  await using harness = await start();
  await using client = new AlpacaClient(`${harness.websocket}/stream`);
  await client.opened();
  assert.deepEqual(await client.request(LISTEN), {
    stream: "authorization",
    data: { status: "unauthorized", action: "listen" },
  });
  assert.deepEqual(await client.request({ action: "auth", key: "K", secret: "S" }), AUTHORIZED);
  assert.deepEqual(await client.request(LISTEN), LISTENING);
});

Deno.test("without authentication too, a login with an empty key is refused", async () => {
  await using harness = await start();
  await using client = new AlpacaClient(`${harness.websocket}/stream`);
  await client.opened();
  const wrong = { action: "auth", key: "", secret: "" };
  assert.deepEqual((await client.request(wrong)).data, {
    status: "unauthorized",
    action: "authenticate",
    message: "access key verification failed",
  });
  assert.equal((await client.closed).code, 1000);
});

Deno.test("a message that is not valid ends the connection as Alpaca ends it", async () => {
  await using harness = await start();
  await using client = new AlpacaClient(`${harness.websocket}/stream`);
  await client.opened();
  client.socket.send("{");
  assert.deepEqual(await client.next(), {
    action: "error",
    data: { error_message: "invalid syntax" },
  });
  assert.equal((await client.closed).code, 1000);
});

/**
 * Errors of Alpaca's market data streams, as clients receive them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { AlpacaClient } from "../../support/alpaca_client.ts";
import { startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";

const CONTRACT = "SPY261218C00650000";
const START = { websocket: true } as const;

/** The error that a request is answered with. */
async function errorOf(client: AlpacaClient, message: unknown): Promise<unknown[]> {
  const { T, code, msg } = await client.request(message);
  return [T, code, msg];
}

Deno.test("requests that are not valid are answered with Alpaca's codes and texts", async () => {
  await using harness = await startHarness(START);
  await using client = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`);
  const cases: [unknown, number, string][] = [
    [{ action: "subscribe" }, 400, "invalid syntax"],
    [{ action: "subscribe", trades: "AAPL" }, 400, "invalid syntax"],
    [{ action: "subscribe", trades: ["A B"] }, 400, "invalid syntax"],
    [{ action: "dance", trades: ["AAPL"] }, 400, "invalid syntax"],
    [[1], 400, "invalid syntax"],
    [{ action: "auth", key: "K", secret: "S" }, 403, "already authenticated"],
    [
      { action: "subscribe", orderbooks: ["BTC/USD"] },
      410,
      "invalid subscribe action for this feed",
    ],
  ];
  for (const [message, code, text] of cases) {
    assert.deepEqual(await errorOf(client, message), ["error", code, text]);
  }
  client.socket.send('{"action":"subscribe"}{}');
  assert.equal((await client.next()).code, 400);
  const ack = await client.request({
    action: "subscribe",
    trades: ["AAPL"],
    orderbooks: null,
    news: [],
  });
  assert.deepEqual([ack.T, ack.trades], ["subscription", ["AAPL"]]);
});

Deno.test("before the login only a login is accepted", async () => {
  await using harness = await startHarness(START);
  await using client = new AlpacaClient(`${harness.websocket}/v2/sip`);
  await client.next();
  const subscribe = { action: "subscribe", trades: ["AAPL"] };
  assert.deepEqual(await errorOf(client, subscribe), ["error", 401, "not authenticated"]);
  const login = { action: "auth", key: "", secret: "" };
  assert.deepEqual(await errorOf(client, login), ["error", 402, "auth failed"]);
  assert.deepEqual(await client.closed, { code: 1000, reason: "auth failed" });
});

Deno.test("the path of a feed that is not carried is answered after the login", async () => {
  await using harness = await startHarness(START);
  for (const path of ["/v2/iex", "/v1beta1/indicative"]) {
    await using client = new AlpacaClient(`${harness.websocket}${path}`);
    await client.next();
    const login = { action: "auth", key: "K", secret: "S" };
    client.socket.send(path === "/v2/iex" ? JSON.stringify(login) : encodeLogin());
    const { code, msg } = await client.next();
    assert.deepEqual([code, msg], [409, "insufficient subscription"]);
    await client.closed;
  }
});

/** `{"action":"auth","key":"K","secret":"S"}` in MessagePack. */
function encodeLogin(): Uint8Array {
  return Uint8Array.fromHex("83a6616374696f6ea461757468a36b6579a14ba6736563726574a153");
}

Deno.test("options are MessagePack only, and have no wildcard of quotes", async () => {
  await using harness = await startHarness(START);
  await using client = new AlpacaClient(`${harness.websocket}/v1beta1/opra`);
  assert.deepEqual(await client.next(), { T: "success", msg: "connected" });
  assert.ok(client.frames[0] instanceof Uint8Array);
  assert.deepEqual(await errorOf(client, { action: "auth", key: "K", secret: "S" }), [
    "error",
    412,
    "option messages are only available in MsgPack format",
  ]);
  await using binary = await AlpacaClient.logIn(`${harness.websocket}/v1beta1/opra`, {
    format: "msgpack",
  });
  const star = await errorOf(binary, { action: "subscribe", quotes: ["*"] });
  const text = "star subscription is not allowed for option quotes";
  assert.deepEqual(star, ["error", 413, text]);
  const trades = await binary.request({ action: "subscribe", trades: ["*"] });
  assert.deepEqual(trades, { T: "subscription", trades: ["*"], quotes: [] });
  for (const channel of ["bars", "corrections", "cancelErrors"]) {
    const foreign = await errorOf(binary, { action: "subscribe", [channel]: [CONTRACT] });
    assert.equal(foreign[1], 410, channel);
  }
  assert.equal((await errorOf(binary, { action: "subscribe", quotes: ["SPY"] }))[1], 400);
});

Deno.test("a request over the quota is refused as a whole, with what is left", async () => {
  await using harness = await startHarness({ ...START, env: { ALPACA_PLAN: "stocks=3" } });
  await using first = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`);
  await using second = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`);
  await first.request({ action: "subscribe", trades: ["A"], quotes: ["A"] });
  const request = { action: "subscribe", trades: ["B"], quotes: ["B"], bars: ["B"] };
  const text = "symbol limit exceeded: 1 of 3 left, 2 more requested";
  assert.deepEqual(await errorOf(second, request), ["error", 405, text]);
  const ack = await second.request({ action: "subscribe", trades: ["A", "B"] });
  assert.deepEqual([ack.trades, ack.quotes, ack.bars], [["A", "B"], [], []]);
});

Deno.test("a request over a quota that is learned by it is refused with what is left", async () => {
  await using harness = await startHarness({
    websocket: true,
    simulator: { accounts: [{ key: "SIM_KEY", secret: "SIM_SECRET", plan: "basic" }] },
  });
  await using first = await AlpacaClient.logIn(`${harness.websocket}/v2/iex`);
  await using second = await AlpacaClient.logIn(`${harness.websocket}/v2/iex`);
  await first.request({ action: "subscribe", trades: ["A"], quotes: ["A"] });
  await second.request({ action: "subscribe", trades: ["B"] });
  const symbols = Array.from({ length: 30 }, (_, i) => `S${i}`);
  const refused = await errorOf(second, { action: "subscribe", quotes: symbols });
  const text = "symbol limit exceeded: 27 of 30 left, 30 more requested";
  assert.deepEqual(refused, ["error", 405, text]);
  const ack = await second.request({ action: "subscribe", bars: ["B"] });
  assert.deepEqual([ack.trades, ack.quotes, ack.bars], [["B"], [], ["B"]]);
});

Deno.test("a symbol that Alpaca rejects is an error of the client that requests it", async () => {
  await using harness = await startHarness(START);
  const { simulator, websocket } = harness;
  await using first = await AlpacaClient.logIn(`${websocket}/v2/sip`);
  await using second = await AlpacaClient.logIn(`${websocket}/v2/sip`);
  simulator.faults.streams.refuseSymbols(["BAD"], { endpoint: "sip", code: 400 });
  const [refused, accepted] = await Promise.all([
    first.request({ action: "subscribe", trades: ["BAD"] }),
    second.request({ action: "subscribe", trades: ["GOOD"] }),
  ]);
  assert.deepEqual([refused.code, refused.msg], [400, "invalid syntax"]);
  assert.deepEqual([accepted.T, accepted.trades], ["subscription", ["GOOD"]]);
  const state = await first.request({ action: "subscribe", quotes: ["GOOD"] });
  assert.deepEqual([state.trades, state.quotes], [[], ["GOOD"]]);
});

Deno.test("requests that are sent together are answered as those sent one by one", async () => {
  await using harness = await startHarness({ ...START, env: { ALPACA_PLAN: "stocks=4" } });
  const { simulator, websocket } = harness;
  await using client = await AlpacaClient.logIn(`${websocket}/v2/sip`);
  simulator.faults.streams.refuseSymbols(["BAD"], { endpoint: "sip", code: 400 });
  const subscribe = (...trades: string[]) => client.send({ action: "subscribe", trades });
  subscribe("A");
  subscribe("B", "BAD", "C");
  // Possible because the request before it is refused.
  subscribe("B", "C", "D");
  subscribe("E");
  client.send({ action: "unsubscribe", trades: ["A"] });
  subscribe("E");
  subscribe("F");
  const answers = (await client.take(7)).map(({ code, trades }) => code ?? trades);
  assert.deepEqual(answers, [
    ["A"],
    400,
    ["A", "B", "C", "D"],
    405,
    ["B", "C", "D"],
    ["B", "C", "D", "E"],
    405,
  ]);
});

Deno.test("an unknown path is answered with 404, and a request without an upgrade", async () => {
  await using harness = await startHarness(START);
  await using client = new AlpacaClient(`${harness.websocket}/v3/sip`);
  await assert.rejects(client.opened(), /404/);
  const response = await fetch(harness.websocket.replace("ws:", "http:"));
  assert.equal(response.status, 426);
  await response.body?.cancel();
});

Deno.test("a web page connects only if its origin is listed, or with a token", async () => {
  const origin = "https://app.example";
  const opens = async (env: Readonly<Record<string, string>>) => {
    await using harness = await startHarness({ ...START, env });
    await using client = new AlpacaClient(`${harness.websocket}/v2/sip`, { origin });
    return await client.opened().then(() => "open", (error: Error) => error.message);
  };
  assert.match(await opens({}), /403/);
  assert.match(await opens({ STREAM_PROXY_CORS_ORIGINS: "https://other.example" }), /403/);
  assert.equal(await opens({ STREAM_PROXY_CORS_ORIGINS: origin }), "open");
  const access = {
    roles: { reader: {} },
    identities: [{ name: "page", role: "reader", tokens: [`sha256:${"0".repeat(64)}`] }],
  };
  assert.equal(await opens({ STREAM_PROXY_ACCESS: JSON.stringify(access) }), "open");
});

Deno.test("the root path and headers of a login are accepted", async () => {
  await using harness = await startHarness(START);
  for (
    const headers of [
      { "APCA-API-KEY-ID": "K", "APCA-API-SECRET-KEY": "S" },
      { Authorization: "Bearer token" },
      { Authorization: `Basic ${btoa("K:S")}` },
    ]
  ) {
    await using client = new AlpacaClient(harness.websocket, { headers });
    assert.equal((await client.next()).msg, "connected");
    assert.equal((await client.next()).msg, "authenticated");
    const ack = await client.request({ action: "subscribe", bars: ["*"] });
    assert.deepEqual(ack.bars, ["*"]);
  }
});

Deno.test("compressed and fragmented requests are accepted", async () => {
  await using harness = await startHarness(START);
  for (const options of [{}, { serverNoContextTakeover: true, clientNoContextTakeover: true }]) {
    const perMessageDeflate = { ...options, threshold: 0 };
    await using client = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`, {
      perMessageDeflate,
    });
    assert.match(client.socket.extensions, /permessage-deflate/);
    const symbols = Array.from({ length: 3_000 }, (_, i) => `S${i}`);
    const text = JSON.stringify({ action: "subscribe", trades: symbols });
    for (let at = 0; at < text.length; at += 8_192) {
      const isLast = at + 8_192 >= text.length;
      client.socket.send(text.slice(at, at + 8_192), { fin: isLast });
    }
    const ack = await client.next();
    assert.deepEqual(ack.trades, symbols);
  }
  await until("symbols are released", () => harness.simulator.sessions().length > 0);
});

/**
 * Clients of the WebSocket API as identities: logins, grants and limits, reports and ends.
 *
 * @module
 */
import assert from "node:assert/strict";
import { admin } from "../../../cli/admin.ts";
import { digestOf } from "../../support/access.ts";
import { AlpacaClient } from "../../support/alpaca_client.ts";
import { startSimulator } from "@alpaca-stream-proxy/simulator";
import { parseConfig } from "../../../src/infrastructure/config/parse_config.ts";
import { startProxy } from "../../../src/composition/proxy.ts";
import { FREE_PORTS, type Harness, startHarness } from "../../support/harness.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { keyPair, PROXY_CA, tlsEnvironment } from "../../support/proxy_certificates.ts";
import { RecordingTerminal } from "../../support/recording_terminal.ts";
import { until } from "../../support/until.ts";

const token = (letter: string) => `asp_${letter.repeat(43)}`;
const TOKENS = { all: token("A"), limited: token("L"), plain: "plain-token-of-the-operator" };

const POLICY = {
  roles: {
    all: { admin: true, orders: true },
    limited: {
      feeds: ["sip"],
      symbols: ["AAPL", "SPY*"],
      rpcs: ["StreamQuotes", "StreamTrades"],
      orders: false,
      limits: { streams: 2, symbols: 3 },
    },
    own: {},
  },
  identities: [
    { name: "all", role: "all", tokens: [digestOf(TOKENS.all)] },
    { name: "limited", role: "limited", tokens: [digestOf(TOKENS.limited)] },
    { name: "plain", role: "all", tokens: [digestOf(TOKENS.plain)] },
    // The proxy's own secret for Alpaca, by mistake.
    { name: "own", role: "own", tokens: [digestOf("SIM_SECRET")] },
  ],
};

const start = () =>
  startHarness({ websocket: true, env: { STREAM_PROXY_ACCESS: JSON.stringify(POLICY) } });

/** Connects and logs in with a key and a secret; returns the answer too. */
async function logIn(url: string, key: string, secret: string) {
  const client = new AlpacaClient(url);
  await client.next();
  const { code, msg } = await client.request({ action: "auth", key, secret });
  return { client, answer: code === undefined ? msg : code };
}

Deno.test("a token is accepted as the secret, or as the key", async () => {
  await using harness = await start();
  const url = `${harness.websocket}/v2/sip`;
  const cases: [string, string, unknown][] = [
    ["anything", TOKENS.all, "authenticated"],
    [TOKENS.all, "anything", "authenticated"],
    ["access_token", TOKENS.plain, "authenticated"],
    ["K", "unknown", 402],
    ["", "", 402],
    // Never as a token, and without a policy never needed.
    ["SIM_KEY", "SIM_SECRET", 402],
  ];
  for (const [key, secret, expected] of cases) {
    const { client, answer } = await logIn(url, key, secret);
    await using _client = client;
    assert.equal(answer, expected, `${key} ${secret}`);
  }
  const shown = JSON.stringify(harness.log.records);
  for (const secret of Object.values(TOKENS)) assert.ok(!shown.includes(secret), "no token");
});

Deno.test("an identity subscribes to what its role grants", async () => {
  await using harness = await start();
  const { client } = await logIn(`${harness.websocket}/v2/sip`, "K", TOKENS.limited);
  await using _client = client;
  const subscribe = async (channels: Readonly<Record<string, readonly string[]>>) => {
    const { T, code, msg } = await client.request({ action: "subscribe", ...channels });
    return T === "subscription" ? "ok" : [code, msg];
  };
  const scope = [411, "insufficient scope"];
  assert.equal(await subscribe({ quotes: ["AAPL", "SPYX"] }), "ok");
  assert.deepEqual(await subscribe({ quotes: ["MSFT"] }), scope);
  assert.deepEqual(await subscribe({ quotes: ["*"] }), scope);
  assert.deepEqual(await subscribe({ bars: ["AAPL"] }), scope);
  const over = "symbol limit exceeded: 1 of 3 left, 2 more requested";
  assert.deepEqual(await subscribe({ trades: ["AAPL", "SPY"] }), [405, over]);
  assert.equal(await subscribe({ trades: ["AAPL"] }), "ok");
  const options = new AlpacaClient(`${harness.websocket}/v1beta1/opra`, { format: "msgpack" });
  await using _options = options;
  await options.next();
  const login = { action: "auth", key: "K", secret: TOKENS.limited };
  assert.equal((await options.request(login)).code, 409);
  const orders = new AlpacaClient(`${harness.websocket}/stream`);
  await using _orders = orders;
  await orders.opened();
  const { data } = await orders.request(login);
  assert.equal((data as { readonly status: string }).status, "unauthorized");
});

Deno.test("a refused login is counted and logged with the identity of the client", async () => {
  await using harness = await start();
  const login = { action: "auth", key: "K", secret: TOKENS.limited };
  for (const path of ["/v1beta1/opra", "/stream"]) {
    await using client = new AlpacaClient(`${harness.websocket}${path}`, { format: "msgpack" });
    await client.opened();
    if (path !== "/stream") await client.next();
    await client.request(login);
  }
  const refused = harness.log.records.filter(({ message }) => message === "Stream refused");
  assert.deepEqual(refused.map(({ fields }) => [fields.identity, fields.rpc, fields.status]), [
    ["limited", "/v1beta1/opra", "409"],
    ["limited", "/stream", "unauthorized"],
  ]);
  const metrics = await (await fetch(`${harness.health}/metrics`)).text();
  assert.match(metrics, /^alpaca_proxy_access_refusals_total\{reason="denied"\} 2$/m);
});

Deno.test("the proxy's own secret counts as a wrong token", async () => {
  await using harness = await start();
  const url = `${harness.websocket}/v2/sip`;
  for (let i = 0; i <= 20; i++) {
    const { client, answer } = await logIn(url, "SIM_KEY", "SIM_SECRET");
    await using _client = client;
    // Too many failures of the address, as with any other one.
    assert.equal(answer, i < 20 ? 402 : 406, String(i));
  }
});

Deno.test("an identity with too many streams may log in again once one is closed", async () => {
  await using harness = await start();
  const url = `${harness.websocket}/v2/sip`;
  const first = await logIn(url, "K", TOKENS.limited);
  await using second = (await logIn(url, "K", TOKENS.limited)).client;
  const third = await logIn(url, "K", TOKENS.limited);
  await using client = third.client;
  assert.equal(third.answer, 406);
  await first.client[Symbol.asyncDispose]();
  const login = { action: "auth", key: "K", secret: TOKENS.limited };
  await until("the first one is released", async () => {
    return (await client.request(login)).msg === "authenticated";
  });
  assert.equal(second.socket.readyState, second.socket.OPEN);
});

async function run({ address }: Harness, ...args: readonly string[]) {
  const terminal = new RecordingTerminal({ env: { STREAM_PROXY_TOKEN: TOKENS.all } });
  const code = await admin([...args, "--address", address], terminal);
  assert.equal(code, 0, terminal.errorLines.join("\n"));
  return terminal.output;
}

Deno.test("operators list a client with what it receives, and end it", async () => {
  await using harness = await start();
  const { client } = await logIn(`${harness.websocket}/v2/sip`, "K", TOKENS.plain);
  await using _client = client;
  await client.request({ action: "subscribe", trades: ["AAPL"], bars: ["*"] });
  const list = await run(harness, "list");
  assert.match(list, /\/v2\/sip/);
  assert.match(list, /trades AAPL, bars \*/);
  assert.match(list, /plain/);
  const [id = ""] = /\b[0-9a-f]{6}-\d+\b/.exec(list) ?? [];
  assert.match(await run(harness, "connections"), /WEBSOCKET/i);
  await run(harness, "end", id);
  assert.equal((await client.closed).code, 1001);
  const audit = () =>
    harness.log.records.find(({ message, fields }) =>
      message === "Stream ended" && fields?.identity === "plain"
    );
  await until("the audit line", () => audit() !== undefined);
  assert.equal(audit()?.fields?.ended_by, "proxy");
  assert.equal(audit()?.fields?.filter, "trades AAPL, bars *");
});

Deno.test("while the proxy drains, new clients are asked to come back", async () => {
  await using harness = await start();
  const url = `${harness.websocket}/v2/sip`;
  const { client } = await logIn(url, "K", TOKENS.plain);
  await using _client = client;
  await run(harness, "drain", "--end-streams");
  assert.equal((await client.closed).code, 1012);
  await using late = new AlpacaClient(url);
  await assert.rejects(late.opened(), /503/);
});

Deno.test("a drain that ends streams closes the clients without one too", async () => {
  await using harness = await start();
  const url = `${harness.websocket}/stream`;
  await using opened = new AsyncDisposableStack();
  const connect = async (...requests: readonly unknown[]) => {
    const client = opened.use(new AlpacaClient(url));
    await client.opened();
    for (const request of requests) await client.request(request);
    return client;
  };
  const login = { action: "auth", key: "K", secret: TOKENS.plain };
  const listen = (...streams: string[]) => ({ action: "listen", data: { streams } });
  const market = opened.use(new AlpacaClient(`${harness.websocket}/v2/sip`));
  await market.next();
  const clients = [
    market,
    await connect(),
    await connect(login),
    await connect(login, listen("trade_updates")),
    await connect(login, listen("trade_updates"), listen()),
  ];
  await run(harness, "drain", "--end-streams", "--reason", "moving");
  const reason = "The proxy accepts no new streams: moving";
  for (const { closed } of clients) assert.deepEqual(await closed, { code: 1012, reason });
});

Deno.test("a reason for clients has any characters and length", async () => {
  for (const reason of ["é".repeat(200), "a" + "🙂".repeat(99), "x".repeat(200)]) {
    await using harness = await start();
    const { client } = await logIn(`${harness.websocket}/v2/sip`, "K", TOKENS.plain);
    await using _client = client;
    await run(harness, "drain", "--end-streams", "--reason", reason);
    const closed = await client.closed;
    assert.equal(closed.code, 1012);
    assert.ok(`The proxy accepts no new streams: ${reason}`.startsWith(closed.reason));
    assert.ok(new TextEncoder().encode(closed.reason).length > 119, closed.reason);
  }
});

Deno.test("an operator closes the connection of a client that listens to nothing", async () => {
  await using harness = await start();
  await using client = new AlpacaClient(`${harness.websocket}/stream`);
  await client.opened();
  await client.request({ action: "auth", key: "K", secret: TOKENS.plain });
  const list = await run(harness, "connections");
  const [, id = ""] = /(\b[0-9a-f]{6}-c\d+)\b.*websocket/.exec(list) ?? [];
  await run(harness, "close", id);
  const { code, reason } = await client.closed;
  assert.deepEqual([code, reason], [1001, "Its connection was closed by the operator"]);
});

Deno.test("a proxy starts without the port if it is taken and has the default number", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  const start = async (named: Readonly<Record<string, string>>) => {
    const log = new RecordingLog();
    const { STREAM_PROXY_WEBSOCKET_PORT: _off, ...ports } = FREE_PORTS;
    const config = parseConfig({ ...simulator.environment(), ...ports, ...named });
    const { port } = taken.addr as Deno.NetAddr;
    const websocket = { ...config.websocket, port };
    await using proxy = await startProxy({ ...config, websocket }, { log });
    return { port: proxy.ports.websocket, warnings: log.messages("warn") };
  };
  const { port, warnings } = await start({});
  assert.equal(port, undefined);
  assert.deepEqual(warnings, ["The WebSocket API is not served"]);
  const named = start({ STREAM_PROXY_WEBSOCKET_PORT: "8765" });
  await assert.rejects(named, /another process has the port.*STREAM_PROXY_WEBSOCKET_PORT/);
});

Deno.test("the port is encrypted with the certificate of the proxy", async () => {
  await using harness = await startHarness({ websocket: true, env: tlsEnvironment() });
  const url = `wss://localhost:${harness.proxy.ports.websocket}/v2/sip`;
  await using client = await AlpacaClient.logIn(url, { ca: PROXY_CA });
  const ack = await client.request({ action: "subscribe", trades: ["AAPL"] });
  assert.deepEqual(ack.trades, ["AAPL"]);
});

Deno.test("clients need a certificate where a client CA is set, and may log in by it", async () => {
  const policy = {
    roles: { reader: {} },
    identities: [
      { name: "robot", role: "reader", certificates: ["spiffe://quant/dashboard"] },
      { name: "token", role: "reader", tokens: [digestOf(TOKENS.plain)] },
    ],
  };
  const env = {
    ...tlsEnvironment("require"),
    STREAM_PROXY_ACCESS: JSON.stringify(policy),
  };
  await using harness = await startHarness({ websocket: true, env });
  const url = `wss://localhost:${harness.proxy.ports.websocket}/v2/sip`;
  const connect = (name?: string) =>
    new AlpacaClient(url, { ca: PROXY_CA, ...name && keyPair(name) });
  for (const name of [undefined, "client_untrusted"]) {
    await using client = connect(name);
    await assert.rejects(client.opened(), name);
  }
  for (
    const [secret, expected] of [
      ["certificate", "authenticated"],
      [TOKENS.plain, "authenticated"],
      ["unknown", "auth failed"],
    ] as const
  ) {
    await using client = connect("client");
    await client.next();
    const { msg } = await client.request({ action: "auth", key: "K", secret });
    assert.equal(msg, expected, secret);
  }
});

Deno.test("clients that do not log in give their connections to others", async () => {
  const most = { STREAM_PROXY_MAX_CONNECTIONS: "4", STREAM_PROXY_MAX_CONNECTIONS_PER_ADDRESS: "4" };
  const env = { STREAM_PROXY_ACCESS: JSON.stringify(POLICY), ...most };
  await using harness = await startHarness({ websocket: true, env });
  const url = `${harness.websocket}/v2/sip`;
  await using opened = new AsyncDisposableStack();
  const silent = [];
  for (let i = 0; i < 4; i++) {
    const client = opened.use(new AlpacaClient(url));
    await client.opened();
    silent.push(client);
  }
  for (let i = 0; i < 4; i++) {
    const { client, answer } = await logIn(url, "K", TOKENS.plain);
    opened.use(client);
    assert.equal(answer, "authenticated");
  }
  for (const { closed } of silent) await closed;
  await using late = new AlpacaClient(url);
  await assert.rejects(late.opened(), "a client that is logged in stays");
});

Deno.test("a client that listens to nothing does not delay the stop of the proxy", async () => {
  await using harness = await startHarness({ websocket: true });
  await using client = new AlpacaClient(`${harness.websocket}/stream`);
  await client.opened();
  await client.request({ action: "auth", key: "K", secret: "S" });
  await harness.proxy[Symbol.asyncDispose]();
  assert.equal((await client.closed).code, 1012);
});

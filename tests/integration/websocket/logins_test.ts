/**
 * Logins of the WebSocket API: by message and by the headers of the upgrade request, while the
 * issuer of tokens is slow, and after too many that were refused.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Clock } from "../../../src/application/ports/clock.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { digestOf } from "../../support/access.ts";
import { AlpacaClient, type Received } from "../../support/alpaca_client.ts";
import { type Harness, startHarness } from "../../support/harness.ts";
import { AUDIENCE, ISSUER, JwtIssuer } from "../../support/jwt_issuer.ts";
import { until } from "../../support/until.ts";

const TOKEN = `asp_${"A".repeat(43)}`;
const POLICY = {
  roles: { trader: { orders: true } },
  identities: [{ name: "desk", role: "trader", tokens: [digestOf(TOKEN)] }],
};
const REFUSED = "access key verification failed";
const LISTEN = { action: "listen", data: { streams: ["trade_updates"] } };
const LISTENING = { stream: "listening", data: { streams: ["trade_updates"] } };
/** Time in which a client has to log in, in ms. */
const LOGIN_MS = 10_000;

const authorization = (data: Readonly<Record<string, string>>): Received => ({
  stream: "authorization",
  data: { ...data, action: "authenticate" },
});
const AUTHORIZED = authorization({ status: "authorized" });
const UNAUTHORIZED = authorization({ status: "unauthorized", message: REFUSED });

const start = (policy: unknown = POLICY, clock?: Clock) =>
  startHarness({
    websocket: true,
    env: { STREAM_PROXY_ACCESS: JSON.stringify(policy) },
    ...clock && { clock },
  });

/** The forms of a login by headers. */
function headersOf(secret: string): Readonly<Record<string, Readonly<Record<string, string>>>> {
  return {
    pair: { "APCA-API-KEY-ID": "K", "APCA-API-SECRET-KEY": secret },
    bearer: { Authorization: `Bearer ${secret}` },
    basic: { Authorization: `Basic ${btoa(`K:${secret}`)}` },
  };
}

/** Logs in with a token that is not known; returns the client and the code of the answer. */
async function failOn(url: string, localAddress?: string) {
  const client = new AlpacaClient(url, localAddress === undefined ? {} : { localAddress });
  await client.next();
  const { code } = await client.request({ action: "auth", key: "K", secret: "unknown" });
  return { client, code };
}

/** Uses up the failures of the address of this machine. */
async function untilBlocked(harness: Harness): Promise<number> {
  for (let failures = 0; failures < 60; failures++) {
    const { client, code } = await failOn(`${harness.websocket}/v2/sip`);
    await using _ = client;
    if (code !== 402) return failures;
  }
  throw new Error("The address is not blocked");
}

Deno.test("every form of a login by headers is accepted on all streams", async () => {
  await using harness = await start();
  for (const [form, headers] of Object.entries(headersOf(TOKEN))) {
    await using market = new AlpacaClient(`${harness.websocket}/v2/sip`, { headers });
    assert.deepEqual(
      (await market.take(2)).map(({ msg }) => msg),
      ["connected", "authenticated"],
      form,
    );
    await using orders = new AlpacaClient(`${harness.websocket}/stream`, { headers });
    assert.deepEqual(await orders.next(), AUTHORIZED, form);
    // As SDKs do, which log in by message in any case.
    const login = { action: "auth", key: "K", secret: TOKEN };
    assert.deepEqual(await orders.request(login), AUTHORIZED, form);
    assert.deepEqual(await orders.request(LISTEN), LISTENING, form);
  }
});

Deno.test("a refused login closes the connection of a trading stream", async () => {
  await using harness = await start();
  const url = `${harness.websocket}/stream`;
  for (const action of ["auth", "authenticate"]) {
    await using client = new AlpacaClient(url);
    await client.opened();
    const data = { key_id: "K", secret_key: "unknown" };
    client.send({ action, key: "K", secret: "unknown", data });
    client.send({ action: "auth", key: "K", secret: TOKEN });
    assert.deepEqual(await client.next(), UNAUTHORIZED, action);
    assert.deepEqual(await client.closed, { code: 1000, reason: REFUSED }, action);
    assert.equal(client.waiting, 0, "the second login has no answer");
  }
  for (const [form, headers] of Object.entries(headersOf("unknown"))) {
    await using client = new AlpacaClient(url, { headers });
    assert.deepEqual(await client.next(), UNAUTHORIZED, form);
    assert.deepEqual(await client.closed, { code: 1000, reason: REFUSED }, form);
  }
});

Deno.test("an address that has failed too often is asked to try again later", async () => {
  const { promise: loginTime, resolve: endLoginTime } = Promise.withResolvers<void>();
  const sleep: Clock["sleep"] = (ms, signal) =>
    ms === LOGIN_MS ? loginTime : systemClock.sleep(ms, signal);
  await using harness = await start(POLICY, { ...systemClock, sleep });
  const failures = await untilBlocked(harness);
  assert.ok(failures >= 20, `${failures} failures`);

  const blocked = await failOn(`${harness.websocket}/v2/sip`);
  await using market = blocked.client;
  assert.equal(blocked.code, 406);
  await using orders = new AlpacaClient(`${harness.websocket}/stream`);
  await orders.opened();
  orders.send({ action: "auth", key: "K", secret: "unknown" });
  const { code, reason } = await orders.closed;
  assert.equal(code, 1013);
  assert.match(reason, /^Too many failed attempts from this address; retry in \d+ s$/);
  assert.equal(orders.waiting, 0, "it is not sent that its key is wrong");

  // A token that cannot be guessed still works from there.
  const known = await market.request({ action: "auth", key: "K", secret: TOKEN });
  assert.equal(known.msg, "authenticated");
  const other = await failOn(`${harness.websocket}/v2/sip`, "127.0.0.2");
  await using _other = other.client;
  assert.equal(other.code, 402, "another address has its own failures");

  const waiting = await failOn(`${harness.websocket}/v2/sip`);
  await using late = waiting.client;
  assert.equal(waiting.code, 406);
  endLoginTime();
  // Not 404, after which clients do not try again.
  assert.deepEqual(await late.closed, { code: 1013, reason: "connection limit exceeded" });
  assert.equal(late.waiting, 0);
});

Deno.test("a connection has a limited number of logins", async () => {
  await using harness = await start();
  await untilBlocked(harness);
  await using client = new AlpacaClient(`${harness.websocket}/v2/sip`);
  await client.next();
  for (let i = 0; i < 50; i++) client.send({ action: "auth", key: "K", secret: "unknown" });
  assert.deepEqual(await client.closed, { code: 1013, reason: "too many logins" });
  assert.equal(client.waiting, 20);
});

Deno.test("messages wait for a login by headers, also while its issuer is slow", async () => {
  const { promise: answer, resolve } = Promise.withResolvers<void>();
  await using issuer = await JwtIssuer.start(() => Date.now());
  issuer.respond = async () => {
    await answer;
    return Response.json({ keys: issuer.keys.map((key) => key.publicJwk) });
  };
  await using harness = await start({
    roles: { trader: { orders: true, limits: { streams: 2 } } },
    identities: [{ name: "desk", role: "trader", subjects: ["alice"] }],
    jwt: { jwksUrl: issuer.url, issuer: ISSUER, audience: AUDIENCE },
  });
  const token = await issuer.sign();
  const headers = { Authorization: `Bearer ${token}` };
  const login = { action: "auth", key: "K", secret: token };

  await using market = new AlpacaClient(`${harness.websocket}/v2/sip`, { headers });
  await using orders = new AlpacaClient(`${harness.websocket}/stream`, { headers });
  await Promise.all([market.opened(), orders.opened()]);
  market.send(login);
  market.send({ action: "subscribe", trades: ["AAPL"] });
  orders.send(LISTEN);
  // So that the proxy has read the messages before the keys arrive.
  for (const { socket } of [market, orders]) {
    const pong = new Promise((received) => socket.once("pong", received));
    socket.ping();
    await pong;
  }
  resolve();
  assert.deepEqual((await market.take(4)).map(({ T, msg, code }) => [T, code ?? msg]), [
    ["success", "connected"],
    ["success", "authenticated"],
    ["error", 403],
    ["subscription", undefined],
  ]);
  assert.deepEqual(await orders.take(2), [AUTHORIZED, LISTENING]);

  // Each has one stream: both of the identity are free again when their clients have gone.
  await market[Symbol.asyncDispose]();
  await orders[Symbol.asyncDispose]();
  await using clients = new AsyncDisposableStack();
  for (let i = 0; i < 2; i++) {
    await until("a stream of the identity is free", async () => {
      const client = clients.use(new AlpacaClient(`${harness.websocket}/v2/sip`));
      await client.next();
      return (await client.request(login)).msg === "authenticated";
    });
  }
});

/**
 * Sessions of the WebSocket API end with the token or the certificate of their client.
 *
 * @module
 */
import assert from "node:assert/strict";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { digestOf } from "../../support/access.ts";
import { AlpacaClient } from "../../support/alpaca_client.ts";
import { startHarness } from "../../support/harness.ts";
import { AUDIENCE, ISSUER, JwtIssuer } from "../../support/jwt_issuer.ts";
import { keyPair, PROXY_CA, tlsEnvironment } from "../../support/proxy_certificates.ts";

const TOKEN = `asp_${"A".repeat(43)}`;
/** The end of the certificates of the tests, in epoch ms. */
const CERTIFICATE_END = Date.UTC(2120, 0, 1);

const IDENTITY_EXPIRED = {
  code: 1008,
  reason: "The token or certificate has expired; reopen the stream with a new one",
};
const CERTIFICATE_EXPIRED = {
  code: 1008,
  reason: "The client certificate of the connection has expired; connect again with a new one",
};

/** A clock whose wall time stands until a test sets it. */
function settableClock(at = Date.now()) {
  return { ...systemClock, now: () => at, set: (to: number) => at = to };
}

/** Logs in by message; awaits the answer. */
async function logIn(client: AlpacaClient, secret: string): Promise<void> {
  await client.opened();
  if (client.socket.url.endsWith("/stream")) {
    const { data } = await client.request({ action: "auth", key: "K", secret });
    assert.equal((data as { readonly status: string }).status, "authorized");
    return;
  }
  await client.next();
  assert.equal((await client.request({ action: "auth", key: "K", secret })).msg, "authenticated");
}

/** Fails unless the client still gets answers. */
async function assertServed(client: AlpacaClient): Promise<void> {
  const request = client.socket.url.endsWith("/stream")
    ? { action: "listen", data: { streams: ["trade_updates"] } }
    : { action: "subscribe", trades: ["AAPL"] };
  const { T, stream } = await client.request(request);
  assert.match(String(T ?? stream), /^(subscription|listening)$/);
}

Deno.test("sessions end with their JWT, those of another one stay", async () => {
  const clock = settableClock();
  await using issuer = await JwtIssuer.start(() => clock.now());
  const policy = {
    roles: { trader: { orders: true } },
    identities: [{ name: "desk", role: "trader", subjects: ["alice"] }],
    jwt: { jwksUrl: issuer.url, issuer: ISSUER, audience: AUDIENCE, clockToleranceSecs: 30 },
  };
  const env = { STREAM_PROXY_ACCESS: JSON.stringify(policy) };
  await using harness = await startHarness({ websocket: true, env, clock });
  const now = Math.floor(clock.now() / 1_000);
  const short = await issuer.sign({ expiresAt: now + 60 });
  const long = await issuer.sign({ expiresAt: now + 600 });
  for (const path of ["/v2/sip", "/stream"]) {
    clock.set(now * 1_000);
    const url = `${harness.websocket}${path}`;
    await using first = new AlpacaClient(url);
    await using byHeaders = new AlpacaClient(url, {
      headers: { Authorization: `Bearer ${short}` },
    });
    await using second = new AlpacaClient(url);
    await logIn(first, short);
    await byHeaders.take(path === "/stream" ? 1 : 2);
    await logIn(second, long);
    clock.set((now + 60 + 30) * 1_000);
    assert.deepEqual(await first.closed, IDENTITY_EXPIRED, path);
    assert.deepEqual(await byHeaders.closed, IDENTITY_EXPIRED, path);
    await assertServed(second);
  }
});

Deno.test("sessions end with the client certificate, those that it identifies first", async () => {
  const clock = settableClock();
  const policy = {
    roles: { trader: { orders: true } },
    identities: [
      { name: "robot", role: "trader", certificates: ["spiffe://quant/dashboard"] },
      { name: "desk", role: "trader", tokens: [digestOf(TOKEN)] },
    ],
  };
  const env = { ...tlsEnvironment("require"), STREAM_PROXY_ACCESS: JSON.stringify(policy) };
  await using harness = await startHarness({ websocket: true, env, clock });
  for (const path of ["/v2/sip", "/stream"]) {
    clock.set(CERTIFICATE_END - 1_000);
    const connect = () =>
      new AlpacaClient(`wss://localhost:${harness.proxy.ports.websocket}${path}`, {
        ca: PROXY_CA,
        ...keyPair("client"),
      });
    await using byCertificate = connect();
    await using byToken = connect();
    await logIn(byCertificate, "certificate");
    await logIn(byToken, TOKEN);
    clock.set(CERTIFICATE_END);
    assert.deepEqual(await byCertificate.closed, IDENTITY_EXPIRED, path);
    await assertServed(byToken);
    clock.set(CERTIFICATE_END + 2_000);
    assert.deepEqual(await byToken.closed, CERTIFICATE_EXPIRED, path);
  }
});

Deno.test("without a policy too, sessions end with the client certificate", async () => {
  const clock = settableClock();
  await using harness = await startHarness({
    websocket: true,
    env: tlsEnvironment("require"),
    clock,
  });
  const url = `wss://localhost:${harness.proxy.ports.websocket}`;
  await using clients = new AsyncDisposableStack();
  const open = [`${url}/v2/sip`, `${url}/stream`].map((each) =>
    clients.use(new AlpacaClient(each, { ca: PROXY_CA, ...keyPair("client") }))
  );
  for (const client of open) await logIn(client, "S");
  clock.set(CERTIFICATE_END + 2_000);
  for (const { closed } of open) assert.deepEqual(await closed, CERTIFICATE_EXPIRED);
});

/** A proxy with an access policy, from its setting to its logs. */
import assert from "node:assert/strict";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { StreamProxyService } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { digestOf } from "../support/access.ts";
import { type Harness, startHarness } from "../support/harness.ts";
import { AUDIENCE, ISSUER, JwtIssuer } from "../support/jwt_issuer.ts";
import { until } from "../support/until.ts";

const TOKENS = {
  dashboard: `asp_${"D".repeat(43)}`,
  robot: `asp_${"R".repeat(43)}`,
  wrong: "asp_wrong-and-not-to-be-shown",
};

function policy(issuer: JwtIssuer): string {
  const identity = (name: "dashboard" | "robot") => ({
    name,
    role: "reader",
    tokens: [digestOf(TOKENS[name])],
  });
  return JSON.stringify({
    roles: { reader: {} },
    identities: [identity("dashboard"), identity("robot")],
    jwt: { jwksUrl: issuer.url, issuer: ISSUER, audience: AUDIENCE, roleClaim: "role" },
  });
}

function connect(harness: Harness) {
  const baseUrl = `http://${harness.address}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const client = createClient(
    StreamProxyService,
    createGrpcTransport({ baseUrl, sessionManager }),
  );
  return Object.assign(client, { [Symbol.dispose]: () => sessionManager.abort() });
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

Deno.test("identities stream and acknowledge their own streams; no token is shown", async () => {
  await using issuer = await JwtIssuer.start(() => Date.now());
  await using harness = await startHarness({ env: { STREAM_PROXY_ACCESS: policy(issuer) } });
  using client = connect(harness);
  const leave = new AbortController();
  const open = (token: string) =>
    client.streamQuotes(
      { symbols: ["AAPL"], options: { meta: true, notices: true, maxUnacknowledged: 10 } },
      { ...bearer(token), signal: leave.signal },
    )[Symbol.asyncIterator]();
  const streamIdOf = async (stream: ReturnType<typeof open>) => {
    const { value } = await stream.next();
    const { kind } = value?.notice ?? {};
    assert(kind?.case === "hello");
    return kind.value.streamId;
  };
  const jwt = await issuer.sign({ claims: { role: "reader" } });
  const [own, other, alice] = await Promise.all([
    streamIdOf(open(TOKENS.dashboard)),
    streamIdOf(open(TOKENS.robot)),
    streamIdOf(open(jwt)),
  ]);
  const acknowledge = async (token: string) => {
    const positions = [own, other, alice].map((streamId) => ({ streamId, sequence: 0n }));
    const { unknownStreamIds } = await client.acknowledge({ positions }, bearer(token));
    return unknownStreamIds;
  };
  assert.deepEqual(await acknowledge(TOKENS.dashboard), [other, alice]);
  assert.deepEqual(await acknowledge(TOKENS.robot), [own, alice]);
  assert.deepEqual(await acknowledge(jwt), [own, other]);

  await assert.rejects(client.getConnectionStatus({}, bearer(TOKENS.wrong)), /not valid/);
  const forged = await issuer.sign({}, await JwtIssuer.key("first", "ES256"));
  await assert.rejects(client.getConnectionStatus({}, bearer(forged)), /not valid/);
  const metrics = await fetch(`${harness.health}/metrics`).then((response) => response.text());
  assert.match(metrics, /alpaca_proxy_access_refusals_total\{reason="invalid"\} 2\n/);
  const page = await fetch(`${harness.health}/`, bearer(TOKENS.robot)).then((response) =>
    response.text()
  );
  leave.abort();
  await until("the streams have ended", async () => {
    const text = await fetch(`${harness.health}/metrics`).then((response) => response.text());
    return /alpaca_proxy_grpc_clients 0\n/.test(text);
  });
  const shown = JSON.stringify(harness.log.records) + metrics + page;
  for (const secret of [...Object.values(TOKENS), jwt, forged, forged.split(".")[2] ?? ""]) {
    assert.ok(!shown.includes(secret), "a token is shown");
    assert.ok(!shown.includes(digestOf(secret).slice("sha256:".length)), "a digest is shown");
  }
});

Deno.test("a proxy starts while the issuer of its JWTs is down, and accepts tokens", async () => {
  await using issuer = await JwtIssuer.start(() => Date.now());
  issuer.respond = () => new Response("down", { status: 503 });
  await using harness = await startHarness({ env: { STREAM_PROXY_ACCESS: policy(issuer) } });
  using client = connect(harness);
  await client.getConnectionStatus({}, bearer(TOKENS.dashboard));
  const jwt = await issuer.sign({ claims: { role: "reader" } });
  await assert.rejects(
    client.getConnectionStatus({}, bearer(jwt)),
    /cannot be verified at present/,
  );
  assert.ok(harness.log.messages("warn").some((line) => /keys of the JWT issuer/.test(line)));
});

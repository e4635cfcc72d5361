/** Calls by gRPC-Web and Connect through TLS on the health port. */
import assert from "node:assert/strict";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { digestOf } from "../../support/access.ts";
import { areSubscribed, startHarness } from "../../support/harness.ts";
import { PROXY_CA, tlsEnvironment } from "../../support/proxy_certificates.ts";
import { rawRequest } from "../../support/raw_http.ts";
import { until } from "../../support/until.ts";

const TOKEN = `asp_${"W".repeat(43)}`;
const STATUS = "/cream.v1.StreamProxyService/GetConnectionStatus";

/** TLS with client certificates on the gRPC port, and a token for calls of the health port. */
const ENVIRONMENT = {
  ...tlsEnvironment("require"),
  STREAM_PROXY_CORS_ORIGINS: "https://app.example",
  STREAM_PROXY_ACCESS: JSON.stringify({
    roles: { reader: {} },
    identities: [{ name: "page", role: "reader", tokens: [digestOf(TOKEN)] }],
  }),
};

const TRANSPORTS = { "gRPC-Web": createGrpcWebTransport, Connect: createConnectTransport };

for (const [name, createTransport] of Object.entries(TRANSPORTS)) {
  Deno.test(`${name} calls are served through TLS, without a client certificate`, async () => {
    await using harness = await startHarness({ env: ENVIRONMENT });
    const { health } = harness.proxy.ports;
    // Not connect-node: Connect calls by node:https of Deno 2.9.6 fail with "write EPERM".
    using https = Deno.createHttpClient({ caCerts: [PROXY_CA] });
    const transport = createTransport({
      baseUrl: `https://localhost:${health}`,
      fetch: (input, init) => fetch(input, { ...init, client: https }),
      interceptors: [(next) => (request) => {
        request.header.set("authorization", `Bearer ${TOKEN}`);
        return next(request);
      }],
    });
    const client = createClient(StreamProxyService, transport);
    assert.equal((await client.getConnectionStatus({})).status?.feeds.length, 3);
    const leave = new AbortController();
    const stream = client.streamQuotes({ symbols: ["AAPL"] }, leave)[Symbol.asyncIterator]();
    const next = stream.next();
    const { simulator } = harness;
    await until(
      "it is subscribed",
      () => areSubscribed(simulator, { endpoint: "sip", channel: "quotes" }, ["AAPL"]),
    );
    const t = new Date().toISOString();
    const sizes = { bs: 1, as: 1, bx: "V", ax: "V", c: ["R"], z: "C" };
    simulator.emit("sip", [{ T: "q", S: "AAPL", bp: 1.5, ap: 2, ...sizes, t }]);
    assert.equal((await next).value?.quote?.bidPrice, 1.5);
    leave.abort();
    const end = await stream.next().catch((error) => ConnectError.from(error).code);
    assert.equal(end, Code.Canceled);
  });
}

Deno.test("pages call through TLS by their origin, and plaintext is not served", async () => {
  await using harness = await startHarness({ env: ENVIRONMENT });
  const { health } = harness.proxy.ports;
  using client = Deno.createHttpClient({ caCerts: [PROXY_CA] });
  const call = async (origin: string) => {
    const response = await fetch(`https://localhost:${health}${STATUS}`, {
      method: "POST",
      client,
      headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}`, origin },
      body: "{}",
    });
    await response.body?.cancel();
    return [response.status, response.headers.get("access-control-allow-origin")];
  };
  assert.deepEqual(await call("https://app.example"), [200, "https://app.example"]);
  assert.deepEqual(await call(`https://localhost:${health}`), [200, null], "its own page");
  assert.deepEqual(await call("http://app.example"), [403, null]);
  const plain = `POST ${STATUS} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n`;
  assert.doesNotMatch(await rawRequest(health, plain), /HTTP\/1.1 2/);
});

/** Which web pages may call, and requests that are no calls. */
import assert from "node:assert/strict";
import { rawRequest } from "../../support/raw_http.ts";
import { startWebHarness, type WebHarness } from "../../support/web_client.ts";

const STATUS = "/cream.v1.StreamProxyService/GetConnectionStatus";
const QUOTES = "/cream.v1.StreamProxyService/StreamQuotes";
const PAGE = "https://app.example";

interface Options {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
}

/** Sends one request; returns its status line with the headers, in lower case, and the body. */
async function send(
  { webPort }: WebHarness,
  { method = "POST", path = STATUS, headers = {}, body = "{}" }: Options = {},
): Promise<{ readonly status: number; readonly head: string; readonly body: string }> {
  const all = {
    host: `127.0.0.1:${webPort}`,
    "content-type": "application/json",
    "content-length": String(body.length),
    connection: "close",
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const text = await rawRequest(webPort, `${method} ${path} HTTP/1.1\r\n${lines}\r\n${body}`);
  const [head = "", ...rest] = text.split("\r\n\r\n");
  return {
    status: Number(/^HTTP\/1.1 (\d+)/.exec(head)?.[1]),
    head: head.toLowerCase(),
    body: rest.join("\r\n\r\n"),
  };
}

Deno.test("a listed page may send a preflight, and read responses and their errors", async () => {
  await using harness = await startWebHarness({ origins: [PAGE] });
  const preflight = await send(harness, {
    method: "OPTIONS",
    headers: {
      origin: PAGE,
      "content-type": undefined,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type,connect-protocol-version,authorization",
    },
    body: "",
  });
  assert.equal(preflight.status, 204);
  assert.match(preflight.head, /access-control-allow-origin: https:\/\/app\.example\r?\n/);
  assert.match(preflight.head, /access-control-allow-methods: post\r?\n/);
  for (
    const name of [
      "content-type",
      "connect-protocol-version",
      "connect-timeout-ms",
      "grpc-timeout",
      "x-grpc-web",
      "x-user-agent",
      "authorization",
    ]
  ) {
    assert.match(preflight.head, new RegExp(`access-control-allow-headers:.*\\b${name}\\b`));
  }
  for (const body of ["{}", '{"unknown":1}']) {
    const { status, head } = await send(harness, { headers: { origin: PAGE }, body });
    assert.equal(status, body === "{}" ? 200 : 400);
    assert.match(head, /access-control-allow-origin: https:\/\/app\.example\r?\n/);
    assert.match(head, /access-control-expose-headers:.*grpc-status,.*grpc-status-details-bin/);
    assert.match(head, /vary: origin/);
    assert.doesNotMatch(head, /allow-credentials|set-cookie/);
  }
});

for (const origin of ["https://evil.example", "null", "http://app.example", `${PAGE}:8443`]) {
  Deno.test(`a page of ${origin} may call nothing and read nothing`, async () => {
    await using harness = await startWebHarness({ origins: [PAGE] });
    for (const method of ["OPTIONS", "POST"]) {
      const { status, head, body } = await send(harness, { method, headers: { origin } });
      assert.equal(status, 403, method);
      assert.doesNotMatch(head, /access-control/);
      assert.doesNotMatch(body, /version/);
    }
    const stream = await send(harness, { path: QUOTES, headers: { origin } });
    assert.equal(stream.status, 403);
    assert.equal(harness.market.streams.size, 0);
  });
}

Deno.test("without listed origins a page of the same host and port may call", async () => {
  await using harness = await startWebHarness({ allowedHosts: ["proxy.example"] });
  const host = `127.0.0.1:${harness.webPort}`;
  for (
    const [name, origin] of [[host, `http://${host}`], ["Proxy.example", "https://proxy.example"]]
  ) {
    const { status, head } = await send(harness, { headers: { host: name, origin } });
    assert.equal(status, 200);
    assert.doesNotMatch(head, /access-control/);
  }
  const other = await send(harness, { headers: { origin: "http://127.0.0.1:1" } });
  assert.equal(other.status, 403);
});

Deno.test("with * every page may call", async () => {
  await using harness = await startWebHarness({ origins: ["*"] });
  const { status, head } = await send(harness, { headers: { origin: "https://any.example" } });
  assert.equal(status, 200);
  assert.match(head, /access-control-allow-origin: https:\/\/any\.example/);
});

Deno.test("a request that a page can send without a preflight is no call", async () => {
  await using harness = await startWebHarness({ origins: [PAGE] });
  const frame = "\0\0\0\0\0";
  for (
    const type of [
      "text/plain",
      "text/plain;application/grpc-web",
      "multipart/form-data",
      "application/x-www-form-urlencoded",
      undefined,
      "application/grpc",
    ]
  ) {
    for (const path of [STATUS, QUOTES]) {
      const { status } = await send(harness, {
        path,
        headers: { "content-type": type, origin: PAGE },
        body: frame,
      });
      assert.equal(status, 415, `${type} ${path}`);
    }
  }
  for (const method of ["GET", "HEAD", "PUT"]) {
    const { status, head } = await send(harness, { method });
    assert.equal(status, 405, method);
    assert.match(head, /allow: post/);
  }
  assert.equal(harness.market.streams.size, 0);
});

Deno.test("calls are served under the names of the status page alone", async () => {
  await using harness = await startWebHarness({ allowedHosts: ["proxy.example"] });
  const evil = { host: "rebound.example", origin: "http://rebound.example" };
  const refused = await send(harness, { headers: evil });
  assert.equal(refused.status, 403);
  assert.match(refused.body, /not served under the name rebound\.example/);
  const allowed = await send(harness, { headers: { host: "proxy.example" } });
  assert.equal(allowed.status, 200);
});

Deno.test("other paths are those of the port, and unknown methods are 404", async () => {
  await using harness = await startWebHarness();
  for (const path of ["/cream.v1.StreamProxyService/Nothing", "/cream.v1.Other/StreamQuotes"]) {
    assert.equal((await send(harness, { path })).status, 404, path);
  }
  const healthz = await send(harness, { method: "GET", path: "/healthz", body: "" });
  assert.deepEqual([healthz.status, healthz.body], [200, "OK"]);
});

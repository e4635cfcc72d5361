/** What clients of the HTTP ports may use up, over real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import type { ConnectionLimitsOptions } from "../../../src/application/connections/connection_limits.ts";
import type { ServeHttpOptions } from "../../../src/infrastructure/http/serve_http.ts";
import { freePort } from "../../docs/loopback.ts";
import { httpDependencies, serveConnected } from "../../support/http_dependencies.ts";
import { RawConnection, rawRequest } from "../../support/raw_http.ts";
import { until } from "../../support/until.ts";

async function serve(
  options: Partial<ServeHttpOptions> = {},
  limits: Partial<ConnectionLimitsOptions> = {},
) {
  const dependencies = httpDependencies(limits);
  const servers = await serveConnected({
    ...dependencies,
    feeds: new Set(["sip"]),
    ...options,
  });
  return {
    port: servers.healthPort,
    metricsPort: servers.metricsPort,
    figures: () => dependencies.connections.figures,
    refusals: dependencies.counters.refusals,
    [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose](),
  };
}

const HEALTHZ = "GET /healthz HTTP/1.1\r\nHost: proxy\r\n\r\n";

async function openMany(
  port: number,
  count: number,
  all: DisposableStack,
): Promise<RawConnection[]> {
  const opened: RawConnection[] = [];
  while (opened.length < count) {
    opened.push(all.use(await RawConnection.open(port)));
  }
  return opened;
}

Deno.test("3000 idle connections do not block a probe, and all are closed", async () => {
  await using http = await serve({ idleMs: 1_000 });
  using all = new DisposableStack();
  for (let wave = 0; wave < 10; wave++) {
    await openMany(http.port, 300, all);
    assert.ok(http.figures().http <= 256);
    using probe = await RawConnection.open(http.port);
    await probe.send(HEALTHZ);
    assert.match((await probe.readUntil(/OK$/)).text, /^HTTP\/1\.1 200 OK/);
  }
  await until("all are closed", () => http.figures().http === 0);
});

Deno.test("a connection is closed when it has been idle since its last request", async () => {
  await using http = await serve({ idleMs: 200 });
  using connection = await RawConnection.open(http.port);
  await connection.send(HEALTHZ);
  assert.match((await connection.readUntil(/OK$/)).text, /200 OK/);
  await connection.closed();
});

Deno.test("a request that arrives byte by byte is cut off", async () => {
  await using http = await serve({ idleMs: 300 });
  using slow = await RawConnection.open(http.port);
  let over = false;
  const closed = slow.closed().then(() => over = true);
  for (const byte of `${HEALTHZ.slice(0, -2)}X: ${"x".repeat(200)}`) {
    await slow.send(byte).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (over) break;
  }
  assert.ok(over);
  await closed;
});

Deno.test("an answer that is not read is cut off", async () => {
  const renderMetrics = () => Promise.resolve("x".repeat(20_000_000));
  await using http = await serve({ idleMs: 300, renderMetrics });
  using stalled = await RawConnection.open(http.port);
  await stalled.send("GET /metrics HTTP/1.1\r\nHost: proxy\r\n\r\n");
  await until("it is served", () => http.figures().http === 1);
  await until("it is cut off", () => http.figures().http === 0);
});

Deno.test("viewers of events stay longer than an idle connection", async () => {
  await using http = await serve({ idleMs: 300 });
  using viewer = await RawConnection.open(http.port);
  await viewer.send("GET /events HTTP/1.1\r\nHost: proxy\r\n\r\n");
  const { text } = await viewer.readUntil(/(data: [^]*){3}/);
  assert.match(text, /transfer-encoding: chunked/i);
});

Deno.test("above the limit with no idle connection a new one is refused", async () => {
  await using http = await serve({}, { maxHttp: 2 });
  using all = new DisposableStack();
  for (const viewer of await openMany(http.port, 2, all)) {
    await viewer.send("GET /events HTTP/1.1\r\nHost: proxy\r\n\r\n");
    await viewer.readUntil(/data: /);
  }
  using refused = await RawConnection.open(http.port);
  await refused.closed();
  assert.equal(http.figures().http, 2);
});

Deno.test("busy connections of one address leave room for a probe of another", async () => {
  await using http = await serve({}, { maxHttpPerAddress: 2 });
  using all = new DisposableStack();
  for (const viewer of await openMany(http.port, 2, all)) {
    await viewer.send("GET /events HTTP/1.1\r\nHost: proxy\r\n\r\n");
    await viewer.readUntil(/data: /);
  }
  using refused = await RawConnection.open(http.port);
  await refused.closed();
  assert.equal(http.refusals.connections_per_address, 1);
  // Another address of the loopback network.
  const probe = connectTcp({ port: http.port, host: "127.0.0.1", localAddress: "127.0.0.2" });
  probe.write(HEALTHZ);
  const [answer] = await once(probe, "data");
  assert.match(String(answer), /^HTTP\/1\.1 200 OK/);
  probe.destroy();
  await until("the probe is closed", () => http.figures().http === 2);
});

Deno.test("viewers of one address above their limit get 503, and later are served", async () => {
  await using http = await serve({ maxViewersPerAddress: 1 });
  const url = `http://127.0.0.1:${http.port}/events`;
  const first = await fetch(url);
  const refused = await fetch(url);
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /1 viewers of one address/);
  assert.equal(http.refusals.viewers, 1);
  await first.body?.cancel();
  await until("another is served", async () => {
    const next = await fetch(url);
    await next.body?.cancel();
    return next.status === 200;
  });
});

/** Host to whether the status page is served under it. */
const HOSTS: Readonly<Record<string, boolean>> = {
  "127.0.0.1:8082": true,
  "10.1.2.3": true,
  "[::1]:8082": true,
  "localhost:8082": true,
  "LOCALHOST.": true,
  "proxy.localhost": true,
  "alpaca-stream-proxy:8082": true,
  "status.example.org": true,
  "a.b.svc.cluster.local": true,
  "svc.cluster.local": false,
  "example.org": false,
  "evil.example": false,
  "127.0.0.1.evil.example": false,
  "localhost.evil.example": false,
  "status.example.org.evil.example": false,
};

for (const [host, served] of Object.entries(HOSTS)) {
  const verb = served ? "served" : "refused";
  Deno.test(`the status page is ${verb} under the name ${host}`, async () => {
    await using http = await serve({
      allowedHosts: ["status.example.org", "*.svc.cluster.local"],
    });
    const get = (path: string) =>
      rawRequest(
        http.port,
        `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
    const page = await get("/");
    if (served) assert.match(page, /^HTTP\/1\.1 200 /);
    else {
      assert.match(page, /^HTTP\/1\.1 403 /);
      assert.match(page, /STREAM_PROXY_ALLOWED_HOSTS/);
      assert.match(await get("/events"), /^HTTP\/1\.1 403 /);
    }
    for (const path of ["/health", "/healthz", "/readyz", "/metrics"]) {
      assert.match(await get(path), /^HTTP\/1\.1 200 /, path);
    }
  });
}

Deno.test("the host of an absolute request target is checked", async () => {
  await using http = await serve();
  const answer = await rawRequest(
    http.port,
    "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
  );
  assert.match(answer, /^HTTP\/1\.1 403 [^]*evil\.example/);
});

/** Headers that a browser sends with a request of a page. */
const BROWSERS: Readonly<Record<string, Record<string, string>>> = {
  "the name of a page": { "accept-language": "en" },
  "a page of the same site": { "sec-fetch-site": "same-site", host: "127.0.0.1" },
  "a page of another site": { "sec-fetch-site": "cross-site", host: "127.0.0.1" },
  "a page without an origin": { origin: "null", host: "127.0.0.1" },
  "a page of another port": { origin: "http://127.0.0.1:1", host: "127.0.0.1" },
  "a frame": {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "iframe",
    host: "127.0.0.1",
  },
};

for (const [from, headers] of Object.entries(BROWSERS)) {
  Deno.test(`metrics and health are not served to ${from} in a browser`, async () => {
    await using http = await serve({ metrics: { host: "127.0.0.1", port: freePort() } });
    const lines = Object.entries({ host: "evil.example", ...headers })
      .map(([name, value]) => `${name}: ${value}\r\n`).join("");
    for (const port of [http.port, http.metricsPort ?? 0]) {
      const answer = await rawRequest(
        port,
        `GET /metrics HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.1 403 /);
    }
    const get = (path: string) =>
      rawRequest(http.port, `GET ${path} HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`);
    assert.match(await get("/health"), /^HTTP\/1\.1 403 /);
    assert.match(await get("/healthz"), /^HTTP\/1\.1 200 /, "one word");
  });
}

Deno.test("metrics are served to scrapes under any name, and to people who open them", async () => {
  await using http = await serve({ allowedHosts: ["proxy.example.org"] });
  const navigation = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
  const readers: Record<string, string>[] = [
    // What Prometheus 3.5 sends.
    {
      host: "proxy.of.a.tenant.example:8082",
      "user-agent": "Prometheus/3.5.0",
      accept: "text/plain;version=0.0.4;q=0.1,*/*;q=0.1",
      "accept-encoding": "gzip",
      "x-prometheus-scrape-timeout-seconds": "10",
    },
    { host: "10.1.2.3:8082", "user-agent": "kube-probe/1.34", accept: "*/*" },
    { host: "proxy.example.org", "accept-language": "en", "sec-fetch-site": "same-origin" },
    // A link on another site, and an address that was typed.
    { host: "localhost", "accept-language": "en", "sec-fetch-site": "cross-site", ...navigation },
    { host: "localhost", "accept-language": "en", "sec-fetch-site": "none", ...navigation },
  ];
  for (const headers of readers) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    for (const path of ["/metrics", "/health"]) {
      const answer = await rawRequest(
        http.port,
        `GET ${path} HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.1 200 /, `${path} ${JSON.stringify(headers)}`);
    }
  }
});

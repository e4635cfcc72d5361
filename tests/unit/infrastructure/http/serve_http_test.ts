import assert from "node:assert/strict";
import type { ProxyStatus } from "../../../../src/application/status/status.ts";
import type { FeedId } from "../../../../src/domain/connection/feed.ts";
import { CannotListen } from "../../../../src/application/connections/open_port.ts";
import {
  serveHttp,
  type ServeHttpOptions,
} from "../../../../src/infrastructure/http/serve_http.ts";
import { httpDependencies } from "../../../support/http_dependencies.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { sampleStatus } from "../../../support/sample_status.ts";

const ALL: ReadonlySet<FeedId> = new Set<FeedId>(["sip", "opra", "trading"]);
const UP = sampleStatus(["connected", "connected", "connected"]);
const SOME = sampleStatus(["connected", "reconnecting", "error"]);
const DOWN = sampleStatus(["connecting", "authenticating", "disconnected"]);

async function setup(options: Partial<ServeHttpOptions> = {}) {
  let status: ProxyStatus = UP;
  const faults: unknown[] = [];
  const servers = await serveHttp({
    health: { host: "127.0.0.1", port: 0 },
    metrics: { host: "127.0.0.1", port: 0 },
    ...httpDependencies(),
    feeds: ALL,
    status: () => status,
    renderMetrics: () => Promise.resolve("a_metric 1\n"),
    onError: (cause) => faults.push(cause),
    ...options,
  });
  const get = async (path: string, method = "GET") => {
    const url = `http://127.0.0.1:${servers.healthPort}${path}`;
    const response = await fetch(url, { method });
    return { response, code: response.status, body: await response.text() };
  };
  return {
    servers,
    faults,
    get,
    show: (next: ProxyStatus) => void (status = next),
    [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose](),
  };
}

/** A port that was free a moment ago. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("/health has every field, with true counts", async () => {
  await using http = await setup();
  http.show(SOME);
  const { code, body, response } = await http.get("/health");
  assert.equal(code, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.deepEqual(JSON.parse(body), {
    status: "degraded",
    version: "0.1.0",
    uptime_secs: 63,
    current_time: "2024-01-15T15:01:03.900Z",
    feeds: {
      sip: {
        name: "Stocks",
        product: "iex",
        state: "connected",
        connected: true,
        messages_received: 42,
        reconnect_attempts: 0,
      },
      opra: {
        name: "Options",
        product: "indicative",
        state: "reconnecting",
        connected: false,
        messages_received: 42,
        reconnect_attempts: 3,
      },
      trading: {
        name: "Trade updates",
        product: "trade_updates",
        state: "error",
        connected: false,
        messages_received: 42,
        reconnect_attempts: 0,
      },
    },
    clients: { total: 5 },
    subscriptions: { broadcast_receivers: 5 },
  });
});

Deno.test("/health has the freshness of enabled feeds", async () => {
  await using http = await setup();
  const [stocks, ...others] = UP.feeds;
  assert.ok(stocks);
  const notice = {
    freshness: "stale",
    since: Date.UTC(2024, 0, 15, 15),
    reason: "No data",
    symbols: [],
  } as const;
  const freshness = { notice, staleSeconds: 63.9, staleSymbols: 2 };
  http.show({ ...UP, feeds: [{ ...stocks, freshness }, ...others] });
  const { code, body } = await http.get("/health");
  const { status, feeds } = JSON.parse(body);
  assert.deepEqual(feeds.sip.freshness, {
    state: "stale",
    since: "2024-01-15T15:00:00.000Z",
    reason: "No data",
    stale_symbols: 2,
  });
  assert.equal("freshness" in feeds.opra, false);
  assert.deepEqual([code, status], [200, "healthy"], "health is that of the sessions");
});

Deno.test("/health is 200 while any feed is connected and 503 without", async () => {
  await using http = await setup();
  const told: unknown[] = [];
  for (const status of [UP, SOME, DOWN]) {
    http.show(status);
    const { code, body } = await http.get("/health");
    told.push([code, JSON.parse(body).status]);
  }
  assert.deepEqual(told, [
    [200, "healthy"],
    [200, "degraded"],
    [503, "unhealthy"],
  ]);
});

Deno.test("feeds that are not enabled do not count for health", async () => {
  await using http = await setup({ feeds: new Set<FeedId>(["sip"]) });
  http.show(sampleStatus(["connected", "disconnected", "disconnected"]));
  assert.equal(JSON.parse((await http.get("/health")).body).status, "healthy");
  http.show(sampleStatus(["error", "connected", "connected"]));
  assert.equal((await http.get("/health")).code, 503);
  assert.equal((await http.get("/readyz")).code, 503);
});

Deno.test("/healthz is OK in any state of the feeds", async () => {
  await using http = await setup();
  http.show(DOWN);
  const { code, body } = await http.get("/healthz");
  assert.deepEqual([code, body], [200, "OK"]);
});

Deno.test("/readyz asks for one connected feed, and no while draining", async () => {
  await using http = await setup();
  const ready = async (status: ProxyStatus) => {
    http.show(status);
    const { code, body } = await http.get("/readyz");
    return [code, body];
  };
  assert.deepEqual(await ready(SOME), [200, "READY"]);
  assert.deepEqual(await ready(DOWN), [503, "NOT READY"]);
  assert.deepEqual(await ready({ ...UP, draining: true }), [503, "NOT READY"]);
});

Deno.test("/metrics is served on the health port and on its own port", async () => {
  const port = freePort();
  await using http = await setup({ metrics: { host: "127.0.0.1", port } });
  assert.equal(http.servers.metricsPort, port);
  for (const from of [http.servers.healthPort, port]) {
    const response = await fetch(`http://127.0.0.1:${from}/metrics`);
    assert.equal(response.status, 200);
    assert.equal(
      response.headers.get("content-type"),
      "text/plain; version=0.0.4; charset=utf-8",
    );
    assert.equal(await response.text(), "a_metric 1\n");
  }
  const other = await fetch(`http://127.0.0.1:${port}/health`);
  assert.equal(other.status, 404);
  assert.match(await other.text(), /GET \/metrics/);
});

Deno.test("metrics port 0 opens no second port", async () => {
  await using http = await setup();
  assert.equal(http.servers.metricsPort, undefined);
});

Deno.test("HEAD answers like GET, without a body", async () => {
  await using http = await setup();
  for (
    const path of [
      "/",
      "/icon.svg",
      "/health",
      "/healthz",
      "/readyz",
      "/metrics",
    ]
  ) {
    const { code, body, response } = await http.get(path, "HEAD");
    assert.deepEqual([code, body], [200, ""], path);
    const type = (await http.get(path)).response.headers.get("content-type");
    assert.equal(response.headers.get("content-type"), type);
  }
  const length = async (method: string) =>
    (await http.get("/readyz", method)).response.headers.get("content-length");
  assert.equal(await length("HEAD"), "5");
  assert.equal(await length("GET"), "5");
});

Deno.test("another method is 405, an unknown path 404 with what there is", async () => {
  await using http = await setup();
  const wrong = await http.get("/health", "POST");
  assert.equal(wrong.code, 405);
  assert.equal(wrong.response.headers.get("allow"), "GET, HEAD");
  for (const path of ["/index.html", "/healthy", "/constructor", "/health/"]) {
    const unknown = await http.get(path);
    assert.equal(unknown.code, 404, path);
    assert.match(
      unknown.body,
      /GET \/\n.*GET \/events\nGET \/health\nGET \/healthz\nGET \/readyz\n/s,
    );
  }
});

Deno.test("no answer may be cached or sniffed", async () => {
  await using http = await setup();
  for (const path of ["/", "/health", "/readyz", "/metrics", "/nowhere"]) {
    const { response } = await http.get(path);
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  }
});

Deno.test("many readers of the page within half a second cost one reading", async () => {
  let reads = 0;
  const clock = new ManualClock();
  await using http = await setup({ clock, status: () => (reads++, UP) });
  for (let reader = 0; reader < 5; reader++) await http.get("/");
  await clock.advance(499);
  await http.get("/");
  assert.equal(reads, 1);
  await clock.advance(1);
  await http.get("/");
  assert.equal(reads, 2);
});

Deno.test("an error costs its own response and is logged only", async () => {
  const fault = new Error("inside");
  await using http = await setup({ renderMetrics: () => Promise.reject(fault) });
  const { code, body } = await http.get("/metrics");
  assert.equal(code, 500);
  assert.doesNotMatch(body, /inside/);
  assert.deepEqual(http.faults, [fault]);
  assert.equal((await http.get("/healthz")).code, 200);
});

Deno.test("a taken port names the port and the variable, and opens none", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const free = freePort();
  const { port } = taken.addr;
  await assert.rejects(
    () =>
      setup({
        health: { host: "127.0.0.1", port: free },
        metrics: { host: "127.0.0.1", port },
      }),
    (error) => {
      assert.ok(error instanceof CannotListen);
      assert.ok(error.message.includes(`127.0.0.1:${port} for metrics`));
      assert.match(error.message, /STREAM_PROXY_METRICS_PORT/);
      return true;
    },
  );
  taken.close();
  Deno.listen({ hostname: "127.0.0.1", port: free }).close(); // free again
});

Deno.test("an address of another machine is explained", async () => {
  await assert.rejects(
    () => setup({ health: { host: "192.0.2.1", port: 0 } }),
    /192\.0\.2\.1:0 for health checks: .*STREAM_PROXY_HOST/,
  );
});

Deno.test("disposing twice is safe and frees the port", async () => {
  const port = freePort();
  const http = await setup({ health: { host: "127.0.0.1", port } });
  await http.servers[Symbol.asyncDispose]();
  await http.servers[Symbol.asyncDispose]();
  await http.servers.finished;
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

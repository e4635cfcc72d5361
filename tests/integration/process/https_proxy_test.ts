/** HTTPS_PROXY, NO_PROXY and own certificate authorities, as a process reads them. */
import assert from "node:assert/strict";
import { startSimulator } from "@alpaca-stream-proxy/simulator";
import { CA_FILE, startConnectProxy, startTlsServer } from "../../support/connect_proxy.ts";
import { FREE_PORTS } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";
import { Child } from "./child.ts";

/** The environment of a proxy for a simulator behind TLS on another host. */
function environmentOf(simulated: Record<string, string>, host: string): Record<string, string> {
  const secure = Object.entries(simulated).map(([name, value]) => [
    name,
    value.replace(/^(ws|http):\/\/127\.0\.0\.1:\d+/, `$1s://${host}`),
  ]);
  return {
    ...Object.fromEntries(secure),
    ...FREE_PORTS,
    OTEL_ENABLED: "false",
    STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS: "10",
    DENO_CERT: CA_FILE,
    DENO_NO_UPDATE_CHECK: "1",
  };
}

/** Waits until all feeds are connected; returns the gRPC port. */
async function untilHealthy(child: Child): Promise<number> {
  const line = await child.logged("Started");
  const { ports } = line as { readonly ports: { readonly grpc: number; readonly health: number } };
  await until("all feeds are connected", async () => {
    const response = await fetch(`http://127.0.0.1:${ports.health}/health`);
    return (await response.json()).status === "healthy";
  });
  return ports.grpc;
}

Deno.test("WebSockets and REST requests use HTTPS_PROXY and its own authority", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  await using tls = await startTlsServer(Number(new URL(simulator.url).port));
  await using proxy = await startConnectProxy(tls);
  await using child = new Child({
    env: {
      ...environmentOf(simulator.environment(), "alpaca.test"),
      HTTPS_PROXY: `http://user:pass%20word@127.0.0.1:${proxy.port}`,
      NO_PROXY: "other.test",
    },
  });
  const port = await untilHealthy(child);
  // Orders are read by REST at the start, over a connection that the contracts may reuse.
  assert.ok(proxy.requests.length >= 3, "one for each feed");
  using client = clientOf({ address: `127.0.0.1:${port}` });
  {
    await using _stream = collect(client, METHODS.streamOptionQuotes, { underlyings: ["SPY"] });
    await until(
      "the contracts, listed by REST, are subscribed",
      () =>
        simulator.sessions().some(({ endpoint, subscriptions }) =>
          endpoint === "opra" && (subscriptions["quotes"]?.length ?? 0) > 0
        ),
    );
  }
  assert.ok(proxy.requests.length > 3, "REST passes it too");
  for (const head of proxy.requests) {
    assert.match(head, /^CONNECT alpaca\.test:443 HTTP\/1\.1\r\n/);
    assert.match(head, /^proxy-authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r$/im);
  }
  child.signal("SIGTERM");
  const { stdout, stderr } = await child.ended();
  assert.doesNotMatch(stdout + stderr, /pass(%20| )word|dXNlcj/);
});

Deno.test("hosts of NO_PROXY are reached without HTTPS_PROXY", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  await using tls = await startTlsServer(Number(new URL(simulator.url).port));
  await using proxy = await startConnectProxy(tls);
  await using child = new Child({
    env: {
      ...environmentOf(simulator.environment(), `localhost:${tls.port}`),
      https_proxy: `127.0.0.1:${proxy.port}`,
      no_proxy: "other.test,localhost",
    },
  });
  await untilHealthy(child);
  assert.deepEqual(proxy.requests, []);
});

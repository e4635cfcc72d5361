/** Connection attempts through an HTTP proxy that fail. */
import assert from "node:assert/strict";
import { startConnectProxy, startTlsServer } from "../../support/connect_proxy.ts";
import { startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";

const REFUSED = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";

for (
  const [what, answer, expected] of [
    ["refuses", REFUSED, /HTTPS_PROXY 127\.0\.0\.1:\d+: answered CONNECT .* with HTTP\/1\.1 407/],
    ["is no HTTP proxy", "SSH-2.0-x\r\n\r\n", /answered CONNECT .* with SSH-2\.0/],
    ["closes the connection", "HTTP/1.1", /HTTPS_PROXY .*the connection was closed/],
  ] as const
) {
  Deno.test(`the log says that HTTPS_PROXY ${what}`, async () => {
    await using proxy = await startConnectProxy({ answer });
    await using harness = await startHarness({
      env: {
        STREAM_PROXY_FEEDS: "sip",
        ALPACA_STOCK_STREAM_URL: "wss://alpaca.test/v2/sip",
        HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
      },
    });
    const seen = () =>
      harness.log.records.map((record) => JSON.stringify(record.fields)).join("\n");
    await until("the failure is logged", () => expected.test(seen()));
  });
}

Deno.test("a certificate that is not trusted is named as such through HTTPS_PROXY", async () => {
  await using tls = await startTlsServer(1);
  await using proxy = await startConnectProxy(tls);
  await using harness = await startHarness({
    env: {
      STREAM_PROXY_FEEDS: "sip",
      ALPACA_STOCK_STREAM_URL: "wss://alpaca.test/v2/sip",
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
    },
  });
  const seen = () => harness.log.records.map((record) => JSON.stringify(record.fields)).join("\n");
  await until("the failure is logged", () => seen().includes("dial"));
  assert.match(seen(), /certificate is not trusted/);
});

Deno.test("a proxy that stops does not wait for an HTTPS_PROXY that does not answer", async () => {
  await using proxy = await startConnectProxy({ answer: "" });
  {
    await using _harness = await startHarness({
      env: {
        STREAM_PROXY_FEEDS: "sip",
        ALPACA_STOCK_STREAM_URL: "wss://alpaca.test/v2/sip",
        HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
      },
    });
    await until("the proxy is asked", () => proxy.requests.length > 0);
  }
  assert.equal(proxy.requests.length, 1);
});

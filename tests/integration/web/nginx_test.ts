/** Calls through nginx, which passes them on by HTTP/1.1. */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { Balancer, type BalancerKind, missingBalancer } from "../../docs/balancers.ts";
import { freePort } from "../../docs/loopback.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import { startWebHarness, WEB_PROTOCOLS, webClient } from "../../support/web_client.ts";

const NGINX: BalancerKind = {
  name: "nginx",
  program: "nginx",
  template: "nginx_web.conf",
  values: {},
};
const missing = await missingBalancer(NGINX);

Deno.test({
  name: `streams and their ends pass through nginx immediately${
    missing ? ` (skipped: ${missing})` : ""
  }`,
  ignore: missing !== undefined,
  fn: async () => {
    await using harness = await startWebHarness();
    const listen = freePort();
    await using _nginx = await Balancer.start(NGINX, { listen, proxy: harness.webPort });
    const behind = { webUrl: `http://127.0.0.1:${listen}` };
    const received: string[] = [];
    const ends = WEB_PROTOCOLS.map(async (protocol) => {
      const client = webClient(behind, protocol, StreamProxyService);
      await client.getConnectionStatus({});
      try {
        for await (const { quote } of client.streamQuotes({})) received.push(quote?.symbol ?? "");
      } catch (error) {
        return ConnectError.from(error);
      }
      return undefined;
    });
    await harness.market.untilOpen(WEB_PROTOCOLS.length);
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
    while (received.length < WEB_PROTOCOLS.length) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.deepEqual(received, WEB_PROTOCOLS.map(() => "AAPL"));
    await harness.server.stop(2_000, "stopped");
    for (const error of await Promise.all(ends)) {
      assert.equal(error?.code, Code.Unavailable);
      assert.equal(error.rawMessage, "stopped");
    }
  },
});

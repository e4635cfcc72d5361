import { startCluster } from "../support/cluster.ts";
import { clientOf, collect, METHODS } from "../support/streams.ts";
import { areSubscribed } from "../support/harness.ts";
import { until } from "../support/until.ts";
Deno.test("x", async () => {
  await using c = await startCluster({ env: { STREAM_PROXY_FEEDS: "crypto,news" } });
  const { simulator, edges: [edge], hubLog } = c;
  const client = clientOf(edge);
  const s = collect(client, METHODS.streamCryptoTrades, {
    symbols: ["AAA/USD"],
    options: { meta: true, notices: true },
  });
  const sub = () =>
    areSubscribed(simulator, { endpoint: "crypto/us", channel: "trades" }, ["AAA/USD"]);
  await until("sub", sub);
  hubLog.records.length = 0;
  edge.log.records.length = 0;
  const t = performance.now();
  simulator.disconnect("crypto/us", 0);
  await until("sub again", sub).catch(console.log);
  console.log("subscribed again at hub after", performance.now() - t);
  await new Promise((r) => setTimeout(r, 6000));
  for (const r of hubLog.records) console.log("HUB", JSON.stringify(r));
  for (const r of edge.log.records) console.log("EDGE", JSON.stringify(r));
  console.log(
    s.messages.length,
    JSON.stringify(s.messages, (_k, v) => typeof v === "bigint" ? String(v) : v),
  );
  await s.close();
  client[Symbol.dispose]();
});

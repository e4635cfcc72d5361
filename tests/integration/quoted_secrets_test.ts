/** What becomes of secrets that upstream quotes back, in the program as wired. */
import { FrameClient } from "../support/frame_client.ts";
import assert from "node:assert/strict";
import { DEMO_ACCOUNT } from "@alpaca-stream-proxy/simulator";
import { startHarness } from "../support/harness.ts";
import { until } from "../support/until.ts";

const KEY = "KEY-quoted-731";
const SECRET = "SECRET-quoted-732";

Deno.test("secrets that upstream quotes are on no page, in no body and no log line", async () => {
  await using harness = await startHarness({
    simulator: { accounts: [{ ...DEMO_ACCOUNT, key: KEY, secret: SECRET }] },
    env: { ALPACA_KEY: KEY, ALPACA_SECRET: SECRET },
  });
  const read = async (path: string) => await (await fetch(harness.health + path)).text();
  const tellsOf = (words: string) => until(words, async () => (await read("/")).includes(words));
  await until("connected", async () => {
    return JSON.parse(await read("/health")).status === "healthy";
  });
  const complain = (code: number, msg: string) =>
    harness.simulator.emitRaw(
      "sip",
      JSON.stringify([{ T: "error", code, msg: `${msg} of ${KEY}:${SECRET}` }]),
    );
  complain(400, "odd request");
  await tellsOf("odd request of &lt;secret&gt;:&lt;secret&gt;");
  complain(402, "auth failed");
  await tellsOf("auth failed of &lt;secret&gt;:&lt;secret&gt;");
  for (const path of ["/", "/health", "/metrics"]) {
    assert.doesNotMatch(await read(path), /quoted-73/, path);
  }
  assert.doesNotMatch(JSON.stringify(harness.log.records), /quoted-73/);
});

Deno.test("secrets in the name of a client are on no status page", async () => {
  await using harness = await startHarness();
  const token = `asp_${"T0ken".repeat(8)}abc`;
  const secret = harness.simulator.environment().ALPACA_SECRET ?? "";
  await using client = await FrameClient.connect(harness.proxy.ports.grpc);
  for (const name of [token, secret]) {
    client.open("/cream.v1.StreamProxyService/StreamQuotes", {
      headers: [["user-agent", `bot/${name}`]],
    });
  }
  const pageOf = async () => await (await fetch(`${harness.health}/`)).text();
  await until(
    "both clients",
    async () => (await pageOf()).split("bot/&lt;secret&gt;").length === 3,
  );
  const page = await pageOf();
  for (const text of [token, `bot/${secret}`]) assert.ok(!page.includes(text), text);
});

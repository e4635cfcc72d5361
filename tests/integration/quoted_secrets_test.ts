/** What becomes of secrets that upstream quotes back, in the program as wired. */
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

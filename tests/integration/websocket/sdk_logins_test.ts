/** Alpaca's official SDKs, unmodified, after a refused login that may succeed later. */
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { digestOf } from "../../support/access.ts";
import { AlpacaClient } from "../../support/alpaca_client.ts";
import { type Harness, startHarness } from "../../support/harness.ts";
import { sdkStreams } from "../../support/sdk_streams.ts";
import { stockMessages } from "../../support/stock_messages.ts";
import { until } from "../../support/until.ts";

/** Not of the form that works from a blocked address. */
const TOKEN = "a-token-of-the-operator";
const POLICY = {
  roles: { trader: { orders: true } },
  identities: [{ name: "desk", role: "trader", tokens: [digestOf(TOKEN)] }],
};
const MARKET = { symbol: "AAPL", qty: "1", side: "buy", type: "market", time_in_force: "day" };
/** It treats the second connection as one that has subscribed before. */
const NOT_SUBSCRIBED = "it logs in again, but does not call onConnect";
const WHAT = "logs in again after its address was blocked";

/** Uses up the failures of the address of this machine, on a path that no SDK uses here. */
async function block(url: string): Promise<void> {
  await until("the address is blocked", async () => {
    await using client = new AlpacaClient(`${url}/v2/iex`);
    await client.next();
    return (await client.request({ action: "auth", key: "K", secret: "unknown" })).code === 406;
  });
}

/** Whether a login on a path was refused because the address is blocked. */
function isRefused({ log }: Harness, path: string): boolean {
  return log.records.some(({ message, fields }) =>
    message === "Stream refused" && fields?.rpc === path &&
    /Too many failed attempts/.test(String(fields?.reason))
  );
}

for (const kind of await sdkStreams()) {
  const { name, kinds } = kind;
  const missing = kind.missing ?? (name === "JavaScript 3" ? NOT_SUBSCRIBED : undefined);
  const title = `${name} ${WHAT}`;
  Deno.test({
    name: missing === undefined ? title : `${title} (skipped: ${missing})`,
    ignore: missing !== undefined,
    fn: async () => {
      // While it is held, no failure of the address is refilled.
      let held: number | undefined;
      const clock = { ...systemClock, monotonic: () => held ?? systemClock.monotonic() };
      const env = { STREAM_PROXY_ACCESS: JSON.stringify(POLICY) };
      await using harness = await startHarness({ websocket: true, env, clock });
      const { simulator, websocket: url } = harness;
      held = systemClock.monotonic();
      await block(url);
      await using program = await kind.start({ url, key: "K", secret: TOKEN, kinds });
      await program.subscribe("stocks", "quotes", ["AAPL"]);
      await program.connect();
      const paths = kinds.includes("orders") ? ["/v2/sip", "/stream"] : ["/v2/sip"];
      await until(
        () => `logins are refused: ${program.complaint}`,
        () => paths.every((path) => isRefused(harness, path)),
        30_000,
      );
      held = undefined;
      const quotes = stockMessages("AAPL", 0).filter(({ T }) => T === "q");
      await until(
        () => `quotes and fills: ${program.complaint}`,
        async () => {
          simulator.emit("sip", quotes);
          simulator.trading.engineOf("SIM_KEY").submit(MARKET);
          await new Promise((resolve) => setTimeout(resolve, 50));
          const { lines } = program;
          return lines.some((line) => line.includes("stocks quotes")) &&
            (!kinds.includes("orders") || lines.some((line) => /"fill"/.test(line)));
        },
        60_000,
      );
    },
  });
}

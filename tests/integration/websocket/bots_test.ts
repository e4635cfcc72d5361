/** Bots that many people run, unchanged, on the WebSocket API. */
import assert from "node:assert/strict";
import { startHarness } from "../../support/harness.ts";
import { requires } from "../../support/requires.ts";
import { startTradingFront, type TradingFront } from "../../support/trading_front.ts";

const FOLDER = new URL("../../../simulator/tests/integration/bots/", import.meta.url).pathname;
const PYTHON = Deno.env.get("BOTS_PYTHON") ?? "";
const SECONDS = 60;

type Line = Readonly<Record<string, unknown>>;

async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Line[]> {
  const child = new Deno.Command("timeout", {
    args: [String(SECONDS), PYTHON, FOLDER + program, ...args],
    env: { ...env },
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.ok(success, text(stdout).slice(-2000) + text(stderr).slice(-2000));
  return text(stdout).trim().split("\n").map((line) => JSON.parse(line));
}

function frontOf(harness: {
  readonly simulator: { readonly url: string };
  readonly websocket: string;
}): Promise<TradingFront> {
  return startTradingFront({ rest: harness.simulator.url, websocket: harness.websocket });
}

Deno.test(requires(["BOTS_PYTHON"], {
  name: "backtrader with Alpaca's store trades on quotes and order updates of the proxy",
  fn: async () => {
    await using harness = await startHarness({
      websocket: true,
      simulator: { messagesPerSecond: 50 },
    });
    await using front = await frontOf(harness);
    const env = { DATA_PROXY_WS: harness.websocket };
    const lines = await run("backtrader_store.py", [front.url, "AAPL"], env);
    const statuses = lines.filter(({ kind }) => kind === "order").map(({ status }) => status);
    assert.ok(statuses.includes("Completed"));
    assert.ok(lines.some(({ kind, size }) => kind === "filled" && size === 1));
    assert.ok(lines.filter(({ kind }) => kind === "price").length >= 5);
    const sessions = harness.simulator.sessions().map(({ endpoint }) => endpoint);
    assert.deepEqual(sessions.toSorted(), ["opra", "sip", "trading"]);
  },
}));

Deno.test(requires(["BOTS_PYTHON"], {
  name: "ccxt watches orders on the proxy",
  fn: async () => {
    await using harness = await startHarness({ websocket: true });
    await using front = await frontOf(harness);
    const engine = harness.simulator.trading.engineOf("SIM_KEY");
    const order = { symbol: "AAPL", qty: "2", side: "buy", type: "market", time_in_force: "day" };
    const placing = setInterval(() => engine.submit(order), 500);
    try {
      const lines = await run("ccxt_orders.py", [front.url, harness.websocket]);
      assert.equal(lines.at(-1)?.["status"], "closed");
      assert.equal(lines.at(-1)?.["filled"], 2);
      assert.equal(lines.at(-1)?.["symbol"], "AAPL");
    } finally {
      clearInterval(placing);
    }
  },
}));

/**
 * The official Python SDK, unmodified, against the simulator. Needs a Python
 * that has alpaca-py: `ALPACA_PY_PYTHON` names it, else `python3` is tried.
 * Skipped, with the reason in its name, where there is none.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ManualClock } from "../../src/clock.ts";
import { startSimulator } from "../../src/simulator.ts";

async function succeeds(python: string): Promise<boolean> {
  try {
    const args = ["-c", "import alpaca"];
    return (await new Deno.Command(python, { args }).output()).success;
  } catch (error) {
    // No such program is the same as a program without the package.
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function findPython(): Promise<string | undefined> {
  const named = Deno.env.get("ALPACA_PY_PYTHON");
  if (named) {
    assert.ok(
      await succeeds(named),
      `ALPACA_PY_PYTHON is "${named}", which cannot import alpaca`,
    );
    return named;
  }
  return await succeeds("python3") ? "python3" : undefined;
}

const python = await findPython();

Deno.test({
  name: python
    ? "alpaca-py receives stocks, options and order updates"
    : "alpaca-py receives stocks, options and order updates (skipped: no Python with " +
      "alpaca-py; pip install alpaca-py, or set ALPACA_PY_PYTHON)",
  ignore: python === undefined,
  fn: async () => {
    await using simulator = await startSimulator({
      messagesPerSecond: 500,
      barSeconds: 1,
    });
    const symbol = simulator.market.optionContracts("AAPL")[0]?.symbol ?? "";
    const script = new URL("./alpaca_py_client.py", import.meta.url);
    const { stocks, options, trading } = simulator.streamUrls;
    const output = await new Deno.Command(python ?? "python3", {
      args: [
        fileURLToPath(script),
        stocks(),
        options(),
        symbol,
        trading,
        simulator.url,
      ],
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.ok(output.success, text(output.stderr).slice(-2000));
    const items = text(output.stdout).trim().split("\n").map((line) => JSON.parse(line));
    const symbols = Object.fromEntries(
      items.map((item) => [item.kind, item.symbol]),
    );
    assert.equal(symbols["stock trade"], "AAPL");
    assert.equal(symbols["stock bar"], "AAPL");
    assert.equal(symbols["option trade"], symbol);
    assert.equal(symbols["option quote"], symbol);
    const fill = items.find(({ kind }) => kind === "order fill");
    assert.equal(fill.order.symbol, "AAPL");
    assert.equal(fill.order.status, "filled");
    assert.equal(fill.qty, 1);
    assert.ok(fill.price > 0);
    const [{ timestamp }] = items;
    assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000);
  },
});

Deno.test({
  name: python
    ? "alpaca-py reads market data, orders and fills from REST"
    : "alpaca-py reads market data, orders and fills from REST (skipped: no Python with alpaca-py)",
  ignore: python === undefined,
  fn: async () => {
    const clock = new ManualClock(Date.parse("2026-09-14T14:35:00Z"));
    await using simulator = await startSimulator({ clock, messagesPerSecond: 0 });
    const option = simulator.market.optionContracts("F")[0]?.symbol ?? "";
    const t = "2026-09-14T14:30:01.118450321Z";
    simulator.emit("sip", [
      ...[1, 2].map((i) => ({ T: "t", S: "F", i, x: "V", p: 11, s: 5, c: ["@"], t, z: "A" })),
      { T: "q", S: "F", bx: "V", bp: 11, bs: 1, ax: "V", ap: 12, as: 2, c: ["R"], t, z: "A" },
      {
        T: "b",
        S: "F",
        o: 1,
        h: 1,
        l: 1,
        c: 1,
        v: 10,
        n: 2,
        vw: 1,
        t: "2026-09-14T14:30:00Z",
      },
    ]);
    simulator.emit("opra", [
      { T: "t", S: option, p: 1.5, s: 2, x: "C", c: "I", t },
      { T: "q", S: option, bx: "C", bp: 1, bs: 1, ax: "C", ap: 2, as: 2, c: "A", t },
    ]);
    const engine = simulator.trading.engineOf("SIM_KEY");
    const { id } = engine.inject({
      symbol: "F",
      qty: "10",
      side: "sell",
      type: "limit",
      limit_price: "99",
      time_in_force: "gtc",
    }, { submittedAt: Date.parse("2026-08-01T14:30:00Z") });
    engine.manualFills.fill(id, { qty: "4", price: "99" });
    const script = new URL("./alpaca_py_rest.py", import.meta.url);
    const output = await new Deno.Command(python ?? "python3", {
      args: [fileURLToPath(script), simulator.url, option],
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.ok(output.success, text(output.stderr).slice(-2000));
    assert.deepEqual(JSON.parse(text(output.stdout)), {
      "trades": [1, 2],
      "bars": [10],
      "bid": 11,
      "option trades": [1.5],
      "option ask": 2,
      "orders": [id],
      "submitted": ["2026-08-01T14:30:00+00:00"],
      "fills": ["4"],
    });
  },
});

/**
 * The official Go SDK, unmodified, against the simulator: its decoder is the
 * strictest of all (`T` first, unsigned sizes, timestamps as extensions).
 * Left out, with a line that says so, where there is no Go.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Simulator, startSimulator } from "../../src/simulator.ts";

const FOLDER = fileURLToPath(new URL("./alpaca_go", import.meta.url));
const AT = "2026-09-14T14:30:02.118450321Z";
const MINUTE = "2026-09-14T14:30:00Z";

function emit(simulator: Simulator, symbol: string): void {
  simulator.emit("sip", [
    {
      T: "t",
      S: "AAPL",
      i: 9_007_199_254_740_993n,
      x: "V",
      p: 232.115,
      s: 7,
      c: ["@", "I"],
      t: AT,
      z: "C",
    },
    {
      T: "q",
      S: "F",
      bx: "Q",
      bp: 11,
      bs: 100,
      ax: "P",
      ap: 11.01,
      as: 300,
      c: ["R"],
      t: AT,
      z: "A",
    },
    {
      T: "b",
      S: "AAPL",
      o: 231,
      h: 233,
      l: 230.5,
      c: 232,
      v: 2 ** 33,
      n: 3,
      vw: 231.2,
      t: MINUTE,
    },
  ]);
  simulator.emit("opra", [
    { T: "t", S: symbol, t: AT, p: 12.31, s: 4, x: "C", c: "I" },
    {
      T: "q",
      S: symbol,
      t: AT,
      bx: "C",
      bp: 12.31,
      bs: 40,
      ax: "X",
      ap: 12.36,
      as: 18,
      c: "A",
    },
  ]);
}

/** What the SDK makes of it, as the program prints it: ids in full. */
function received(symbol: string): string[] {
  return [
    '{"item":{"id":9007199254740993,"symbol":"AAPL","exchange":"V",' +
    `"price":232.115,"size":7,"timestamp":"${AT}",` +
    '"conditions":["@","I"],"tape":"C"},"kind":"stock trade"}',
    '{"item":{"symbol":"F","bid_exchange":"Q","bid_price":11,"bid_size":100,' +
    '"ask_exchange":"P","ask_price":11.01,"ask_size":300,' +
    `"timestamp":"${AT}","conditions":["R"],"tape":"A"},"kind":"stock quote"}`,
    '{"item":{"symbol":"AAPL","open":231,"high":233,"low":230.5,"close":232,' +
    `"volume":8589934592,"timestamp":"${MINUTE}","trade_count":3,` +
    '"vwap":231.2},"kind":"stock bar"}',
    `{"item":{"symbol":"${symbol}","exchange":"C","price":12.31,"size":4,` +
    `"timestamp":"${AT}","condition":"I"},"kind":"option trade"}`,
    `{"item":{"symbol":"${symbol}","bid_exchange":"C","bid_price":12.31,` +
    '"bid_size":40,"ask_exchange":"X","ask_price":12.36,"ask_size":18,' +
    `"timestamp":"${AT}","condition":"A"},"kind":"option quote"}`,
  ];
}

async function go(...args: readonly string[]): Promise<string | undefined> {
  try {
    const { success, stderr } = await new Deno.Command("go", {
      args: [...args],
      cwd: FOLDER,
    }).output();
    return success ? undefined : new TextDecoder().decode(stderr);
  } catch (error) {
    // No such program: as good as one that fails.
    if (error instanceof Deno.errors.NotFound) return "no go on the PATH";
    throw error;
  }
}

const missing = await go("mod", "download");

Deno.test({
  name: missing === undefined
    ? "the official Go SDK receives stocks and options, field by field"
    : "the official Go SDK receives stocks and options (skipped: no Go on " +
      "the PATH, or its modules cannot be downloaded)",
  ignore: missing !== undefined,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const program = `${folder}/client`;
      const failed = await go("build", "-mod=readonly", "-o", program, ".");
      assert.equal(failed, undefined);
      await using simulator = await startSimulator({ messagesPerSecond: 0 });
      const symbol = simulator.market.optionContracts("AAPL")[0]?.symbol ?? "";
      const base = new URL(simulator.streamUrls.stocks()).origin;
      const process = new Deno.Command(program, {
        args: [base.replace("ws:", "http:"), symbol],
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const emitting = setInterval(() => emit(simulator, symbol), 50);
      const output = await process.output();
      clearInterval(emitting);
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      assert.ok(output.success, text(output.stderr).slice(-2000));
      const lines = text(output.stdout).trim().split("\n");
      assert.deepEqual(lines.sort(), received(symbol).sort());
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

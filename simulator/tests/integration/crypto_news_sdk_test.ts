/**
 * Crypto and news with Alpaca's official SDKs, unmodified, against the
 * simulator. Skipped, with the reason in the name, where a language is missing.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Simulator, startSimulator } from "../../src/simulator.ts";

const AT = "2026-09-13T12:00:02.118450321Z";
const MINUTE = "2026-09-13T12:00:00Z";
const MIB = 1024 * 1024;

async function run(
  program: string,
  args: readonly string[],
  cwd?: string,
): Promise<{ readonly lines: string[]; readonly error: string | undefined }> {
  try {
    const command = new Deno.Command(program, { args: [...args], ...(cwd && { cwd }) });
    const { success, stdout, stderr } = await command.output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
    const error = success ? undefined : text(stderr).slice(-2000) || "failed";
    return { lines: text(stdout).split("\n"), error };
  } catch (error) {
    // No such program: as good as one that fails.
    if (error instanceof Deno.errors.NotFound) return { lines: [], error: `no ${program}` };
    throw error;
  }
}

const python = Deno.env.get("ALPACA_PY_PYTHON") ?? "python3";
const noPython = (await run(python, ["-c", "import alpaca"])).error;
const goFolder = fileURLToPath(new URL("./alpaca_go", import.meta.url));
const noGo = (await run("go", ["mod", "download"], goFolder)).error;

Deno.test({
  name: "alpaca-py receives crypto, order books and an article of more than 1 MiB" +
    (noPython === undefined ? "" : " (skipped: no Python with alpaca-py)"),
  ignore: noPython !== undefined,
  fn: async () => {
    await using simulator = await startSimulator({ messagesPerSecond: 200, barSeconds: 1 });
    const { streamUrls, market } = simulator;
    const publishing = setInterval(
      () => market.publishArticle({ symbols: ["AAPL", "BTC/USD"], bytes: 1.5 * MIB }),
      500,
    );
    const script = fileURLToPath(new URL("./crypto_news_client.py", import.meta.url));
    const { lines, error } = await run(python, [script, streamUrls.crypto(), streamUrls.news]);
    clearInterval(publishing);
    assert.equal(error, undefined);
    const items = new Map(lines.map((line) => JSON.parse(line)).map((item) => [item.kind, item]));
    assert.equal(items.get("trade").symbol, "BTC/USD");
    assert.ok(items.get("quote").bid_price < items.get("quote").ask_price);
    assert.ok(items.get("bar").close > 0);
    assert.ok(items.get("orderbook reset").bids.length > 5);
    assert.equal(items.get("orderbook change").symbol, "ETH/USD");
    const { content, symbols, id } = items.get("news");
    assert.ok(content >= 1.5 * MIB);
    assert.ok(id > 0);
    assert.deepEqual(symbols, ["AAPL", "BTCUSD"]);
  },
});

function emit(simulator: Simulator): void {
  const S = "BTC/USD";
  simulator.emit("crypto/us", [
    { T: "t", S, p: 64_250, s: 2, t: AT, i: 3_447_222_699_101_865_076n, tks: "B" },
    { T: "q", S, bp: 64_249.5, bs: 0.000000001, ap: 64_250, as: 3, t: AT },
    { T: "b", S, o: 64_000, h: 64_300, l: 63_999.5, c: 64_250, v: 7, n: 3, vw: 64_100, t: MINUTE },
    {
      T: "o",
      S,
      t: AT,
      b: [{ p: 64_249.5, s: 0 }, { p: 64_249, s: 2 }],
      a: [{ p: 64_251, s: 1.5 }],
    },
  ]);
  simulator.emit("news", [{
    T: "n",
    id: 24_843_171,
    headline: "h",
    summary: "",
    author: "a",
    created_at: AT,
    updated_at: AT,
    url: "https://example.com/1",
    content: "é".repeat(MIB),
    symbols: ["F", "BTCUSD"],
    source: "benzinga",
  }]);
}

/** What the Go SDK makes of it, as the program prints it. */
const RECEIVED = [
  '{"item":{"id":3447222699101865076,"symbol":"BTC/USD","exchange":"","price":64250,"size":2,' +
  `"timestamp":"${AT}","taker_side":"B"},"kind":"trade"}`,
  '{"item":{"symbol":"BTC/USD","exchange":"","bid_price":64249.5,"bid_size":1e-09,' +
  `"ask_price":64250,"ask_size":3,"timestamp":"${AT}"},"kind":"quote"}`,
  '{"item":{"symbol":"BTC/USD","exchange":"","open":64000,"high":64300,"low":63999.5,' +
  `"close":64250,"volume":7,"timestamp":"${MINUTE}","trade_count":3,"vwap":64100},"kind":"bar"}`,
  `{"item":{"symbol":"BTC/USD","exchange":"","timestamp":"${AT}","bids":[` +
  '{"price":64249.5,"size":0},{"price":64249,"size":2}],"asks":[{"price":64251,"size":1.5}],' +
  '"reset":false},"kind":"orderbook"}',
  `{"item":{"bytes":${2 * MIB},"created_at":"${AT}","id":24843171,` +
  '"symbols":["F","BTCUSD"]},"kind":"news"}',
];

Deno.test({
  name: "the official Go SDK receives crypto, order books and articles, field by field" +
    (noGo === undefined ? "" : " (skipped: no Go on the PATH, or no modules)"),
  ignore: noGo !== undefined,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const program = `${folder}/client`;
      const build = ["build", "-mod=readonly", "-o", program, "./crypto"];
      assert.equal((await run("go", build, goFolder)).error, undefined);
      await using simulator = await startSimulator({ messagesPerSecond: 0 });
      const emitting = setInterval(() => emit(simulator), 100);
      const { lines, error } = await run(program, [simulator.url]);
      clearInterval(emitting);
      assert.equal(error, undefined);
      assert.deepEqual(lines.sort(), RECEIVED.toSorted());
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

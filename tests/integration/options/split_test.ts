/** Deltas, and a split, from a simulated Alpaca to the selection, over real HTTP. */
import assert from "node:assert/strict";
import { occRoot } from "../../../src/domain/market/occ_symbol.ts";
import { OptionHarness } from "./harness.ts";

Deno.test("a selection by delta has the puts that the snapshots name", async () => {
  await using harness = await OptionHarness.open();
  harness.run();
  using _stream = await harness.open("SPY", { right: "put", minAbsDelta: 0.2, maxAbsDelta: 0.4 });
  const symbols = harness.sink.symbols();
  assert.ok(symbols.length > 0);
  for (const symbol of symbols) {
    const { delta = 0 } = harness.simulator.market.greeks(symbol) ?? {};
    assert.ok(delta < -0.15 && delta > -0.45, `${symbol} has ${delta}`);
  }
});

Deno.test("after a split the catalog has the adjusted contracts beside new ones", async () => {
  await using harness = await OptionHarness.open();
  const { simulator, catalog, signal } = harness;
  const before = await catalog.contracts("AAPL", signal);
  const reply = await fetch(`${simulator.url}/_control/split`, {
    method: "POST",
    body: JSON.stringify({ symbol: "AAPL", ratio: 10 }),
  });
  assert.equal(reply.status, 200, await reply.text());
  const after = await catalog.contracts("AAPL", signal);
  const adjusted = after.filter(({ isAdjusted }) => isAdjusted);
  assert.equal(adjusted.length, before.length);
  assert.deepEqual(new Set(adjusted.map(({ symbol }) => occRoot(symbol))), new Set(["AAPL1"]));
  const strikes = after.filter(({ isAdjusted }) => !isAdjusted).map(({ strike }) => strike);
  const price = simulator.market.lastPrice("AAPL") ?? 0;
  assert.ok(price < 30 && Math.min(...strikes) < price && Math.max(...strikes) > price, `${price}`);
});

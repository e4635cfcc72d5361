/** Filters of the order stream, from a client's request to the orders that it receives. */
import assert from "node:assert/strict";
import { startHarness } from "../support/harness.ts";
import { until } from "../support/until.ts";
import { clientOf, collect, METHODS } from "../support/streams.ts";

Deno.test("orders of a class share and of a crypto pair match in every spelling", async (t) => {
  await using harness = await startHarness();
  const { health, simulator: { trading } } = harness;
  await until("all feeds are connected", async () => {
    const response = await fetch(`${health}/health`);
    return (await response.json()).status === "healthy";
  });
  using client = clientOf(harness);
  for (const spelling of ["BRK.B", "BRK/B", "brk-b", "BRK B"]) {
    await t.step(spelling, async () => {
      const symbols = [spelling, "btc/usd"];
      await using orders = collect(client, METHODS.streamOrderUpdates, { symbols });
      await orders.opened;
      assert.equal(orders.ending(), undefined);
      for (const symbol of ["BRK.A", "BRK.B", "AAPL", "BRKB", "BTC/USD"]) {
        trading.stream.emitTradeUpdate({ event: "new", order: { id: symbol, symbol } });
      }
      await until("the last order", () => orders.messages.length >= 2);
      const received = orders.messages.map((message) => Object(message).update?.order?.symbol);
      assert.deepEqual(received, ["BRK.B", "BTC/USD"]);
    });
  }
});

/** Filters of the order stream, from a client's request to the orders that it receives. */
import assert from "node:assert/strict";
import { type Harness, startHarness } from "../support/harness.ts";
import { until } from "../support/until.ts";
import { clientOf, collect, METHODS } from "../support/streams.ts";

async function connected({ health }: Harness): Promise<void> {
  await until("all feeds are connected", async () => {
    const response = await fetch(`${health}/health`);
    return (await response.json()).status === "healthy";
  });
}

Deno.test("orders of a contract match in every form of its OCC symbol", async (t) => {
  await using harness = await startHarness();
  const { simulator: { trading } } = harness;
  await connected(harness);
  using client = clientOf(harness);
  const contract = "SPXW270115C06000000";
  for (
    const form of [
      contract,
      contract.toLowerCase(),
      `O:${contract}`,
      "SPXW  270115C06000000",
      "o:spxw  270115c06000000",
      ` ${contract} `,
    ]
  ) {
    await t.step(form, async () => {
      await using orders = collect(client, METHODS.streamOrderUpdates, { symbols: [form] });
      await orders.opened;
      assert.equal(orders.ending(), undefined);
      for (const symbol of ["SPXW270115P06000000", "SPXW", contract]) {
        trading.stream.emitTradeUpdate({ event: "new", order: { id: symbol, symbol } });
      }
      await until("the order", () => orders.messages.length >= 1);
      const received = orders.messages.map((message) => Object(message).update?.order?.symbol);
      assert.deepEqual(received, [contract]);
    });
  }
});

Deno.test("orders of a class share and of a crypto pair match in every spelling", async (t) => {
  await using harness = await startHarness();
  const { simulator: { trading } } = harness;
  await connected(harness);
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

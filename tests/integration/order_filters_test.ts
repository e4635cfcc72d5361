/** Filters of the order stream, from a client's request to the orders that it receives. */
import assert from "node:assert/strict";
import { type Harness, startHarness } from "../support/harness.ts";
import { until } from "../support/until.ts";
import { clientOf, collect, type Collected, METHODS } from "../support/streams.ts";

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

Deno.test("orders are filtered by prefixes of client order ids and by events", async () => {
  await using harness = await startHarness();
  const { simulator: { trading } } = harness;
  await connected(harness);
  using client = clientOf(harness);
  const filter = { clientOrderIdPrefixes: ["bot-", "algo-7-"], events: ["fill", "held"] };
  await using plain = collect(client, METHODS.streamOrderUpdates, filter);
  await using filtered = collect(client, METHODS.streamOrderUpdates, {
    ...filter,
    symbols: ["AAPL"],
    options: { meta: true },
  });
  await using every = collect(client, METHODS.streamOrderUpdates, { options: { meta: true } });
  await Promise.all([plain.opened, filtered.opened, every.opened]);
  for (const symbol of ["AAPL", "F"]) {
    for (const id of ["bot-1", "bot", "algo-7-2", "algo-8-2", ""]) {
      for (const event of ["new", "fill", "held"]) {
        const order = { id: `${symbol} ${id}`, symbol, client_order_id: id };
        trading.stream.emitTradeUpdate({ event, order });
      }
    }
  }
  const ids = (stream: Collected) => stream.messages.map((one) => Object(one).update?.order?.id);
  await until("all updates", () => every.messages.length === 30);
  await until("the last update", () => plain.messages.length >= 8);
  const expected = ["AAPL bot-1", "AAPL bot-1", "AAPL algo-7-2", "AAPL algo-7-2"];
  assert.deepEqual(ids(filtered), expected);
  assert.deepEqual(ids(plain), [...expected, ...expected.map((id) => id.replace("AAPL", "F"))]);
  const words = filtered.messages.map((one) => Object(one).meta?.eventWord);
  assert.deepEqual(words, ["fill", "held", "fill", "held"]);
});

Deno.test("an unknown event and a long list of prefixes are refused", async () => {
  await using harness = await startHarness();
  using client = clientOf(harness);
  await using wrong = collect(client, METHODS.streamOrderUpdates, { events: ["filled"] });
  await until("the refusal", () => wrong.ending() !== undefined);
  assert.match(String(wrong.ending()), /events\[0\]: "filled" is not an event/);
  const clientOrderIdPrefixes = Array.from({ length: 101 }, (_, i) => `p${i}`);
  await using long = collect(client, METHODS.streamOrderUpdates, { clientOrderIdPrefixes });
  await until("the refusal", () => long.ending() !== undefined);
  assert.match(String(long.ending()), /client_order_id_prefixes: has 101 entries/);
  await using odd = collect(client, METHODS.streamOrderUpdates, {
    clientOrderIdPrefixes: ['my bot, "7"', "p".repeat(128), "", "p".repeat(129), "a\u0000"],
  });
  await until("the refusal", () => odd.ending() !== undefined);
  const refusal = String(odd.ending());
  assert.match(refusal, /client_order_id_prefixes\[2\]: "" is empty/);
  assert.match(refusal, /2 more/);
});

Deno.test("a prefix of client order ids is compared as it is", async () => {
  await using harness = await startHarness();
  const { simulator: { trading } } = harness;
  await connected(harness);
  using client = clientOf(harness);
  const clientOrderIdPrefixes = ["my bot, ", "größer"];
  await using stream = collect(client, METHODS.streamOrderUpdates, { clientOrderIdPrefixes });
  await stream.opened;
  for (const id of ["my bot", "my bot, 7", "größer 1", "grö"]) {
    const order = { id: `o ${id}`, symbol: "AAPL", client_order_id: id };
    trading.stream.emitTradeUpdate({ event: "new", order });
  }
  await until("both orders", () => stream.messages.length >= 2);
  const ids = stream.messages.map((one) => Object(one).update?.order?.clientOrderId);
  assert.deepEqual(ids, ["my bot, 7", "größer 1"]);
});

Deno.test("a filter of events does not restrict the present state of orders", async () => {
  await using harness = await startHarness({
    simulator: { trading: { engine: { acceptDelayMs: 0 } } },
  });
  const { simulator: { trading } } = harness;
  const engine = trading.engineOf("SIM_KEY");
  const order = { symbol: "AAPL", qty: "9", side: "buy", type: "limit", time_in_force: "gtc" };
  const id = engine.inject({ ...order, limit_price: "1" }, { submittedAt: Date.now() - 1_000 }).id;
  engine.manualFills.fill(id, { qty: "4", price: "1" });
  await connected(harness);
  using client = clientOf(harness);
  const filter = { events: ["fill", "canceled"] };
  const requests = [{ snapshot: true }, { resume: { eventId: "unknown" } }]
    .map((options) => ({ ...filter, options: { meta: true, notices: true, ...options } }));
  for (const request of requests) {
    await using stream = collect(client, METHODS.streamOrderUpdates, request);
    const caughtUp = () =>
      stream.messages.map((one) => Object(one).notice?.kind)
        .find((kind) => kind?.case === "caughtUp")?.value;
    await until("the stream has caught up", () => caughtUp() !== undefined);
    const states = stream.messages.flatMap((one) => Object(one).update?.order ?? []);
    assert.deepEqual(states.map(({ filledQty }) => filledQty), ["4"]);
    assert.equal(Number(caughtUp().count), 1);
  }
});

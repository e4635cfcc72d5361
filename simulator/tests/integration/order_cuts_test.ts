/** Order events at random moments of a stream that is cut again and again. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ManualClock } from "../../src/clock.ts";
import { type Simulator, startSimulator } from "../../src/simulator.ts";
import type { OrderJson, TradeUpdate } from "../../src/trading/order_json.ts";
import { RawClient } from "./raw_client.ts";

const HEADERS = { "APCA-API-KEY-ID": "SIM_KEY", "APCA-API-SECRET-KEY": "SIM_SECRET" };

/** A client that is listening. */
async function listen(simulator: Simulator): Promise<RawClient> {
  const client = new RawClient(simulator.streamUrls.trading);
  await new Promise((resolve) => client.ws.once("open", resolve));
  client.send({ action: "auth", key: "SIM_KEY", secret: "SIM_SECRET" });
  await client.raw();
  client.send({ action: "listen", data: { streams: ["trade_updates"] } });
  await client.raw();
  return client;
}

/** The event ids that a client received before a marker. */
async function drain(simulator: Simulator, client: RawClient): Promise<string[]> {
  simulator.trading.stream.emitTradeUpdate({ event: "marker" });
  const ids: string[] = [];
  for (;;) {
    const text = new TextDecoder().decode(await client.raw() as Uint8Array);
    const { data } = JSON.parse(text);
    if (data.event === "marker") return ids;
    ids.push(data.event_id);
  }
}

async function allOrders(simulator: Simulator): Promise<OrderJson[]> {
  const found: OrderJson[] = [];
  for (;;) {
    const last = found.at(-1);
    const page = await (await fetch(
      `${simulator.url}/v2/orders?status=all&nested=false&direction=asc&limit=50` +
        (last ? `&after_order_id=${last.id}` : ""),
      { headers: HEADERS },
    )).json();
    if (page.length === 0) return found;
    found.push(...page);
  }
}

Deno.test("a client has what was sent to it, REST has the state after all events", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.array(fc.tuple(fc.nat(800), fc.nat(800)), { minLength: 1, maxLength: 3 }),
      async (seed, spans) => {
        const clock = new ManualClock();
        await using simulator = await startSimulator({
          clock,
          seed,
          messagesPerSecond: 0,
          pingSeconds: 0,
          ledgerCapacity: 10_000,
          rest: { tradingRequestsPerMinute: 100_000 },
          trading: { autoTrader: { ordersPerSecond: 20 } },
        });
        const { ledger } = simulator.trading;
        for (const [connectedMs, cutMs] of spans) {
          const client = await listen(simulator);
          const from = ledger.lastNumber;
          clock.advance(connectedMs);
          const received = await drain(simulator, client);
          const events = ledger.events({ after: from });
          assert.deepEqual(received, events.map(({ update }) => update.event_id));
          assert.ok(events.every(({ deliveries: [one] }) => one?.outcome === "sent"));
          simulator.connections.drop({ endpoint: "trading" });
          await client.closed;
          while (simulator.trading.stream.connections > 0) {
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
          const cut = ledger.lastNumber;
          clock.advance(cutMs);
          assert.ok(ledger.events({ after: cut }).every((one) => one.deliveries.length === 0));
        }
        clock.advance(5_000);
        // The last event of each order shows the state that REST has.
        const latest = new Map<string, TradeUpdate["order"]>();
        for (const { update: { order } } of ledger.events()) latest.set(order.id, order);
        const orders = await allOrders(simulator);
        assert.equal(new Set(orders.map(({ id }) => id)).size, orders.length);
        for (const order of orders) {
          const seen = latest.get(order.id);
          // Legs and held exits have no events of their own until something happens to them.
          if (!seen) continue;
          // A pending request has no event by default.
          const isPending = ["pending_cancel", "pending_replace"].includes(order.status);
          assert.deepEqual(
            [
              isPending ? seen.status : order.status,
              order.filled_qty,
              order.filled_avg_price,
              order.replaced_by,
            ],
            [seen.status, seen.filled_qty, seen.filled_avg_price, seen.replaced_by],
          );
          latest.delete(order.id);
        }
        assert.deepEqual([...latest.keys()], []);
      },
    ),
    { numRuns: 15 },
  );
});

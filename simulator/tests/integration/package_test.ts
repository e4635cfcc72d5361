/** The package as its users import it: by name, through its public API. */
import assert from "node:assert/strict";
import {
  ManualClock,
  OrderRejection,
  type SimulatorOptions,
  startSimulator,
} from "@alpaca-stream-proxy/simulator";
import { RawClient, refusal } from "./raw_client.ts";

const SILENT: SimulatorOptions = { messagesPerSecond: 0 };

Deno.test("a test emits messages and injects faults through the package", async () => {
  await using simulator = await startSimulator(SILENT);
  const url = simulator.streamUrls.stocks("sip");
  const client = await RawClient.open(url);
  await client.ask({ action: "subscribe", quotes: ["AAPL"] });
  simulator.emit("sip", [{ T: "q", S: "AAPL", bp: 231.1, ap: 231.12 }]);
  assert.equal((await client.frame())[0]?.["bp"], 231.1);
  simulator.faults.rejectUpgrades("sip", 429);
  simulator.connections.drop({ endpoint: "sip", connection: 1 });
  assert.equal((await client.closed).code, 1006);
  assert.equal(await refusal(url), 429);
  assert.equal(simulator.requests().length, 2);
  assert.deepEqual(simulator.sessions().map(({ state }) => state), ["ghost"]);
});

Deno.test("a test controls orders and time through the package", async () => {
  const clock = new ManualClock();
  await using simulator = await startSimulator({ ...SILENT, clock });
  const engine = simulator.trading.engineOf("SIM_KEY");
  const events: string[] = [];
  using _listener = engine.onUpdate(({ event }) => events.push(event));
  const order = engine.submit({
    symbol: "AAPL",
    qty: "10",
    side: "buy",
    type: "limit",
    limit_price: "1",
    time_in_force: "day",
  });
  clock.advance(100);
  engine.manualFills.fill(order.id, { qty: "4", price: "1" });
  engine.manualFills.reject(order.id, "no shares");
  assert.deepEqual(events, ["pending_new", "new", "partial_fill", "rejected"]);
  assert.throws(() => engine.submit({}), OrderRejection);
});

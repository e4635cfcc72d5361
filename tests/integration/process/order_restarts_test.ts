/** Order updates when the client, the proxy or both are killed, each a process of its own. */
import assert from "node:assert/strict";
import { type Simulator, startSimulator } from "@alpaca-stream-proxy/simulator";
import { startRelay } from "../../docs/loopback.ts";
import { FREE_PORTS } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { Child, type LogLine } from "./child.ts";
import { eventsAfter, gapsOf, idsOf, trade } from "./order_trading.ts";

const PATIENCE_MS = 30_000;

/** The state of each order after the lines. */
function statesOf(lines: readonly LogLine[]): ReadonlyMap<unknown, string> {
  const updates = lines.filter(({ eventId }) => eventId !== undefined);
  return new Map(updates.map(({ order, status, filledQty }) => [order, `${status} ${filledQty}`]));
}

function statesIn({ trading }: Simulator): ReadonlyMap<unknown, string> {
  const orders = Array.from(trading.engineOf("SIM_KEY").orders());
  return new Map(orders.map(({ id, status, filledQty }) => [id, `${status} ${filledQty}`]));
}

Deno.test("killed clients and proxies: every update, or a gap and the present state", async () => {
  await using simulator = await startSimulator({
    messagesPerSecond: 0,
    ledgerCapacity: 10_000,
    trading: { engine: { partialFillChance: 0.7 } },
  });
  await using relay = await startRelay();
  await using left = new AsyncDisposableStack();
  const startProxy = async () => {
    const env = { ...simulator.environment(), ...FREE_PORTS, STREAM_PROXY_FEEDS: "trading" };
    const child = left.use(new Child({ env }));
    const { ports } = await child.logged("Started") as { ports: { grpc: number } };
    await child.logged("Reconciled orders");
    relay.target = ports.grpc;
    return child;
  };
  const startClient = async (lastId?: string) => {
    const args = [relay.address, ...(lastId === undefined ? [] : [lastId])];
    const script = "tests/integration/process/order_client.ts";
    const child = left.use(new Child({ script, args }));
    await until("hello", () => child.log.some(({ notice }) => notice === "hello"), PATIENCE_MS);
    return child;
  };
  const kill = async (...children: readonly Child[]) => {
    for (const child of children) child.signal("SIGKILL");
    await Promise.all(children.map((child) => child.ended()));
  };
  const { ledger } = simulator.trading;
  const hasAll = (child: Child, after: number) => {
    const ids = new Set(idsOf(child.log));
    return eventsAfter(simulator, after).every((id) => ids.has(id));
  };

  let proxy = await startProxy();
  let client = await startClient();
  await trade(simulator);
  await until("the first updates", () => hasAll(client, 0), PATIENCE_MS);

  // The client is killed while orders execute, and another one continues.
  const trading = trade(simulator);
  await kill(client);
  const first = client.log;
  await trading;
  await trade(simulator);
  client = await startClient(idsOf(first).at(-1));
  await trade(simulator);
  const known = new Set(idsOf(first));
  const rest = eventsAfter(simulator, 0).filter((id) => !known.has(id));
  await until("the other updates", () => idsOf(client.log).length >= rest.length, PATIENCE_MS);
  assert.deepEqual([...idsOf(first), ...idsOf(client.log)], eventsAfter(simulator, 0));
  assert.deepEqual(gapsOf([...first, ...client.log]), []);

  for (const whichDie of ["the proxy", "both"]) {
    const before = client.log;
    if (whichDie === "both") await kill(client, proxy);
    else await kill(proxy);
    await trade(simulator);
    const present = statesIn(simulator);
    const restartedAfter = ledger.lastNumber;
    proxy = await startProxy();
    if (whichDie === "both") client = await startClient(idsOf(before).at(-1));
    const seen = whichDie === "both" ? 0 : before.length;
    const lines = () => client.log.slice(seen);
    const isReady = () => lines().some(({ notice }) => notice === "caughtUp");
    await until(`${whichDie}: caught up`, isReady, PATIENCE_MS);
    assert.deepEqual(gapsOf(lines()), ["not_retained"], whichDie);
    const states = statesOf(lines());
    for (const [id, state] of present) assert.equal(states.get(id), state, whichDie);
    const reached = lines().length;
    await trade(simulator);
    await until("later updates", () => hasAll(client, restartedAfter), PATIENCE_MS);
    const later = idsOf(lines().slice(reached));
    assert.deepEqual(later, eventsAfter(simulator, restartedAfter), whichDie);
    assert.deepEqual(gapsOf(lines()), ["not_retained"], whichDie);
  }
});

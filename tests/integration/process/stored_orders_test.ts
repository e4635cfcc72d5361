/** Order updates of a proxy that is killed and restarted, with NATS as their store. */
import assert from "node:assert/strict";
import { type Simulator, startSimulator } from "@alpaca-stream-proxy/simulator";
import { startRelay } from "../../docs/loopback.ts";
import { FREE_PORTS } from "../../support/harness.ts";
import { NatsServer } from "../../support/nats_server.ts";
import { requires } from "../../support/requires.ts";
import { until } from "../../support/until.ts";
import { Child, type LogLine } from "./child.ts";
import { gapsOf, idsOf, trade } from "./order_trading.ts";

const PATIENCE_MS = 30_000;
/** Events that leave a trace at Alpaca, so that they are derived after an outage. */
const TRACED = ["fill", "partial_fill", "canceled"];

/** What happened at the simulator: order, event and executed quantity. */
function traced({ trading }: Simulator): readonly string[] {
  return trading.ledger.events().map(({ update: { event, order } }) =>
    `${order.id} ${event} ${order.filled_qty}`
  ).filter(isTraced);
}

/** The same of what a consumer has written. */
function tracedOf(lines: readonly LogLine[]): readonly string[] {
  return lines.filter(({ eventId }) => eventId !== undefined)
    .map(({ order, event, filledQty }) => `${order} ${event} ${filledQty}`).filter(isTraced);
}

function isTraced(line: string): boolean {
  return TRACED.includes(line.split(" ")[1] ?? "");
}

Deno.test(requires(["nats-server"], {
  name: "with NATS, killed clients and proxies miss no order event and repeat none",
  fn: async () => {
    await using simulator = await startSimulator({
      messagesPerSecond: 0,
      ledgerCapacity: 10_000,
      trading: { engine: { partialFillChance: 0.7 } },
    });
    await using nats = await NatsServer.start();
    await using relay = await startRelay();
    await using left = new AsyncDisposableStack();
    let metrics = "";
    const startProxy = async () => {
      const child = left.use(
        new Child({
          env: {
            ...simulator.environment(),
            ...FREE_PORTS,
            STREAM_PROXY_FEEDS: "trading",
            STREAM_PROXY_NATS_URL: nats.url,
          },
        }),
      );
      const { ports } = await child.logged("Started") as {
        ports: { grpc: number; health: number };
      };
      metrics = `http://127.0.0.1:${ports.health}/metrics`;
      await child.logged("Reconciled orders");
      relay.target = ports.grpc;
      return child;
    };
    const startClient = (lastId?: string) => {
      const args = [relay.address, ...(lastId === undefined ? [] : [lastId])];
      const script = "tests/integration/process/order_client.ts";
      return left.use(new Child({ script, args }));
    };
    const lines: LogLine[] = [];
    let proxy = await startProxy();
    let client = startClient();
    await until("hello", () => client.log.length > 0, PATIENCE_MS);
    await trade(simulator);
    const isComplete = () => {
      const seen = tracedOf([...lines, ...client.log]);
      return traced(simulator).every((line) => seen.includes(line));
    };
    await until("the first updates", isComplete, PATIENCE_MS);
    // What was sent a moment ago and is not stored yet would be a gap.
    const isStored = async () => {
      const text = await (await fetch(metrics)).text();
      return /^alpaca_proxy_order_updates_pending 0$/m.test(text);
    };
    for (const whichDie of ["the proxy", "both", "the proxy", "both"]) {
      await until(`${whichDie}: all updates are stored`, isStored, PATIENCE_MS);
      const dying = whichDie === "both" ? [client, proxy] : [proxy];
      for (const each of dying) each.signal("SIGKILL");
      await Promise.all(dying.map((each) => each.ended()));
      await trade(simulator);
      proxy = await startProxy();
      if (whichDie === "both") {
        lines.push(...client.log);
        client = startClient(idsOf(lines).at(-1));
      }
      await trade(simulator);
      await until(`${whichDie}: every update`, isComplete, PATIENCE_MS);
    }
    const all = [...lines, ...client.log];
    assert.deepEqual(gapsOf(all), []);
    assert.deepEqual(tracedOf(all).toSorted(), traced(simulator).toSorted());
    assert.equal(new Set(idsOf(all)).size, idsOf(all).length);
  },
}));

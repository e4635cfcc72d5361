/** Parts of a cluster that fail while clients stream, and what every client has received. */
import assert from "node:assert/strict";
import { CONNECTIONS_CLOSED, shortFaults } from "../../../scripts/chaos/faults.ts";
import { runChaos } from "../../../scripts/chaos/run.ts";
import { requires } from "../../support/requires.ts";

const LEASE_MS = 2_000;

/** A small run. */
const SMALL = {
  minutes: 0,
  seed: "test",
  rate: 4,
  symbols: 12,
  clients: { grpc: 12, websocket: 2 },
  hubs: 2,
  edges: 3,
  leaseMs: LEASE_MS,
  retain: false,
  ghostSeconds: 2,
  recoveryMs: 30_000,
  print: () => {},
};

Deno.test(requires(["nats-server"], {
  name: "parts of a cluster that fail lose, repeat and delay nothing that is not reported",
  fn: async () => {
    const { problems, faults, clients } = await runChaos({
      ...SMALL,
      faults: shortFaults(LEASE_MS),
    });
    assert.deepEqual(problems, []);
    assert.equal(faults.length, 5);
    assert.ok(clients.market.every(({ received }) => received > 0));
    assert.ok(clients.orders.every(({ received }) => received > 0));
    assert.ok(clients.websocket.every(({ received }) => received > 0));
    const takeovers = faults.filter(({ takeoverMs }) => takeoverMs !== undefined);
    assert.ok(takeovers.length >= 2, "hubs took over");
  },
}));

Deno.test(requires(["nats-server"], {
  name: "edges that lose their connections read from NATS what they have missed",
  fn: async () => {
    const { problems, recovered, clients } = await runChaos({
      ...SMALL,
      hubs: 1,
      retain: true,
      faults: [CONNECTIONS_CLOSED, CONNECTIONS_CLOSED],
    });
    assert.deepEqual(problems, []);
    assert.ok(recovered > 0, "something was missing");
    assert.ok(clients.market.every(({ received }) => received > 0));
  },
}));

/** Edges share the symbol quota of their hub, over a real nats-server. */
import assert from "node:assert/strict";
import { type Cluster, type ClusterOptions, startCluster } from "../../support/cluster.ts";
import { requires } from "../../support/requires.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";
import { until } from "../../support/until.ts";
import { refusal, stocks, subscribed } from "../subscriptions/kit.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test(requires(["nats-server"], { name, fn }));
}

const SLOTS = 5;
const PLACE = { endpoint: "sip", channel: "quotes" };
const PLAN = { ALPACA_PLAN: `stocks=${SLOTS},options=7` };
/** The time in which what one edge does reaches the other one, in ms. */
const REPORT_MS = 600;

/** Opens streams of quotes at the edges of a cluster. */
async function startPlanned(options: ClusterOptions) {
  await using made = new AsyncDisposableStack();
  const cluster: Cluster = made.use(await startCluster({ edges: 2, ...options }));
  const clients = cluster.edges.map((edge) => made.use(clientOf(edge)));
  const kept = made.move();
  return {
    simulator: cluster.simulator,
    open(edge: number, symbols: readonly string[]) {
      const client = clients[edge];
      assert.ok(client);
      return kept.use(collect(client, METHODS.streamQuotes, { symbols }));
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

test("an edge refuses what other edges leave no slots for", () => refuses({ env: PLAN }));

test("an edge without a plan has that of its hub", () => refuses({ hubEnv: PLAN }));

/** Uses the slots of a plan at one edge, then more than are left at another one. */
async function refuses(options: ClusterOptions): Promise<void> {
  await using cluster = await startPlanned(options);
  const { simulator } = cluster;
  const first = cluster.open(0, stocks(4));
  await until("four symbols", () => subscribed(simulator, PLACE).size === 4);
  await pause(REPORT_MS);

  const start = performance.now();
  const refused = cluster.open(1, stocks(3, 3));
  await until("the stream is refused", () => refused.ending() !== undefined);
  const ms = performance.now() - start;
  assert.ok(ms < 500, `refused after ${ms} ms`);
  const { code, details } = refusal(refused.ending());
  assert.equal(code, "RESOURCE_EXHAUSTED");
  const numbers = `exceeded by 1: ${SLOTS} allowed, 4 used, 2 more requested`;
  assert.ok(details.includes(numbers), details);

  const shared = cluster.open(1, stocks(5));
  await until(
    "a symbol of both edges has one slot",
    () => subscribed(simulator, PLACE).size === 5,
  );
  await shared.close();
  await first.close();
  await until("nothing is subscribed", () => subscribed(simulator, PLACE).size === 0);
  await pause(REPORT_MS);
  const accepted = cluster.open(1, stocks(5, 3));
  await until("all slots are used", () => subscribed(simulator, PLACE).size === 5);
  assert.equal(accepted.ending(), undefined);
  assert.equal(first.ending(), undefined);
}

test("of two edges that use the last slots at the same time, one waits for them", async () => {
  await using cluster = await startPlanned({ env: PLAN });
  const { simulator } = cluster;
  const streams = [cluster.open(0, stocks(4)), cluster.open(1, stocks(4, 10))];
  await Promise.all(streams.map(({ opened }) => opened));
  await until("all slots are used", () => subscribed(simulator, PLACE).size === SLOTS);
  await pause(REPORT_MS);
  const before = subscribed(simulator, PLACE);
  const [most, least] = before.has("S3") ? [0, 1] : [1, 0];
  assert.equal(streams[least]?.ending(), undefined, "it waits");
  const start = performance.now();
  await streams[most]?.close();
  await until("the others have slots", () => subscribed(simulator, PLACE).size === 4);
  await until("no symbol waits", () => {
    const now = subscribed(simulator, PLACE);
    return stocks(4, least === 1 ? 10 : 0).every((symbol) => now.has(symbol));
  });
  assert.ok(performance.now() - start < 3_000, "without waiting for a test of the limit");
});

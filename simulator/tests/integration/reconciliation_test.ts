/** What a client needs to find order events that it missed. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ManualClock } from "../../src/clock.ts";
import { type Simulator, startSimulator } from "../../src/simulator.ts";
import type { EngineOptions } from "../../src/trading/order_engine.ts";
import type { TradeUpdate } from "../../src/trading/order_json.ts";
import { RawClient } from "./raw_client.ts";

const HEADERS = { "APCA-API-KEY-ID": "SIM_KEY", "APCA-API-SECRET-KEY": "SIM_SECRET" };
const KEY = "SIM_KEY";
const DAY_MS = 86_400_000;

interface Activity {
  readonly id: string;
  readonly order_id: string;
  readonly transaction_time: string;
  readonly price: string;
  readonly qty: string;
  readonly cum_qty: string;
  readonly leaves_qty: string;
  readonly type: string;
  readonly order_status: string;
  readonly symbol: string;
  readonly side: string;
}

async function started(engine: EngineOptions = {}) {
  const clock = new ManualClock();
  const simulator = await startSimulator({
    clock,
    messagesPerSecond: 0,
    pingSeconds: 0,
    ledgerCapacity: 10_000,
    rest: { tradingRequestsPerMinute: 100_000 },
    trading: { engine: { liquidity: "unlimited", ...engine } },
  });
  return { clock, simulator };
}

async function get<T>(simulator: Simulator, path: string): Promise<T> {
  const response = await fetch(simulator.url + path, { headers: HEADERS });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body;
}

async function fills(simulator: Simulator, query = ""): Promise<Activity[]> {
  const found: Activity[] = [];
  for (;;) {
    const last = found.at(-1);
    const token = last ? `&page_token=${encodeURIComponent(last.id)}` : "";
    const path = `/v2/account/activities/FILL?direction=asc&page_size=7${query}${token}`;
    const page = await get<Activity[]>(simulator, path);
    if (page.length === 0) return found;
    found.push(...page);
  }
}

async function listening(simulator: Simulator): Promise<RawClient> {
  const client = new RawClient(simulator.streamUrls.trading);
  await new Promise((resolve) => client.ws.once("open", resolve));
  client.send({ action: "auth", key: KEY, secret: "SIM_SECRET" });
  await client.raw();
  client.send({ action: "listen", data: { streams: ["trade_updates"] } });
  await client.raw();
  return client;
}

function limit(symbol: string, price: number, changes: object = {}) {
  return {
    symbol,
    qty: "100",
    side: "buy",
    type: "limit",
    limit_price: price.toFixed(2),
    time_in_force: "gtc",
    ...changes,
  };
}

/** Executions of updates: those of legs count by themselves. */
function executions(updates: readonly TradeUpdate[]): string[] {
  return updates.filter(({ event }) => event === "fill" || event === "partial_fill")
    .flatMap(({ order, legs, price, qty }) =>
      legs
        ? legs.map((leg) => `${leg.order_id} ${leg.qty} ${leg.price}`)
        : [`${order.id} ${qty} ${price}`]
    );
}

Deno.test("activities are the executions of the ledger, page by page", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1000 }), async (seed) => {
      const clock = new ManualClock();
      await using simulator = await startSimulator({
        clock,
        seed,
        messagesPerSecond: 0,
        ledgerCapacity: 10_000,
        rest: { tradingRequestsPerMinute: 100_000 },
        trading: { engine: { partialFillChance: 0.5 }, autoTrader: { ordersPerSecond: 20 } },
      });
      clock.advance(3_000);
      const updates = simulator.trading.ledger.events().map(({ update }) => update);
      const activities = await fills(simulator);
      assert.ok(activities.length > 10);
      assert.deepEqual(
        activities.map(({ order_id, qty, price }) => `${order_id} ${qty} ${price}`),
        executions(updates),
      );
      const times = activities.map((one) => Date.parse(one.transaction_time));
      assert.deepEqual(times, times.toSorted((a, b) => a - b));
      assert.equal(new Set(activities.map(({ id }) => id)).size, activities.length);
      // The last activity of each order has the quantities of the order itself.
      for (const last of new Map(activities.map((one) => [one.order_id, one])).values()) {
        const order = await get<{ filled_qty: string; status: string }>(
          simulator,
          `/v2/orders/${last.order_id}`,
        );
        assert.equal(last.cum_qty, order.filled_qty);
        assert.equal(last.type, last.leaves_qty === "0" ? "fill" : "partial_fill");
      }
    }),
    { numRuns: 10 },
  );
});

Deno.test("an activity has Alpaca's fields", async () => {
  const { clock, simulator: made } = await started({ activityIdsAreExecutions: true });
  await using simulator = made;
  const engine = simulator.trading.engineOf(KEY);
  const { id } = engine.submit(limit("AAPL", 1));
  clock.advance(10);
  engine.manualFills.fill(id, { qty: "40", price: "0.99" });
  const update = simulator.trading.ledger.events().at(-1)?.update;
  const [activity] = await fills(simulator);
  assert.deepEqual(activity, {
    activity_type: "FILL",
    id: `20260914143000010::${update?.execution_id}`,
    cum_qty: "40",
    leaves_qty: "60",
    order_id: id,
    order_status: "partially_filled",
    price: "0.99",
    qty: "40",
    side: "buy",
    symbol: "AAPL",
    transaction_time: "2026-09-14T14:30:00.01Z",
    type: "partial_fill",
  });
});

Deno.test("activities are selected by time, type, day and direction", async () => {
  const { clock, simulator: made } = await started();
  await using simulator = made;
  const engine = simulator.trading.engineOf(KEY);
  const { id } = engine.submit(limit("AAPL", 1));
  for (const qty of ["1", "2", "3"]) {
    clock.advance(1_000);
    engine.manualFills.fill(id, { qty, price: "1" });
  }
  const quantities = async (query: string) =>
    (await get<Activity[]>(simulator, `/v2/account/activities${query}`)).map(({ qty }) => qty);
  assert.deepEqual(await quantities(""), ["3", "2", "1"]);
  assert.deepEqual(await quantities("?activity_types=DIV"), []);
  assert.deepEqual(await quantities("/DIV"), []);
  assert.deepEqual(await quantities("?category=non_trade_activity"), []);
  assert.deepEqual(await quantities("?category=trade_activity"), ["3", "2", "1"]);
  assert.deepEqual(await quantities("?activity_types=DIV,FILL&page_size=1"), ["3"]);
  assert.deepEqual(await quantities("/FILL?after=2026-09-14T14:30:01Z"), ["3", "2"]);
  assert.deepEqual(await quantities("/FILL?until=2026-09-14T14:30:02Z&direction=asc"), ["1"]);
  assert.deepEqual(await quantities("/FILL?date=2026-09-14&direction=asc"), ["1", "2", "3"]);
  assert.deepEqual(await quantities("/FILL?date=2026-09-15"), []);
  for (const query of ["?page_size=101", "?page_token=nope", "?date=2026-09-14&after=2026-09-14"]) {
    const url = `${simulator.url}/v2/account/activities${query}`;
    const response = await fetch(url, { headers: HEADERS });
    assert.equal(response.status, 400, query);
    await response.body?.cancel();
  }
});

Deno.test("a busted execution has no activity, a corrected one its new values", async () => {
  const { clock, simulator: made } = await started();
  await using simulator = made;
  const engine = simulator.trading.engineOf(KEY);
  const { id } = engine.submit(limit("AAPL", 1));
  clock.advance(10);
  const lastExecution = () =>
    simulator.trading.ledger.events().at(-1)?.update.execution_id ?? "no execution";
  engine.manualFills.fill(id, { qty: "10", price: "1" });
  engine.manualFills.correct(lastExecution(), { qty: "9", price: "0.9" });
  assert.deepEqual((await fills(simulator)).map(({ qty, price }) => [qty, price]), [["9", "0.9"]]);
  engine.manualFills.bust(lastExecution());
  assert.deepEqual(await fills(simulator), []);
});

Deno.test("orders of weeks ago are found by status, not by submission time", async () => {
  const { clock, simulator: made } = await started();
  await using simulator = made;
  const engine = simulator.trading.engineOf(KEY);
  const submittedAt = clock.now() - 30 * DAY_MS;
  const recent = engine.submit(limit("F", 1));
  const old = engine.inject(limit("AAPL", 1), { submittedAt });
  clock.advance(10);
  assert.equal(old.submitted_at, "2026-08-15T14:30:00Z");
  assert.equal(old.status, "new");
  assert.equal(old.expires_at, "2026-11-13T14:30:00Z");
  // Injecting is not an event.
  assert.deepEqual(simulator.trading.ledger.events({ order: old.id }), []);
  const ids = async (query: string) =>
    (await get<{ id: string }[]>(simulator, `/v2/orders?${query}`)).map(({ id }) => id);
  assert.deepEqual(await ids("status=open&direction=asc"), [old.id, recent.id]);
  engine.manualFills.fill(old.id, { qty: "100", price: "1" });
  const yesterday = new Date(clock.now() - DAY_MS).toISOString();
  assert.deepEqual(await ids(`status=all&after=${yesterday}`), [recent.id]);
  assert.deepEqual(await ids("status=closed"), [old.id]);
  assert.deepEqual((await fills(simulator)).map((one) => one.order_id), [old.id]);
  assert.deepEqual(await ids(`status=all&direction=asc&after_order_id=${old.id}`), [recent.id]);
  assert.deepEqual(await ids(`status=all&before_order_id=${recent.id}`), [old.id]);
});

Deno.test("an injected multi-leg order has working legs that fill together", async () => {
  const { clock, simulator: made } = await started({ partialFillChance: 0 });
  await using simulator = made;
  const engine = simulator.trading.engineOf(KEY);
  const [first, second] = simulator.market.optionContracts("AAPL");
  const legs = [first, second].map((contract, index) => ({
    symbol: contract?.symbol,
    ratio_qty: "1",
    side: index === 0 ? "buy" : "sell",
  }));
  const parent = engine.inject({
    order_class: "mleg",
    type: "market",
    time_in_force: "day",
    qty: "2",
    legs,
  }, { submittedAt: clock.now() - 1_000 });
  assert.deepEqual(parent.legs?.map(({ status }) => status), ["new", "new"]);
  clock.advance(100);
  const activities = await fills(simulator);
  assert.deepEqual(
    new Set(activities.map((one) => one.order_id)),
    new Set(parent.legs?.map(({ id }) => id)),
  );
  assert.deepEqual(activities.map(({ qty, type }) => [qty, type]), [["2", "fill"], ["2", "fill"]]);
});

Deno.test("events during a cut of the stream are in the ledger and in REST", async () => {
  const { clock, simulator: made } = await started();
  await using simulator = made;
  const engine = simulator.trading.engineOf(KEY);
  await using client = await listening(simulator);
  const order = engine.submit(limit("AAPL", 1));
  clock.advance(10);
  const received = async () =>
    JSON.parse(new TextDecoder().decode(await client.raw() as Uint8Array));
  assert.deepEqual(
    simulator.sessions().map(({ endpoint, state, account }) => [endpoint, state, account]),
    [["trading", "authenticated", KEY]],
  );
  assert.equal((await received()).data.event, "pending_new");
  assert.equal((await received()).data.event, "new");
  simulator.faults.copyOrderEvents(0);
  engine.manualFills.fill(order.id, { qty: "1", price: "1" });
  simulator.faults.muteStream("trading");
  engine.manualFills.fill(order.id, { qty: "2", price: "1" });
  simulator.faults.unmuteStream("trading");
  simulator.connections.drop({ endpoint: "trading" });
  await client.closed;
  while (simulator.trading.stream.connections > 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const next = engine.replace(order.id, { limit_price: "1.10" });
  clock.advance(10);
  engine.cancel(next.id);
  clock.advance(10);
  const events = simulator.trading.ledger.events();
  assert.deepEqual(
    events.map(({ update, deliveries }) => [update.event, deliveries.map((one) => one.outcome)]),
    [
      ["pending_new", ["sent"]],
      ["new", ["sent"]],
      ["partial_fill", ["dropped"]],
      ["partial_fill", ["muted"]],
      ["replaced", []],
      ["new", []],
      ["canceled", []],
    ],
  );
  assert.deepEqual(events.map(({ number }) => number), [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(simulator.trading.ledger.events({ order: next.id }).length, 2);
  const [replacement, replaced] = await get<Record<string, unknown>[]>(
    simulator,
    "/v2/orders?status=closed",
  );
  assert.deepEqual([replaced?.["replaced_by"], replaced?.["status"]], [next.id, "replaced"]);
  assert.deepEqual([replacement?.["replaces"], replacement?.["status"]], [order.id, "canceled"]);
  assert.equal(replacement?.["filled_qty"], "3");
});

Deno.test("updates have no event ids if they are switched off", async () => {
  for (const eventIds of [true, false]) {
    const { simulator: made } = await started({ eventIds });
    await using simulator = made;
    simulator.trading.engineOf(KEY).submit(limit("AAPL", 1));
    const [entry] = simulator.trading.ledger.events();
    assert.equal("event_id" in (entry?.update ?? {}), eventIds);
  }
});

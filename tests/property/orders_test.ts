/** Order streams over outages at random moments, compared with the ledger of the simulator. */
import assert from "node:assert/strict";
import type { TradeUpdate } from "@alpaca-stream-proxy/simulator";
import fc from "fast-check";
import { OrderOutages, type OrderStream } from "./order_outages.ts";
import { asRead, checkUpdates, TRACED } from "./order_oracle.ts";

const DAY_MS = 86_400_000;
const SEEDS = Number(Deno.env.get("PROPERTY_SEEDS") ?? 500);

/** Runs at the same time: one alone mostly waits for responses of REST. */
const CONCURRENT_RUNS = 5;

/** Checks a property with `numRuns` runs in all. */
async function check<T>(property: fc.IAsyncProperty<T>, numRuns: number): Promise<void> {
  const shares = Math.min(CONCURRENT_RUNS, numRuns);
  const results = await Promise.allSettled(
    Array.from(
      { length: shares },
      () => fc.assert(property, { numRuns: Math.ceil(numRuns / shares) }),
    ),
  );
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/** What Alpaca may send or leave out, by seed. */
function variantOf(seed: number) {
  return {
    activityIdsAreExecutions: (seed & 1) === 0,
    eventIds: (seed & 2) === 0,
    pendingChangeEvents: (seed & 4) === 0,
  };
}

function idOf(update: TradeUpdate): string {
  return asRead(update).eventId;
}

/** Orders that the auto trader does not submit. */
function addOrders(account: OrderOutages): { readonly old: string; readonly spread: string } {
  const { engine, time, simulator } = account;
  const order = { qty: "100", side: "buy", type: "limit", time_in_force: "gtc" };
  const old = engine.inject(
    { ...order, symbol: "AAPL", limit_price: "1.00" },
    { submittedAt: time.now() - 30 * DAY_MS },
  );
  const [first, second] = simulator.market.optionContracts("AAPL");
  const spread = engine.inject({
    order_class: "mleg",
    qty: "6",
    type: "limit",
    limit_price: "0.01",
    time_in_force: "day",
    legs: [
      { symbol: first?.symbol, ratio_qty: "1", side: "buy", position_intent: "buy_to_open" },
      { symbol: second?.symbol, ratio_qty: "2", side: "sell", position_intent: "sell_to_open" },
    ],
  }, { submittedAt: time.now() - 1_000 });
  return { old: old.id, spread: spread.id };
}

Deno.test("a stream has every order event once and in order over any outages", async () => {
  let derived = 0;
  let repeated = 0;
  await check(
    fc.asyncProperty(
      fc.integer(),
      fc.array(fc.tuple(fc.nat(400), fc.nat(400), fc.boolean()), { minLength: 1, maxLength: 3 }),
      async (seed, spans) => {
        await using account = await OrderOutages.start(seed, {
          trading: {
            autoTrader: { ordersPerSecond: 20 },
            engine: variantOf(seed),
          },
        });
        const { old, spread } = addOrders(account);
        account.pass(500);
        account.connect();
        await account.untilComplete();
        account.repeatChance = 0.1;
        // The state that was read first includes them, or they were delivered before.
        const before = new Set(account.ledger);
        account.received.length = 0;
        const steady = account.open();
        let streams: OrderStream[] = [account.open()];
        const plain: string[] = [];
        const position = account.proxy.channel.subscribe({
          symbols: new Set(),
          secondary: new Set(),
        });
        for (const [connectedMs, cutMs, isResumed] of spans) {
          account.pass(connectedMs);
          account.engine.manualFills.fill(spread, { qty: "1" });
          if (isResumed) {
            const last = streams.at(-1);
            last?.read();
            last?.stream.end();
          }
          account.cut();
          account.pass(cutMs);
          account.engine.manualFills.fill(old, { qty: "10", price: "0.99" });
          account.engine.manualFills.fill(spread, { qty: "1" });
          account.pass(5);
          account.connect();
          if (isResumed) {
            const updates = streams.flatMap((one) => one.updates);
            const eventId = updates.at(-1)?.event.eventId;
            streams = eventId === undefined
              ? [account.open()]
              : [...streams, account.open({ resume: { eventId } })];
          }
          await account.untilComplete();
          // What was sent before REST was read may still be on its way.
          if (isResumed) account.pass(60);
        }
        account.pass(100);
        account.cut();
        const until = new Set(account.ledger);
        account.connect();
        await account.untilComplete();
        account.pass(100);
        for (const each of [steady, ...streams]) each.read();
        for (const { event } of position.take()) plain.push(event.eventId);
        // Streams without options have what arrived, repeats included.
        assert.deepEqual(plain, account.received.map(idOf));
        repeated += plain.length - new Set(plain).size;
        const received = new Set(account.received.map(idOf));
        derived += checkUpdates(
          steady.updates,
          account.ledger,
          (each) =>
            received.has(idOf(each)) ||
            (TRACED.has(each.event) && until.has(each) && !before.has(each)),
        );
        assert.deepEqual(steady.of("gap"), []);
        const sequences = steady.updates.map(({ sequence }) => sequence);
        assert.deepEqual(
          sequences,
          sequences.map((_, index) => (sequences[0] ?? 1) + index),
          "positions have no hole",
        );
        const [first] = streams[0]?.updates ?? [];
        const resumed = streams.flatMap((one) => one.updates);
        assert.deepEqual(
          resumed.map(({ event }) => event.eventId),
          steady.updates.filter(({ sequence }) => sequence >= (first?.sequence ?? Infinity))
            .map(({ event }) => event.eventId),
        );
        for (const one of streams.slice(1)) {
          assert.ok(one.of("hello").every(({ hello }) => hello.resumed));
          assert.equal(one.of("caught_up").length, 1);
        }
      },
    ),
    SEEDS,
  );
  assert.ok(derived > SEEDS, `${derived} derived`);
  assert.ok(repeated > SEEDS, `${repeated} repeated`);
});

Deno.test("an update that arrives after it was derived is not delivered twice", async () => {
  let late = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.nat(400), async (seed, cutMs) => {
      await using account = await OrderOutages.start(seed, {
        trading: { autoTrader: { ordersPerSecond: 20 }, engine: variantOf(seed) },
      });
      addOrders(account);
      account.pass(500);
      account.connect();
      await account.untilComplete();
      account.pass(100);
      const before = new Set(account.ledger);
      account.received.length = 0;
      const stream = account.open();
      account.pass(200);
      account.cut();
      account.pass(cutMs);
      account.delayMs = 1_000;
      account.receivedLive.length = 0;
      account.connect();
      await account.untilComplete();
      const until = new Set(account.ledger);
      account.pass(2_500);
      stream.read();
      const received = new Set(account.received.map(idOf));
      const overtaken = new Set(account.receivedLive.map(idOf));
      late += account.ledger.filter((each) => until.has(each) && overtaken.has(idOf(each))).length;
      checkUpdates(stream.updates, account.ledger, (each) => {
        if (TRACED.has(each.event) && until.has(each)) return !before.has(each);
        // A word before the end of an order is not sent after the end.
        return received.has(idOf(each)) && !(until.has(each) && overtaken.has(idOf(each)));
      });
      assert.deepEqual(stream.of("gap"), []);
    }),
    { numRuns: Math.ceil(SEEDS / 5) },
  );
  assert.ok(late > SEEDS / 5, `${late} late`);
});

Deno.test("while REST fails nothing is derived, and everything is when it succeeds", async () => {
  let derived = 0;
  const faults = fc.array(
    fc.record({
      kind: fc.constantFrom("status", "cut", "timeout" as const),
      status: fc.constantFrom(429, 500, 503),
      path: fc.constantFrom("/v2/orders", "/v2/orders/*", "/v2/account/*", "*"),
      count: fc.integer({ min: 1, max: 4 }),
    }),
    { minLength: 1, maxLength: 3 },
  );
  await check(
    fc.asyncProperty(fc.integer(), faults, async (seed, planned) => {
      await using account = await OrderOutages.start(seed, {
        trading: { autoTrader: { ordersPerSecond: 4 }, engine: variantOf(seed) },
      });
      account.pass(1_000);
      account.connect();
      await account.untilComplete();
      const before = new Set(account.ledger);
      account.received.length = 0;
      const stream = account.open();
      account.pass(500);
      account.cut();
      account.pass(1_500);
      for (const fault of planned) account.fail(fault);
      const until = new Set(account.ledger);
      account.connect();
      stream.read();
      assert.ok(stream.updates.every(({ origin }) => origin === "live"));
      await account.untilComplete();
      account.pass(100);
      stream.read();
      const received = new Set(account.received.map(idOf));
      derived += checkUpdates(
        stream.updates,
        account.ledger,
        (each) =>
          received.has(idOf(each)) ||
          (TRACED.has(each.event) && until.has(each) && !before.has(each)),
      );
      assert.deepEqual(stream.of("gap"), []);
    }),
    SEEDS / 20,
  );
  assert.ok(derived > SEEDS / 20, `${derived} derived`);
});

Deno.test("after a restart of the proxy a resume has the present state of orders", async () => {
  await check(
    fc.asyncProperty(fc.integer(), fc.nat(400), async (seed, downMs) => {
      await using account = await OrderOutages.start(seed, {
        trading: { autoTrader: { ordersPerSecond: 20 }, engine: variantOf(seed) },
      });
      addOrders(account);
      account.pass(300);
      account.connect();
      await account.untilComplete();
      const first = account.open();
      account.pass(300);
      first.read();
      const last = first.updates.at(-1);
      account.restartProxy();
      account.pass(downMs);
      // The client is back before the trading stream is.
      const resumed = account.open({ resume: { eventId: last?.event.eventId ?? "none" } });
      const opened = account.open({ snapshot: true });
      for (const each of [resumed, opened]) {
        each.read();
        assert.equal(each.of("caught_up").length, 0);
      }
      account.connect();
      await account.untilComplete();
      const { engine } = account;
      const state = new Map(Array.from(engine.orders(), (order) => [order.id, order]));
      await new Promise((resolve) => setTimeout(resolve, 0));
      for (const each of [resumed, opened]) {
        each.read();
        assert.equal(each.of("caught_up").length, 1);
      }
      assert.equal(resumed.of("hello")[0]?.hello.resumed, false);
      assert.deepEqual(resumed.of("gap").map(({ gap }) => gap.reason), ["not_retained"]);
      const isDone = ({ status }: { readonly status: string }) =>
        ["filled", "canceled", "expired", "rejected", "replaced"].includes(status);
      for (
        const { stream, which } of [
          { stream: resumed, which: () => true },
          { stream: opened, which: (status: string) => !isDone({ status }) },
        ]
      ) {
        const latest = new Map(stream.updates.map(({ event }) => [event.order.id, event.order]));
        for (const [id, order] of state) {
          if (order.role === "leg" || !which(order.status)) continue;
          const seen = latest.get(id);
          // What happens while REST is read follows live.
          const isRecent = Number(order.updatedAt / 1_000_000n) > account.time.now() - 1_000;
          assert.ok(seen || isRecent, `${id} ${order.status}`);
          if (seen && !isRecent) {
            assert.deepEqual([seen.status, seen.filledQty], [order.status, `${order.filledQty}`]);
          }
        }
      }
    }),
    SEEDS / 20,
  );
});

Deno.test("what is derived for a stream that waits comes before it has caught up", async () => {
  await using account = await OrderOutages.start(11, {
    trading: { autoTrader: { ordersPerSecond: 20 } },
  });
  const { old } = addOrders(account);
  account.pass(300);
  account.connect();
  await account.untilComplete();
  account.cut();
  account.engine.manualFills.fill(old, { qty: "10", price: "0.99" });
  account.pass(100);
  account.connect();
  const streams = [
    account.open({ snapshot: true }),
    account.open({ resume: { eventId: "unknown" } }),
  ];
  await account.untilComplete();
  await new Promise((resolve) => setTimeout(resolve, 0));
  for (const stream of streams) {
    const items = stream.stream.take();
    const caughtUp = items.findIndex((item) =>
      "notice" in item && item.notice.type === "caught_up"
    );
    const states = items.slice(0, caughtUp).flatMap((item) =>
      "notice" in item || item.event.order.id !== old ? [] : [item.event.order.filledQty]
    );
    assert.equal(states.at(-1), "10");
    const notice = items[caughtUp];
    assert.ok(notice && "notice" in notice && notice.notice.type === "caught_up");
    const before = items.slice(0, caughtUp).filter((item) => !("notice" in item));
    assert.equal(notice.notice.count, before.length);
  }
});

Deno.test("more updates than can be held end the reading with a gap; none is lost", async () => {
  await using account = await OrderOutages.start(7, {
    capacity: 20,
    trading: { autoTrader: { ordersPerSecond: 50 } },
  });
  account.connect();
  await account.untilComplete();
  const stream = account.open();
  account.pass(200);
  account.cut();
  account.received.length = 0;
  account.pass(200);
  account.fail({ kind: "status", status: 500, count: 0 });
  account.connect();
  await account.untilDelivered();
  stream.read();
  assert.deepEqual(stream.of("gap").map(({ gap }) => gap.reason), ["upstream_lost"]);
  const ids = account.received.map(idOf);
  assert.ok(ids.length > 20);
  assert.deepEqual(stream.updates.slice(-ids.length).map(({ event }) => event.eventId), ids);
  assert.equal(account.proxy.counters.orders.reconciliations.abandoned, 1);
});

Deno.test("what executions cannot explain is a gap of the order, with its state", async () => {
  await using account = await OrderOutages.start(3);
  const { old } = addOrders(account);
  const { manualFills } = account.engine;
  account.connect();
  await account.untilComplete();
  const stream = account.open();
  account.cut();
  manualFills.fill(old, { qty: "10", price: "1" });
  manualFills.fill(old, { qty: "90", price: "1" });
  const [first] = account.ledger.filter(({ event }) => event === "partial_fill");
  manualFills.bust(first?.execution_id ?? "none");
  account.pass(1_000);
  account.connect();
  await account.untilComplete();
  stream.read();
  assert.deepEqual(stream.of("gap").map(({ gap: { reason, symbols } }) => [reason, symbols]), [
    ["upstream_lost", ["AAPL"]],
  ]);
  assert.deepEqual(
    stream.updates.map(({ event: { event, order, price } }) => [event, order.filledQty, price]),
    [["fill", "90", undefined]],
  );
});

Deno.test("a slow order client ends with UNAVAILABLE, resumes and has everything", async () => {
  await check(
    fc.asyncProperty(fc.integer(), async (seed) => {
      await using account = await OrderOutages.start(seed, {
        queue: 100,
        trading: { autoTrader: { ordersPerSecond: 50 } },
      });
      account.connect();
      await account.untilComplete();
      const steady = account.open();
      let slow = account.open();
      const received: string[] = [];
      const read = () => {
        slow.read();
        received.push(...slow.updates.splice(0).map(({ event }) => event.eventId));
      };
      let ends = 0;
      for (let turn = 0; turn < 160; turn++) {
        account.pass(30);
        steady.read();
        if (turn === 60) {
          account.cut();
          account.pass(200);
          account.connect();
          await account.untilComplete();
          steady.read();
        }
        // Reads a quarter of the time.
        if (turn % 40 > 10) continue;
        read();
        if (slow.stream.endReason === undefined) continue;
        ends++;
        slow.stream.end();
        slow = account.open(
          received.length > 0 ? { resume: { eventId: received.at(-1) ?? "" } } : {},
        );
        read();
        assert.ok(slow.of("hello").every(({ hello }) => hello.resumed || received.length === 0));
      }
      account.pass(30);
      steady.read();
      assert.equal(steady.stream.endReason, undefined);
      slow.stream.end();
      slow = account.open({ resume: { eventId: received.at(-1) ?? "none" } });
      read();
      assert.ok(ends > 0);
      const all = steady.updates.map(({ event }) => event.eventId);
      assert.deepEqual(received, all.slice(all.indexOf(received[0] ?? "none")));
    }),
    SEEDS / 20,
  );
});

Deno.test("if REST fails for ten minutes, updates follow live after a gap", async () => {
  await using account = await OrderOutages.start(5, {
    trading: { autoTrader: { ordersPerSecond: 1 } },
  });
  account.connect();
  await account.untilComplete();
  const stream = account.open();
  account.cut();
  account.pass(2_000);
  account.fail({ kind: "status", status: 403, count: 0 });
  account.received.length = 0;
  const start = account.time.now();
  account.connect();
  await account.untilDelivered();
  assert.ok(account.time.now() - start >= 600_000);
  stream.read();
  assert.deepEqual(stream.of("gap").map(({ gap }) => gap.reason), ["upstream_lost"]);
  assert.deepEqual(
    stream.updates.map(({ event }) => event.eventId),
    account.received.map(idOf),
  );
  account.simulator.faults.clearRest();
  const live = stream.updates.length;
  await account.untilComplete();
  stream.read();
  const derived = stream.updates.slice(live).filter(({ origin }) => origin === "reconciled");
  assert.ok(derived.length > 0, "what is missing is derived as soon as REST can be read");
  assert.deepEqual(stream.of("gap").length, 1);
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { ManualClock } from "../../src/clock.ts";
import { SeededRandom } from "../../src/random.ts";
import { AutoTrader } from "../../src/trading/auto_trader.ts";
import { nextBoundary } from "../../src/market/calendar.ts";
import { UlidSequence } from "../../src/trading/ulid.ts";
import { type EngineHarness, engineHarness, order } from "./trading_harness.ts";

/** A price in whole hundredths and a whole quantity. */
const execution = fc.record({
  cents: fc.integer({ min: 1, max: 9_999_999 }),
  qty: fc.integer({ min: 1, max: 10_000 }),
});

Deno.test("the average price equals exact integer arithmetic, rounded once", () => {
  fc.assert(
    fc.property(fc.array(execution, { minLength: 1 }), (fills) => {
      using harness = engineHarness();
      const total = fills.reduce((sum, { qty }) => sum + qty, 0);
      const { id } = harness.engine.submit(
        order({ type: "limit", limit_price: "0.01", qty: String(total) }),
      );
      for (const { cents, qty } of fills) {
        harness.engine.manualFills.fill(id, {
          qty: String(qty),
          price: (cents / 100).toFixed(2),
        });
      }
      const value = fills.reduce(
        (sum, { cents, qty }) => sum + BigInt(cents) * BigInt(qty),
        0n,
      );
      const scaled = value * 10n ** 7n * 2n; // nine places, doubled to round half up
      const rounded = (scaled / BigInt(total) + 1n) / 2n;
      const whole = rounded / 10n ** 9n;
      const places = String(rounded % 10n ** 9n).padStart(9, "0")
        .replace(/0+$/, "");
      const expected = places === "" ? `${whole}` : `${whole}.${places}`;
      assert.equal(harness.last().event, "fill");
      assert.equal(harness.last().order.filled_avg_price, expected);
      assert.equal(harness.last().order.filled_qty, String(total));
      assert.equal(harness.last().position_qty, String(total));
    }),
    { numRuns: 200 },
  );
});

Deno.test("a position is the sum of all executions", () => {
  const trade = fc.record({
    side: fc.constantFrom("buy" as const, "sell" as const),
    qty: fc.integer({ min: 1, max: 500 }),
  });
  fc.assert(fc.property(fc.array(trade), (trades) => {
    using harness = engineHarness();
    let held = 0;
    for (const { side, qty } of trades) {
      held += side === "buy" ? qty : -qty;
      const { id } = harness.engine.submit(order({ side, qty: String(qty) }));
      harness.engine.manualFills.fill(id, { qty: String(qty), price: "1" });
      assert.equal(harness.last().position_qty, String(held));
    }
    assert.equal(harness.engine.position("MSFT").toNumber(), held);
  }));
});

Deno.test("the filled quantity of an order never exceeds its quantity", () => {
  const step = fc.record({
    bid: fc.integer({ min: 39_000, max: 41_000 }),
    size: fc.integer({ min: 1, max: 30 }),
    limit: fc.integer({ min: 39_000, max: 41_000 }),
    qty: fc.integer({ min: 1, max: 60 }),
    side: fc.constantFrom("buy", "sell"),
    time: fc.constantFrom("day", "ioc", "fok", "gtc"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      using harness = engineHarness({ partialFillChance: 0.5 });
      for (const { bid, size, limit, qty, side, time } of steps) {
        harness.prices.set("MSFT", bid / 100, (bid + 5) / 100, size);
        harness.engine.submit(order({
          side,
          qty: String(qty),
          type: "limit",
          limit_price: (limit / 100).toFixed(2),
          time_in_force: time,
        }));
        harness.clock.advance(30);
      }
      checkUpdates(harness);
    }),
    { numRuns: 60 },
  );
});

/** Invariants of any run. */
function checkUpdates(harness: EngineHarness): void {
  const filled = new Map<string, number>();
  const finished = new Set<string>();
  for (const { event, order, qty, price } of harness.updates) {
    assert.ok(!finished.has(order.id), `${event} after the end of ${order.id}`);
    if (["filled", "canceled", "expired", "rejected"].includes(order.status)) {
      finished.add(order.id);
    }
    if (qty === undefined) continue;
    const sum = (filled.get(order.id) ?? 0) + Number(qty);
    filled.set(order.id, sum);
    assert.equal(Number(order.filled_qty), sum);
    assert.ok(sum <= Number(order.qty));
    const limit = Number(order.limit_price);
    if (order.side === "buy") assert.ok(Number(price) <= limit);
    else assert.ok(Number(price) >= limit);
  }
}

function autoTrade(seed: string): EngineHarness {
  const harness = engineHarness(
    { partialFillChance: 0.3 },
    { seed },
  );
  const trader = new AutoTrader({
    engine: harness.engine,
    clock: harness.clock,
    random: new SeededRandom(`${seed} trader`),
    prices: harness.prices,
  }, { ordersPerSecond: 20, symbols: ["MSFT", "SPY"] });
  for (let second = 0; second < 120; second++) {
    const drift = Math.sin(second / 5) * 4;
    harness.prices.set("MSFT", 402 + drift, 402.1 + drift, 60);
    harness.clock.advance(1_000);
  }
  trader[Symbol.dispose]();
  assert.ok(trader.submitted > 1_000);
  return harness;
}

Deno.test("the auto trader produces every usual event", () => {
  using harness = autoTrade("mix");
  const seen = new Set(harness.events());
  for (
    const event of [
      "pending_new",
      "new",
      "partial_fill",
      "fill",
      "canceled",
      "replaced",
      "rejected",
      "expired",
      "held",
    ]
  ) assert.ok(seen.has(event), `no ${event} in two minutes`);
  assert.ok(harness.updates.some(({ order }) => order.order_class === "mleg"));
  assert.ok(harness.engine.openCount <= 110);
});

Deno.test("the same seed gives the same updates, ids and times included", () => {
  using one = autoTrade("again");
  using two = autoTrade("again");
  using other = autoTrade("another");
  assert.deepEqual(one.updates, two.updates);
  assert.notDeepEqual(one.updates, other.updates);
});

Deno.test("above the capacity the oldest finished orders are dropped", () => {
  using harness = engineHarness({ historyCapacity: 20 });
  const first = harness.engine.submit(order());
  for (let count = 0; count < 50; count++) {
    harness.engine.submit(order({ qty: "1" }));
    harness.clock.advance(10);
  }
  assert.equal([...harness.engine.orders()].length, 20);
  assert.equal(harness.engine.executionCount, 20);
  assert.equal(harness.engine.get(first.id), undefined);
});

Deno.test("the next close is found across weekends and clock changes", () => {
  const at = (text: string, boundary: "open" | "close" | "extended") =>
    new Date(nextBoundary(Date.parse(text), boundary)).toISOString();
  assert.equal(at("2026-09-14T14:30:00Z", "close"), "2026-09-14T20:00:00.000Z");
  assert.equal(at("2026-09-11T21:00:00Z", "open"), "2026-09-14T13:30:00.000Z");
  assert.equal(at("2026-10-30T21:00:00Z", "close"), "2026-11-02T21:00:00.000Z");
  assert.equal(
    at("2026-11-02T21:30:00Z", "extended"),
    "2026-11-03T01:00:00.000Z",
  );
  assert.equal(at("2026-03-06T22:00:00Z", "open"), "2026-03-09T13:30:00.000Z");
});

Deno.test("ulids grow within a millisecond and when the random part overflows", () => {
  const clock = new ManualClock();
  const highest = new SeededRandom("x");
  highest.below = (limit) => limit - 1;
  const ids = new UlidSequence(clock, highest);
  const seen = [ids.next(), ids.next(), ids.next()];
  clock.advance(5);
  seen.push(ids.next());
  assert.deepEqual(seen, [...seen].sort());
  assert.equal(new Set(seen).size, 4);
});

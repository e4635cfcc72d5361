import assert from "node:assert/strict";
import fc from "fast-check";
import { ManualClock } from "../../src/clock.ts";
import { SeededRandom } from "../../src/random.ts";
import { AutoTrader } from "../../src/trading/auto_trader.ts";
import { nextBoundary } from "../../src/market/calendar.ts";
import { UlidSequence } from "../../src/trading/ulid.ts";
import { type Bench, bench, order } from "./trading_support.ts";

/** A price in whole hundredths and a whole quantity. */
const execution = fc.record({
  cents: fc.integer({ min: 1, max: 9_999_999 }),
  qty: fc.integer({ min: 1, max: 10_000 }),
});

Deno.test("the average price equals exact integer arithmetic, rounded once", () => {
  fc.assert(
    fc.property(fc.array(execution, { minLength: 1 }), (fills) => {
      using desk = bench();
      const total = fills.reduce((sum, { qty }) => sum + qty, 0);
      const { id } = desk.engine.submit(
        order({ type: "limit", limit_price: "0.01", qty: String(total) }),
      );
      for (const { cents, qty } of fills) {
        desk.engine.manualFills.fill(id, {
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
      assert.equal(desk.last().event, "fill");
      assert.equal(desk.last().order.filled_avg_price, expected);
      assert.equal(desk.last().order.filled_qty, String(total));
      assert.equal(desk.last().position_qty, String(total));
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
    using desk = bench();
    let held = 0;
    for (const { side, qty } of trades) {
      held += side === "buy" ? qty : -qty;
      const { id } = desk.engine.submit(order({ side, qty: String(qty) }));
      desk.engine.manualFills.fill(id, { qty: String(qty), price: "1" });
      assert.equal(desk.last().position_qty, String(held));
    }
    assert.equal(desk.engine.position("MSFT").toNumber(), held);
  }));
});

Deno.test("what an order filled never exceeds what it asked for", () => {
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
      using desk = bench({ partialFillChance: 0.5 });
      for (const { bid, size, limit, qty, side, time } of steps) {
        desk.prices.set("MSFT", bid / 100, (bid + 5) / 100, size);
        desk.engine.submit(order({
          side,
          qty: String(qty),
          type: "limit",
          limit_price: (limit / 100).toFixed(2),
          time_in_force: time,
        }));
        desk.clock.advance(30);
      }
      checkUpdates(desk);
    }),
    { numRuns: 60 },
  );
});

/** Laws that hold for any run. */
function checkUpdates(desk: Bench): void {
  const filled = new Map<string, number>();
  const finished = new Set<string>();
  for (const { event, order, qty, price } of desk.updates) {
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

function autoTrade(seed: string): Bench {
  const desk = bench(
    { partialFillChance: 0.3 },
    { seed },
  );
  const trader = new AutoTrader({
    engine: desk.engine,
    clock: desk.clock,
    random: new SeededRandom(`${seed} trader`),
    prices: desk.prices,
  }, { ordersPerSecond: 20, symbols: ["MSFT", "SPY"] });
  for (let second = 0; second < 120; second++) {
    const drift = Math.sin(second / 5) * 4;
    desk.prices.set("MSFT", 402 + drift, 402.1 + drift, 60);
    desk.clock.advance(1_000);
  }
  trader[Symbol.dispose]();
  assert.ok(trader.submitted > 1_000);
  return desk;
}

Deno.test("the auto trader shows every usual life", () => {
  using desk = autoTrade("mix");
  const seen = new Set(desk.events());
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
  assert.ok(desk.updates.some(({ order }) => order.order_class === "mleg"));
  assert.ok(desk.engine.openCount <= 110);
});

Deno.test("the same seed gives the same updates, ids and times included", () => {
  using one = autoTrade("again");
  using two = autoTrade("again");
  using other = autoTrade("another");
  assert.deepEqual(one.updates, two.updates);
  assert.notDeepEqual(one.updates, other.updates);
});

Deno.test("a crowd of finished orders is forgotten, oldest first", () => {
  using desk = bench({ historyCapacity: 20 });
  const first = desk.engine.submit(order());
  for (let count = 0; count < 50; count++) {
    desk.engine.submit(order({ qty: "1" }));
    desk.clock.advance(10);
  }
  assert.equal([...desk.engine.orders()].length, 20);
  assert.equal(desk.engine.executionCount, 20);
  assert.equal(desk.engine.get(first.id), undefined);
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

Deno.test("ulids grow also within a millisecond and when chance runs out", () => {
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

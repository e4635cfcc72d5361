import assert from "node:assert/strict";
import fc from "fast-check";
import { ManualClock } from "../../src/clock.ts";
import { SeededRandom } from "../../src/random.ts";
import { AutoTrader } from "../../src/trading/auto_trader.ts";
import { Decimal } from "../../src/trading/decimals.ts";
import { PositionBook } from "../../src/trading/position_book.ts";
import { formatInstant, parseInstant } from "../../src/trading/timestamps.ts";
import { nextBoundary } from "../../src/trading/session_hours.ts";
import { UlidSequence } from "../../src/trading/ulid.ts";
import { type Bench, bench, LOW_CALL, order } from "./trading_support.ts";

/** A price in whole hundredths and a whole quantity. */
const execution = fc.record({
  cents: fc.integer({ min: 1, max: 9_999_999 }),
  qty: fc.integer({ min: 1, max: 10_000 }),
});

Deno.test("the average price equals exact integer arithmetic, rounded once", () => {
  fc.assert(
    fc.property(fc.array(execution, { minLength: 1 }), (fills) => {
      using desk = bench({ checkBuyingPower: false });
      const total = fills.reduce((sum, { qty }) => sum + qty, 0);
      const { id } = desk.engine.submit(
        order({ type: "limit", limit_price: "0.01", qty: String(total) }),
      );
      for (const { cents, qty } of fills) {
        desk.engine.venue.fill(id, {
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

Deno.test("cash and position are the sum of all executions", () => {
  const trade = fc.record({
    side: fc.constantFrom("buy" as const, "sell" as const),
    cents: fc.integer({ min: 1, max: 1_000_000 }),
    qty: fc.integer({ min: 1, max: 500 }),
  });
  fc.assert(fc.property(fc.array(trade), (trades) => {
    const book = new PositionBook(new Decimal("1000000"));
    let cents = 100_000_000n;
    let held = 0;
    for (const { side, cents: price, qty } of trades) {
      const sign = side === "buy" ? 1 : -1;
      cents -= BigInt(sign * price) * BigInt(qty);
      held += sign * qty;
      book.apply({
        symbol: "MSFT",
        assetClass: "us_equity",
        side,
        qty: new Decimal(qty),
        price: new Decimal(price).div(100),
      });
    }
    assert.equal(book.cash.times(100).toFixed(), String(cents));
    assert.equal(book.qty("MSFT").toNumber(), held);
    assert.equal(book.get("MSFT") === undefined, held === 0);
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
    { partialFillChance: 0.3, timestamps: "mixed" },
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
  assert.equal([...desk.engine.executions()].length, 20);
  assert.equal(desk.engine.get(first.id), undefined);
});

Deno.test("instants are written with nanoseconds and trimmed zeros", () => {
  const second = 1_789_396_202n * 1_000_000_000n;
  assert.equal(formatInstant(second), "2026-09-14T14:30:02Z");
  assert.equal(
    formatInstant(second + 118_450_321n),
    "2026-09-14T14:30:02.118450321Z",
  );
  assert.equal(
    formatInstant(second + 250_000_000n, { offsetMinutes: -240 }),
    "2026-09-14T10:30:02.25-04:00",
  );
  fc.assert(fc.property(
    fc.bigInt({ min: 0n, max: 4_102_444_800_000_000_000n }),
    fc.constantFrom(0, -240, -300, 330),
    (nanos, offsetMinutes) =>
      assert.equal(
        parseInstant(formatInstant(nanos, { offsetMinutes })),
        nanos,
      ),
  ));
});

Deno.test("order times may carry New York's offset", () => {
  using desk = bench({ timestamps: "mixed" });
  const placed = desk.engine.submit(order());
  assert.equal(placed.created_at, "2026-09-14T10:30:00-04:00");
  assert.equal(placed.updated_at, "2026-09-14T14:30:00Z");
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

Deno.test("options count a hundredfold in the account's figures", () => {
  using desk = bench();
  desk.engine.submit(order({ symbol: LOW_CALL, qty: "1" }));
  desk.clock.advance(20);
  const { equity, longMarketValue, cash } = desk.engine.figures();
  assert.equal(cash.toFixed(), "998760");
  assert.equal(longMarketValue.toFixed(), "1240");
  assert.equal(equity.toFixed(), "1000000");
});

import assert from "node:assert/strict";
import { OrderRejection } from "../../src/trading/order_request.ts";
import { engineHarness, HIGH_CALL, LOW_CALL, order } from "./trading_harness.ts";

const LEGS = [
  { symbol: LOW_CALL, ratio_qty: "1", side: "buy" },
  { symbol: HIGH_CALL, ratio_qty: "1", side: "sell" },
];
const mleg = (changes: Record<string, unknown> = {}) => ({
  order_class: "mleg",
  type: "market",
  qty: "1",
  time_in_force: "day",
  legs: LEGS,
  ...changes,
});

const REFUSED: readonly [
  name: string,
  body: unknown,
  status: number,
  text: RegExp,
][] = [
  ["a body that is no object", [], 400, /request body/],
  ["no symbol", order({ symbol: undefined }), 400, /symbol is required/],
  ["no side", order({ side: null }), 400, /side is required/],
  ["a foreign side", order({ side: "hold" }), 422, /invalid side: "hold"/],
  ["no type", order({ type: undefined }), 400, /type is required/],
  ["a foreign type", order({ type: "iceberg" }), 422, /invalid type/],
  ["a foreign time", order({ time_in_force: "gtd" }), 422, /time_in_force/],
  ["no quantity", order({ qty: undefined }), 400, /qty is required/],
  ["quantity zero", order({ qty: "0" }), 422, /qty must be > 0/],
  ["a negative quantity", order({ qty: "-3" }), 422, /qty must be > 0/],
  ["quantity in words", order({ qty: "ten" }), 400, /qty must be a decimal/],
  ["ten decimals", order({ qty: "0.0000000001" }), 422, /9 decimal places/],
  ["no limit price", order({ type: "limit" }), 422, /require limit_price/],
  ["no stop price", order({ type: "stop" }), 422, /require stop_price/],
  ["a needless limit", order({ limit_price: "1" }), 422, /no limit_price/],
  ["no trail", order({ type: "trailing_stop" }), 422, /trail_price/],
  [
    "two trails",
    order({ type: "trailing_stop", trail_price: "1", trail_percent: "1" }),
    422,
    /one of trail_price/,
  ],
  [
    "sub-pennies",
    order({ type: "limit", limit_price: "400.123" }),
    422,
    /sub-penny/,
  ],
  ["an unknown asset", order({ symbol: "NOPE" }), 422, /"NOPE" not found/],
  [
    "extended hours at market",
    order({ extended_hours: true }),
    422,
    /extended hours/,
  ],
  [
    "extended hours in words",
    order({ extended_hours: "yes" }),
    400,
    /extended_hours must be a boolean/,
  ],
  [
    "a fraction that lasts",
    order({ qty: "0.5", time_in_force: "gtc" }),
    422,
    /fractional/,
  ],
  [
    "half an option",
    order({ symbol: LOW_CALL, qty: "0.5" }),
    422,
    /whole qty/,
  ],
  [
    "a bracket without exits",
    order({ order_class: "bracket" }),
    422,
    /take_profit and stop_loss/,
  ],
  [
    "a bracket upside down",
    order({
      order_class: "bracket",
      take_profit: { limit_price: "390" },
      stop_loss: { stop_price: "395" },
    }),
    422,
    /take_profit.limit_price must be >/,
  ],
  [
    "an oto with two exits",
    order({
      order_class: "oto",
      take_profit: { limit_price: "410" },
      stop_loss: { stop_price: "395" },
    }),
    422,
    /one of take_profit and stop_loss/,
  ],
  [
    "an immediate bracket",
    order({
      order_class: "bracket",
      time_in_force: "ioc",
      take_profit: { limit_price: "410" },
      stop_loss: { stop_price: "395" },
    }),
    422,
    /DAY or GTC/,
  ],
  ["one leg", mleg({ legs: LEGS.slice(0, 1) }), 422, /2 to 4 legs/],
  ["a leg twice", mleg({ legs: [LEGS[0], LEGS[0]] }), 422, /different symbols/],
  [
    "ratios with a divisor",
    mleg({ legs: LEGS.map((leg) => ({ ...leg, ratio_qty: "2" })) }),
    422,
    /relatively prime/,
  ],
  [
    "a leg without ratio",
    mleg({ legs: [{ symbol: LOW_CALL, side: "buy" }] }),
    400,
    /ratio_qty/,
  ],
  ["a lasting strategy", mleg({ time_in_force: "gtc" }), 422, /DAY/],
  [
    "a long client order id",
    order({ client_order_id: "x".repeat(129) }),
    400,
    /128 characters/,
  ],
];

for (const [name, body, status, text] of REFUSED) {
  Deno.test(`an order with ${name} is rejected with ${status}`, () => {
    using harness = engineHarness();
    assert.throws(() => harness.engine.submit(body), (error: unknown) => {
      assert.ok(error instanceof OrderRejection);
      assert.equal(error.status, status);
      assert.match(error.message, text);
      assert.equal(Math.trunc(error.code / 100_000), status);
      return true;
    });
    assert.equal(harness.engine.openCount, 0);
    assert.equal(harness.updates.length, 0);
  });
}

Deno.test("a client order id can be used once", () => {
  using harness = engineHarness();
  const mine = order({ client_order_id: "mine" });
  assert.equal(harness.engine.submit(mine).client_order_id, "mine");
  assert.throws(() => harness.engine.submit(mine), /must be unique/);
});

Deno.test("a finished or unknown order can be neither canceled nor replaced", () => {
  using harness = engineHarness();
  const { id } = harness.engine.submit(order());
  harness.clock.advance(50);
  assert.throws(() => harness.engine.cancel(id), /already in "filled" state/);
  assert.throws(
    () => harness.engine.replace(id, { qty: "11" }),
    /"filled" state/,
  );
  assert.throws(
    () => harness.engine.cancel("nope"),
    /order not found for nope/,
  );
  assert.throws(() => harness.engine.replace("nope", {}), /order not found/);
});

Deno.test("a replacement cannot ask for less than is filled", () => {
  using harness = engineHarness();
  harness.prices.set("MSFT", 402, 402.1, 4);
  const { id } = harness.engine.submit(
    order({ type: "limit", limit_price: "402.1" }),
  );
  harness.clock.advance(6);
  assert.throws(() => harness.engine.replace(id, { qty: "4" }), /filled qty 4/);
  assert.throws(
    () => harness.engine.replace(id, { stop_price: "1" }),
    /stop_price/,
  );
  assert.throws(() => harness.engine.replace(id, { trail: "1" }), /no trail/);
});

Deno.test("settings out of range are named", () => {
  assert.throws(
    () => engineHarness({ partialFillChance: 1.5 }),
    /partialFillChance .* 1.5/,
  );
  assert.throws(
    () => engineHarness({ matchIntervalMs: 0 }),
    /matchIntervalMs .* 0/,
  );
});

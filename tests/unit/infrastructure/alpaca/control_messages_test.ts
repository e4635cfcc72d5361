/** Control messages of the market data streams. */
import assert from "node:assert/strict";
import { readControl } from "../../../../src/infrastructure/alpaca/messages.ts";

function stateOf(keys: Record<string, unknown>): Record<string, string[]> {
  const control = readControl({ T: "subscription", ...keys });
  assert.equal(control?.type, "subscription");
  return Object.fromEntries(
    [...control.state].map(([channel, symbols]) => [channel, [...symbols]]),
  );
}

Deno.test("an acknowledgement is read as the full state, wildcard included", () => {
  const state = stateOf({
    trades: ["AAPL", "MSFT"],
    quotes: ["*"],
    bars: ["*", "SPY"],
    updatedBars: [],
    dailyBars: ["VOO"],
    statuses: ["*"],
    lulds: [],
    corrections: ["AAPL", "MSFT"],
    cancelErrors: ["AAPL", "MSFT"],
    orderbooks: ["BTC/USD"],
    pricing: ["BTC-PERP"],
  });
  assert.deepEqual(state, {
    trades: ["AAPL", "MSFT"],
    quotes: ["*"],
    bars: ["*", "SPY"],
    dailyBars: ["VOO"],
    statuses: ["*"],
    orderbooks: ["BTC/USD"],
  });
});

Deno.test("channels that are missing, null, empty or not a list are empty", () => {
  assert.deepEqual(stateOf({}), {});
  assert.deepEqual(stateOf({ trades: null, quotes: [], bars: "AAPL" }), {});
  assert.deepEqual(stateOf({ trades: {}, quotes: 7, bars: ["A"] }), {
    bars: ["A"],
  });
});

Deno.test("symbols that are not text are ignored in an acknowledgement", () => {
  assert.deepEqual(stateOf({ trades: ["A", 7, null, ["B"], "A"] }), {
    trades: ["A"],
  });
});

Deno.test("an error without a valid code or message is still an error", () => {
  const cases = [
    [{ code: 407, msg: "slow client" }, 407, "slow client"],
    [{}, 0, "unnamed error"],
    [{ code: "406", msg: 7 }, 0, "unnamed error"],
    [{ code: null, msg: "" }, 0, "unnamed error"],
  ] as const;
  for (const [element, code, message] of cases) {
    assert.deepEqual(readControl({ T: "error", ...element }), {
      type: "error",
      error: { code, message },
    });
  }
});

Deno.test("data and unknown types are not control messages", () => {
  for (const T of ["q", "n", "Success", "", undefined, null, 7, ["error"]]) {
    assert.equal(readControl({ T, msg: "connected" }), undefined);
  }
});

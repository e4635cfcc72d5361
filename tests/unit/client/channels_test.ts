/** Filters of the client library. */
import assert from "node:assert/strict";
import { filterFields, hasWholeSymbols } from "../../../client/channels.ts";

Deno.test("holes in the sequence of a symbol are gaps, unless the filter selects within it", () => {
  const underlyings = ["SPY"];
  assert.equal(hasWholeSymbols("orderUpdates", { symbols: ["AAPL"] }), true);
  assert.equal(hasWholeSymbols("orderUpdates", { underlyings, selection: { maxDays: 3 } }), true);
  assert.equal(
    hasWholeSymbols("orderUpdates", { underlyings, selection: { onlySelected: true } }),
    false,
  );
  assert.equal(hasWholeSymbols("news", { symbols: ["AAPL"] }), false);
  assert.equal(hasWholeSymbols("orderUpdates", { orderIds: ["1"] }), false);
  assert.equal(hasWholeSymbols("orderUpdates", { clientOrderIdPrefixes: ["bot-"] }), false);
  assert.equal(hasWholeSymbols("orderUpdates", { events: ["fill"] }), false);
});

Deno.test("a request has only the lists and the fields that are set", () => {
  assert.deepEqual(filterFields({}), { symbols: [] });
  assert.deepEqual(filterFields({ underlyings: [], events: [], selection: {} }), {
    symbols: [],
    optionSelection: {},
  });
  const selection = { maxDays: 0, minDays: undefined, onlySelected: false };
  assert.deepEqual(filterFields({ underlyings: ["SPY"], selection }), {
    symbols: [],
    underlyings: ["SPY"],
    optionSelection: { maxDays: 0, onlySelected: false },
  });
});

/** What becomes of the lists in a request. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { status } from "@grpc/grpc-js";
import { CallError } from "../../../../src/infrastructure/grpc/call_error.ts";
import {
  optionFilter,
  orderFilter,
  stockFilter,
} from "../../../../src/infrastructure/grpc/request_filters.ts";

/** The refusal of a request. */
function refusal(read: () => unknown): CallError {
  try {
    read();
  } catch (error) {
    assert(error instanceof CallError);
    assert.equal(error.code, status.INVALID_ARGUMENT);
    return error;
  }
  throw new Error("The request was not refused");
}

Deno.test("empty lists mean everything and stay empty", () => {
  assert.deepEqual(stockFilter({ symbols: [] }), { symbols: [] });
  assert.deepEqual(optionFilter({ symbols: [], underlyings: [] }), {
    symbols: [],
    underlyings: [],
  });
  assert.deepEqual(orderFilter({ symbols: [], orderIds: [] }), {
    symbols: [],
    orderIds: [],
  });
});

Deno.test("symbols are trimmed, upper-cased and named once", () => {
  assert.deepEqual(
    stockFilter({ symbols: [" aapl", "AAPL ", "brk.b"] }).symbols,
    ["AAPL", "BRK.B"],
  );
});

Deno.test("option symbols lose prefix and padding", () => {
  const { symbols, underlyings } = optionFilter({
    symbols: [
      "O:AAPL240315C00172500",
      "AAPL  240315C00172500",
      "o:spxw  240327p04925000",
      "CSGP1 251017P00080000",
    ],
    underlyings: ["O:SPY", "spxw  "],
  });
  assert.deepEqual(symbols, [
    "AAPL240315C00172500",
    "SPXW240327P04925000",
    "CSGP1251017P00080000",
  ]);
  assert.deepEqual(underlyings, ["SPY", "SPXW"]);
});

Deno.test("a stock that begins like the option prefix keeps its name", () => {
  assert.deepEqual(stockFilter({ symbols: ["O:X"] }).symbols, ["O:X"]);
});

Deno.test("order ids keep their case, order symbols do not", () => {
  assert.deepEqual(
    orderFilter({ orderIds: [" aB-1 "], symbols: ["btc/usd"] }),
    {
      orderIds: ["aB-1"],
      symbols: ["BTC/USD"],
    },
  );
});

Deno.test("every wrong entry is named with its place", () => {
  const { violations, message } = refusal(() =>
    optionFilter({
      symbols: ["OK", "", "O:"],
      underlyings: ["A\tB", "X".repeat(65)],
    })
  );
  assert.deepEqual(
    violations.map(({ field }) => field),
    ["symbols[1]", "symbols[2]", "underlyings[0]", "underlyings[1]"],
  );
  assert.match(message, /symbols\[1\].*and 3 more/);
  assert.match(violations[2]?.description ?? "", /"A\\tB".*control/);
  assert.match(violations[3]?.description ?? "", /65 characters; at most 64/);
});

Deno.test("details stay small however much is wrong", () => {
  const { violations, message } = refusal(() =>
    stockFilter({ symbols: Array.from({ length: 20_000 }, () => "") })
  );
  assert.equal(violations.length, 8);
  assert.match(message, /and 19999 more/);
});

Deno.test("a list that is too long is refused without being read", () => {
  const { violations } = refusal(() =>
    orderFilter({ orderIds: new Array(20_001).fill("x"), symbols: [] })
  );
  assert.equal(violations[0]?.field, "order_ids");
  assert.match(violations[0].description, /20001 entries; at most 20000/);
});

Deno.test("any list is either refused or becomes clean, and twice is once", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "binary", maxLength: 70 })),
      (symbols) => {
        let kept: readonly string[];
        try {
          kept = optionFilter({ symbols, underlyings: [] }).symbols;
        } catch (error) {
          assert(error instanceof CallError && error.violations.length > 0);
          return;
        }
        assert.equal(new Set(kept).size, kept.length);
        for (const symbol of kept) {
          assert(symbol.length > 0 && symbol === symbol.trim());
        }
        assert.deepEqual(stockFilter({ symbols: kept }).symbols, kept);
      },
    ),
    { numRuns: 2_000 },
  );
});

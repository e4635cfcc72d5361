/** Conversion of requests to filters. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { status } from "@grpc/grpc-js";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import { CallError } from "../../../../src/infrastructure/grpc/call_error.ts";
import {
  DEFAULT_LIMITS,
  optionFilter,
  orderFilter,
  stockFilter,
} from "../../../../src/infrastructure/grpc/request_filters.ts";

/** The error of an invalid request. */
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

Deno.test("symbols are trimmed, in upper case and without duplicates", () => {
  assert.deepEqual(
    stockFilter({ symbols: [" aapl", "AAPL ", "brk.b"] }).symbols,
    ["AAPL", "BRK.B"],
  );
});

Deno.test("prefix and padding of option symbols are removed", () => {
  const { symbols, underlyings } = optionFilter({
    symbols: [
      "O:AAPL240315C00172500",
      "AAPL  240315C00172500",
      "o:spxw  240327p04925000",
      "CSGP1 251017P00080000",
    ],
    underlyings: ["O:SPY", "spx  "],
  });
  assert.deepEqual(symbols, [
    "AAPL240315C00172500",
    "SPXW240327P04925000",
    "CSGP1251017P00080000",
  ]);
  assert.deepEqual(underlyings, ["SPY", "SPX"]);
});

Deno.test("an option root resolves to its underlying", () => {
  const { underlyings } = optionFilter({
    symbols: [],
    underlyings: ["SPXW", "spx", "BRKB", "CSGP1", "VIXW", "A", "AAPL"],
  });
  assert.deepEqual(underlyings, ["SPX", "BRK.B", "CSGP", "VIX", "A", "AAPL"]);
});

Deno.test("a stock that begins like the option prefix is kept", () => {
  assert.deepEqual(stockFilter({ symbols: ["O:X"] }).symbols, ["O:X"]);
});

Deno.test("share classes are written with a dot, as Alpaca does", () => {
  const { symbols } = stockFilter({
    symbols: ["BRK.B", "brk/b", "BRK-B", " BRK B ", "BF/A", "A-B"],
  });
  assert.deepEqual(symbols, ["BRK.B", "BF.A", "A.B"]);
  const { underlyings } = optionFilter({
    symbols: [],
    underlyings: ["BRK/B", "O:BF-B"],
  });
  assert.deepEqual(underlyings, ["BRK.B", "BF.B"]);
});

Deno.test("separators of other symbols are kept", () => {
  const symbols = [
    ...["BRK/BB", "PSA-PH", "ABCDEF/A", "A1/B", "X.WS", "BRK--B", "BRK/1"],
    ...["-B", "A/B/C"],
  ];
  assert.deepEqual(stockFilter({ symbols }).symbols, symbols);
});

Deno.test("option symbols of orders are normalized like those of streams", () => {
  const symbols = ["O:AAPL240315C00172500", "spxw  240327p04925000"];
  assert.deepEqual(orderFilter({ symbols, orderIds: [] }).symbols, [
    "AAPL240315C00172500",
    "SPXW240327P04925000",
  ]);
});

Deno.test("symbols of orders are normalized like those of stocks, crypto pairs are kept", () => {
  const pairs = ["BTC/USD", "ETH/BTC"];
  assert.deepEqual(orderFilter({ symbols: pairs, orderIds: [] }).symbols, pairs);
  const symbols = ["BRK/B", "BRK-B", " brk b ", "BRK.B"];
  assert.deepEqual(orderFilter({ symbols, orderIds: [] }).symbols, ["BRK.B"]);
});

Deno.test("an option stream refuses symbols that are not contracts, with a remedy", () => {
  const symbols = [
    ...["AAPL", "BRK.B", "AAPL240315X00172500", "AAPL241315C00172500", "AAPL240300C00172500"],
    ...["AAPL240315C0172500", "BTC/USD", "LONGROOT240315C00172500"],
  ];
  const { details: { fields = [] }, message } = refusal(() =>
    optionFilter({ symbols: ["1SPX  240315C00172500", ...symbols], underlyings: [] })
  );
  assert.deepEqual(fields.map(({ field }) => field), symbols.map((_, i) => `symbols[${i + 1}]`));
  assert.match(message, /symbols\[1\]: "AAPL" is not a contract.*set underlyings/);
  assert.match(fields[2]?.description ?? "", /YYMMDD.*eight digits/);
});

Deno.test("a stock stream refuses contracts and crypto pairs, with a remedy", () => {
  const { details: { fields = [] } } = refusal(() =>
    stockFilter({
      symbols: ["AAPL", "O:SPXW240327P04925000", "spxw  240327p04925000", "btc/usd", "X.WS"],
    })
  );
  assert.deepEqual(fields.map(({ field }) => field), ["symbols[1]", "symbols[2]", "symbols[3]"]);
  assert.match(fields[0]?.description ?? "", /option contract; use StreamOptionQuotes/);
  assert.match(fields[2]?.description ?? "", /crypto pair/);
});

/** The violations of an option request with these symbols, without the quoted entry. */
function optionViolations(symbols: readonly string[], now?: number): (string | undefined)[] {
  return symbols.map((symbol) => {
    try {
      optionFilter({ symbols: [symbol], underlyings: [] }, DEFAULT_LIMITS, now);
      return undefined;
    } catch (error) {
      assert(error instanceof CallError && error.code === status.INVALID_ARGUMENT);
      return error.details.fields?.[0]?.description.replace(/^".*" /, "");
    }
  });
}

Deno.test("an option stream refuses contracts with an impossible date or a strike of 0", () => {
  const symbols = [
    ...["AAPL260231C00150000", "O:AAPL270229P00150000", "AAPL270631C00150000"],
    "AAPL270115C00000000",
  ];
  for (const violation of optionViolations(symbols)) {
    assert.match(violation ?? "", /date that does not exist or a strike of 0; check/);
  }
  assert.deepEqual(optionViolations(["AAPL280229P00150000", "AAPL270115C00000001"]), [
    undefined,
    undefined,
  ]);
});

Deno.test("a request of expired contracts alone is refused, from their last trading moment", () => {
  const symbols = ["AAPL200117C00150000", " o:aapl260717c00150000"];
  const close = Date.parse("2026-07-17T16:00:00-04:00");
  const since2020 = "expired on 2020-01-17; leave it out";
  assert.deepEqual(optionViolations(symbols, close - 1), [since2020, undefined]);
  assert.deepEqual(optionViolations(symbols, close), [
    since2020,
    "has not traded since 16:00 in New York on 2026-07-17; leave it out",
  ]);
  const midnight = Date.parse("2026-07-18T00:00:00-04:00");
  assert.deepEqual(optionViolations(symbols, midnight), [
    since2020,
    "expired on 2026-07-17; leave it out",
  ]);
});

Deno.test("the last trading moment of a contract depends on its root and on the calendar", () => {
  const wednesday = Date.parse("2026-11-25T21:00:00-05:00");
  const friday = Date.parse("2026-11-27T13:30:00-05:00");
  const at = (now: number, symbol: string) => optionViolations([symbol], now)[0];
  // The Friday after Thanksgiving closes at 13:00, and the Thursday is a holiday.
  assert.match(at(friday, "AAPL261127C00150000") ?? "", /since 13:00 in New York on 2026-11-27/);
  assert.match(at(friday, "SPXW261127C05000000") ?? "", /since 13:00 in New York on 2026-11-27/);
  assert.equal(at(wednesday, "SPXW261127C05000000"), undefined);
  assert.match(at(wednesday, "SPX261127C05000000") ?? "", /in New York on 2026-11-25/);
  assert.equal(at(friday, "AAPL261204C00150000"), undefined);
  const closed = { ...DEFAULT_LIMITS, calendar: new MarketCalendar(["2026-12-04"]) };
  const thursday = Date.parse("2026-12-03T16:30:00-05:00");
  const { message } = refusal(() =>
    optionFilter({ symbols: ["AAPL261204C00150000"], underlyings: [] }, closed, thursday)
  );
  assert.match(message, /since 16:00 in New York on 2026-12-03/);
});

Deno.test("an expired contract does not cost a client its other contracts or underlyings", () => {
  const now = Date.parse("2026-07-18T00:00:00-04:00");
  const expired = "AAPL260717C00150000";
  const filterOf = (symbols: string[], underlyings: string[]) =>
    optionFilter({ symbols, underlyings }, DEFAULT_LIMITS, now);
  const both = [expired, "AAPL260724C00150000"];
  assert.deepEqual([...filterOf(both, []).symbols], both);
  assert.deepEqual([...filterOf([expired], ["AAPL"]).symbols], [expired]);
  assert.throws(() => filterOf([expired, "AAPL200117C00150000"], []), CallError);
});

Deno.test("contracts and crypto pairs are refused as underlyings, with a remedy", () => {
  const underlyings = [
    ...["AAPL270115C00150000", "BRK/B", "o:aapl270115c00150000", "AAPL260231C00150000"],
    ...["BTC/USD", "SPX", "CSGP1"],
  ];
  const { details: { fields = [] } } = refusal(() => optionFilter({ symbols: [], underlyings }));
  assert.deepEqual(
    fields.map(({ field, description }) => [field, description.replace(/^".*" /, "")]),
    [
      ["underlyings[0]", "is an option contract; set it in symbols"],
      ["underlyings[2]", "is an option contract; set it in symbols"],
      ["underlyings[3]", "is an option contract; set it in symbols"],
      ["underlyings[4]", "contains a slash; underlyings are stocks such as BRK.B"],
    ],
  );
});

Deno.test("names of other vendors for a chain are refused, with a remedy", () => {
  const descriptions = (read: () => unknown) =>
    refusal(read).details.fields?.map(({ description }) => description.replace(/^".*" /, ""));
  const names = ["^SPX", "$SPX", "SPX.OPT", "SPX*", "i:spx"];
  assert.deepEqual(
    descriptions(() => optionFilter({ symbols: [], underlyings: [...names, "SPY@", "SPX:IND"] })),
    [
      ...names.map(() => "is not an underlying; use the ticker alone, SPX"),
      ...Array(2).fill("is not an underlying; use its ticker alone, such as SPY, SPX or BRK.B"),
    ],
  );
  const aContract = "is not a contract such as AAPL270115C00250000; for those of";
  assert.deepEqual(
    descriptions(() => optionFilter({ symbols: [...names, "SPY", "BRK.B"], underlyings: [] })),
    [
      ...names.map(() => `${aContract} SPX, set underlyings to it`),
      `${aContract} SPY, set underlyings to it`,
      `${aContract} BRK.B, set underlyings to it`,
    ],
  );
});

Deno.test("an index with the suffix of a share class or of another vendor is refused", () => {
  const descriptions = (read: () => unknown) =>
    refusal(read).details.fields?.map(({ description }) => description.replace(/^".*?" /, "")) ??
      [];
  const none = "is not an underlying: an index has no share classes; use";
  const expected = {
    "SPX-W": `${none} SPX (its root SPXW is set in roots)`,
    "spx.x": `${none} SPX`,
    "SPXW.X": `${none} SPX`,
    "VIX/W": undefined,
    "NDX P": `${none} NDX (its root NDXP is set in roots)`,
  };
  for (const [name, text] of Object.entries(expected)) {
    const refuse = () => optionFilter({ symbols: [], underlyings: [name] });
    if (text !== undefined) assert.deepEqual(descriptions(refuse), [text], name);
    else assert.throws(refuse);
  }
  const { underlyings } = optionFilter({ symbols: [], underlyings: ["BRK-B", "BF.B", "A.B"] });
  assert.deepEqual(underlyings, ["BRK.B", "BF.B", "A.B"]);
  const [text] = descriptions(() => optionFilter({ symbols: ["SPX.X"], underlyings: [] }));
  assert.match(text ?? "", /for those of SPX, set underlyings to it/);
});

Deno.test("a dot in the root of a contract is refused, with the contract to use", () => {
  const dotted = ["BRK.B270115C00400000", "BRK.B 270115C00400000", "o:brk.b1270115P00400000"];
  const withDot = [
    "has a dot in its root; use BRKB270115C00400000",
    "has a dot in its root; use BRKB270115C00400000",
    "has a dot in its root; use BRKB1270115P00400000",
  ];
  assert.deepEqual(optionViolations(dotted), withDot);
  const { details } = refusal(() => orderFilter({ symbols: dotted, orderIds: [] }));
  assert.match(details.fields?.[0]?.description ?? "", /use BRKB270115C00400000/);
  const { message } = refusal(() => optionFilter({ symbols: [], underlyings: dotted }));
  assert.match(message, /is an option contract; set it in symbols/);
  assert.match(refusal(() => stockFilter({ symbols: dotted })).message, /is an option contract/);
});

Deno.test("FLEX roots and adjusted roots of class shares resolve to their underlying", () => {
  const roots = ["1SPX", "2SPXW", "4SPX", "BRKB1", "BRKB2", "1BRKB", "SPY1"];
  const { underlyings } = optionFilter({ symbols: [], underlyings: roots });
  assert.deepEqual(underlyings, ["SPX", "BRK.B", "SPY"]);
  const symbols = ["1SPX270115C05000000", "2SPX270115P05000000", "BRKB1270115C00400000"];
  assert.deepEqual(optionFilter({ symbols, underlyings: [] }).symbols, symbols);
});

Deno.test("the order stream refuses malformed contracts and keeps expired ones", () => {
  const malformed = [
    ...["AAPL26011C00150000", "AAPL260115C0150000", "AAPL260115X00150000"],
    ...["AAPL2601150C00150000", "AAPL260231C00150000", "AAPL260115C00000000"],
  ];
  const { details: { fields = [] } } = refusal(() =>
    orderFilter({ symbols: malformed, orderIds: [] })
  );
  assert.deepEqual(fields.map(({ field }) => field), malformed.map((_, i) => `symbols[${i}]`));
  assert.match(fields[0]?.description ?? "", /YYMMDD.*eight digits/);
  const kept = [
    ...["AAPL200117C00150000", "CSGP1251017P00080000", "BTC/USD", "BTCUSD", "BRK.B"],
    ...["G1151C101", "033CVR016", "PSA-PH", "AAPL"],
  ];
  assert.deepEqual(orderFilter({ symbols: kept, orderIds: [] }).symbols, kept);
});

Deno.test("the longest list is a setting", () => {
  const limits = { ...DEFAULT_LIMITS, maxSymbols: 2 };
  const symbols = ["A", "B", "C"];
  const read = [
    () => stockFilter({ symbols }, limits),
    () => optionFilter({ symbols: [], underlyings: symbols }, limits),
    () => orderFilter({ symbols: [], orderIds: symbols }, limits),
  ];
  for (const filter of read) {
    assert.match(refusal(filter).message, /3 entries; at most 2 are allowed/);
  }
  assert.equal(stockFilter({ symbols: ["A", "B"] }, limits).symbols.length, 2);
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

Deno.test("every invalid entry is reported with its index", () => {
  const { details: { fields = [] }, message } = refusal(() =>
    optionFilter({
      symbols: ["SPXW240327P04925000", "", "O:"],
      underlyings: ["A\tB", "X".repeat(65)],
    })
  );
  assert.deepEqual(
    fields.map(({ field }) => field),
    ["symbols[1]", "symbols[2]", "underlyings[0]", "underlyings[1]"],
  );
  assert.match(message, /symbols\[1\].*and 3 more/);
  assert.match(fields[2]?.description ?? "", /"A\\tB".*control/);
  assert.match(fields[3]?.description ?? "", /65 characters; at most 64/);
});

Deno.test("an asterisk and several names in one entry are rejected", () => {
  const { details: { fields = [] } } = refusal(() =>
    optionFilter({ symbols: ["*", "AAPL,MSFT"], underlyings: ["SPY", " O:* "] })
  );
  assert.deepEqual(
    fields.map(({ field }) => field),
    ["symbols[0]", "symbols[1]", "underlyings[1]"],
  );
  assert.match(fields[0]?.description ?? "", /an empty list means everything/);
  assert.match(fields[1]?.description ?? "", /comma/);
});

Deno.test("characters that names cannot have are rejected", () => {
  const { details: { fields = [] } } = refusal(() =>
    optionFilter({
      symbols: ["AAPL MSFT", "AAPL\u200b", 'AA"PL', "AA\\PL", "\u0391\u0391"],
      underlyings: ["SPY QQQ"],
    })
  );
  assert.deepEqual(
    fields.map(({ description }) => description.replace(/^".*" /, "")),
    [
      "contains a blank; send one name per entry",
      ...Array(4).fill("contains a character that names cannot have"),
      "contains a blank; send one name per entry",
    ],
  );
  assert.throws(() => orderFilter({ orderIds: ["a b"], symbols: [] }));
});

Deno.test("the number of violations is limited", () => {
  const { details: { fields = [] }, message } = refusal(() =>
    stockFilter({ symbols: Array.from({ length: 20_000 }, () => "") })
  );
  assert.equal(fields.length, 8);
  assert.match(message, /and 19999 more/);
});

Deno.test("a list that is too long is refused without being read", () => {
  const { details: { fields = [] } } = refusal(() =>
    orderFilter({ orderIds: new Array(20_001).fill("x"), symbols: [] })
  );
  assert.equal(fields[0]?.field, "order_ids");
  assert.match(fields[0].description, /20001 entries; at most 20000/);
});

const FILTERS = {
  stock: (symbols: readonly string[]) => stockFilter({ symbols }),
  option: (symbols: readonly string[]) => optionFilter({ symbols, underlyings: [] }),
  underlying: (underlyings: readonly string[]) => ({
    symbols: optionFilter({ symbols: [], underlyings }).underlyings ?? [],
  }),
  order: (symbols: readonly string[]) => orderFilter({ symbols, orderIds: [] }),
};

/** Any string, and strings similar to a symbol. */
const ENTRY = fc.oneof(
  fc.string({ unit: "binary", maxLength: 70 }),
  fc.stringMatching(/^ ?(O:)?[a-zA-Z]{1,6}[-./ ]{0,2}[a-zA-Z0-9]{0,3} ?$/),
  fc.stringMatching(/^(O:|I:|[$^.])?[0-9]?[A-Z]{1,6}[0-9]?(\.[A-Z]{1,3})?[ *]?$/),
  fc.stringMatching(/^(O:)?[0-9]?[A-Z]{1,5}[0-9. ]?[AB]?[0-9]{6}[CPX][0-9]{7,8}$/),
);

for (const [name, filter] of Object.entries(FILTERS)) {
  Deno.test(`any ${name} list is rejected or normalized, which is idempotent`, () => {
    fc.assert(
      fc.property(fc.array(ENTRY), (list) => {
        let kept: readonly string[];
        try {
          kept = filter(list).symbols;
        } catch (error) {
          assert(error instanceof CallError && error.details.fields?.length);
          return;
        }
        assert.equal(new Set(kept).size, kept.length);
        for (const symbol of kept) {
          assert(symbol.length > 0 && symbol === symbol.trim());
        }
        assert.deepEqual(filter(kept).symbols, kept);
      }),
      { numRuns: 1_000 },
    );
  });
}

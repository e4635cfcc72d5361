/** Option selections of requests, and how invalid ones are rejected. */
import assert from "node:assert/strict";
import { create, fromJson, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  DEFAULT_SELECTION,
  type OptionSelection,
  SELECTION_BOUNDS,
} from "../../../../src/domain/options/selection.ts";
import {
  OptionRight,
  OptionSelectionSchema,
} from "../../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { CallError } from "../../../../src/infrastructure/grpc/call_error.ts";
import {
  DEFAULT_LIMITS,
  optionFilter,
} from "../../../../src/infrastructure/grpc/request_filters.ts";

const DEFAULTS: OptionSelection = {
  minDays: 1,
  maxDays: 30,
  strikeWindowPercent: 5,
  right: undefined,
  maxContracts: 50,
};

type Wish = MessageInitShape<typeof OptionSelectionSchema>;

/** A Wednesday morning in New York. */
const NOW = Date.parse("2026-12-02T10:00:00-05:00");
const TODAY = dayOf("2026-12-02");

/** A date as days since 1970-01-01. */
function dayOf(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / 86_400_000;
}

function filterOf(wish: Wish | undefined, underlyings = ["SPY"], defaults = DEFAULTS) {
  const optionSelection = wish && create(OptionSelectionSchema, wish);
  return optionFilter(
    { symbols: [], underlyings, optionSelection },
    { ...DEFAULT_LIMITS, defaultSelection: defaults },
    NOW,
  );
}

function select(wish: Wish | undefined, underlyings?: string[], defaults?: OptionSelection) {
  return filterOf(wish, underlyings, defaults).selection;
}

/** The violations of an invalid selection. */
function complaints(wish: Wish, underlyings?: string[]): [string, string][] {
  try {
    filterOf(wish, underlyings);
  } catch (error) {
    assert(error instanceof CallError);
    const { fields = [] } = error.details;
    return fields.map(({ field, description }) => [field, description]);
  }
  throw new Error("The wish was not refused");
}

Deno.test("a request without a selection has none", () => {
  assert.equal(select(undefined), undefined);
});

Deno.test("an empty selection is the defaults", () => {
  assert.deepEqual(select({}), DEFAULTS);
});

Deno.test("fields of a selection override the defaults, including zero", () => {
  assert.deepEqual(select({ minDays: 0, right: OptionRight.PUT }), {
    ...DEFAULTS,
    minDays: 0,
    right: "put",
  });
  assert.deepEqual(
    select({
      minDays: 2,
      maxDays: 9,
      strikeWindowPercent: 2.5,
      right: OptionRight.CALL,
      maxContracts: 7,
    }),
    {
      minDays: 2,
      maxDays: 9,
      strikeWindowPercent: 2.5,
      right: "call",
      maxContracts: 7,
    },
  );
});

Deno.test("every field of a selection is read", () => {
  assert.deepEqual(
    select({
      strikesEachSide: 4,
      maxExpiries: 3,
      maxContractsPerExpiry: 8,
      minStrike: 450.5,
      maxStrike: 700,
      minAbsDelta: 0.1,
      maxAbsDelta: 0.9,
      weight: 5,
      includeAdjusted: true,
      roots: [" spy ", "SPY"],
      expiries: ["2027-01-15", "2026-12-18", "2027-01-15"],
    }),
    {
      minDays: 0,
      maxDays: 3_650,
      strikeWindowPercent: 1_000,
      right: undefined,
      maxContracts: 50,
      strikesEachSide: 4,
      maxExpiries: 3,
      maxContractsPerExpiry: 8,
      minStrike: 450.5,
      maxStrike: 700,
      minAbsDelta: 0.1,
      maxAbsDelta: 0.9,
      weight: 5,
      includeAdjusted: true,
      roots: ["SPY"],
      expiries: [dayOf("2026-12-18"), dayOf("2027-01-15")],
    },
  );
});

Deno.test("a request for selected contracts only has it in its filter", () => {
  assert.equal(filterOf({ onlySelected: true }).onlySelected, true);
  assert.equal(filterOf({}).onlySelected, undefined);
});

Deno.test("selected contracts only are refused where no contracts are selected", () => {
  const optionSelection = create(OptionSelectionSchema, { onlySelected: true });
  const request = { symbols: [], underlyings: ["SPY"], optionSelection };
  assert.throws(
    () => optionFilter(request, { ...DEFAULT_LIMITS, optionChains: false }, NOW),
    /only_selected: is set, and STREAM_PROXY_OPTION_CHAINS is false.*leave it out/,
  );
});

Deno.test("expiries by date replace the default range of days", () => {
  const range = { minDays: 0, maxDays: 3_650 };
  const from = dayOf("2027-06-18");
  assert.deepEqual(select({ expiryFrom: "2027-06-18" }), {
    ...DEFAULTS,
    ...range,
    expiryFrom: from,
  });
  assert.deepEqual(select({ expiryTo: "2027-06-18", minDays: 7 }), {
    ...DEFAULTS,
    ...range,
    minDays: 7,
    expiryTo: from,
  });
  assert.deepEqual(select({ expiryFrom: "2026-12-02", expiryTo: "2026-12-02" }), {
    ...DEFAULTS,
    ...range,
    expiryFrom: TODAY,
    expiryTo: TODAY,
  });
});

Deno.test("a default of the settings gives way to a field that the request sets", () => {
  const defaults = { ...DEFAULTS, strikesEachSide: 5, maxExpiries: 2 };
  assert.deepEqual(select({}, ["SPY"], defaults), defaults);
  const byPercent = select({ strikeWindowPercent: 3 }, ["SPY"], defaults);
  assert.deepEqual(byPercent, { ...DEFAULTS, maxExpiries: 2, strikeWindowPercent: 3 });
  for (const range of [{ minStrike: 900 }, { maxAbsDelta: 0.1 }]) {
    const byRange = select(range, ["SPY"], defaults);
    assert.equal(byRange?.strikesEachSide, undefined);
    assert.equal(byRange?.strikeWindowPercent, 1_000);
  }
  const both = select({ maxAbsDelta: 0.1, strikeWindowPercent: 20 }, ["SPY"], defaults);
  assert.equal(both?.strikeWindowPercent, 20);
  assert.equal(select({ maxExpiries: 9 }, ["SPY"], defaults)?.maxExpiries, 9);
});

Deno.test("the default strikes apply without deltas, unless others are requested", () => {
  const defaults = { ...DEFAULTS, strikesEachSide: 4 };
  const { strikeWindowPercent } = DEFAULTS;
  const byDefault = select({ maxAbsDelta: 0.1 })?.withoutDeltas;
  assert.deepEqual(byDefault, { strikeWindowPercent });
  const eachSide = select({ minAbsDelta: 0.1 }, ["SPY"], defaults)?.withoutDeltas;
  assert.deepEqual(eachSide, { strikeWindowPercent, strikesEachSide: 4 });
  for (
    const strikes of [
      { minStrike: 90 },
      { maxStrike: 90 },
      { strikesEachSide: 2 },
      { strikeWindowPercent: 20 },
    ]
  ) {
    const selection = select({ minAbsDelta: 0.1, ...strikes }, ["SPY"], defaults);
    assert.equal(selection?.withoutDeltas, undefined, JSON.stringify(strikes));
  }
  assert.equal(select({ minStrike: 90 })?.withoutDeltas, undefined);
});

Deno.test("expired expiries beside a coming one are kept for a client that reconnects", () => {
  assert.deepEqual(select({ expiries: ["2026-11-20", "2026-12-02"] })?.expiries, [
    dayOf("2026-11-20"),
    TODAY,
  ]);
});

Deno.test("a root of adjusted contracts includes them", () => {
  assert.equal(select({ roots: ["SPY1"] })?.includeAdjusted, true);
  assert.equal(select({ roots: ["SPY"] })?.includeAdjusted, undefined);
});

Deno.test("roots are accepted unless they are certainly those of another underlying", () => {
  const accepted: [string[], string[]][] = [
    [["SPXW"], ["SPX"]],
    [["SPXW"], ["SPY", "spxw"]],
    [["BRKB", "BRKB1"], ["BRK/B"]],
    [["VMW1"], ["AVGO"]],
    [["XEO"], ["OEX"]],
  ];
  for (const [roots, underlyings] of accepted) {
    assert.deepEqual(select({ roots }, underlyings)?.roots, roots);
  }
  assert.deepEqual(complaints({ roots: ["SPXW", "SPY", "VIX"] }), [
    [
      "option_selection.roots[0]",
      '"SPXW" is a root of SPX; set underlyings to SPX, or leave it out',
    ],
    [
      "option_selection.roots[2]",
      '"VIX" is a root of VIX; set underlyings to VIX, or leave it out',
    ],
  ]);
});

const REFUSED: readonly [Wish, string, RegExp][] = [
  [{ strikesEachSide: 0 }, "option_selection.strikes_each_side", /is 0; .*from 1 to 1000/],
  [{ maxExpiries: 1001 }, "option_selection.max_expiries", /is 1001; .*from 1 to 1000/],
  [
    { maxContracts: 9, maxContractsPerExpiry: 10 },
    "option_selection.max_contracts_per_expiry",
    /is 10, above max_contracts, which is 9; lower it, or raise max_contracts$/,
  ],
  [
    { maxContractsPerExpiry: 51 },
    "option_selection.max_contracts_per_expiry",
    /is 51, above max_contracts, which is 50 by default; set it too$/,
  ],
  [
    { strikesEachSide: 30, maxContracts: 100 },
    "option_selection.strikes_each_side",
    /is 30, which is 120 contracts of one expiry, above max_contracts, which is 100; lower it, or/,
  ],
  [
    { strikesEachSide: 6, maxContracts: 11, right: OptionRight.CALL },
    "option_selection.strikes_each_side",
    /is 6, which is 12 contracts of one expiry, above max_contracts, which is 11;/,
  ],
  [
    { maxExpiries: 5, maxContracts: 3 },
    "option_selection.max_expiries",
    /is 5, which is at least 20 contracts, .* is 3; lower it, .* or set max_contracts_per_expiry$/,
  ],
  [
    { maxExpiries: 5, maxContracts: 9, maxContractsPerExpiry: 2 },
    "option_selection.max_expiries",
    /is 5, which is at least 10 contracts, above max_contracts, which is 9;/,
  ],
  [
    { maxExpiries: 5, maxContracts: 4, maxAbsDelta: 0.3 },
    "option_selection.max_expiries",
    /is 5, which is at least 5 contracts, above .*; lower it, or raise max_contracts$/,
  ],
  [{ weight: 101 }, "option_selection.weight", /is 101; .*from 1 to 100/],
  [{ minStrike: Infinity }, "option_selection.min_strike", /is Infinity; .*0.001 to 99999.999/],
  [{ maxStrike: NaN }, "option_selection.max_strike", /is NaN/],
  [
    { minStrike: 700, maxStrike: 650.5 },
    "option_selection.min_strike",
    /is 700, above max_strike, which is 650.5; exchange them/,
  ],
  [
    { minAbsDelta: 0.6, maxAbsDelta: 0.4 },
    "option_selection.min_abs_delta",
    /is 0.6, above max_abs_delta, which is 0.4; exchange them/,
  ],
  [
    { minAbsDelta: -0.25, right: OptionRight.CALL },
    "option_selection.min_abs_delta",
    /is -0.25; .*from 0 to 1; for puts of -0.25, set 0.25 and right OPTION_RIGHT_PUT$/,
  ],
  [{ maxAbsDelta: 25 }, "option_selection.max_abs_delta", /is 25; it must be from 0 to 1$/],
  [
    { strikesEachSide: 5, strikeWindowPercent: 10 },
    "option_selection.strikes_each_side",
    /is 5 and strike_window_percent is 10; set only one of the two/,
  ],
  [
    { expiries: ["2026-12-18"], minDays: 3 },
    "option_selection.expiries",
    /has 1 entries and min_days is 3; set only one of the two/,
  ],
  [
    { expiries: ["2026-12-18"], maxDays: 30 },
    "option_selection.expiries",
    /has 1 entries and max_days is 30; set only/,
  ],
  [
    { expiries: ["2026-12-18"], expiryTo: "2027-01-01" },
    "option_selection.expiries",
    /has 1 entries and expiry_to is "2027-01-01"; set only/,
  ],
  [
    { expiries: ["2027-06-31"] },
    "option_selection.expiries[0]",
    /^"2027-06-31" is not a date; use YYYY-MM-DD with a day that exists/,
  ],
  [{ expiries: ["20270115"] }, "option_selection.expiries[0]", /is not a date/],
  [{ expiries: ["1999-01-15"] }, "option_selection.expiries[0]", /is not a date/],
  [
    { expiries: ["2026-12-01", "2026-11-20"] },
    "option_selection.expiries",
    /all in the past, the last one is 2026-12-01 and today is 2026-12-02; set later ones/,
  ],
  [
    { expiries: new Array(101).fill("2027-01-15") },
    "option_selection.expiries",
    /has 101 entries; at most 100/,
  ],
  [{ expiryFrom: "" }, "option_selection.expiry_from", /^"" is not a date/],
  [{ expiryTo: "2027-02-29" }, "option_selection.expiry_to", /^"2027-02-29" is not a date/],
  [
    { expiryFrom: "2027-01-15", expiryTo: "2026-12-18" },
    "option_selection.expiry_from",
    /is 2027-01-15, after expiry_to, which is 2026-12-18; exchange them/,
  ],
  [
    { expiryTo: "2026-12-01" },
    "option_selection.expiry_to",
    /is 2026-12-01, which is in the past; today is 2026-12-02/,
  ],
  [
    { expiryFrom: "2026-12-18", minDays: 7 },
    "option_selection.expiry_from",
    /is "2026-12-18" and min_days is 7; set only one of the two/,
  ],
  [
    { expiryTo: "2026-12-18", maxDays: 7 },
    "option_selection.expiry_to",
    /is "2026-12-18" and max_days is 7; set only one of the two/,
  ],
  [
    { expiryFrom: "2026-12-18", maxDays: 7 },
    "option_selection.expiry_from",
    /is 2026-12-18, after the last expiry by max_days 7, 2026-12-09; raise max_days/,
  ],
  [
    { expiryTo: "2026-12-18", minDays: 30 },
    "option_selection.expiry_to",
    /is 2026-12-18, before the first expiry by min_days 30, 2027-01-01; lower min_days/,
  ],
  [{ roots: ["BRK.B"] }, "option_selection.roots[0]", /is not the root .*BRKB/],
  [{ roots: ["SPXWEEK"] }, "option_selection.roots[0]", /is not the root .*at most six/],
  [{ minDays: -1 }, "option_selection.min_days", /is -1; .*from 0 to 3650/],
  [{ maxDays: 3651 }, "option_selection.max_days", /is 3651; .*0 to 3650/],
  [
    { strikeWindowPercent: 0 },
    "option_selection.strike_window_percent",
    /is 0; .*from 0.1 to 1000/,
  ],
  [
    { strikeWindowPercent: NaN },
    "option_selection.strike_window_percent",
    /is NaN/,
  ],
  [{ maxContracts: 0 }, "option_selection.max_contracts", /from 1 to 10000/],
  [{ right: 9 as OptionRight }, "option_selection.right", /is 9; .*CALL/],
  [
    { minDays: 31 },
    "option_selection.min_days",
    /is 31, above max_days, which is 30 by default; set it too/,
  ],
  [
    { maxDays: 0 },
    "option_selection.max_days",
    /is 0, below min_days, which is 1 by default; set it too/,
  ],
  [
    { minDays: 8, maxDays: 7 },
    "option_selection.max_days",
    /is 7, below min_days, which is 8$/,
  ],
];

for (const [wish, field, wrong] of REFUSED) {
  Deno.test(`${field} is rejected when it ${wrong.source}`, () => {
    const [first, ...others] = complaints(wish);
    assert.equal(first?.[0], field);
    assert.match(first[1], wrong);
    assert.deepEqual(others, []);
  });
}

Deno.test("what a maximum can hold is accepted", () => {
  for (
    const wish of [
      { strikesEachSide: 25, maxContracts: 100 },
      { strikesEachSide: 500, maxContracts: 10, maxAbsDelta: 0.3 },
      { strikesEachSide: 500, maxContracts: 10, minStrike: 90 },
      { strikesEachSide: 500, maxContracts: 10, maxContractsPerExpiry: 4 },
      { maxExpiries: 5, maxContracts: 20 },
      { maxExpiries: 5, maxContracts: 10, right: OptionRight.PUT },
      { maxExpiries: 5, maxContracts: 10, maxContractsPerExpiry: 2 },
      { maxExpiries: 100, maxContracts: 8, expiries: ["2027-01-15", "2027-02-19"] },
    ]
  ) {
    assert.equal(select(wish)?.maxContracts, wish.maxContracts, JSON.stringify(wish));
  }
  const defaults = { ...DEFAULTS, strikesEachSide: 30, maxExpiries: 9 };
  const few = select({ maxContracts: 3 }, ["SPY"], defaults);
  assert.deepEqual(few, { ...defaults, maxContracts: 3 }, "defaults refuse nothing");
});

/** 20 Fridays on which options trade. */
const FRIDAYS = Array.from(
  { length: 20 },
  (_, week) => new Date(Date.parse("2027-04-02T00:00:00Z") + week * 604_800_000),
).map((date) => date.toISOString().slice(0, 10));

Deno.test("a default maximum of expiries leaves out none that a request lists", () => {
  const defaults = { ...DEFAULTS, maxExpiries: 2 };
  assert.equal(select({ expiries: FRIDAYS }, ["SPY"], defaults)?.maxExpiries, undefined);
  assert.equal(select({}, ["SPY"], defaults)?.maxExpiries, 2);
});

Deno.test("expiries of which none can ever be listed are refused", () => {
  const refused: [Wish, string, RegExp][] = [
    [
      { expiries: ["2026-12-18", "2026-12-28", "2027-01-15"], maxExpiries: 1 },
      "max_expiries",
      /is 1, and expiries has 3 that have not passed; list fewer/,
    ],
    [{ expiries: ["2026-12-25"] }, "expiries", /no day on which options trade \(2026-12-25\)/],
    [
      { expiries: ["2026-11-20", "2026-12-05", "2026-12-06"] },
      "expiries",
      /options trade \(2026-12-05, 2026-12-06\)/,
    ],
    [
      { expiryFrom: "2026-12-05", expiryTo: "2026-12-06" },
      "expiry_to",
      /is 2026-12-06, and options do not trade from 2026-12-05 to that day/,
    ],
  ];
  for (const [wish, field, reason] of refused) {
    const [[name, text] = [], ...others] = complaints(wish);
    assert.equal(name, `option_selection.${field}`);
    assert.match(text ?? "", reason);
    assert.deepEqual(others, []);
  }
  for (
    const wish of [
      { expiries: ["2026-11-20", "2026-12-18", "2026-12-28"], maxExpiries: 2 },
      { expiries: ["2026-12-24", "2026-12-25"] },
      { expiryFrom: "2026-12-05", expiryTo: "2026-12-07" },
      { expiryFrom: "2026-12-05" },
    ]
  ) {
    assert.ok(select(wish), JSON.stringify(wish));
  }
});

Deno.test("strikes on each side and listed expiries raise the default of max_contracts", () => {
  const { CALL } = OptionRight;
  const cases: [Wish, number][] = [
    [{ strikesEachSide: 12 }, 50],
    [{ strikesEachSide: 30 }, 122],
    [{ strikesEachSide: 30, right: CALL }, 61],
    [{ strikesEachSide: 30, maxExpiries: 4 }, 488],
    [{ strikesEachSide: 30, expiries: ["2027-01-15", "2027-02-19"] }, 244],
    [{ strikesEachSide: 30, maxContractsPerExpiry: 110 }, 110],
    [{ strikesEachSide: 1_000, maxExpiries: 1_000 }, 10_000],
    [{ maxExpiries: 1_000 }, 50],
    [{ expiries: FRIDAYS.slice(0, 12) }, 50],
    [{ expiries: FRIDAYS }, 80],
    [{ expiries: FRIDAYS, right: CALL }, 50],
    [{ expiries: FRIDAYS, maxContractsPerExpiry: 3 }, 60],
    [{ expiries: ["2026-11-20", ...FRIDAYS] }, 80],
    [{ maxDays: 7 }, 50],
  ];
  for (const [wish, maxContracts] of cases) {
    assert.equal(select(wish)?.maxContracts, maxContracts, JSON.stringify(wish));
  }
});

Deno.test("today's expiry of roots that stop trading on the day before is refused", () => {
  const reason = /and contracts of SPX stop trading on the day before they expire; allow a later/;
  const defaults = { ...DEFAULTS, minDays: 0 };
  const refused: [Wish, string][] = [
    [{ minDays: 0, maxDays: 0 }, "max_days"],
    [{ expiryTo: "2026-12-02" }, "expiry_to"],
    [{ expiries: ["2026-12-02"] }, "expiries"],
  ];
  for (const [days, field] of refused) {
    const [[name, text] = [], ...others] = complaints({ roots: ["SPX"], ...days }, ["SPX"]);
    assert.equal(name, `option_selection.${field}`);
    assert.match(text ?? "", reason);
    assert.deepEqual(others, []);
    for (const roots of [["SPXW"], ["SPX", "SPXW"], []]) {
      assert.ok(select({ roots, ...days }, ["SPX"], defaults), `${roots}`);
    }
  }
  assert.ok(select({ roots: ["SPX"], maxDays: 1 }, ["SPX"], defaults));
});

Deno.test("every invalid field of a selection is reported", () => {
  const wish = { strikeWindowPercent: -5, maxContracts: -5 };
  assert.deepEqual(complaints(wish).map(([field]) => field), [
    "option_selection.strike_window_percent",
    "option_selection.max_contracts",
  ]);
});

Deno.test("a selection without underlyings is rejected", () => {
  const [[field, wrong] = []] = complaints({ maxDays: 7 }, []);
  assert.equal(field, "option_selection");
  assert.match(wrong ?? "", /underlyings/);
});

Deno.test("the examples of the documentation are accepted", async () => {
  const page = new URL("../../../../docs/subscriptions.md", import.meta.url);
  const examples = (await Deno.readTextFile(page)).matchAll(/\| `(\{.+\})` +\|$/gm);
  let count = 0;
  for (const [, json = ""] of examples) {
    const wish = fromJson(OptionSelectionSchema, JSON.parse(json));
    assert.ok(select(wish, ["SPX"], DEFAULT_SELECTION), json);
    count++;
  }
  assert.ok(count >= 8, `${count} examples`);
});

Deno.test("every accepted selection can be used", () => {
  const number = fc.oneof(
    fc.integer({ min: -10, max: 10 }),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  );
  const decimal = fc.oneof(fc.double(), number, fc.double({ min: 0, max: 1, noNaN: true }));
  const text = fc.oneof(fc.string({ unit: "binary", maxLength: 70 }), fc.string());
  const date = fc.oneof(
    text,
    fc.date({ min: new Date(NOW - 1e10), max: new Date(NOW + 1e11), noInvalidDate: true })
      .map((one) => one.toISOString().slice(0, 10)),
    fc.stringMatching(/^20[0-9]{2}-[0-9]{2}-[0-9]{2}$/),
  );
  const root = fc.oneof(text, fc.constantFrom("SPY", "spxw", "BRK.B", "SPY1", "1SPX"));
  const wishes = fc.record({
    minDays: number,
    maxDays: number,
    strikeWindowPercent: decimal,
    right: fc.constantFrom(0, 1, 2, 3) as fc.Arbitrary<OptionRight>,
    maxContracts: number,
    onlySelected: fc.boolean(),
    strikesEachSide: number,
    maxExpiries: number,
    maxContractsPerExpiry: number,
    expiries: fc.array(date, { maxLength: 3 }),
    expiryFrom: date,
    expiryTo: date,
    roots: fc.array(root, { maxLength: 3 }),
    includeAdjusted: fc.boolean(),
    minStrike: decimal,
    maxStrike: decimal,
    minAbsDelta: decimal,
    maxAbsDelta: decimal,
    weight: number,
  }, { requiredKeys: [] });
  // Few fields at a time: with all of them, one is nearly always invalid.
  const few = fc.tuple(wishes, fc.array(fc.nat(18), { maxLength: 4 })).map(([wish, kept]) =>
    Object.fromEntries(Object.entries(wish).filter((_, i) => kept.includes(i))) as Wish
  );
  let accepted = 0;
  fc.assert(
    fc.property(fc.oneof(wishes, few), (wish) => {
      let selection: OptionSelection | undefined;
      try {
        selection = select(wish);
        accepted++;
      } catch (error) {
        assert(error instanceof CallError && error.details.fields?.length);
        return;
      }
      assert(selection);
      assertUsable(selection);
    }),
    { numRuns: 4_000 },
  );
  assert(accepted > 100, `only ${accepted} selections were accepted`);
});

function assertUsable(selection: OptionSelection): void {
  const { minDays, maxDays, strikeWindowPercent, maxContracts } = selection;
  const { days, strikeWindowPercent: window } = SELECTION_BOUNDS;
  assert.ok(days.min <= minDays && minDays <= maxDays && maxDays <= days.max);
  assert.ok(Number.isInteger(minDays) && Number.isInteger(maxDays));
  assert.ok(window.min <= strikeWindowPercent);
  assert.ok(strikeWindowPercent <= window.max);
  const { min, max } = SELECTION_BOUNDS.maxContracts;
  assert.ok(min <= maxContracts && maxContracts <= max);
  assert.ok(Number.isInteger(maxContracts));
  const bounded = [
    ["strikesEachSide", selection.strikesEachSide],
    ["maxExpiries", selection.maxExpiries],
    ["maxContracts", selection.maxContractsPerExpiry],
    ["strike", selection.minStrike],
    ["strike", selection.maxStrike],
    ["absDelta", selection.minAbsDelta],
    ["absDelta", selection.maxAbsDelta],
    ["weight", selection.weight],
  ] as const;
  for (const [name, value] of bounded) {
    const range = SELECTION_BOUNDS[name];
    assert.ok(value === undefined || (range.min <= value && value <= range.max), name);
  }
  assertOrdered(selection.minStrike, selection.maxStrike);
  assertOrdered(selection.minAbsDelta, selection.maxAbsDelta);
  assertOrdered(selection.expiryFrom, selection.expiryTo);
  assertOrdered(selection.maxContractsPerExpiry, maxContracts);
  const { expiries = [TODAY], expiryTo = TODAY } = selection;
  assert.deepEqual(expiries, [...new Set(expiries)].sort((a, b) => a - b));
  assert.ok(expiries.some((day) => day >= TODAY) && expiryTo >= TODAY);
}

function assertOrdered(low: number | undefined, high: number | undefined): void {
  assert.ok(low === undefined || high === undefined || low <= high);
}

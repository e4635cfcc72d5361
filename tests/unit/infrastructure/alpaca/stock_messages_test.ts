/** Messages of the stock stream, each type, each field. */
import assert from "node:assert/strict";
import { InvalidField } from "../../../../src/infrastructure/alpaca/fields.ts";
import type { StockBar } from "../../../../src/domain/market/stock_events.ts";
import { StockHarness } from "./decoder_harness.ts";
import {
  bar,
  barMeans,
  CountingNotes,
  type Message,
  readerOf,
  type Specimen,
  SPECIMENS,
  TIME,
} from "./stock_specimens.ts";

const readBar = (message: Message, notes: CountingNotes) =>
  readerOf("b")(message, notes) as StockBar;
const readImbalance = (message: Message, notes: CountingNotes) =>
  readerOf("i")(message, notes) as { readonly timestamp: unknown };

const COUNTED_AS: Readonly<Record<string, string>> = {
  t: "trade",
  q: "quote",
  b: "bar",
  u: "updated_bar",
  d: "daily_bar",
  s: "status",
  l: "luld",
  x: "cancel_error",
  c: "correction",
  i: "imbalance",
};

function without(message: Message, key: string): Message {
  return Object.fromEntries(
    Object.entries(message).filter(([name]) => name !== key),
  );
}

for (const [type, specimen] of Object.entries(SPECIMENS)) {
  const { valid, means, numbers, sizes, ids, codes, lists } = specimen;
  const read = (message: Message, notes = new CountingNotes()) => specimen.read(message, notes);
  // The id of a trade is 0 when Alpaca sends none; that of a correction is needed.
  const needed = ids.filter((key) => !(type === "t" && key === "i"));
  // So is a size of a quote.
  const optional = type === "q" ? sizes : [];
  const neededSizes = sizes.filter((key) => !optional.includes(key));
  const required = ["S", "t", ...numbers, ...neededSizes, ...needed];

  Deno.test(`"${type}" messages keep every field`, () => {
    assert.deepEqual(read(valid), means);
  });

  Deno.test(`"${type}" messages may have T last and unknown keys`, () => {
    const { T, ...rest } = valid;
    const odd = { r: TIME, future: { deep: [1] }, ...rest, T };
    assert.deepEqual(read(odd), means);
    const harness = new StockHarness().receive([odd]);
    assert.deepEqual(harness.errors, {});
    assert.deepEqual(harness.received, { [COUNTED_AS[type] ?? ""]: 1 });
  });

  Deno.test(`"${type}" messages are invalid without a required field`, () => {
    for (const key of required) {
      const missing = new InvalidField(key, undefined);
      assert.throws(() => read(without(valid, key)), missing, key);
      assert.throws(() => read({ ...valid, [key]: null }), InvalidField, key);
      const harness = new StockHarness().receive([without(valid, key)]);
      assert.deepEqual(harness.errors, { malformed_element: 1 }, key);
    }
  });

  Deno.test(`"${type}" messages are invalid with a field of another type`, () => {
    const foreign = [true, {}, [], [1]];
    for (const key of [...required, ...optional]) {
      for (const value of foreign) {
        assert.throws(
          () => read({ ...valid, [key]: value }),
          InvalidField,
          key,
        );
      }
    }
    for (const key of [...numbers, ...sizes, ...needed]) {
      for (const value of ["", " 7", "7 ", "0x7", "1e3", "seven", "7.", "9".repeat(20)]) {
        assert.throws(() => read({ ...valid, [key]: value }), InvalidField, `${key} ${value}`);
      }
    }
    for (const key of needed.filter((key) => key !== "v")) {
      assert.throws(() => read({ ...valid, [key]: 0.5 }), InvalidField, key);
    }
    for (const key of ["S", "t"]) {
      assert.throws(() => read({ ...valid, [key]: 7 }), InvalidField, key);
    }
  });

  Deno.test(`"${type}" messages may have numbers as text`, () => {
    for (const key of [...numbers, ...sizes, ...ids]) {
      const notes = new CountingNotes();
      const expected = read({ ...valid, [key]: 7 });
      assert.deepEqual(read({ ...valid, [key]: "7" }, notes), expected, key);
      assert.equal(notes.count, 1, key);
    }
    for (const key of numbers) {
      assert.deepEqual(read({ ...valid, [key]: "-7.25" }), read({ ...valid, [key]: -7.25 }), key);
    }
    for (const key of ids) {
      const exact = "9007199254740993";
      const expected = read({ ...valid, [key]: BigInt(exact) });
      assert.deepEqual(read({ ...valid, [key]: exact }), expected, key);
    }
  });

  Deno.test(`"${type}" messages lose no more than a code that is not text`, () => {
    const values = { odd: [7, true, {}, [], ["a", "b"], "x".repeat(2_000)], empty: "" };
    for (const key of codes) {
      const expected = read({ ...valid, [key]: "" });
      for (const value of values.odd) {
        const notes = new CountingNotes();
        assert.deepEqual(read({ ...valid, [key]: value }, notes), expected, key);
        assert.equal(notes.count, 1, key);
      }
    }
  });

  Deno.test(`"${type}" messages keep the codes of an odd list`, () => {
    const odd = [
      [7, [], 1],
      [{}, [], 1],
      [[7], [], 1],
      [["@", null, ["I"], "F", "x".repeat(65)], ["@", "F"], 1],
      [Array(33).fill("@"), Array(32).fill("@"), 1],
      // Nothing is lost of a single code.
      ["@", ["@"], 0],
      ["", [""], 0],
    ] as const;
    for (const key of lists) {
      for (const [value, kept, count] of odd) {
        const notes = new CountingNotes();
        const expected = read({ ...valid, [key]: kept });
        assert.deepEqual(read({ ...valid, [key]: value }, notes), expected, key);
        assert.equal(notes.count, count, key);
      }
    }
  });

  Deno.test(`"${type}" messages may omit empty codes`, () => {
    const blank = read(
      [...codes, ...lists].reduce(without, valid),
    ) as Message;
    const nulls = Object.fromEntries(
      [...codes, ...lists].map((k) => [k, null]),
    );
    assert.deepEqual(read({ ...valid, ...nulls }), blank);
    const empty = Object.values(blank).filter((value) =>
      value === "" || (Array.isArray(value) && value.length === 0)
    );
    assert.equal(empty.length, codes.length + lists.length);
  });

  if (sizes.length === 0) continue;
  Deno.test(`"${type}" sizes stay within 0 and 31 bits`, () => {
    for (const key of sizes) {
      const largest = read({ ...valid, [key]: 2 ** 31 - 1 }) as Message;
      assert.ok(Object.values(largest).includes(2 ** 31 - 1), key);
      assert.throws(
        () => read({ ...valid, [key]: 2 ** 31 }),
        InvalidField,
        key,
      );
      assert.throws(() => read({ ...valid, [key]: 1e300 }), InvalidField, key);
      assert.throws(() => read({ ...valid, [key]: -1 }), InvalidField, key);
      assert.throws(() => read({ ...valid, [key]: -1n }), InvalidField, key);
    }
  });

  Deno.test(`"${type}" sizes are rounded to the nearest whole number`, () => {
    const cases = [[0.2, 0], [0.5, 1], [1.5, 2], [7.25, 7], [2 ** 31 - 1.4, 2 ** 31 - 1]] as const;
    for (const key of sizes) {
      for (const [value, size] of cases) {
        const notes = new CountingNotes();
        const expected = read({ ...valid, [key]: size });
        assert.deepEqual(read({ ...valid, [key]: value }, notes), expected, `${key} ${value}`);
        assert.equal(notes.count, 1);
      }
      for (const value of [2 ** 31 - 0.5, -0.5, NaN, Infinity]) {
        assert.throws(() => read({ ...valid, [key]: value }), InvalidField, `${key} ${value}`);
      }
    }
  });
}

Deno.test("a trade without a readable id has the id 0", () => {
  const { valid, means, read } = SPECIMENS.t as Specimen;
  for (const i of [undefined, null, "seven", "9".repeat(20), 0.5, true, {}, []]) {
    const notes = new CountingNotes();
    assert.deepEqual(read({ ...valid, i }, notes), { ...means as object, tradeId: 0 });
    assert.equal(notes.count, 1);
  }
  for (const i of [NaN, Infinity, 2n ** 64n]) {
    assert.throws(() => read({ ...valid, i }, new CountingNotes()), InvalidField);
  }
});

Deno.test("the volume of a bar is rounded, its VWAP and trade count may be odd", () => {
  const notes = new CountingNotes();
  const odd = { v: 7.25, vw: "seven", n: 1.5 };
  const event = readBar({ ...bar, ...odd }, notes);
  assert.deepEqual(event, { ...barMeans, kind: "minute", volume: 7, vwap: 0, tradeCount: 2 });
  assert.equal(notes.count, 3);
  for (const v of [NaN, Infinity, "seven", null]) {
    assert.throws(() => readBar({ ...bar, v }, notes), InvalidField);
  }
});

/** Messages of the tape that are not as documented, and what is delivered of them. */
const ODD: readonly (readonly [string, Message, Message])[] = [
  ["a bar with a fractional volume", { T: "b", ...bar, v: 7.25 }, { volume: 7 }],
  ["a trade with a fractional size", { ...SPECIMENS.t?.valid, s: 0.5 }, { size: 1 }],
  ["a quote with a fractional size", { ...SPECIMENS.q?.valid, bs: 1.5 }, { bidSize: 2 }],
  ["a trade without an id", without(SPECIMENS.t?.valid ?? {}, "i"), { tradeId: 0 }],
  ["a quote without a bid size", without(SPECIMENS.q?.valid ?? {}, "bs"), { bidSize: 0 }],
  ["a quote without an ask size", { ...SPECIMENS.q?.valid, as: null }, { askSize: 0 }],
  ["a quote with a size as text", { ...SPECIMENS.q?.valid, as: "3" }, { askSize: 3 }],
  ["a quote with a price as text", { ...SPECIMENS.q?.valid, bp: "1.25" }, { bidPrice: 1.25 }],
  ["a trade with a size as text", { ...SPECIMENS.t?.valid, s: "5" }, { size: 5 }],
  ["a trade with an id as text", { ...SPECIMENS.t?.valid, i: "55" }, { tradeId: 55 }],
  ["a bar with a volume as text", { T: "b", ...bar, v: "10" }, { volume: 10 }],
  ["a bar with a VWAP as text", { T: "b", ...bar, vw: "7.5" }, { vwap: 7.5 }],
  ["a quote with a number as exchange", { ...SPECIMENS.q?.valid, bx: 7 }, { bidExchange: "" }],
  ["a quote with a map as tape", { ...SPECIMENS.q?.valid, z: {} }, { tape: "" }],
];

for (const [name, message, part] of ODD) {
  Deno.test(`${name} is delivered and counted as inexact`, () => {
    const harness = new StockHarness().receive([message, SPECIMENS.l?.valid]);
    const { quotes, trades, bars } = harness;
    const events = [...quotes.events, ...trades.events, ...bars.events];
    assert.equal(events.length, 1);
    assert.deepEqual({ ...events[0], ...part }, events[0]);
    assert.deepEqual([harness.errors, harness.inexact], [{}, 1]);
    assert.deepEqual(harness.log.records, []);
  });
}

Deno.test("a trade whose condition is text has one condition", () => {
  const harness = new StockHarness().receive([{ ...SPECIMENS.t?.valid, c: "@" }]);
  assert.deepEqual(harness.trades.events[0]?.conditions, ["@"]);
  assert.deepEqual([harness.errors, harness.inexact], [{}, 0]);
});

Deno.test("a bar without VWAP or trade count has zeros", () => {
  const notes = new CountingNotes();
  const spare = { vw: null, n: null };
  const nulls = readBar({ ...bar, ...spare }, notes);
  const absent = readBar(["vw", "n"].reduce(without, bar), notes);
  for (const read of [nulls, absent]) {
    assert.deepEqual(read, {
      ...barMeans,
      kind: "minute",
      vwap: 0,
      tradeCount: 0,
    });
  }
  assert.equal(notes.count, 0);
});

Deno.test("times keep their nanoseconds and are converted to UTC", () => {
  const cases = {
    "2026-09-14T14:30:02Z": [1_789_396_202, 0],
    "2026-09-14T14:30:02.25Z": [1_789_396_202, 250_000_000],
    "2026-09-14T10:30:02.000000001-04:00": [1_789_396_202, 1],
    "2026-09-14T20:00:02.5+05:30": [1_789_396_202, 500_000_000],
    "1969-12-31T23:59:59.9Z": [-1, 900_000_000],
  };
  for (const [text, [seconds, nanos]] of Object.entries(cases)) {
    const { timestamp } = readImbalance({ S: "A", p: 1, t: text }, new CountingNotes());
    assert.deepEqual(timestamp, { seconds, nanos }, text);
  }
});

Deno.test("invalid times are rejected", () => {
  const wrong = [
    "",
    "2026-09-14",
    "2026-02-30T00:00:00Z",
    "2026-09-14T14:30:02",
    "2026-09-14T14:30:02.Z",
    "2026-09-14T25:30:02Z",
    "now",
    1_789_396_202,
    { seconds: "x", nanos: 0 },
    { seconds: 1, nanos: 1e9 },
    { seconds: 1, nanos: -1 },
    { seconds: 0.5, nanos: 0 },
    { seconds: null, nanos: null },
  ];
  for (const t of wrong) {
    assert.throws(
      () => readImbalance({ S: "A", p: 1, t }, new CountingNotes()),
      InvalidField,
      JSON.stringify(t),
    );
  }
});

Deno.test("a price beyond the range of a double is invalid, also beside an exact id", () => {
  const { valid, read } = SPECIMENS.t as Specimen;
  assert.throws(() => read({ ...valid, p: 10n ** 400n }, new CountingNotes()), InvalidField);
});

Deno.test("an empty symbol is invalid", () => {
  const { valid, read } = SPECIMENS.q as Specimen;
  assert.throws(() => read({ ...valid, S: "" }, new CountingNotes()), InvalidField);
});

Deno.test("the error of an invalid field quotes its value, shortened", () => {
  const told = [undefined, null, 3e9, 7n, "x".repeat(99), [], {}]
    .map((value) => new InvalidField("s", value).message);
  assert.deepEqual(told, [
    'Field "s" is missing',
    'Field "s" is null',
    'Field "s" cannot be "3000000000"',
    'Field "s" cannot be "7"',
    `Field "s" cannot be "${"x".repeat(32)}"… (99 characters)`,
    'Field "s" cannot be a list',
    'Field "s" cannot be a map',
  ]);
});

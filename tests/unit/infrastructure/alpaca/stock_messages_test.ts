/** Messages of the stock stream, each type, each field. */
import assert from "node:assert/strict";
import { InvalidField } from "../../../../src/infrastructure/alpaca/fields.ts";
import {
  readStockBar,
  readStockImbalance,
} from "../../../../src/infrastructure/alpaca/messages.ts";
import { StockHarness } from "./decoder_harness.ts";
import { bar, barMeans, type Message, type Specimen, SPECIMENS, TIME } from "./stock_specimens.ts";

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
  const { valid, means, read, numbers, sizes, ids, codes, lists } = specimen;
  const required = ["S", "t", ...numbers, ...sizes, ...ids];

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
    for (const key of required) {
      for (const value of foreign) {
        assert.throws(
          () => read({ ...valid, [key]: value }),
          InvalidField,
          key,
        );
      }
    }
    for (const key of [...numbers, ...sizes, ...ids]) {
      assert.throws(() => read({ ...valid, [key]: "7" }), InvalidField, key);
    }
    for (const key of [...sizes, ...ids]) {
      assert.throws(() => read({ ...valid, [key]: 0.5 }), InvalidField, key);
    }
    for (const key of [...codes, "S", "t"]) {
      assert.throws(() => read({ ...valid, [key]: 7 }), InvalidField, key);
    }
    for (const key of lists) {
      for (const value of ["@", 7, {}, [7], [null], ["@", ["I"]]]) {
        assert.throws(
          () => read({ ...valid, [key]: value }),
          InvalidField,
          key,
        );
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
}

Deno.test("a bar without VWAP or trade count has zeros", () => {
  const spare = { vw: null, n: null };
  const nulls = readStockBar({ ...bar, ...spare }, "minute");
  const absent = readStockBar(["vw", "n"].reduce(without, bar), "minute");
  for (const read of [nulls, absent]) {
    assert.deepEqual(read, {
      ...barMeans,
      kind: "minute",
      vwap: 0,
      tradeCount: 0,
    });
  }
});

Deno.test("times keep their nanoseconds and lose their offset", () => {
  const cases = {
    "2026-09-14T14:30:02Z": [1_789_396_202, 0],
    "2026-09-14T14:30:02.25Z": [1_789_396_202, 250_000_000],
    "2026-09-14T10:30:02.000000001-04:00": [1_789_396_202, 1],
    "2026-09-14T20:00:02.5+05:30": [1_789_396_202, 500_000_000],
    "1969-12-31T23:59:59.9Z": [-1, 900_000_000],
  };
  for (const [text, [seconds, nanos]] of Object.entries(cases)) {
    const { timestamp } = readStockImbalance({ S: "A", p: 1, t: text });
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
      () => readStockImbalance({ S: "A", p: 1, t }),
      InvalidField,
      JSON.stringify(t),
    );
  }
});

Deno.test("a price beyond the range of a double is invalid, also beside an exact id", () => {
  const { valid, read } = SPECIMENS.t as Specimen;
  assert.throws(() => read({ ...valid, p: 10n ** 400n }), InvalidField);
});

Deno.test("an empty symbol is invalid", () => {
  const { valid, read } = SPECIMENS.q as Specimen;
  assert.throws(() => read({ ...valid, S: "" }), InvalidField);
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

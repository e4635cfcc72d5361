/** Elements of the stock stream, each type, each field. */
import assert from "node:assert/strict";
import { BadField } from "../../../../src/infrastructure/alpaca/fields.ts";
import {
  readStockBar,
  readStockCancel,
  readStockCorrection,
  readStockImbalance,
  readStockLuld,
  readStockQuote,
  readStockTrade,
  readTradingStatus,
} from "../../../../src/infrastructure/alpaca/stock_elements.ts";
import { StockDesk } from "./kit.ts";

const TIME = "2026-09-14T14:30:02.118450321Z";
const timestamp = { seconds: 1_789_396_202, nanos: 118_450_321 };

type Element = Readonly<Record<string, unknown>>;

/** One type of element: a good one, what it means, and its fields by kind. */
interface Specimen {
  readonly good: Element;
  readonly means: unknown;
  readonly read: (element: Element) => unknown;
  readonly numbers: readonly string[];
  readonly sizes: readonly string[];
  readonly ids: readonly string[];
  readonly codes: readonly string[];
  readonly lists: readonly string[];
}

const bar = {
  S: "SPY",
  o: 388.985,
  h: 389.13,
  l: 388.975,
  c: 389.12,
  v: 49378,
  n: 461,
  vw: 389.062639,
  t: TIME,
};

const barMeans = {
  symbol: "SPY",
  timestamp,
  open: 388.985,
  high: 389.13,
  low: 388.975,
  close: 389.12,
  volume: 49378,
  tradeCount: 461,
  vwap: 389.062639,
};

const barFields = {
  numbers: ["o", "h", "l", "c"],
  sizes: [],
  ids: ["v"],
  codes: [],
  lists: [],
};

const SPECIMENS: Readonly<Record<string, Specimen>> = {
  t: {
    good: {
      T: "t",
      S: "MSFT",
      i: 71675212345678,
      x: "D",
      p: 402.115,
      s: 1,
      c: ["@", "I"],
      t: TIME,
      z: "C",
    },
    means: {
      symbol: "MSFT",
      timestamp,
      tradeId: 71675212345678,
      exchange: "D",
      price: 402.115,
      size: 1,
      conditions: ["@", "I"],
      tape: "C",
    },
    read: readStockTrade,
    numbers: ["p"],
    sizes: ["s"],
    ids: ["i"],
    codes: ["x", "z"],
    lists: ["c"],
  },
  q: {
    good: {
      T: "q",
      S: "F",
      bx: "N",
      bp: 11.04,
      bs: 2300,
      ax: " ",
      ap: 0,
      as: 0,
      c: [" "],
      t: TIME,
      z: "A",
    },
    means: {
      symbol: "F",
      timestamp,
      bidExchange: "N",
      bidPrice: 11.04,
      bidSize: 2300,
      askExchange: " ",
      askPrice: 0,
      askSize: 0,
      conditions: [" "],
      tape: "A",
    },
    read: readStockQuote,
    numbers: ["bp", "ap"],
    sizes: ["bs", "as"],
    ids: [],
    codes: ["bx", "ax", "z"],
    lists: ["c"],
  },
  b: {
    good: { T: "b", ...bar },
    means: { kind: "minute", ...barMeans },
    read: (element) => readStockBar(element, "minute"),
    ...barFields,
  },
  u: {
    good: { T: "u", ...bar },
    means: { kind: "updated", ...barMeans },
    read: (element) => readStockBar(element, "updated"),
    ...barFields,
  },
  d: {
    good: { T: "d", ...bar },
    means: { kind: "daily", ...barMeans },
    read: (element) => readStockBar(element, "daily"),
    ...barFields,
  },
  s: {
    good: {
      T: "s",
      S: "AAPL",
      sc: "H",
      sm: "Trading Halt",
      rc: "T12",
      rm: "",
      t: TIME,
      z: "C",
    },
    means: {
      symbol: "AAPL",
      timestamp,
      statusCode: "H",
      statusMessage: "Trading Halt",
      reasonCode: "T12",
      reasonMessage: "",
      tape: "C",
    },
    read: readTradingStatus,
    numbers: [],
    sizes: [],
    ids: [],
    codes: ["sc", "sm", "rc", "rm", "z"],
    lists: [],
  },
  l: {
    good: { T: "l", S: "IONM", u: 3.24, d: 2.65, i: "B", t: TIME, z: "C" },
    means: {
      symbol: "IONM",
      timestamp,
      limitUp: 3.24,
      limitDown: 2.65,
      indicator: "B",
      tape: "C",
    },
    read: readStockLuld,
    numbers: ["u", "d"],
    sizes: [],
    ids: [],
    codes: ["i", "z"],
    lists: [],
  },
  x: {
    good: {
      T: "x",
      S: "GOOGL",
      i: 465,
      x: "D",
      p: 270.1,
      s: 100,
      a: "C",
      t: TIME,
      z: "C",
    },
    means: {
      symbol: "GOOGL",
      timestamp,
      tradeId: 465,
      exchange: "D",
      price: 270.1,
      size: 100,
      action: "C",
      tape: "C",
    },
    read: readStockCancel,
    numbers: ["p"],
    sizes: ["s"],
    ids: ["i"],
    codes: ["x", "a", "z"],
    lists: [],
  },
  c: {
    good: {
      T: "c",
      S: "EEM",
      x: "M",
      oi: 52983525033527,
      op: 39.1582,
      os: 440000,
      oc: [" ", "7"],
      ci: 52983525034326,
      cp: 39.1809,
      cs: 440000,
      cc: [" ", "7"],
      t: TIME,
      z: "B",
    },
    means: {
      symbol: "EEM",
      timestamp,
      exchange: "M",
      originalId: 52983525033527,
      originalPrice: 39.1582,
      originalSize: 440000,
      originalConditions: [" ", "7"],
      correctedId: 52983525034326,
      correctedPrice: 39.1809,
      correctedSize: 440000,
      correctedConditions: [" ", "7"],
      tape: "B",
    },
    read: readStockCorrection,
    numbers: ["op", "cp"],
    sizes: ["os", "cs"],
    ids: ["oi", "ci"],
    codes: ["x", "z"],
    lists: ["oc", "cc"],
  },
  i: {
    good: { T: "i", S: "INAQU", p: 9.12, t: TIME, z: "C" },
    means: { symbol: "INAQU", timestamp, price: 9.12, tape: "C" },
    read: readStockImbalance,
    numbers: ["p"],
    sizes: [],
    ids: [],
    codes: ["z"],
    lists: [],
  },
};

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

function without(element: Element, key: string): Element {
  return Object.fromEntries(
    Object.entries(element).filter(([name]) => name !== key),
  );
}

for (const [type, specimen] of Object.entries(SPECIMENS)) {
  const { good, means, read, numbers, sizes, ids, codes, lists } = specimen;
  const required = ["S", "t", ...numbers, ...sizes, ...ids];

  Deno.test(`"${type}" elements keep every field`, () => {
    assert.deepEqual(read(good), means);
  });

  Deno.test(`"${type}" elements may have T last and keys nobody knows`, () => {
    const { T, ...rest } = good;
    const odd = { r: TIME, future: { deep: [1] }, ...rest, T };
    assert.deepEqual(read(odd), means);
    const desk = new StockDesk().receive([odd]);
    assert.deepEqual(desk.errors, {});
    assert.deepEqual(desk.received, { [COUNTED_AS[type] ?? ""]: 1 });
  });

  Deno.test(`"${type}" elements are malformed without a required field`, () => {
    for (const key of required) {
      const missing = new BadField(key, undefined);
      assert.throws(() => read(without(good, key)), missing, key);
      assert.throws(() => read({ ...good, [key]: null }), BadField, key);
      const desk = new StockDesk().receive([without(good, key)]);
      assert.deepEqual(desk.errors, { malformed_element: 1 }, key);
    }
  });

  Deno.test(`"${type}" elements are malformed with a field of another type`, () => {
    const foreign = [true, {}, [], [1]];
    for (const key of required) {
      for (const value of foreign) {
        assert.throws(() => read({ ...good, [key]: value }), BadField, key);
      }
    }
    for (const key of [...numbers, ...sizes, ...ids]) {
      assert.throws(() => read({ ...good, [key]: "7" }), BadField, key);
    }
    for (const key of [...sizes, ...ids]) {
      assert.throws(() => read({ ...good, [key]: 0.5 }), BadField, key);
    }
    for (const key of [...codes, "S", "t"]) {
      assert.throws(() => read({ ...good, [key]: 7 }), BadField, key);
    }
    for (const key of lists) {
      for (const value of ["@", 7, {}, [7], [null], ["@", ["I"]]]) {
        assert.throws(() => read({ ...good, [key]: value }), BadField, key);
      }
    }
  });

  Deno.test(`"${type}" elements may leave out codes that say nothing`, () => {
    const blank = read(
      [...codes, ...lists].reduce(without, good),
    ) as Element;
    const nulls = Object.fromEntries(
      [...codes, ...lists].map((k) => [k, null]),
    );
    assert.deepEqual(read({ ...good, ...nulls }), blank);
    const empty = Object.values(blank).filter((value) =>
      value === "" || (Array.isArray(value) && value.length === 0)
    );
    assert.equal(empty.length, codes.length + lists.length);
  });

  if (sizes.length === 0) continue;
  Deno.test(`"${type}" sizes stay within 32 signed bits`, () => {
    for (const key of sizes) {
      const largest = read({ ...good, [key]: 2 ** 31 - 1 }) as Element;
      assert.ok(Object.values(largest).includes(2 ** 31 - 1), key);
      assert.throws(() => read({ ...good, [key]: 2 ** 31 }), BadField, key);
      assert.throws(() => read({ ...good, [key]: 1e300 }), BadField, key);
    }
  });
}

Deno.test("a bar without VWAP or trade count has zeroes there", () => {
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

Deno.test("what is no time is malformed", () => {
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
      BadField,
      JSON.stringify(t),
    );
  }
});

Deno.test("an empty symbol is malformed", () => {
  const { good, read } = SPECIMENS.q as Specimen;
  assert.throws(() => read({ ...good, S: "" }), BadField);
});

/** Messages of the option stream, byte by byte where the bytes matter. */
import assert from "node:assert/strict";
import { ExtData } from "@msgpack/msgpack";
import type { Frame } from "../../../../src/infrastructure/alpaca/session.ts";
import { hex, OptionHarness, timeExt } from "./decoder_harness.ts";

const EIGHT = "1c3da244 6aa804ea";
const timestamp = { seconds: 1_789_396_202, nanos: 118_450_321 };

const quote = {
  T: "q",
  S: "SPY261218C00650000",
  bx: "w",
  bp: 12.31,
  bs: 40,
  ax: "X",
  ap: 12.36,
  as: 18,
  c: "A",
  t: timeExt(EIGHT),
};

const quoteMeans = {
  symbol: "SPY261218C00650000",
  timestamp,
  bidExchange: "w",
  bidPrice: 12.31,
  bidSize: 40,
  askExchange: "X",
  askPrice: 12.36,
  askSize: 18,
  condition: "A",
};

const trade = {
  T: "t",
  S: "SPY261218C00650000",
  t: timeExt(EIGHT),
  p: 4.5,
  s: 3,
  x: "C",
  c: "I",
};

const tradeMeans = {
  symbol: "SPY261218C00650000",
  timestamp,
  price: 4.5,
  size: 3,
  exchange: "C",
  condition: "I",
};

/** The one quote that a frame carries, which has no error. */
function theQuote(frame: Frame | readonly unknown[]) {
  const harness = new OptionHarness().receive(frame);
  assert.deepEqual(harness.errors, {});
  assert.equal(harness.quotes.events.length, 1);
  return harness.quotes.events[0];
}

/** A fixmap key or value of up to 31 bytes, in hex. */
function text(word: string): string {
  const bytes = new TextEncoder().encode(word);
  return (0xa0 + bytes.length).toString(16) + bytes.toHex();
}

/** A frame of one quote whose values are given as MessagePack in hex. */
function rawQuote(values: Readonly<Record<string, string>>): Frame {
  const plain = {
    T: text("q"),
    S: text("A"),
    bx: text("B"),
    bp: "cb3ff0000000000000",
    bs: "01",
    ax: text("C"),
    ap: "cb4000000000000000",
    as: "02",
    c: text(" "),
    t: "d6ff 00000001",
  };
  const fields = Object.entries({ ...plain, ...values });
  const size = (0x80 + fields.length).toString(16);
  const pairs = fields.map(([key, value]) => text(key) + value);
  return hex(`91 ${size} ${pairs.join("")}`);
}

Deno.test("option quotes and trades keep every field, mixed in one frame", () => {
  const harness = new OptionHarness().receive([quote, trade, quote]);
  assert.deepEqual(harness.quotes.events, [quoteMeans, quoteMeans]);
  assert.deepEqual(harness.trades.events, [tradeMeans]);
  assert.deepEqual(harness.received, { quote: 2, trade: 1 });
  assert.deepEqual(harness.errors, {});
});

Deno.test("an option condition may be absent or null, and is then empty", () => {
  const { c: _, ...bare } = quote;
  for (const element of [bare, { ...quote, c: null }]) {
    assert.equal(theQuote([element])?.condition, "");
  }
});

Deno.test("option timestamps are read in their 4, 8 and 12 byte forms", () => {
  const cases = [
    ["d6ff 6aa804e8", 1_789_396_200, 0],
    ["d6ff ffffffff", 4_294_967_295, 0],
    [`d7ff ${EIGHT}`, 1_789_396_202, 118_450_321],
    // All 30 bits of nanoseconds in use, and the 34th bit of seconds.
    ["d7ff ee6b27fe 00000007", 2 * 2 ** 32 + 7, 999_999_999],
    ["c70cff 070ec9d1 000000006aa804ea", 1_789_396_202, 118_409_681],
    ["c70cff 3b9ac9ff ffffffffffffffff", -1, 999_999_999],
    // The 8 byte form may also be written with an explicit length.
    [`c708ff ${EIGHT}`, 1_789_396_202, 118_450_321],
  ] as const;
  for (const [t, seconds, nanos] of cases) {
    assert.deepEqual(theQuote(rawQuote({ t }))?.timestamp, { seconds, nanos });
  }
});

Deno.test("a timestamp of another length or with invalid nanoseconds costs its message", () => {
  const bad = [
    new ExtData(-1, new Uint8Array(0)),
    new ExtData(-1, new Uint8Array(5)),
    new ExtData(-1, new Uint8Array(16)),
    timeExt("ffffffff 6aa804ea"),
    timeExt("3b9aca00 000000006aa804ea"),
    timeExt("00000000 7fffffffffffffff"),
    new ExtData(5, Uint8Array.fromHex("6aa804e8")),
    null,
    1_789_396_202,
    "2026-09-14",
  ];
  for (const t of bad) {
    const harness = new OptionHarness().receive([
      trade,
      { ...quote, t },
      quote,
    ]);
    assert.deepEqual(harness.quotes.events, [quoteMeans]);
    assert.deepEqual(harness.trades.events, [tradeMeans]);
    assert.deepEqual(harness.errors, { malformed_element: 1 });
  }
});

Deno.test("option times may be text", () => {
  const t = "2026-09-14T10:30:02.118450321-04:00";
  assert.deepEqual(theQuote([{ ...quote, t }])?.timestamp, timestamp);
});

Deno.test("option prices are read as float64, float32 and integers of any width", () => {
  const cases = {
    "cb4028a3d70a3d70a4": 12.32,
    "ca41451eb8": Math.fround(12.32),
    "07": 7,
    "cc80": 128,
    "cd0100": 256,
    "ce00010000": 65_536,
    "cf0000000000000003": 3,
    "d300000000000003e8": 1000,
    "ff": -1,
    "00": 0,
  };
  for (const [bp, price] of Object.entries(cases)) {
    assert.equal(theQuote(rawQuote({ bp }))?.bidPrice, price, bp);
  }
});

Deno.test("option sizes are read as integers of any width", () => {
  const sizes = {
    "7f": 127,
    "ccff": 255,
    "cdffff": 65_535,
    "ce7fffffff": 2 ** 31 - 1,
    "cf000000007fffffff": 2 ** 31 - 1,
    "d20000002a": 42,
    "d3000000000000002a": 42,
    "cb4045000000000000": 42,
  };
  for (const [bs, size] of Object.entries(sizes)) {
    assert.equal(theQuote(rawQuote({ bs }))?.bidSize, size, bs);
  }
  const wrong = [
    "ff",
    "d2ffffffd6",
    "ce80000000",
    "cf0000000080000000",
    "cfffffffffffffffff",
    "cbbfe0000000000000",
    "cb7ff8000000000000",
    "c3",
    text("four"),
    "c40101",
  ];
  for (const bs of wrong) {
    const harness = new OptionHarness().receive(rawQuote({ bs }));
    assert.deepEqual(harness.errors, { malformed_element: 1 }, bs);
    assert.deepEqual(harness.quotes.events, [], bs);
  }
});

Deno.test("prices that are not finite numbers are invalid", () => {
  for (const bp of ["cb7ff0000000000000", "cb7ff8000000000000", "c0", "c2"]) {
    const harness = new OptionHarness().receive(rawQuote({ bp }));
    assert.deepEqual(harness.errors, { malformed_element: 1 }, bp);
  }
});

for (const key of ["S", "t", "bp", "ap"] as const) {
  Deno.test(`an option quote without "${key}" is malformed`, () => {
    const { [key]: _, ...rest } = quote;
    const harness = new OptionHarness().receive([rest, trade]);
    assert.deepEqual(harness.errors, { malformed_element: 1 });
    assert.deepEqual(harness.trades.events, [tradeMeans]);
  });
}

for (const key of ["S", "t", "p", "s"] as const) {
  Deno.test(`an option trade without "${key}" is malformed`, () => {
    const { [key]: _, ...rest } = trade;
    const harness = new OptionHarness().receive([rest, quote]);
    assert.deepEqual(harness.errors, { malformed_element: 1 });
    assert.deepEqual(harness.quotes.events, [quoteMeans]);
  });
}

Deno.test("an option condition may be a list of one; other values are left out", () => {
  const harness = new OptionHarness().receive([
    { ...quote, c: ["A"] },
    { ...quote, c: ["A", "B"] },
    { ...quote, c: 7 },
  ]);
  assert.deepEqual(harness.quotes.events.map(({ condition }) => condition), ["A", "", ""]);
  assert.deepEqual([harness.errors, harness.inexact], [{}, 2]);
});

Deno.test("a fractional option size is rounded", () => {
  const harness = new OptionHarness().receive([{ ...quote, bs: 1.5 }, { ...trade, s: 2.25 }]);
  assert.equal(harness.quotes.events[0]?.bidSize, 2);
  assert.equal(harness.trades.events[0]?.size, 2);
  assert.deepEqual([harness.errors, harness.inexact], [{}, 2]);
});

Deno.test("an option quote without a size has the size 0, and is counted as inexact", () => {
  const { bs: _, ...bare } = quote;
  for (const message of [bare, { ...quote, bs: null }]) {
    const harness = new OptionHarness().receive([message]);
    assert.deepEqual(harness.quotes.events, [{ ...quoteMeans, bidSize: 0 }]);
    assert.deepEqual([harness.errors, harness.inexact], [{}, 1]);
  }
});

Deno.test("option prices and sizes may be text, and are counted as inexact", () => {
  const harness = new OptionHarness()
    .receive([{ ...quote, as: "3", bp: "12.5" }, { ...trade, s: "5" }]);
  assert.deepEqual(harness.quotes.events, [{ ...quoteMeans, askSize: 3, bidPrice: 12.5 }]);
  assert.deepEqual(harness.trades.events, [{ ...tradeMeans, size: 5 }]);
  assert.deepEqual([harness.errors, harness.inexact], [{}, 2]);
});

Deno.test("stock types are unknown on the option stream", () => {
  const harness = new OptionHarness().receive([{ ...quote, T: "b" }, quote]);
  assert.deepEqual(harness.errors, { unknown_type: 1 });
  assert.equal(harness.quotes.events.length, 1);
});

Deno.test("the documented control frames are read from their bytes", () => {
  const welcome = "9182a154a773756363657373a36d7367a9636f6e6e6563746564";
  const limit = "9183a154a56572726f72a4636f6465cd0196a36d7367b9636f6e6e65" +
    "6374696f6e206c696d6974206578636565646564";
  const harness = new OptionHarness().receive(hex(welcome)).receive(hex(limit));
  assert.deepEqual(harness.controls, [
    { type: "success", message: "connected" },
    {
      type: "error",
      error: { code: 406, message: "connection limit exceeded" },
    },
  ]);
});

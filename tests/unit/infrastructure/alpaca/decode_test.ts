/** Frames of the market data streams: what a bad one costs, and what it does not. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { binary, hex, OptionHarness, packed, StockHarness, timeExt } from "./decoder_harness.ts";

const TIME = "2026-09-14T14:30:02.1Z";

function trade(i: unknown, symbol = "AAPL"): Record<string, unknown> {
  return { T: "t", S: symbol, i, x: "V", p: 1.5, s: 1, c: ["@"], t: TIME };
}

function quote(bp: unknown, symbol = "AAPL"): Record<string, unknown> {
  return { T: "q", S: symbol, bp, bs: 1, ap: 2, as: 1, t: TIME, z: "C" };
}

/** Elements that cost themselves, by the error they are counted as. */
const BAD: readonly (readonly [unknown, string])[] = [
  [quote(undefined), "malformed_element"],
  [quote("one"), "malformed_element"],
  [{ T: "t" }, "malformed_element"],
  [{ T: "u", S: "A" }, "malformed_element"],
  [{ ...trade(1), s: -0.5 }, "malformed_element"],
  [{ ...trade(1), t: "yesterday" }, "malformed_element"],
  [{ ...trade(1e300) }, "malformed_element"],
  [null, "malformed_element"],
  [7, "malformed_element"],
  ["q", "malformed_element"],
  [[quote(1)], "malformed_element"],
  [{}, "unknown_type"],
  [{ T: "n", headline: "news" }, "unknown_type"],
  [{ T: null }, "unknown_type"],
  [{ T: ["q"] }, "unknown_type"],
  [{ T: "constructor" }, "unknown_type"],
  [{ T: { toString: 1, valueOf: 2 } }, "unknown_type"],
  [{ t: "q", S: "AAPL" }, "unknown_type"],
];

/** One frame's text, with its ids written as they are. */
function literal(elements: readonly Record<string, unknown>[]): string {
  return JSON.stringify(elements).replaceAll(/"#(-?\d+)"/g, "$1");
}

Deno.test("100 invalid messages between 100 valid ones cost only themselves", () => {
  const harness = new StockHarness();
  const frame: unknown[] = [];
  const expected: Record<string, number> = {};
  for (let i = 0; i < 100; i++) {
    const [bad, error] = BAD[i % BAD.length] ?? [];
    expected[error ?? ""] = (expected[error ?? ""] ?? 0) + 1;
    frame.push(quote(i), bad);
  }
  harness.receive(frame);
  const bids = harness.quotes.events.map((event) => event.bidPrice);
  assert.deepEqual(bids, Array.from({ length: 100 }, (_, i) => i));
  assert.deepEqual(harness.errors, expected);
  assert.deepEqual(harness.trades.events, []);
});

Deno.test("each invalid message is counted and logged once", () => {
  for (const [element, error] of BAD) {
    const harness = new StockHarness().receive([element]);
    assert.deepEqual(harness.errors, { [error]: 1 }, JSON.stringify(element));
    assert.equal(harness.log.messages("warn").length, 1);
  }
});

Deno.test("an invalid message is reported to the sink of its type, in order", () => {
  const harness = new StockHarness(["AAPL"]);
  harness.receive([quote(1, "AAPL"), quote("bad", "AAPL"), quote("bad", "MSFT")]);
  assert.deepEqual(harness.quotes.unreadables, ["AAPL"]);
  assert.deepEqual(harness.trades.unreadables, []);
  assert.deepEqual(harness.bars.unreadables, []);
});

Deno.test("a message or a frame of no known type is reported to every sink", () => {
  for (const frame of ["[1]", "["]) {
    const harness = new StockHarness().receive(frame);
    for (const sink of [harness.quotes, harness.trades, harness.bars]) {
      assert.deepEqual(sink.unreadables, [undefined]);
    }
  }
});

Deno.test("of many invalid messages in a frame the first ones are reported one by one", () => {
  const harness = new StockHarness();
  harness.receive(Array.from({ length: 1_000 }, () => quote("bad")));
  const { unreadables } = harness.quotes;
  assert.equal(unreadables.length, 65);
  assert.equal(unreadables.at(-1), undefined);
});

Deno.test("an unknown type is shortened before it is logged", () => {
  const harness = new StockHarness().receive([{ T: "x".repeat(10_000) }]);
  assert.ok(JSON.stringify(harness.log.records).length < 200);
});

Deno.test("events carry the time at which their frame arrived", async () => {
  const harness = new StockHarness();
  harness.receive([quote(1)]);
  const first = harness.clock.now();
  await harness.clock.advance(250);
  harness.receive([quote(2), quote(3)]);
  assert.deepEqual(harness.quotes.receivedAt, [
    first,
    first + 250,
    first + 250,
  ]);
});

Deno.test("frames of the same millisecond have different times, within that millisecond", () => {
  const harness = new StockHarness();
  for (let i = 0; i < 1_000; i++) harness.receive([quote(i)]);
  const { receivedAt } = harness.quotes;
  assert.equal(new Set(receivedAt).size, 1_000);
  for (const at of receivedAt) assert.equal(Math.floor(at), harness.clock.now());
});

Deno.test("every message of a frame is in the latency histogram", () => {
  const harness = new StockHarness().receive([
    quote(1),
    quote("bad"),
    trade(2),
  ]);
  const { counts } = harness.counters.processing;
  assert.equal(counts.reduce((sum, count) => sum + count), 3);
});

Deno.test("a quote that no stream requests is counted and not published", () => {
  const harness = new StockHarness(["MSFT"]);
  harness.receive([quote(1, "AAPL"), quote(2, "MSFT"), quote("bad", "AAPL")]);
  assert.deepEqual(harness.quotes.events.map(({ symbol }) => symbol), ["MSFT"]);
  assert.deepEqual(harness.received, { quote: 3 });
});

Deno.test("a single map is read as an array of one", () => {
  const harness = new StockHarness().receive(JSON.stringify(quote(4)));
  assert.deepEqual(harness.quotes.events.map((event) => event.bidPrice), [4]);
});

Deno.test("an empty array is a frame without messages", () => {
  const stocks = new StockHarness().receive("[]");
  const options = new OptionHarness().receive(hex("90"));
  for (const harness of [stocks, options]) {
    assert.deepEqual(harness.errors, {});
    assert.deepEqual(harness.received, {});
    assert.deepEqual(harness.controls, []);
  }
});

Deno.test("a stock frame that is not JSON costs that frame", () => {
  const wrong = [
    "",
    "[",
    `${JSON.stringify([quote(1)])}${JSON.stringify([quote(2)])}`,
    "\u0001",
    hex("9182a154a773756363657373a36d7367a9636f6e6e6563746564"),
    hex("ff fe 00"),
    new Uint8Array(0),
  ];
  for (const frame of wrong) {
    const harness = new StockHarness().receive(frame).receive([quote(5)]);
    assert.deepEqual(harness.errors, { malformed_frame: 1 });
    assert.deepEqual(harness.quotes.events.map((event) => event.bidPrice), [5]);
  }
});

Deno.test("an option frame that is not MessagePack costs that frame", () => {
  const wrong = [
    JSON.stringify([quote(1)]),
    new Uint8Array(0),
    hex("92"),
    hex("c1"),
    hex("91 81 a1"),
    hex("90 90"),
  ];
  for (const frame of wrong) {
    const harness = new OptionHarness().receive(frame).receive([quote(5)]);
    assert.deepEqual(harness.errors, { malformed_frame: 1 });
    assert.deepEqual(harness.quotes.events.map((event) => event.bidPrice), [5]);
  }
});

Deno.test("JSON in a binary frame is read like text", () => {
  const harness = new StockHarness().receive(
    binary(JSON.stringify([quote(1)])),
  );
  assert.equal(harness.quotes.events.length, 1);
});

Deno.test("ids above 2^53 are exact, also beside smaller ids", () => {
  const harness = new StockHarness().receive(literal([
    trade(1),
    trade("#9007199254740993"),
    quote(3),
    trade("#9223372036854775807"),
    trade(2),
  ]));
  const ids = harness.trades.events.map((event) => event.tradeId);
  assert.deepEqual(ids, [1, 9007199254740993n, 9223372036854775807n, 2]);
  assert.deepEqual(harness.quotes.events.map((event) => event.bidPrice), [3]);
  assert.deepEqual(harness.received, { trade: 4, quote: 1 });
  assert.deepEqual(harness.errors, {});
});

Deno.test("the largest whole number of a double stays a number", () => {
  const harness = new StockHarness().receive(literal([
    trade("#9007199254740991"),
    trade("#9007199254740992"),
  ]));
  const ids = harness.trades.events.map((event) => event.tradeId);
  assert.deepEqual(ids, [9007199254740991, 9007199254740992n]);
});

Deno.test("volumes, corrections and cancels beyond 2^53 are accepted", () => {
  const big = "#9007199254740993";
  const bar = { S: "A", o: 1, h: 1, l: 1, c: 1, v: big, t: TIME };
  const harness = new StockHarness().receive(literal([
    { T: "b", ...bar },
    { T: "d", ...bar },
    { T: "c", S: "A", oi: big, op: 1, os: 1, ci: big, cp: 1, cs: 1, t: TIME },
    { T: "x", S: "A", i: big, p: 1, s: 1, a: "C", t: TIME },
  ]));
  assert.deepEqual(harness.errors, {});
  assert.deepEqual(harness.bars.events.map(({ volume }) => volume), [
    9007199254740993n,
  ]);
});

/** A frame whose messages the general decoder reads: it has a cancellation. */
function general(...messages: readonly Record<string, unknown>[]): string {
  return literal([...messages, { T: "x", S: "A", i: 1, p: 1, s: 1, a: "C", t: TIME }]);
}

Deno.test("the general decoder keeps the digits of fractional sizes and volumes", () => {
  const bar = { T: "b", S: "A", o: 1, h: 1, l: 1, c: 1, n: 1, vw: 1.50, t: TIME };
  const harness = new StockHarness().receive(
    general(
      { ...trade(1), s: "#0.10" },
      { ...trade(2), s: "#5e-1" },
      { ...trade(3), s: "7.250" },
      { ...trade("#9007199254740993"), s: "#2.50" },
      { ...bar, v: "#12345678901234567.50" },
      { ...bar, v: "12345678901234567.4" },
      { T: "c", S: "A", oi: 1, op: 1.5, os: "#0.7", ci: 2, cp: 1.5, cs: "#0.30", t: TIME },
    ).replaceAll(/"#([-.e\d]+)"/g, "$1"),
  );
  assert.deepEqual(harness.errors, {});
  const trades = harness.trades.events.map(({ tradeId, size, exact }) => [tradeId, size, exact]);
  assert.deepEqual(trades, [
    [1, 0, [{ field: "size", value: "0.10" }]],
    [2, 1, [{ field: "size", value: "5e-1" }]],
    [3, 7, [{ field: "size", value: "7.250" }]],
    [9007199254740993n, 3, [{ field: "size", value: "2.50" }]],
  ]);
  const bars = harness.bars.events.map(({ volume, vwap, exact }) => [volume, vwap, exact]);
  assert.deepEqual(bars, [
    [12345678901234568n, 1.5, [{ field: "volume", value: "12345678901234567.50" }]],
    [12345678901234567n, 1.5, [{ field: "volume", value: "12345678901234567.4" }]],
  ]);
  const [correction, cancel] = harness.corrections.events;
  assert.deepEqual(correction?.exact, [
    { field: "original_size", value: "0.7" },
    { field: "corrected_size", value: "0.30" },
  ]);
  assert.equal("exact" in (cancel ?? {}), false);
  assert.equal(harness.inexact, 7);
});

Deno.test("digits that cannot be decoded exactly cost no message", () => {
  const deep = "[".repeat(20_000) + "]".repeat(20_000);
  const frame = general({ ...trade(1), s: 0.25 }, { ...trade(2), s: 1e-7 })
    .replace("[", `[{"T":"n","deep":${deep}},`);
  const harness = new StockHarness().receive(frame);
  assert.deepEqual(harness.trades.events.map(({ size, exact }) => [size, exact]), [
    [0, [{ field: "size", value: "0.25" }]],
    [0, [{ field: "size", value: "1e-7" }]],
  ]);
  assert.deepEqual([harness.errors, harness.inexact], [{ unknown_type: 1 }, 2]);
});

Deno.test("sizes of a MessagePack frame keep the digits of their double", () => {
  const t = timeExt("00000001");
  for (const generalOnly of [false, true]) {
    const harness = new OptionHarness(undefined, { generalOnly }).receive([
      { T: "t", S: "A", p: 1.5, s: 0.7, x: "C", c: "I", t },
      { T: "q", S: "A", bp: 1.5, bs: 2, ap: 2, as: 1.25, t },
    ]);
    assert.deepEqual([harness.errors, harness.inexact], [{}, 2]);
    const [trade] = harness.trades.events;
    assert.deepEqual([trade?.size, trade?.exact], [1, [{ field: "size", value: "0.7" }]]);
    const [quote] = harness.quotes.events;
    assert.deepEqual([quote?.bidSize, quote?.askSize], [2, 1]);
    assert.deepEqual(quote?.exact, [{ field: "ask_size", value: "1.25" }]);
  }
});

Deno.test("ids beyond 64 bits, or with a fraction, are invalid", () => {
  const wrong = ["18446744073709551616", "1e300", "1e19", "9007199254740993.0"];
  for (const id of wrong) {
    const text = JSON.stringify([trade(1), trade("#"), trade(2)])
      .replace('"#"', id);
    const harness = new StockHarness().receive(text);
    assert.deepEqual(harness.errors, { malformed_element: 1 }, id);
    const ids = harness.trades.events.map((event) => event.tradeId);
    assert.deepEqual(ids, [1, 2], id);
  }
});

Deno.test("a frame of many ids beyond 2^53 is decoded a second time only once", () => {
  const ids = Array.from(
    { length: 500 },
    (_, i) => 9007199254740993n + BigInt(i),
  );
  const frame = literal(ids.map((id) => trade(`#${id}`)));
  const original = JSON.parse;
  let parses = 0;
  JSON.parse = (...parameters: Parameters<typeof JSON.parse>) => {
    if (parameters[0] === frame) parses++;
    return original(...parameters);
  };
  const harness = new StockHarness();
  try {
    harness.receive(frame);
  } finally {
    JSON.parse = original;
  }
  assert.deepEqual(harness.trades.events.map((event) => event.tradeId), ids);
  assert.equal(parses, 2);
});

Deno.test("a frame that is too deep to decode exactly costs the message that needed it", () => {
  const deep = "[".repeat(20_000) + "]".repeat(20_000);
  const frame = literal([trade(1), trade("#9007199254740993"), trade(2)])
    .replace("[", `[{"T":"n","deep":${deep}},`);
  const harness = new StockHarness().receive(frame);
  assert.deepEqual(harness.trades.events.map((event) => event.tradeId), [1, 2]);
  assert.deepEqual(harness.errors, { malformed_element: 1, unknown_type: 1 });
});

Deno.test("control messages inside data frames are passed on in order", () => {
  const harness = new StockHarness().receive([
    quote(1),
    { T: "success", msg: "connected" },
    quote(2),
    { T: "error", code: 405, msg: "symbol limit exceeded" },
    { T: "subscription", trades: ["AAPL"] },
    quote(3),
  ]);
  assert.deepEqual(harness.controls, [
    { type: "success", message: "connected" },
    { type: "error", error: { code: 405, message: "symbol limit exceeded" } },
    { type: "subscription", state: new Map([["trades", new Set(["AAPL"])]]) },
  ]);
  assert.equal(harness.quotes.events.length, 3);
  assert.deepEqual(harness.received, { quote: 3, control: 3 });
  assert.deepEqual(harness.errors, {});
});

const anyElement = fc.oneof(
  fc.json().map((text): unknown => JSON.parse(text)),
  fc.record({
    T: fc.oneof(
      fc.constantFrom(..."tqbdusl cxi".split("")),
      fc.constantFrom("success", "error", "subscription"),
      fc.object(),
      fc.string(),
    ),
    S: fc.oneof(fc.string(), fc.jsonValue()),
    t: fc.oneof(fc.constant(TIME), fc.jsonValue()),
    i: fc.oneof(fc.integer(), fc.double(), fc.jsonValue()),
    p: fc.oneof(fc.double(), fc.jsonValue()),
    s: fc.oneof(fc.integer(), fc.jsonValue()),
    c: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
    v: fc.oneof(fc.double(), fc.maxSafeInteger()),
    code: fc.jsonValue(),
    msg: fc.jsonValue(),
    trades: fc.jsonValue(),
    quotes: fc.array(fc.jsonValue()),
  }, { requiredKeys: ["T"] }),
);

Deno.test("no JSON throws, and the valid quote after it arrives", () => {
  fc.assert(
    fc.property(fc.array(anyElement), (elements) => {
      const harness = new StockHarness().receive([...elements, quote(-77)]);
      assert.equal(harness.quotes.events.at(-1)?.bidPrice, -77);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("no MessagePack throws", () => {
  fc.assert(
    fc.property(fc.array(anyElement), (elements) => {
      const harness = new OptionHarness().receive(
        packed([...elements, quote(-77)]),
      );
      const { malformed_frame = 0 } = harness.errors;
      // A key "__proto__" is refused by the decoder and costs the frame.
      if (malformed_frame === 0) {
        assert.equal(harness.quotes.events.at(-1)?.bidPrice, -77);
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("no bytes and no text throw", () => {
  const bytes = fc.uint8Array({ maxLength: 64 });
  fc.assert(
    fc.property(bytes, fc.string(), (any, text) => {
      new StockHarness().receive(any).receive(text);
      new OptionHarness().receive(any).receive(text);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("no valid frame with changed bytes throws", () => {
  const good = new Uint8Array(packed([quote(1), trade(2), quote(3)]));
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = good.slice();
      for (const [at, value] of changes) bytes[at] = value;
      new OptionHarness().receive(bytes);
      new StockHarness().receive(bytes);
    }),
    { numRuns: 2000 },
  );
});

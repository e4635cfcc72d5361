/** Frames of the market data streams: what a bad one costs, and what it does not. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { binary, hex, OptionDesk, packed, StockDesk } from "./kit.ts";

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
  [quote("1"), "malformed_element"],
  [{ T: "t" }, "malformed_element"],
  [{ T: "u", S: "A" }, "malformed_element"],
  [{ ...trade(1), s: 0.5 }, "malformed_element"],
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

Deno.test("100 bad elements between 100 good ones cost only themselves", () => {
  const desk = new StockDesk();
  const frame: unknown[] = [];
  const expected: Record<string, number> = {};
  for (let i = 0; i < 100; i++) {
    const [bad, error] = BAD[i % BAD.length] ?? [];
    expected[error ?? ""] = (expected[error ?? ""] ?? 0) + 1;
    frame.push(quote(i), bad);
  }
  desk.receive(frame);
  const bids = desk.quotes.events.map((event) => event.bidPrice);
  assert.deepEqual(bids, Array.from({ length: 100 }, (_, i) => i));
  assert.deepEqual(desk.errors, expected);
  assert.deepEqual(desk.trades.events, []);
});

Deno.test("each bad element is counted once and told to the operator", () => {
  for (const [element, error] of BAD) {
    const desk = new StockDesk().receive([element]);
    assert.deepEqual(desk.errors, { [error]: 1 }, JSON.stringify(element));
    assert.equal(desk.log.messages("warn").length, 1);
  }
});

Deno.test("a foreign type word is shortened before it is logged", () => {
  const desk = new StockDesk().receive([{ T: "x".repeat(10_000) }]);
  assert.ok(JSON.stringify(desk.log.records).length < 200);
});

Deno.test("events carry the time at which their frame arrived", async () => {
  const desk = new StockDesk();
  desk.receive([quote(1)]);
  const first = desk.clock.now();
  await desk.clock.advance(250);
  desk.receive([quote(2), quote(3)]);
  assert.deepEqual(desk.quotes.receivedAt, [first, first + 250, first + 250]);
});

Deno.test("every message of a frame is in the latency histogram", () => {
  const desk = new StockDesk().receive([quote(1), quote("bad"), trade(2)]);
  const { counts } = desk.counters.processing;
  assert.equal(counts.reduce((sum, count) => sum + count), 3);
});

Deno.test("a quote that nobody wants is counted and not published", () => {
  const desk = new StockDesk(["MSFT"]);
  desk.receive([quote(1, "AAPL"), quote(2, "MSFT"), quote("bad", "AAPL")]);
  assert.deepEqual(desk.quotes.events.map(({ symbol }) => symbol), ["MSFT"]);
  assert.deepEqual(desk.received, { quote: 3 });
});

Deno.test("a lone map is read as an array of one", () => {
  const desk = new StockDesk().receive(JSON.stringify(quote(4)));
  assert.deepEqual(desk.quotes.events.map((event) => event.bidPrice), [4]);
});

Deno.test("an empty array is a frame that says nothing", () => {
  const stocks = new StockDesk().receive("[]");
  const options = new OptionDesk().receive(hex("90"));
  for (const desk of [stocks, options]) {
    assert.deepEqual(desk.errors, {});
    assert.deepEqual(desk.received, {});
    assert.deepEqual(desk.controls, []);
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
    const desk = new StockDesk().receive(frame).receive([quote(5)]);
    assert.deepEqual(desk.errors, { malformed_frame: 1 });
    assert.deepEqual(desk.quotes.events.map((event) => event.bidPrice), [5]);
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
    const desk = new OptionDesk().receive(frame).receive([quote(5)]);
    assert.deepEqual(desk.errors, { malformed_frame: 1 });
    assert.deepEqual(desk.quotes.events.map((event) => event.bidPrice), [5]);
  }
});

Deno.test("JSON in a binary frame is read like text", () => {
  const desk = new StockDesk().receive(binary(JSON.stringify([quote(1)])));
  assert.equal(desk.quotes.events.length, 1);
});

Deno.test("ids beyond 2^53 are exact, also beside plain neighbours", () => {
  const desk = new StockDesk().receive(literal([
    trade(1),
    trade("#9007199254740993"),
    quote(3),
    trade("#9223372036854775807"),
    trade(2),
  ]));
  const ids = desk.trades.events.map((event) => event.tradeId);
  assert.deepEqual(ids, [1, 9007199254740993n, 9223372036854775807n, 2]);
  assert.deepEqual(desk.quotes.events.map((event) => event.bidPrice), [3]);
  assert.deepEqual(desk.received, { trade: 4, quote: 1 });
  assert.deepEqual(desk.errors, {});
});

Deno.test("the largest whole number of a double stays a number", () => {
  const desk = new StockDesk().receive(literal([
    trade("#9007199254740991"),
    trade("#9007199254740992"),
  ]));
  const ids = desk.trades.events.map((event) => event.tradeId);
  assert.deepEqual(ids, [9007199254740991, 9007199254740992n]);
});

Deno.test("volumes, corrections and cancels beyond 2^53 are accepted", () => {
  const big = "#9007199254740993";
  const bar = { S: "A", o: 1, h: 1, l: 1, c: 1, v: big, t: TIME };
  const desk = new StockDesk().receive(literal([
    { T: "b", ...bar },
    { T: "d", ...bar },
    { T: "c", S: "A", oi: big, op: 1, os: 1, ci: big, cp: 1, cs: 1, t: TIME },
    { T: "x", S: "A", i: big, p: 1, s: 1, a: "C", t: TIME },
  ]));
  assert.deepEqual(desk.errors, {});
  assert.deepEqual(desk.bars.events.map(({ volume }) => volume), [
    9007199254740993n,
  ]);
});

Deno.test("ids that 64 bits cannot hold, or that have a fraction, are malformed", () => {
  const wrong = ["18446744073709551616", "1e300", "1e19", "9007199254740993.0"];
  for (const id of wrong) {
    const text = JSON.stringify([trade(1), trade("#"), trade(2)])
      .replace('"#"', id);
    const desk = new StockDesk().receive(text);
    assert.deepEqual(desk.errors, { malformed_element: 1 }, id);
    const ids = desk.trades.events.map((event) => event.tradeId);
    assert.deepEqual(ids, [1, 2], id);
  }
});

Deno.test("a frame of many ids beyond 2^53 is decoded anew only once", () => {
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
  const desk = new StockDesk();
  try {
    desk.receive(frame);
  } finally {
    JSON.parse = original;
  }
  assert.deepEqual(desk.trades.events.map((event) => event.tradeId), ids);
  assert.equal(parses, 2);
});

Deno.test("a frame too deep to decode exactly costs the element that needed it", () => {
  const deep = "[".repeat(20_000) + "]".repeat(20_000);
  const frame = literal([trade(1), trade("#9007199254740993"), trade(2)])
    .replace("[", `[{"T":"n","deep":${deep}},`);
  const desk = new StockDesk().receive(frame);
  assert.deepEqual(desk.trades.events.map((event) => event.tradeId), [1, 2]);
  assert.deepEqual(desk.errors, { malformed_element: 1, unknown_type: 1 });
});

Deno.test("control messages inside data frames are handed on in order", () => {
  const desk = new StockDesk().receive([
    quote(1),
    { T: "success", msg: "connected" },
    quote(2),
    { T: "error", code: 405, msg: "symbol limit exceeded" },
    { T: "subscription", trades: ["AAPL"] },
    quote(3),
  ]);
  assert.deepEqual(desk.controls, [
    { type: "success", message: "connected" },
    { type: "error", error: { code: 405, message: "symbol limit exceeded" } },
    { type: "subscription", state: new Map([["trades", new Set(["AAPL"])]]) },
  ]);
  assert.equal(desk.quotes.events.length, 3);
  assert.deepEqual(desk.received, { quote: 3, control: 3 });
  assert.deepEqual(desk.errors, {});
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

Deno.test("no JSON, whatever it says, throws, and the good quote after it arrives", () => {
  fc.assert(
    fc.property(fc.array(anyElement), (elements) => {
      const desk = new StockDesk().receive([...elements, quote(-77)]);
      assert.equal(desk.quotes.events.at(-1)?.bidPrice, -77);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("no MessagePack, whatever it says, throws", () => {
  fc.assert(
    fc.property(fc.array(anyElement), (elements) => {
      const desk = new OptionDesk().receive(packed([...elements, quote(-77)]));
      const { malformed_frame = 0 } = desk.errors;
      // A key "__proto__" is refused by the decoder and costs the frame.
      if (malformed_frame === 0) {
        assert.equal(desk.quotes.events.at(-1)?.bidPrice, -77);
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("no bytes and no text, whatever they are, throw", () => {
  const bytes = fc.uint8Array({ maxLength: 64 });
  fc.assert(
    fc.property(bytes, fc.string(), (any, text) => {
      new StockDesk().receive(any).receive(text);
      new OptionDesk().receive(any).receive(text);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("no good frame with bytes changed throws", () => {
  const good = new Uint8Array(packed([quote(1), trade(2), quote(3)]));
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = good.slice();
      for (const [at, value] of changes) bytes[at] = value;
      new OptionDesk().receive(bytes);
      new StockDesk().receive(bytes);
    }),
    { numRuns: 2000 },
  );
});

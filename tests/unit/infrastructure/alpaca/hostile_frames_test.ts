/** Frames made to break a decoder: what each costs, and that nothing else is lost. */
import assert from "node:assert/strict";
import { encode } from "@msgpack/msgpack";
import {
  MAX_CODE_LENGTH,
  MAX_CODES,
  MAX_SYMBOL_LENGTH,
  MAX_TEXT_LENGTH,
} from "../../../../src/infrastructure/alpaca/fields.ts";
import { MAX_LEGS } from "../../../../src/infrastructure/alpaca/order_messages.ts";
import {
  binary,
  hex,
  OptionHarness,
  OrderHarness,
  packed,
  StockHarness,
  timeExt,
} from "./decoder_harness.ts";
import { Pair } from "./fast/decoder_pair.ts";

const TIME = "2026-09-14T14:30:02.1Z";
const LONG = "x".repeat(130_000);

function stockQuote(fields: Record<string, unknown> = {}) {
  const sides = { bx: "Q", bp: 1, bs: 1, ax: "P", ap: 2, as: 1 };
  return { T: "q", S: "AAPL", ...sides, c: ["R"], t: TIME, z: "C", ...fields };
}

function stockTrade(fields: Record<string, unknown> = {}) {
  const print = { i: 7, x: "D", p: 1.5, s: 1, c: ["@"], t: TIME, z: "C" };
  return { T: "t", S: "AAPL", ...print, ...fields };
}

const OPTION = "SPY261218C00650000";
const optionTime = timeExt("6aa804ea");

function optionTrade(fields: Record<string, unknown> = {}) {
  const print = { p: 2.5, s: 1, x: "N", c: "S", t: optionTime };
  return { T: "t", S: OPTION, ...print, ...fields };
}

/** What open streams may request: everything, other symbols, or nothing. */
const LISTENERS = [undefined, ["MSFT"], []] as const;

const stockPairs = LISTENERS.map((wanted) =>
  new Pair((options) => new StockHarness(wanted, options))
);
const optionPairs = LISTENERS.map((wanted) =>
  new Pair((options) => new OptionHarness(wanted, options))
);

/** Fails unless both decoders agree on a frame, for every set of listeners. */
function assertAgreed(pairs: readonly Pair[], frame: Uint8Array): void {
  for (const pair of pairs) pair.assertSame(frame);
}

for (const text of ["9182a154a171a172d9", "9183a154a171a153a141a172d9"]) {
  Deno.test(`an option frame cut behind the head of a str8 costs that frame: ${text}`, () => {
    for (const wanted of LISTENERS) {
      const harness = new OptionHarness(wanted).receive(hex(text));
      assert.deepEqual(harness.errors, { malformed_frame: 1 });
      assert.deepEqual(harness.received, {});
      harness.receive([optionTrade()]);
      assert.deepEqual(harness.received, { trade: 1 });
    }
    assertAgreed(optionPairs, hex(text));
  });
}

/** Texts of 130,000 characters: the field, and whether it costs its message. */
const LONG_FIELDS: readonly (readonly [string, unknown, number])[] = [
  ["an exchange", stockTrade({ x: LONG }), 0],
  ["a tape", stockQuote({ z: LONG }), 0],
  ["a condition", stockQuote({ c: [LONG] }), 0],
  ["all conditions together", stockQuote({ c: Array(30_000).fill("R") }), 0],
  ["the text of an unknown key", stockQuote({ news: LONG }), 0],
  ["an unknown key", stockQuote({ [LONG]: "x" }), 0],
  ["a time", stockQuote({ t: LONG }), 1],
];

for (const [name, bad, malformed] of LONG_FIELDS) {
  Deno.test(`130,000 characters in ${name} cost that message at most`, () => {
    const frame = binary(JSON.stringify([stockQuote(), bad, stockTrade()]));
    const harness = new StockHarness().receive(frame);
    const { malformed_element = 0, ...others } = harness.errors;
    assert.deepEqual([malformed_element, others], [malformed, {}]);
    const events = harness.quotes.events.length + harness.trades.events.length;
    assert.equal(events, 3 - malformed);
    assertAgreed(stockPairs, frame);
  });
}

Deno.test("a symbol of 130,000 characters is invalid, requested or not", () => {
  const frame = binary(JSON.stringify([
    stockQuote({ S: LONG }),
    stockTrade({ S: LONG }),
    stockQuote(),
  ]));
  for (const wanted of LISTENERS) {
    const harness = new StockHarness(wanted).receive(frame);
    assert.deepEqual(harness.errors, { malformed_element: 2 });
    assert.deepEqual(harness.received, { quote: 2, trade: 1 });
  }
  assertAgreed(stockPairs, frame);
});

Deno.test("a number of 130,000 digits costs at most that message", () => {
  const digits = "9".repeat(130_000);
  const cases = [[digits, 1], [`-${digits}`, 1], [`0.5${digits}`, 0]] as const;
  for (const [number, malformed] of cases) {
    const text = JSON.stringify([stockTrade({ s: "#" }), stockQuote()])
      .replace('"#"', number);
    const harness = new StockHarness().receive(text);
    assert.equal(harness.counters.errors.malformed_element, malformed);
    assert.equal(harness.quotes.events.length, 1);
    assertAgreed(stockPairs, binary(text));
  }
});

Deno.test("an empty symbol is invalid, requested or not", () => {
  for (const wanted of LISTENERS) {
    const stocks = new StockHarness(wanted).receive([
      stockQuote({ S: "" }),
      stockTrade({ S: "" }),
      { T: "b", S: "" },
    ]);
    assert.deepEqual(stocks.errors, { malformed_element: 3 });
    const options = new OptionHarness(wanted).receive([optionTrade({ S: "" })]);
    assert.deepEqual(options.errors, { malformed_element: 1 });
  }
});

Deno.test("texts and lists of the longest length are delivered, longer ones are not", () => {
  const at = (length: number) => "x".repeat(length);
  const symbols = [
    stockTrade({ S: at(MAX_SYMBOL_LENGTH) }),
    stockTrade({ S: at(MAX_SYMBOL_LENGTH + 1) }),
  ];
  const harness = new StockHarness().receive(symbols);
  assert.deepEqual(harness.errors, { malformed_element: 1 });
  assert.equal(harness.trades.events.length, 1);
  assertAgreed(stockPairs, binary(JSON.stringify(symbols)));
  const codes = [
    [{ x: at(MAX_CODE_LENGTH) }, { x: at(MAX_CODE_LENGTH + 1) }],
    [{ c: [at(MAX_CODE_LENGTH)] }, { c: [at(MAX_CODE_LENGTH + 1)] }],
    [{ c: Array(MAX_CODES).fill("@") }, { c: Array(MAX_CODES + 1).fill("@") }],
  ];
  for (const [good, bad] of codes) {
    const frame = binary(JSON.stringify([stockTrade(good), stockTrade(bad)]));
    const harness = new StockHarness().receive(frame);
    assert.deepEqual([harness.errors, harness.inexact], [{}, 1]);
    const [full, cut] = harness.trades.events.map(({ exchange, conditions }) =>
      exchange + conditions.join("")
    );
    assert.ok(cut !== undefined && full !== undefined && cut.length <= full.length);
    assertAgreed(stockPairs, frame);
  }
});

Deno.test("3,000 symbols of 60,000 characters are not kept in memory", () => {
  const harness = new StockHarness([]);
  const used = () => {
    (globalThis as { gc?: () => void }).gc?.();
    return Deno.memoryUsage().heapUsed;
  };
  const before = used();
  for (let i = 0; i < 3_000; i++) {
    harness.receive([stockQuote({ S: `${i}`.padEnd(60_000, "x") })]);
    harness.forget();
  }
  const grown = (used() - before) / 2 ** 20;
  assert.ok(grown < 20, `${grown.toFixed(1)} MiB are kept`);
});

/** MessagePack of a map that a library would not write. */
const KEYS: readonly (readonly [string, string])[] = [
  ["__proto__", "a95f5f70726f746f5f5f"],
  ["__proto__ as str8", "d9095f5f70726f746f5f5f"],
  ["nil", "c0"],
  ["a boolean", "c3"],
  ["binary data", "c40141"],
  ["a list", "91a141"],
  ["a map", "81a141a142"],
  ["a number", "07"],
  ["a time", "d6ff00000001"],
  ["invalid UTF-8", "a2c328"],
  ["zero and the letter of the symbol", "a20053"],
];

for (const [name, key] of KEYS) {
  Deno.test(`a MessagePack key that is ${name} is stepped over`, () => {
    const good = encode(optionTrade());
    // One field more: the key, and a map with the name of a property in it.
    const message = new Uint8Array([
      0x91,
      (good[0] ?? 0) + 1,
      ...good.subarray(1),
      ...hex(`${key} 81 a153 a158`),
    ]);
    const harness = new OptionHarness().receive(message);
    assert.deepEqual(harness.errors, {});
    assert.deepEqual(harness.trades.events.map((event) => event.symbol), [
      OPTION,
    ]);
    assertAgreed(optionPairs, message);
  });
}

Deno.test("of equal keys the last one counts, also when no stream requests the first", () => {
  const twice = (first: string, last: string) =>
    JSON.stringify(stockTrade({ S: first }))
      .replace(/\}$/, `,"S":${JSON.stringify(last)}}`);
  const frame = binary(`[${twice("AAPL", "MSFT")},${twice("MSFT", "AAPL")}]`);
  const harness = new StockHarness(["MSFT"]).receive(frame);
  assert.deepEqual(harness.trades.events.map((event) => event.symbol), [
    "MSFT",
  ]);
  assertAgreed(stockPairs, frame);
  const retyped = stockTrade({ S: "GE" });
  const text = JSON.stringify([retyped]).replace(/\}\]$/, ',"T":"zz"}]');
  assertAgreed(stockPairs, binary(text));
  assert.deepEqual(new StockHarness([]).receive(text).errors, {
    unknown_type: 1,
  });
});

Deno.test("a message that is not JSON costs its frame, requested or not", () => {
  for (const rest of ["@", "1.5.2", "[1,]", '"x":', "nul", '"a":01']) {
    const text = `[{"T":"q","S":"AAPL",${rest}}]`;
    for (const wanted of LISTENERS) {
      const harness = new StockHarness(wanted).receive(text);
      assert.deepEqual(harness.errors, { malformed_frame: 1 }, rest);
    }
  }
});

Deno.test("20,000 nested lists with a false length cost that frame and no memory", () => {
  const heads = new Uint8Array(60_000);
  for (let i = 0; i < heads.length; i += 3) heads.set([0xdc, 0xff, 0xff], i);
  const huge = hex("dd ffffffff");
  const before = Deno.memoryUsage().rss;
  for (const frame of [heads, huge, hex("df ffffffff"), hex("db ffffffff")]) {
    const harness = new OptionHarness().receive(frame).receive([optionTrade()]);
    assert.deepEqual(harness.errors, { malformed_frame: 1 });
    assert.equal(harness.trades.events.length, 1);
  }
  const grown = (Deno.memoryUsage().rss - before) / 2 ** 20;
  assert.ok(grown < 200, `${grown.toFixed(0)} MiB more`);
});

Deno.test("values nested 100,000 deep cost at most their message", () => {
  const deep = new Uint8Array(100_001).fill(0x91);
  deep[100_000] = 0xc0;
  const good = packed([optionTrade()]);
  const message = new Uint8Array([
    0x92,
    ...good.subarray(1),
    ...hex("82 a154 a17a a164"),
    ...deep,
  ]);
  const harness = new OptionHarness().receive(message);
  assert.deepEqual(harness.errors, { unknown_type: 1 });
  assert.equal(harness.trades.events.length, 1);
});

Deno.test("an error of a sink costs that message, in both decoders", () => {
  for (const generalOnly of [false, true]) {
    const harness = new StockHarness(undefined, { generalOnly });
    harness.quotes.publish = () => {
      throw new RangeError("Maximum call stack size exceeded");
    };
    harness.receive([stockTrade(), stockQuote(), stockTrade()]);
    assert.equal(harness.trades.events.length, 2);
    assert.deepEqual(harness.errors, { malformed_element: 1 });
    assert.deepEqual(harness.received, { quote: 1, trade: 2 });
    assert.deepEqual(harness.log.messages("error"), [
      "Failed to handle a message",
    ]);
  }
});

Deno.test("an error of `mayHaveSubscribers` costs that message, in both decoders", () => {
  for (const generalOnly of [false, true]) {
    const harness = new OptionHarness(undefined, { generalOnly });
    harness.trades.mayHaveSubscribers = (symbol) => {
      if (symbol === "BAD") throw new Error("A bug in an index");
      return true;
    };
    harness.receive([optionTrade(), optionTrade({ S: "BAD" }), optionTrade()]);
    assert.equal(harness.trades.events.length, 2);
    assert.deepEqual(harness.errors, { malformed_element: 1 });
    assert.deepEqual(harness.received, { trade: 3 });
  }
});

Deno.test("an error of the control handler costs that message", () => {
  const harness = new StockHarness();
  harness.controls.push = () => {
    throw new Error("A bug in the demand");
  };
  harness.receive([
    { T: "subscription", trades: ["AAPL"] },
    stockQuote(),
    { T: "error", code: 405, msg: "symbol limit exceeded" },
  ]);
  assert.equal(harness.quotes.events.length, 1);
  assert.deepEqual(harness.errors, { malformed_element: 2 });
});

Deno.test("an error outside of any message costs that frame", () => {
  const harness = new StockHarness();
  const { now } = harness.clock;
  harness.clock.now = () => {
    throw new Error("A bug in the clock");
  };
  harness.receive([stockQuote()]);
  assert.deepEqual(harness.errors, { malformed_frame: 1 });
  harness.clock.now = now;
  harness.receive([stockQuote()]);
  assert.equal(harness.quotes.events.length, 1);
});

Deno.test("error messages of Alpaca are cut before they are kept", () => {
  const harness = new StockHarness().receive([{
    T: "error",
    code: 402,
    msg: LONG,
  }]);
  const [control] = harness.controls;
  assert.ok(control?.type === "error" && control.error.message.length < 300);
  const orders = new OrderHarness().receive(JSON.stringify({
    stream: "listening",
    data: { streams: Array(100_000).fill(LONG.slice(0, 1_000)) },
  }));
  assert.ok(JSON.stringify(orders.replies).length < 5_000);
});

const order = { id: "o1", side: "buy" };
const minimal = { event: "new", order };

Deno.test("an error of the order sink costs that update", () => {
  const harness = new OrderHarness();
  harness.orders.publish = () => {
    throw new Error("A bug in a channel");
  };
  harness.update(minimal);
  assert.deepEqual(harness.errors, { malformed_element: 1 });
  harness.replies.push = () => {
    throw new Error("A bug in the session");
  };
  harness.receive('{"stream":"listening","data":{"streams":[]}}');
  assert.deepEqual(harness.errors, { malformed_element: 2 });
});

Deno.test("an order time outside the years 1 to 9999 is replaced by a valid one", () => {
  const seconds = 1_789_396_267;
  const wrong = [
    "0000-12-31T23:59:59Z",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "yesterday",
    "",
  ];
  for (const timestamp of wrong) {
    const at = "2026-09-14T14:31:07Z";
    const harness = new OrderHarness().update({ ...minimal, timestamp, at });
    assert.deepEqual(
      harness.orders.events[0]?.timestamp,
      { seconds, nanos: 0 },
      timestamp,
    );
  }
});

Deno.test("unknown enum values are counted without open streams, once per update", () => {
  const harness = new OrderHarness().update({
    event: "pondering",
    order: {
      ...order,
      side: "borrow",
      type: "pegged",
      legs: [{ side: "lend" }],
    },
  });
  assert.deepEqual(harness.errors, { unknown_word: 1 });
  assert.equal(harness.orders.events.length, 1);
  assert.deepEqual(harness.log.records.map(({ fields }) => fields.values), [
    ["event: pondering", "order_type: pegged", "side: borrow", "side: lend"],
  ]);
  assert.deepEqual(harness.update(minimal).errors, { unknown_word: 1 });
});

Deno.test("every update with an unknown value is counted, the value is logged once", () => {
  const harness = new OrderHarness();
  for (const event of ["pondering", "pondering", "dreaming", "pondering", "dreaming"]) {
    harness.update({ event, order: { id: "o1" } });
  }
  assert.deepEqual(harness.errors, { unknown_word: 5 });
  const values = harness.log.records.map(({ fields }) => fields.values);
  assert.deepEqual(values, [["event: pondering"], ["event: dreaming"]]);
});

Deno.test("documented events without a number are no unknown values", () => {
  const words = [
    "accepted",
    "held",
    "restated",
    "trade_correct",
    "pending_review",
    "order_replace_rejected",
    "order_cancel_rejected",
  ];
  const harness = new OrderHarness();
  for (const event of words) harness.update({ event, order: { id: "o1" } });
  assert.deepEqual(harness.errors, {});
  assert.deepEqual(harness.log.records, []);
  assert.deepEqual(harness.orders.events.map(({ event }) => event), words);
});

Deno.test("an order with too much text or too many legs is invalid", () => {
  const at = (length: number) => "x".repeat(length);
  const wrong = [
    { ...order, client_order_id: at(MAX_TEXT_LENGTH + 1) },
    { ...order, legs: Array(MAX_LEGS + 1).fill({ side: "buy" }) },
    { ...order, id: at(MAX_TEXT_LENGTH + 1) },
  ];
  for (const bad of wrong) {
    const harness = new OrderHarness().update({ ...minimal, order: bad });
    assert.deepEqual(harness.errors, { malformed_element: 1 });
  }
  const longest = { ...order, client_order_id: at(MAX_TEXT_LENGTH) };
  const harness = new OrderHarness().update({ ...minimal, order: longest });
  assert.deepEqual(harness.errors, {});
});

Deno.test("eight faulty messages of a frame are logged, and all are counted", () => {
  const faulty = 100_000;
  const last = { messages: faulty - 8 };
  const stock = new StockHarness().receive(`[${"0,".repeat(faulty - 1)}0]`);
  assert.deepEqual(stock.errors, { malformed_element: faulty });
  const unknown = new OptionHarness().receive(
    hex(`dd000186a0${"80".repeat(faulty)}`),
  );
  assert.deepEqual(unknown.errors, { unknown_type: faulty });
  const orders = new OrderHarness().receive(`[${"{},".repeat(faulty - 1)}{}]`);
  assert.deepEqual(orders.errors, { unknown_type: faulty });
  for (const { log } of [stock, unknown, orders]) {
    assert.equal(log.records.length, 9);
    assert.equal(
      log.records[8]?.message,
      "Further invalid messages in the same frame",
    );
    assert.deepEqual(log.records[8]?.fields, last);
  }
  // The next frame is logged from its first message again.
  assert.equal(stock.receive("[0]").log.records.length, 10);
});

Deno.test("a frame over 512 KiB is not decoded a second time for exact integers", () => {
  const trade = { ...stockTrade(), i: 0 };
  const exact = JSON.stringify(trade).replace('"i":0', '"i":9007199254740993');
  const fits = new StockHarness().receive(`[${exact},0]`);
  assert.equal(fits.trades.events[0]?.tradeId, 9007199254740993n);
  const large = new StockHarness().receive(
    `[${exact},"${"x".repeat(512 * 1024)}"]`,
  );
  assert.deepEqual(large.trades.events, []);
  assert.deepEqual(large.errors, { malformed_element: 2 });
});

/** Frames made to break a decoder: what each costs, and that nothing else is lost. */
import assert from "node:assert/strict";
import { encode } from "@msgpack/msgpack";
import {
  MAX_CODE_LENGTH,
  MAX_CODES,
  MAX_LEGS,
  MAX_SYMBOL_LENGTH,
  MAX_TEXT_LENGTH,
} from "../../../../src/infrastructure/alpaca/text_limits.ts";
import {
  binary,
  hex,
  OptionDesk,
  OrderDesk,
  packed,
  StockDesk,
  timeExt,
} from "./kit.ts";
import { Pair } from "./plain/decoder_pair.ts";

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

/** What open streams may want: everything, other symbols, or nothing. */
const LISTENERS = [undefined, ["MSFT"], []] as const;

const stockPairs = LISTENERS.map((wanted) =>
  new Pair((options) => new StockDesk(wanted, options))
);
const optionPairs = LISTENERS.map((wanted) =>
  new Pair((options) => new OptionDesk(wanted, options))
);

/** Fails unless both decoders agree on a frame, for every set of listeners. */
function assertAgreed(pairs: readonly Pair[], frame: Uint8Array): void {
  for (const pair of pairs) pair.assertSame(frame);
}

for (const text of ["9182a154a171a172d9", "9183a154a171a153a141a172d9"]) {
  Deno.test(`an option frame cut behind the head of a str8 costs that frame: ${text}`, () => {
    for (const wanted of LISTENERS) {
      const desk = new OptionDesk(wanted).receive(hex(text));
      assert.deepEqual(desk.errors, { malformed_frame: 1 });
      assert.deepEqual(desk.received, {});
      desk.receive([optionTrade()]);
      assert.deepEqual(desk.received, { trade: 1 });
    }
    assertAgreed(optionPairs, hex(text));
  });
}

/** Texts of 130,000 characters: the field and what it costs when it is wanted. */
const LONG_FIELDS: readonly (readonly [string, unknown, number])[] = [
  ["an exchange", stockTrade({ x: LONG }), 1],
  ["a tape", stockQuote({ z: LONG }), 1],
  ["a condition", stockQuote({ c: [LONG] }), 1],
  ["all conditions together", stockQuote({ c: Array(30_000).fill("R") }), 1],
  ["the text of an unknown key", stockQuote({ news: LONG }), 0],
  ["an unknown key", stockQuote({ [LONG]: "x" }), 0],
  ["a time", stockQuote({ t: LONG }), 1],
];

for (const [name, bad, malformed] of LONG_FIELDS) {
  Deno.test(`130,000 characters in ${name} cost that message at most`, () => {
    const frame = binary(JSON.stringify([stockQuote(), bad, stockTrade()]));
    const desk = new StockDesk().receive(frame);
    const { malformed_element = 0, ...others } = desk.errors;
    assert.deepEqual([malformed_element, others], [malformed, {}]);
    const events = desk.quotes.events.length + desk.trades.events.length;
    assert.equal(events, 3 - malformed);
    assertAgreed(stockPairs, frame);
  });
}

Deno.test("a symbol of 130,000 characters is malformed for every listener", () => {
  const frame = binary(JSON.stringify([
    stockQuote({ S: LONG }),
    stockTrade({ S: LONG }),
    stockQuote(),
  ]));
  for (const wanted of LISTENERS) {
    const desk = new StockDesk(wanted).receive(frame);
    assert.deepEqual(desk.errors, { malformed_element: 2 });
    assert.deepEqual(desk.received, { quote: 2, trade: 1 });
  }
  assertAgreed(stockPairs, frame);
});

Deno.test("a number of 130,000 digits costs that message", () => {
  const digits = "9".repeat(130_000);
  for (const number of [digits, `0.5${digits}`, `-${digits}`]) {
    const text = JSON.stringify([stockTrade({ i: "#" }), stockQuote()])
      .replace('"#"', number);
    const desk = new StockDesk().receive(text);
    assert.deepEqual(desk.errors, { malformed_element: 1 });
    assert.equal(desk.quotes.events.length, 1);
    assertAgreed(stockPairs, binary(text));
  }
});

Deno.test("an empty symbol is malformed for every listener", () => {
  for (const wanted of LISTENERS) {
    const stocks = new StockDesk(wanted).receive([
      stockQuote({ S: "" }),
      stockTrade({ S: "" }),
      { T: "b", S: "" },
    ]);
    assert.deepEqual(stocks.errors, { malformed_element: 3 });
    const options = new OptionDesk(wanted).receive([optionTrade({ S: "" })]);
    assert.deepEqual(options.errors, { malformed_element: 1 });
  }
});

Deno.test("texts and lists of the longest length are delivered, longer ones are not", () => {
  const at = (length: number) => "x".repeat(length);
  const cases = [
    [{ S: at(MAX_SYMBOL_LENGTH) }, { S: at(MAX_SYMBOL_LENGTH + 1) }],
    [{ x: at(MAX_CODE_LENGTH) }, { x: at(MAX_CODE_LENGTH + 1) }],
    [{ c: [at(MAX_CODE_LENGTH)] }, { c: [at(MAX_CODE_LENGTH + 1)] }],
    [{ c: Array(MAX_CODES).fill("@") }, { c: Array(MAX_CODES + 1).fill("@") }],
  ];
  for (const [good, bad] of cases) {
    const frame = binary(JSON.stringify([stockTrade(good), stockTrade(bad)]));
    const desk = new StockDesk().receive(frame);
    assert.deepEqual(desk.errors, { malformed_element: 1 });
    assert.equal(desk.trades.events.length, 1);
    assertAgreed(stockPairs, frame);
  }
});

Deno.test("3,000 symbols of 60,000 characters leave nothing in memory", () => {
  const desk = new StockDesk([]);
  const used = () => {
    (globalThis as { gc?: () => void }).gc?.();
    return Deno.memoryUsage().heapUsed;
  };
  const before = used();
  for (let i = 0; i < 3_000; i++) {
    desk.receive([stockQuote({ S: `${i}`.padEnd(60_000, "x") })]);
    desk.forget();
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
    const desk = new OptionDesk().receive(message);
    assert.deepEqual(desk.errors, {});
    assert.deepEqual(desk.trades.events.map((event) => event.symbol), [OPTION]);
    assertAgreed(optionPairs, message);
  });
}

Deno.test("of equal keys the last one counts, also when no stream wants the first", () => {
  const twice = (first: string, last: string) =>
    JSON.stringify(stockTrade({ S: first }))
      .replace(/\}$/, `,"S":${JSON.stringify(last)}}`);
  const frame = binary(`[${twice("AAPL", "MSFT")},${twice("MSFT", "AAPL")}]`);
  const desk = new StockDesk(["MSFT"]).receive(frame);
  assert.deepEqual(desk.trades.events.map((event) => event.symbol), ["MSFT"]);
  assertAgreed(stockPairs, frame);
  const retyped = stockTrade({ S: "GE" });
  const text = JSON.stringify([retyped]).replace(/\}\]$/, ',"T":"zz"}]');
  assertAgreed(stockPairs, binary(text));
  assert.deepEqual(new StockDesk([]).receive(text).errors, { unknown_type: 1 });
});

Deno.test("an unwanted message that is no JSON costs its frame, as a wanted one does", () => {
  for (const rest of ["@", "1.5.2", "[1,]", '"x":', "nul", '"a":01']) {
    const text = `[{"T":"q","S":"AAPL",${rest}}]`;
    for (const wanted of LISTENERS) {
      const desk = new StockDesk(wanted).receive(text);
      assert.deepEqual(desk.errors, { malformed_frame: 1 }, rest);
    }
  }
});

Deno.test("20,000 nested lists of announced length cost that frame and no memory", () => {
  const heads = new Uint8Array(60_000);
  for (let i = 0; i < heads.length; i += 3) heads.set([0xdc, 0xff, 0xff], i);
  const huge = hex("dd ffffffff");
  const before = Deno.memoryUsage().rss;
  for (const frame of [heads, huge, hex("df ffffffff"), hex("db ffffffff")]) {
    const desk = new OptionDesk().receive(frame).receive([optionTrade()]);
    assert.deepEqual(desk.errors, { malformed_frame: 1 });
    assert.equal(desk.trades.events.length, 1);
  }
  const grown = (Deno.memoryUsage().rss - before) / 2 ** 20;
  assert.ok(grown < 200, `${grown.toFixed(0)} MiB more`);
});

Deno.test("values nested a hundred thousand deep cost the message they are in at most", () => {
  const deep = new Uint8Array(100_001).fill(0x91);
  deep[100_000] = 0xc0;
  const good = packed([optionTrade()]);
  const message = new Uint8Array([
    0x92,
    ...good.subarray(1),
    ...hex("82 a154 a17a a164"),
    ...deep,
  ]);
  const desk = new OptionDesk().receive(message);
  assert.deepEqual(desk.errors, { unknown_type: 1 });
  assert.equal(desk.trades.events.length, 1);
});

Deno.test("what a sink throws costs that message, in both decoders", () => {
  for (const generalOnly of [false, true]) {
    const desk = new StockDesk(undefined, { generalOnly });
    desk.quotes.publish = () => {
      throw new RangeError("Maximum call stack size exceeded");
    };
    desk.receive([stockTrade(), stockQuote(), stockTrade()]);
    assert.equal(desk.trades.events.length, 2);
    assert.deepEqual(desk.errors, { malformed_element: 1 });
    assert.deepEqual(desk.received, { quote: 1, trade: 2 });
    assert.deepEqual(desk.log.messages("error"), [
      "Element could not be processed",
    ]);
  }
});

Deno.test("what the question for takers throws costs that message, in both decoders", () => {
  for (const generalOnly of [false, true]) {
    const desk = new OptionDesk(undefined, { generalOnly });
    desk.trades.wants = (symbol) => {
      if (symbol === "BAD") throw new Error("A bug in an index");
      return true;
    };
    desk.receive([optionTrade(), optionTrade({ S: "BAD" }), optionTrade()]);
    assert.equal(desk.trades.events.length, 2);
    assert.deepEqual(desk.errors, { malformed_element: 1 });
    assert.deepEqual(desk.received, { trade: 3 });
  }
});

Deno.test("what the handler of a control message throws costs that message", () => {
  const desk = new StockDesk();
  desk.controls.push = () => {
    throw new Error("A bug in the demand");
  };
  desk.receive([
    { T: "subscription", trades: ["AAPL"] },
    stockQuote(),
    { T: "error", code: 405, msg: "symbol limit exceeded" },
  ]);
  assert.equal(desk.quotes.events.length, 1);
  assert.deepEqual(desk.errors, { malformed_element: 2 });
});

Deno.test("a fault outside of any message costs that frame", () => {
  const desk = new StockDesk();
  const { now } = desk.clock;
  desk.clock.now = () => {
    throw new Error("A bug in the clock");
  };
  desk.receive([stockQuote()]);
  assert.deepEqual(desk.errors, { malformed_frame: 1 });
  desk.clock.now = now;
  desk.receive([stockQuote()]);
  assert.equal(desk.quotes.events.length, 1);
});

Deno.test("error texts of upstream are cut before they are kept", () => {
  const desk = new StockDesk().receive([{ T: "error", code: 402, msg: LONG }]);
  const [control] = desk.controls;
  assert.ok(control?.type === "error" && control.error.message.length < 300);
  const orders = new OrderDesk().receive(JSON.stringify({
    stream: "listening",
    data: { streams: Array(100_000).fill(LONG.slice(0, 1_000)) },
  }));
  assert.ok(JSON.stringify(orders.replies).length < 5_000);
});

const order = { id: "o1", side: "buy" };
const minimal = { event: "new", order };

Deno.test("what the sink of orders throws costs that update", () => {
  const desk = new OrderDesk();
  desk.orders.publish = () => {
    throw new Error("A bug in a channel");
  };
  desk.update(minimal);
  assert.deepEqual(desk.errors, { malformed_element: 1 });
  desk.replies.push = () => {
    throw new Error("A bug in the session");
  };
  desk.receive('{"stream":"listening","data":{"streams":[]}}');
  assert.deepEqual(desk.errors, { malformed_element: 2 });
});

Deno.test("an order's time that no client could be sent gives way to a good one", () => {
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
    const desk = new OrderDesk().update({ ...minimal, timestamp, at });
    assert.deepEqual(
      desk.orders.events[0]?.timestamp,
      { seconds, nanos: 0 },
      timestamp,
    );
  }
});

Deno.test("words that are not known are counted with no stream open, once per update", () => {
  const desk = new OrderDesk().update({
    event: "pondering",
    order: {
      ...order,
      side: "borrow",
      type: "pegged",
      legs: [{ side: "lend" }],
    },
  });
  assert.deepEqual(desk.errors, { unknown_word: 1 });
  assert.equal(desk.orders.events.length, 1);
  assert.deepEqual(desk.log.records.map(({ fields }) => fields.values), [
    ["event: pondering", "order_type: pegged", "side: borrow", "side: lend"],
  ]);
  assert.deepEqual(desk.update(minimal).errors, { unknown_word: 1 });
});

Deno.test("an order of endless text or legs is malformed", () => {
  const at = (length: number) => "x".repeat(length);
  const wrong = [
    { ...order, client_order_id: at(MAX_TEXT_LENGTH + 1) },
    { ...order, legs: Array(MAX_LEGS + 1).fill({ side: "buy" }) },
    { ...order, id: at(MAX_TEXT_LENGTH + 1) },
  ];
  for (const bad of wrong) {
    const desk = new OrderDesk().update({ ...minimal, order: bad });
    assert.deepEqual(desk.errors, { malformed_element: 1 });
  }
  const longest = { ...order, client_order_id: at(MAX_TEXT_LENGTH) };
  const desk = new OrderDesk().update({ ...minimal, order: longest });
  assert.deepEqual(desk.errors, {});
});

Deno.test("of a frame of faulty messages eight are logged, and all are counted", () => {
  const faulty = 100_000;
  const last = { messages: faulty - 8 };
  const stock = new StockDesk().receive(`[${"0,".repeat(faulty - 1)}0]`);
  assert.deepEqual(stock.errors, { malformed_element: faulty });
  const unknown = new OptionDesk().receive(
    hex(`dd000186a0${"80".repeat(faulty)}`),
  );
  assert.deepEqual(unknown.errors, { unknown_type: faulty });
  const orders = new OrderDesk().receive(`[${"{},".repeat(faulty - 1)}{}]`);
  assert.deepEqual(orders.errors, { unknown_type: faulty });
  for (const { log } of [stock, unknown, orders]) {
    assert.equal(log.records.length, 9);
    assert.equal(
      log.records[8]?.message,
      "More messages of the frame are faulty",
    );
    assert.deepEqual(log.records[8]?.fields, last);
  }
  // The next frame is logged from its first message again.
  assert.equal(stock.receive("[0]").log.records.length, 10);
});

Deno.test("a frame over 512 KiB is not decoded a second time for exact integers", () => {
  const trade = { ...stockTrade(), i: 0 };
  const exact = JSON.stringify(trade).replace('"i":0', '"i":9007199254740993');
  const fits = new StockDesk().receive(`[${exact},0]`);
  assert.equal(fits.trades.events[0]?.tradeId, 9007199254740993n);
  const large = new StockDesk().receive(
    `[${exact},"${"x".repeat(512 * 1024)}"]`,
  );
  assert.deepEqual(large.trades.events, []);
  assert.deepEqual(large.errors, { malformed_element: 2 });
});

/** The fast stock decoder: equal to the general decoder, or unsupported. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { WithExactValues } from "../../../../../src/domain/market/exact_value.ts";
import { createCounters } from "../../../../../src/application/status/counters.ts";
import { stockFormat } from "../../../../../src/infrastructure/alpaca/market.ts";
import { stockSinks } from "../../../../support/stock_sinks.ts";
import { binary, StockHarness } from "../decoder_harness.ts";
import { changesOf, Pair, RUNS, WANTED } from "./decoder_pair.ts";

const TIME = "2026-09-14T14:30:02.118450321Z";

const stocks = new Pair((options) => new StockHarness(undefined, options));
const someStocks = new Pair((options) => new StockHarness(WANTED, options));

/** Messages of a frame that the fast decoder supports; -1 when it does not. */
function supportedStocks(text: string): number {
  const sinks = stockSinks({
    mayHaveSubscribers: () => true,
    publish: () => {},
    unreadable: () => {},
  });
  const batch = stockFormat(sinks).fast.decodeFrame(binary(text));
  return batch ? batch.countIn(createCounters().feeds.sip.received) : -1;
}

const quote =
  `{"T":"q","S":"AAPL","bx":"Q","bp":150.25,"bs":3,"ax":"P","ap":150.27,"as":4,"c":["R"],"z":"C","t":"${TIME}"}`;
const trade =
  `{"T":"t","i":52983525029461,"S":"AAPL","x":"D","p":126.55,"s":1,"t":"${TIME}","c":["@","I"],"z":"C"}`;
const bar =
  `{"T":"b","S":"SPY","o":388.985,"h":389.13,"l":388.975,"c":389.12,"v":49378,"n":461,"vw":389.062639,"t":"2026-09-14T14:30:00Z"}`;
const band = `{"T":"l","S":"SPY","u":398.5,"d":378.25,"i":"B","t":"2026-09-14T14:30:00Z","z":"B"}`;
/** The same bar as an updated and as a daily one. */
const updatedBar = bar.replace('"b"', '"u"'), dailyBar = bar.replace('"b"', '"d"');

Deno.test("the usual frames of the stock stream are supported", () => {
  assert.equal(supportedStocks(`[${quote}]`), 1);
  assert.equal(supportedStocks(`[${trade},${bar},${quote},${quote}]`), 4);
  assert.equal(supportedStocks(`[${quote},${updatedBar},${dailyBar},${band},${quote}]`), 5);
  assert.equal(supportedStocks(`[{"T":"q","S":"A","t":"${TIME}"}]`), -1);
});

Deno.test("unknown fields are skipped", () => {
  const added = quote.replace("{", '{"T":"q","new":"x","nu":1.5,').replace(
    ',"T":"q"',
    "",
  );
  assert.equal(supportedStocks(`[${added}]`), 1);
  stocks.assertSame(binary(`[${added}]`));
});

Deno.test("fractional sizes and volumes are supported, with their digits", () => {
  const messages = [
    quote.replace('"bs":3', '"bs":3.50').replace('"as":4', '"as":0.49'),
    quote.replace('"as":4', '"as":0.000001'),
    trade.replace('"s":1', '"s":0.10'),
    trade.replace('"s":1', '"s":1.0'),
    trade.replace('"s":1', '"s":0.5,"s":7'),
    trade.replace('"s":1', '"s":7,"s":123456789.12345678901234'),
    bar.replace("49378", "49378.75").replace('"n":461', '"n":1.5'),
    dailyBar.replace("49378", "-0.4"),
  ];
  const text = `[${messages.join(",")}]`;
  assert.equal(supportedStocks(text), messages.length);
  stocks.assertSame(binary(text));
  const harness = new StockHarness().receive(text);
  const exact = Object.values(harness.events).flat()
    .map((event) => (event as WithExactValues).exact)
    .map((values) => values?.map(({ field, value }) => `${field} ${value}`));
  assert.deepEqual(exact, [
    ["bid_size 3.50", "ask_size 0.49"],
    ["ask_size 0.000001"],
    ["size 0.10"],
    undefined,
    undefined,
    ["size 123456789.12345678901234"],
    ["volume 49378.75", "trade_count 1.5"],
    ["volume -0.4"],
  ]);
  assert.deepEqual(harness.trades.events.map(({ size }) => size), [0, 1, 7, 123_456_789]);
  assert.equal(harness.inexact, 6);
});

Deno.test("unsupported frames fall back as a whole, and nothing is published twice", () => {
  const odd = [
    '[{"T":"success","msg":"connected"}]',
    `[${quote}, ${quote}]`,
    `[${quote},{"T":"n"}]`,
    `[${quote},${quote}`,
    `[${quote}]x`,
    quote,
    "[]]",
    "",
    `[${quote.replace("AAPL", "AA\\u0050L")}]`,
    `[${quote.replace("AAPL", "ÄÖ")}]`,
    `[${quote.replace('["R"]', '["]"]')}]`,
    `[${quote.replace('["R"]', "[1]")}]`,
    `[${quote.replace('["R"]', "null")}]`,
    `[${quote.replace("150.25", "1e2")}]`,
    `[${quote.replace("150.25", "01")}]`,
    `[${quote.replace("150.25", "1.")}]`,
    `[${quote.replace("150.25", "9".repeat(400))}]`,
    `[${quote.replace('"bs":3', '"bs":-0.5')}]`,
    `[${quote.replace('"bs":3', '"bs":2147483647.5')}]`,
    `[${quote.replace('"bs":3', '"bs":2147483648')}]`,
    `[${trade.replace('"s":1', '"s":5e-1')}]`,
    `[${bar.replace("49378", "12345678901234567.5")}]`,
    `[${bar.replace('"n":461', '"n":-0.5')}]`,
    `[${trade.replace("52983525029461", "9007199254740993")}]`,
    `[${trade.replace("52983525029461", "1.5")}]`,
    `[${quote.replace("14T14", "31T14")}]`,
    `[${quote.replace("2026", "0000")}]`,
    `[${quote.replace("Z", "+01:00")}]`,
    `[${quote.replace("30:02", "30:60")}]`,
    `[${quote.replace("T14:", "T24:")}]`,
    `[${quote.replace(".118450321", ".1184503219")}]`,
    `[${quote.replace(".118450321", ".")}]`,
    `[${quote.replace('"bx"', '"b\\"')}]`,
  ];
  for (const text of odd) {
    if (text !== "") assert.equal(supportedStocks(text), -1, text);
    stocks.assertSame(binary(text));
  }
});

/** Numbers as text: as JSON writes them, and in ways it could. */
const numberText = fc.oneof(
  {
    arbitrary: fc.tuple(fc.nat(9), fc.nat(999_999), fc.nat(3)).map(([whole, parts, zeros]) =>
      `${whole}.${String(parts).padStart(6, "0")}${"0".repeat(zeros)}`
    ),
    weight: 2,
  },
  { arbitrary: fc.double().map(jsonNumber), weight: 2 },
  { arbitrary: fc.integer().map(String), weight: 2 },
  fc.tuple(fc.nat(999_999), fc.nat(999_999)).map(([a, b]) => `${a}.${b}`),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
  fc.constantFrom(
    "0",
    "-0",
    "0.0",
    "-0.00",
    "0.000001",
    "1.10",
    "1e3",
    "-1E-2",
  ),
  fc.constantFrom("999999999999999", "9999999999999999", "0.1234567890123456"),
  fc.constantFrom("01", "-", ".5", "1.", "+1", "NaN", "1e", "null"),
  fc.constantFrom('"1"', '"-2.5"', '"0"', '"9007199254740993"', '"x"'),
);

function jsonNumber(value: number): string {
  return JSON.stringify(value);
}

const textText = fc.oneof(
  fc.constantFrom('"AAPL"', '"BRK.B"', '"V"', '""', '"]"', '"a}b"', '"\\n"'),
  fc.string({ maxLength: 8 }).map((text) => JSON.stringify(text)),
);
const listText = fc.oneof(
  fc.array(textText, { maxLength: 3 }).map((items) => `[${items.join(",")}]`),
  fc.constantFrom("null", "[1]", '[["R"]]', '["R"', "{}"),
);
const timeText = fc.oneof(
  fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
    .map((date) => JSON.stringify(date)),
  fc.constantFrom(
    `"${TIME}"`,
    '"2026-02-29T00:00:00Z"',
    '"2024-02-29T23:59:59.5Z"',
    '"2024-02-29T23:59:60Z"',
    '"2026-09-14T14:30:02.1+02:00"',
    '"2026-09-14t14:30:02z"',
    '"yesterday"',
  ),
);

/** Values of each key of the protocol, good ones and others. */
const FIELDS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  S: textText,
  bx: textText,
  bp: numberText,
  bs: numberText,
  ax: textText,
  ap: numberText,
  as: numberText,
  c: fc.oneof(listText, textText, numberText),
  z: fc.oneof(textText, numberText),
  t: timeText,
  i: fc.oneof(numberText, textText),
  x: fc.oneof(textText, listText),
  p: numberText,
  s: numberText,
  o: numberText,
  h: numberText,
  l: numberText,
  v: numberText,
  n: numberText,
  vw: numberText,
  u: numberText,
  d: numberText,
  xyz: fc.oneof(textText, numberText, listText),
};
const GOOD = { q: quote, t: trade, b: bar, u: updatedBar, d: dailyBar, l: band };

/** A good element with some of its fields changed, missing or elsewhere. */
const elementText = fc.constantFrom("q", "t", "b", "u", "d", "l").chain((type) => {
  const good = Object.entries(
    JSON.parse(GOOD[type as keyof typeof GOOD]) as Record<string, unknown>,
  ).slice(1).map(([key, value]) => [key, JSON.stringify(value)] as const);
  const changes = fc.array(
    fc.constantFrom(...Object.keys(FIELDS)).chain((key) =>
      (FIELDS[key] ?? fc.constant("0")).map((value) => [key, value] as const)
    ),
    { maxLength: 2 },
  );
  return fc.tuple(
    fc.shuffledSubarray(good, { minLength: good.length - 1 }),
    changes,
  )
    .map(([kept, changed]) => {
      const fields = new Map([...kept, ...changed]);
      const rest = [...fields].map(([key, value]) => `,"${key}":${value}`);
      return `{"T":"${type}"${rest.join("")}}`;
    });
});

const frameText = fc.array(elementText, { maxLength: 5 })
  .map((elements) => `[${elements.join(",")}]`);

Deno.test("both decoders agree on stock frames with any fields", () => {
  fc.assert(
    fc.property(frameText, (text) => stocks.assertSame(binary(text))),
    { numRuns: RUNS },
  );
});

Deno.test("both decoders agree on stock frames with changed bytes", () => {
  const good = binary(`[${quote},${trade},${bar},${dailyBar},${band}]`);
  fc.assert(
    fc.property(changesOf(good), (frame) => stocks.assertSame(frame)),
    { numRuns: RUNS },
  );
});

Deno.test("both decoders count messages that no stream requests and publish none", () => {
  const wellFormed = frameText.filter(isJson);
  fc.assert(
    fc.property(
      wellFormed,
      (text) => someStocks.assertSame(binary(text)),
    ),
    { numRuns: RUNS },
  );
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The law of plain readers: the same as the general decoder, or nothing. */
import assert from "node:assert/strict";
import { encode, ExtData } from "@msgpack/msgpack";
import fc from "fast-check";
import { createCounters } from "../../../../../src/application/status/counters.ts";
import {
  optionFormat,
  stockFormat,
} from "../../../../../src/infrastructure/alpaca/market_format.ts";
import {
  binary,
  type DeskOptions,
  hex,
  OptionDesk,
  packed,
  StockDesk,
} from "../kit.ts";

const TIME = "2026-09-14T14:30:02.118450321Z";
/** Frames of each kind; more by hand. */
const RUNS = Number(Deno.env.get("PLAIN_FRAME_RUNS") ?? 5_000);
const WANTED = ["AAPL", "SPY261218C00650000"];

/** Everything that a desk has published, counted and heard. */
function outcome(desk: StockDesk | OptionDesk) {
  const { quotes, trades, controls, received, errors } = desk;
  return {
    quotes: quotes.events,
    trades: trades.events,
    bars: desk instanceof StockDesk ? desk.bars.events : [],
    controls,
    received,
    errors,
  };
}

/** Two desks that differ in how they decode. */
class Pair {
  readonly #plain: StockDesk | OptionDesk;
  readonly #general: StockDesk | OptionDesk;

  constructor(make: (options: DeskOptions) => StockDesk | OptionDesk) {
    this.#plain = make({});
    this.#general = make({ generalOnly: true });
  }

  /** Fails unless a frame means the same to both. */
  assertSame(frame: Uint8Array): void {
    const desks = [this.#plain, this.#general] as const;
    for (const desk of desks) {
      desk.forget();
      desk.receive(frame);
    }
    assert.deepEqual(outcome(desks[0]), outcome(desks[1]));
  }
}

const stocks = new Pair((options) => new StockDesk(undefined, options));
const options = new Pair((options) => new OptionDesk(undefined, options));
const someStocks = new Pair((options) => new StockDesk(WANTED, options));
const someOptions = new Pair((options) => new OptionDesk(WANTED, options));

/** How many elements the plain reader takes of a stock frame; -1 for none. */
function plainStocks(text: string): number {
  const nobody = { wants: () => true, publish: () => {} };
  const sinks = { quotes: nobody, trades: nobody, bars: nobody };
  const { received } = createCounters().feeds.sip;
  return stockFormat(sinks, received).plain.read(binary(text), 0);
}

/** As {@linkcode plainStocks}, of an option frame. */
function plainOptions(value: unknown): number {
  const nobody = { wants: () => true, publish: () => {} };
  const { received } = createCounters().feeds.opra;
  const format = optionFormat({ quotes: nobody, trades: nobody }, received);
  return format.plain.read(packed(value), 0);
}

const quote =
  `{"T":"q","S":"AAPL","bx":"Q","bp":150.25,"bs":3,"ax":"P","ap":150.27,"as":4,"c":["R"],"z":"C","t":"${TIME}"}`;
const trade =
  `{"T":"t","i":52983525029461,"S":"AAPL","x":"D","p":126.55,"s":1,"t":"${TIME}","c":["@","I"],"z":"C"}`;
const bar =
  `{"T":"b","S":"SPY","o":388.985,"h":389.13,"l":388.975,"c":389.12,"v":49378,"n":461,"vw":389.062639,"t":"2026-09-14T14:30:00Z"}`;

Deno.test("what upstream usually sends is plain", () => {
  assert.equal(plainStocks(`[${quote}]`), 1);
  assert.equal(plainStocks(`[${trade},${bar},${quote},${quote}]`), 4);
  assert.equal(plainStocks(`[{"T":"q","S":"A","t":"${TIME}"}]`), -1);
  const option = {
    T: "q",
    S: "SPXW240327P04925000",
    bx: "C",
    bp: 9.46,
    bs: 53,
    ax: "C",
    ap: 9.66,
    as: 38,
    c: "A",
    t: new ExtData(-1, new Uint8Array(8)),
  };
  const optionTrade = { T: "t", S: "A", p: 2, s: 1, x: "N", c: "S" };
  assert.equal(plainOptions([option]), 1);
  const elements = [option, { ...optionTrade, t: option.t }];
  assert.equal(plainOptions(Array(20).fill(elements).flat()), 40);
});

Deno.test("a field that nobody knows yet is stepped over, not stumbled over", () => {
  const added = quote.replace("{", '{"T":"q","new":"x","nu":1.5,').replace(
    ',"T":"q"',
    "",
  );
  assert.equal(plainStocks(`[${added}]`), 1);
  stocks.assertSame(binary(`[${added}]`));
});

Deno.test("whatever is not plain is left alone, and nothing of it is published twice", () => {
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
    `[${quote.replace('"bs":3', '"bs":3.5')}]`,
    `[${quote.replace('"bs":3', '"bs":2147483648')}]`,
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
    if (text !== "") assert.equal(plainStocks(text), -1, text);
    stocks.assertSame(binary(text));
  }
});

/** Numbers as text: as JSON writes them, and in ways it could. */
const numberText = fc.oneof(
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
  fc.constantFrom("01", "-", ".5", "1.", "+1", "NaN", "1e", "null", '"1"'),
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
  c: fc.oneof(listText, numberText),
  z: textText,
  t: timeText,
  i: numberText,
  x: textText,
  p: numberText,
  s: numberText,
  o: numberText,
  h: numberText,
  l: numberText,
  v: numberText,
  n: numberText,
  vw: numberText,
  xyz: fc.oneof(textText, numberText, listText),
};
const GOOD = { q: quote, t: trade, b: bar };

/** A good element with some of its fields changed, missing or elsewhere. */
const elementText = fc.constantFrom("q", "t", "b").chain((type) => {
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

Deno.test("a stock frame means the same to both, whatever its fields are", () => {
  fc.assert(
    fc.property(frameText, (text) => stocks.assertSame(binary(text))),
    { numRuns: RUNS },
  );
});

Deno.test("a stock frame with bytes changed means the same to both", () => {
  const good = binary(`[${quote},${trade},${bar}]`);
  fc.assert(
    fc.property(changesOf(good), (frame) => stocks.assertSame(frame)),
    { numRuns: RUNS },
  );
});

Deno.test("what nobody wants is counted by both, and published by neither", () => {
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

/** A frame with a few of its bytes changed. */
function changesOf(good: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const frame = good.slice();
    for (const [at, value] of changes) frame[at] = value;
    return frame;
  });
}

const stamp = fc.oneof(
  fc.uint8Array({ minLength: 8, maxLength: 8 }),
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 12, maxLength: 12 }),
  fc.uint8Array({ maxLength: 20 }),
  fc.constant(Uint8Array.fromHex("1c3da2446aa804ea")),
).map((bytes) => new ExtData(-1, bytes));

const anyNumber = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.float(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  fc.constantFrom<unknown>("1", null, true, [1]),
);
const anyText = fc.oneof(
  fc.constantFrom<unknown>("SPY261218C00650000", "A", "", "Ä", null, 7),
  fc.string({ maxLength: 40 }),
);

const optionElement = fc.record({
  T: fc.constantFrom("q", "t"),
  S: anyText,
  bx: anyText,
  bp: anyNumber,
  bs: fc.oneof(fc.nat(100), anyNumber),
  ax: anyText,
  ap: anyNumber,
  as: fc.oneof(fc.nat(100), anyNumber),
  p: anyNumber,
  s: fc.oneof(fc.nat(100), anyNumber),
  x: anyText,
  c: anyText,
  t: fc.oneof(stamp, anyText),
  more: fc.oneof(anyText, anyNumber, stamp),
}, { requiredKeys: ["T"] });

const goodOption = fc.record({
  T: fc.constantFrom("q", "t"),
  S: fc.constantFrom("SPY261218C00650000", "SPXW240327P04925000"),
  bp: fc.double({ noNaN: true, noDefaultInfinity: true }),
  bs: fc.nat(),
  ap: fc.float({ noNaN: true, noDefaultInfinity: true }),
  as: fc.nat(),
  p: fc.double({ noNaN: true, noDefaultInfinity: true }),
  s: fc.integer(),
  c: fc.constantFrom("A", ""),
  t: stamp,
});

Deno.test("an option frame means the same to both, whatever its fields are", () => {
  const elements = fc.array(fc.oneof(optionElement, goodOption), {
    maxLength: 5,
  });
  fc.assert(
    fc.property(
      elements,
      (elements) => options.assertSame(packed(elements)),
    ),
    { numRuns: RUNS },
  );
});

Deno.test("an option frame with bytes changed means the same to both", () => {
  const good = encode([
    {
      T: "q",
      S: "SPXW240327P04925000",
      bx: "C",
      bp: 9.46,
      bs: 53,
      ax: "C",
      ap: 9.66,
      as: 380,
      c: "A",
      t: new ExtData(-1, Uint8Array.fromHex("1c3da2446aa804ea")),
    },
    {
      T: "t",
      S: "AAPL240315C00172500",
      p: 2.84,
      s: 70_000,
      x: "N",
      c: "S",
      t: new ExtData(-1, Uint8Array.fromHex("00000001ffffffff00000001")),
    },
  ]);
  fc.assert(
    fc.property(changesOf(good), (frame) => options.assertSame(frame)),
    { numRuns: RUNS },
  );
});

Deno.test("option elements that nobody wants are counted by both", () => {
  fc.assert(
    fc.property(fc.array(goodOption, { maxLength: 5 }), (elements) => {
      someOptions.assertSame(packed(elements));
    }),
    { numRuns: RUNS },
  );
});

Deno.test("times that no client could be told are left to the general decoder", () => {
  const seconds = [-62_135_596_801, -62_135_596_800, 253_402_300_799];
  for (const at of [...seconds, 253_402_300_800, 2 ** 52, -(2 ** 52)]) {
    const bytes = new Uint8Array(12);
    new DataView(bytes.buffer).setBigInt64(4, BigInt(at));
    const t = new ExtData(-1, bytes);
    const trade = { T: "t", S: "A", p: 2, s: 1, x: "N", c: "S", t };
    const isPossible = seconds.indexOf(at) > 0;
    assert.equal(plainOptions([trade]), isPossible ? 1 : -1, String(at));
    options.assertSame(packed([trade]));
  }
});

Deno.test("integers of every width and times of every form are read alike", () => {
  const head = "91 8a a154 a171 a153 a141 a26278 a143 a26178 a143 a163 a141";
  const asked = "a26170 ca41200000";
  const times = ["d6ff 6aa804ea", "d7ff 1c3da244 6aa804ea"];
  times.push("c70cff 00000005 000000006aa804ea");
  const sizes = [
    "07",
    "cc f0",
    "cd ffff",
    "ce 7fffffff",
    "cf 0000000000000007",
  ];
  const negative = ["ff", "d0 80", "d1 8000", "d2 80000000"];
  negative.push("d3 ffffffffffffffff");
  const assertEvents = (count: number, price: string, size: string) => {
    for (const time of times) {
      const sides = `a26270 ${price} ${asked} a26273 ${size} a26173 ${size}`;
      const frame = hex(`${head} ${sides} a174 ${time}`);
      const desk = new OptionDesk().receive(frame);
      assert.equal(desk.quotes.events.length, count, `${sides} ${time}`);
      options.assertSame(frame);
    }
  };
  for (const size of sizes) assertEvents(1, "cb4010000000000000", size);
  for (const price of [...sizes, ...negative]) assertEvents(1, price, "07");
  for (const size of negative) assertEvents(0, "cb4010000000000000", size);
});

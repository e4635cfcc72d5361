/** The fast option decoder: equal to the general decoder, or unsupported. */
import assert from "node:assert/strict";
import { encode, ExtData } from "@msgpack/msgpack";
import fc from "fast-check";
import { optionFormat } from "../../../../../src/infrastructure/alpaca/market.ts";
import { hex, OptionHarness, packed } from "../decoder_harness.ts";
import { changesOf, Pair, RUNS, WANTED } from "./decoder_pair.ts";

const options = new Pair((options) => new OptionHarness(undefined, options));
const someOptions = new Pair((options) => new OptionHarness(WANTED, options));

/** Messages of a frame that the fast decoder supports; -1 when it does not. */
function supportedOptions(value: unknown): number {
  const ignore = { mayHaveSubscribers: () => true, publish: () => {}, unreadable: () => {} };
  const format = optionFormat({ quotes: ignore, trades: ignore });
  const batch = format.fast.decodeFrame(packed(value));
  if (!batch) return -1;
  const { quotes, trades } = batch;
  return quotes + trades;
}

Deno.test("the usual frames of the option stream are supported", () => {
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
  assert.equal(supportedOptions([option]), 1);
  const elements = [option, { ...optionTrade, t: option.t }];
  assert.equal(supportedOptions(Array(20).fill(elements).flat()), 40);
});

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
  fc.constantFrom<unknown>("1", "-2.5", "9".repeat(20), "x", null, true, [1]),
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

Deno.test("both decoders agree on option frames with any fields", () => {
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

Deno.test("both decoders agree on option frames with changed bytes", () => {
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

Deno.test("both decoders count option messages that no stream requests", () => {
  fc.assert(
    fc.property(fc.array(goodOption, { maxLength: 5 }), (elements) => {
      someOptions.assertSame(packed(elements));
    }),
    { numRuns: RUNS },
  );
});

Deno.test("times outside the years 1 to 9999 are not supported by the fast decoder", () => {
  const seconds = [-62_135_596_801, -62_135_596_800, 253_402_300_799];
  for (const at of [...seconds, 253_402_300_800, 2 ** 52, -(2 ** 52)]) {
    const bytes = new Uint8Array(12);
    new DataView(bytes.buffer).setBigInt64(4, BigInt(at));
    const t = new ExtData(-1, bytes);
    const trade = { T: "t", S: "A", p: 2, s: 1, x: "N", c: "S", t };
    const isPossible = seconds.indexOf(at) > 0;
    assert.equal(supportedOptions([trade]), isPossible ? 1 : -1, String(at));
    options.assertSame(packed([trade]));
  }
});

Deno.test("both decoders agree on integers of every width and times of every form", () => {
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
      const harness = new OptionHarness().receive(frame);
      assert.equal(harness.quotes.events.length, count, `${sides} ${time}`);
      options.assertSame(frame);
    }
  };
  for (const size of sizes) assertEvents(1, "cb4010000000000000", size);
  for (const price of [...sizes, ...negative]) assertEvents(1, price, "07");
  for (const size of negative) assertEvents(0, "cb4010000000000000", size);
});

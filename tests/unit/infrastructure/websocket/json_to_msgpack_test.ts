import assert from "node:assert/strict";
import { decode, ExtensionCodec } from "@msgpack/msgpack";
import fc from "fast-check";
import { JsonToMsgpack } from "../../../../src/infrastructure/websocket/json_to_msgpack.ts";

const utf8 = new TextEncoder();
const transcoder = new JsonToMsgpack();

/** The bytes of the MessagePack of a JSON text, which stands inside of a frame. */
function transcode(json: string): Uint8Array {
  const frame = utf8.encode(`[${json},{"T":"q"}]`);
  return transcoder.transcode(frame, 1, 1 + utf8.encode(json).length);
}

const hex = (json: string) => transcode(json).toHex();

/** Timestamps as their bytes. */
const extensionCodec = new ExtensionCodec();
extensionCodec.register({ type: -1, encode: () => null, decode: (data) => `ext ${data.toHex()}` });

Deno.test("any JSON is transcoded to an equal value", () => {
  const json = fc.jsonValue({ maxDepth: 3 }).filter((value) =>
    !JSON.stringify(value).includes("__proto__")
  );
  fc.assert(
    fc.property(json, fc.constantFrom(undefined, 2), (value, space) => {
      const text = JSON.stringify(value, undefined, space);
      assert.deepEqual(decode(transcode(text)), JSON.parse(text));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("numbers have the value of their text, integers in the least width", () => {
  const cases = {
    "0": "00",
    "-0": "cb8000000000000000",
    "127": "7f",
    "128": "cc80",
    "255": "ccff",
    "256": "cd0100",
    "65536": "ce00010000",
    "4294967296": "cf0000000100000000",
    "9007199254740993": "cf0020000000000001",
    "18446744073709551615": "cfffffffffffffffff",
    "18446744073709551616": "cb43f0000000000000",
    "-1": "ff",
    "-33": "d0df",
    "-129": "d1ff7f",
    "-32769": "d2ffff7fff",
    "-2147483649": "d3ffffffff7fffffff",
    "-9223372036854775808": "d38000000000000000",
    "1.0": "cb3ff0000000000000",
    "0.1": "cb3fb999999999999a",
    "1e2": "cb4059000000000000",
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(hex(text), expected, text);
});

Deno.test("doubles are those nearest to their text", () => {
  const double = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(double, fc.integer({ min: 0, max: 20 }), (value, digits) => {
      const texts = [String(value), Math.abs(value) < 1e20 ? value.toFixed(digits) : "1.5"];
      for (const text of texts.filter((each) => /[.e]/.test(each))) {
        assert.ok(Object.is(decode(transcode(text)), Number(text)), text);
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("prices are doubles where the JSON has a whole number, and only there", () => {
  const quote = hex('{"T":"q","S":"A","bp":187,"bs":187,"ap":0}');
  assert.match(quote, /a26270cb4067600000000000a26273ccbba26170cb0000000000000000$/);
  // A bar has its close where a quote has its conditions.
  assert.match(hex('{"T":"b","c":5,"v":5,"vw":5}'), /a163cb4014000000000000a17605a27677cb/);
  // Unknown types have no prices.
  assert.equal(hex('{"T":"?","p":5}'), "82a154a13fa17005");
});

Deno.test("the type of a nested map does not change what the prices of its message are", () => {
  const price = /a26270cb4067600000000000/;
  assert.match(hex('{"T":"q","S":"A","new":{"T":"?"},"bp":187}'), price);
  assert.match(hex('{"T":"q","S":"A","new":[{"T":"t"}],"bp":187}'), price);
});

Deno.test("times are timestamps of the least size, with every nanosecond", () => {
  const time = (text: string) => hex(`{"t":"${text}"}`).slice(6);
  assert.equal(time("2026-09-14T14:30:02.118450321Z"), "d7ff1c3da2446aa804ea");
  assert.equal(time("2026-09-14T14:30:00Z"), "d6ff6aa804e8");
  assert.equal(time("2026-09-14T14:30:00.5Z"), "d7ff773594006aa804e8");
  assert.equal(time("2026-09-14T10:30:00-04:00"), "d6ff6aa804e8");
  assert.equal(time("1969-12-31T23:59:59Z"), "c70cff00000000ffffffffffffffff");
  assert.equal(time("2200-01-01T00:00:00.000000001Z"), `d7ff00000005${lowerHex(2200)}`);
  assert.equal(time("2600-01-01T00:00:00Z"), `c70cff0000000000000004${lowerHex(2600)}`);
});

/** The lower 32 bits of the first second of a year. */
function lowerHex(year: number): string {
  return (BigInt(Date.UTC(year, 0)) / 1_000n % 2n ** 32n).toString(16).padStart(8, "0");
}

Deno.test("text that is no time stays text, and times only count under their keys", () => {
  const keys = { t: "soon", r: "2026-09-14", S: "2026-09-14T14:30:00Z", created_at: "" };
  assert.deepEqual(decode(transcode(JSON.stringify(keys))), keys);
  const news = { created_at: "2026-09-14T14:30:00Z", headline: "2026-09-14T14:30:00Z" };
  assert.deepEqual(decode(transcode(JSON.stringify(news)), { extensionCodec }), {
    created_at: "ext 6aa804e8",
    headline: "2026-09-14T14:30:00Z",
  });
  const plain = new JsonToMsgpack({ hasTimes: false });
  const bytes = utf8.encode(JSON.stringify(news));
  assert.deepEqual(decode(plain.transcode(bytes, 0, bytes.length)), news);
});

Deno.test("long lists, maps and texts have long heads", () => {
  for (const length of [15, 16, 255, 256, 65_535, 65_536]) {
    const list = Array.from({ length }, (_, i) => i % 2);
    assert.deepEqual(decode(transcode(JSON.stringify(list))), list);
    const text = "é".repeat(length / 2);
    assert.equal(decode(transcode(JSON.stringify(text))), text);
  }
  const map = Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i]));
  assert.deepEqual(decode(transcode(JSON.stringify(map))), map);
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { Timestamp } from "../../../src/protocol/timestamp.ts";
import { encodeJson, jsonFrame } from "../../../src/protocol/encoding.ts";

Deno.test("a trade reads as Alpaca writes it, T first", () => {
  const trade = {
    S: "MSFT",
    T: "t",
    i: 9_007_199_254_740_993n,
    p: 402.115,
    c: ["@", "I"],
    t: new Timestamp(0x6aa804ea, 118_450_321),
  };
  assert.equal(
    encodeJson(trade),
    '{"T":"t","S":"MSFT","i":9007199254740993,"p":402.115,"c":["@","I"],' +
      '"t":"2026-09-14T14:30:02.118450321Z"}',
  );
});

Deno.test("text of a hand-made timestamp is passed on digit for digit", () => {
  const element = { T: "q", t: "2026-09-14T10:30:00.100-04:00" };
  assert.match(encodeJson(element), /"t":"2026-09-14T10:30:00\.100-04:00"/);
});

Deno.test("a frame is an array of its elements", () => {
  assert.equal(jsonFrame([]), "[]");
  assert.equal(jsonFrame(['{"T":"q"}', "7"]), '[{"T":"q"},7]');
});

Deno.test("JSON.parse reads back whatever was encoded", () => {
  const json = fc.jsonValue({ noUnicodeString: false });
  fc.assert(fc.property(json, (value) => {
    const given = JSON.parse(JSON.stringify(value));
    assert.deepEqual(JSON.parse(encodeJson(given)), given);
  }));
});

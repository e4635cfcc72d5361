import assert from "node:assert/strict";
import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import {
  decodeClientMessage,
  encodeJson,
  encodingFor,
  jsonFrame,
} from "../../../src/protocol/encoding.ts";
import { findEndpoint } from "../../../src/protocol/endpoints.ts";
import { Timestamp } from "../../../src/protocol/timestamp.ts";

Deno.test("a trade is encoded as by Alpaca, T first", () => {
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

Deno.test("timestamp text is written unchanged", () => {
  const element = { T: "q", t: "2026-09-14T10:30:00.100-04:00" };
  assert.match(encodeJson(element), /"t":"2026-09-14T10:30:00\.100-04:00"/);
});

Deno.test("a frame is an array of its messages", () => {
  assert.equal(jsonFrame([]), "[]");
  assert.equal(jsonFrame(['{"T":"q"}', "7"]), '[{"T":"q"},7]');
});

Deno.test("JSON.parse decodes any encoded value", () => {
  const json = fc.jsonValue({ noUnicodeString: false });
  fc.assert(fc.property(json, (value) => {
    const given = JSON.parse(JSON.stringify(value));
    assert.deepEqual(JSON.parse(encodeJson(given)), given);
  }));
});

const REQUEST = { action: "subscribe", quotes: ["AAPL"] };

Deno.test("the first byte decides, not the opcode", () => {
  const json = JSON.stringify(REQUEST);
  const cases = [
    [json, "json"],
    [new TextEncoder().encode(json), "json"],
    [encode(REQUEST), "msgpack"],
    [encode({ ...REQUEST, ...Object.fromEntries(twentyKeys()) }), "msgpack"],
  ] as const;
  for (const [data, encoding] of cases) {
    const message = decodeClientMessage(data);
    assert.equal(message?.encoding, encoding);
    assert.deepEqual(message?.members["quotes"], ["AAPL"]);
  }
});

Deno.test("only maps and objects are decoded", () => {
  const oddities = ["", "[]", "7", "null", "{", "{}{}", new Uint8Array([0x81])];
  for (const data of [...oddities, new Uint8Array(), new Uint8Array([0xff])]) {
    assert.equal(decodeClientMessage(data), undefined);
  }
});

Deno.test("Content-Type picks the encoding, options have only one", () => {
  assert.equal(encodingFor("stocks", undefined), "json");
  assert.equal(encodingFor("stocks", "application/json"), "json");
  assert.equal(encodingFor("stocks", "Application/MsgPack; x=1"), "msgpack");
  assert.equal(encodingFor("options", "application/json"), "msgpack");
});

Deno.test("overnight feeds are found under both versions", () => {
  assert.equal(findEndpoint("/v1beta1/boats")?.name, "boats");
  assert.equal(findEndpoint("/v2/boats")?.name, "boats");
  assert.equal(findEndpoint("/v2/opra"), undefined);
  assert.equal(findEndpoint("/"), undefined);
});

function twentyKeys(): [string, number][] {
  return Array.from({ length: 20 }, (_, index) => [`k${index}`, index]);
}

import assert from "node:assert/strict";
import { encode } from "@msgpack/msgpack";
import { decodeClientMessage } from "../../../src/protocol/encoding.ts";
import { encodingFor } from "../../../src/protocol/encoding.ts";
import { findEndpoint } from "../../../src/protocol/endpoints.ts";

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

Deno.test("what is no object is not understood", () => {
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

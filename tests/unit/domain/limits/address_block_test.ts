import assert from "node:assert/strict";
import fc from "fast-check";
import { addressBlock } from "../../../../src/domain/limits/address_block.ts";

const BLOCKS: Readonly<Record<string, string>> = {
  "10.0.0.1": "10.0.0.1",
  "::ffff:10.0.0.1": "10.0.0.1",
  "0:0:0:0:0:FFFF:10.0.0.1": "10.0.0.1",
  "::1": "0:0:0:0::/64",
  "::": "0:0:0:0::/64",
  "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
  "2001:0DB8:0001:0002::1": "2001:db8:1:2::/64",
  "2001:db8::1": "2001:db8:0:0::/64",
  "2001:db8:1:2::": "2001:db8:1:2::/64",
  "fe80::1%eth0": "fe80:0:0:0::/64",
  "64:ff9b::10.0.0.1": "64:ff9b:0:0::/64",
  "": "",
};

for (const [address, block] of Object.entries(BLOCKS)) {
  Deno.test(`the block of ${address || "an unknown address"} is ${block || "unknown"}`, () => {
    assert.equal(addressBlock(address), block);
  });
}

Deno.test("all spellings of an IPv6 address, and all addresses of its /64, have one block", () => {
  const group = fc.integer({ min: 0, max: 0xffff });
  const groups = fc.array(group, { minLength: 8, maxLength: 8 });
  fc.assert(fc.property(groups, groups, (address, other) => {
    const hex = address.map((value) => value.toString(16));
    const padded = hex.map((text) => text.padStart(4, "0").toUpperCase()).join(":");
    const canonical = new URL(`http://[${hex.join(":")}]/`).hostname.slice(1, -1);
    const neighbour = [...hex.slice(0, 4), ...other.slice(4).map((value) => value.toString(16))];
    const block = addressBlock(padded);
    assert.equal(addressBlock(canonical), block);
    assert.equal(addressBlock(neighbour.join(":")), block);
    const outside = [(address[0] ?? 0) ^ 1, ...address.slice(1)].map((value) => value.toString(16));
    assert.notEqual(addressBlock(outside.join(":")), block);
  }));
});

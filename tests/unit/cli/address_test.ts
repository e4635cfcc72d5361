import assert from "node:assert/strict";
import { parseAddress } from "../../../cli/address.ts";
import { addressText } from "../../../client/address.ts";

const ACCEPTED: readonly [string, string, boolean][] = [
  ["localhost:50052", "localhost:50052", false],
  ["localhost", "localhost:50052", false],
  ["10.0.0.7:1", "10.0.0.7:1", false],
  ["[::1]:50052", "[::1]:50052", false],
  ["http://localhost:50052", "localhost:50052", false],
  ["http://proxy.internal:8080/", "proxy.internal:8080", false],
  ["https://proxy.example.com", "proxy.example.com:443", true],
  ["https://proxy.example.com:50052", "proxy.example.com:50052", true],
];

for (const [text, expected, tls] of ACCEPTED) {
  Deno.test(`the address ${text} leads to ${expected}`, () => {
    const address = parseAddress(text, "--address");
    assert.equal(addressText(address), expected);
    assert.equal(address.tls, tls);
  });
}

for (
  const text of ["", "a:b", "a:0", "a:70000", "::1:5", "ftp://a", "http://a/b"]
) {
  Deno.test(`the address "${text}" is refused with what is accepted`, () => {
    assert.throws(
      () => parseAddress(text, "STREAM_PROXY_URL"),
      /^UsageError: Cannot use STREAM_PROXY_URL .*: an address is host:port/,
    );
  });
}

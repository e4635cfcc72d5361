import assert from "node:assert/strict";
import fc from "fast-check";
import { readToken } from "../../../../src/application/access/read_token.ts";

Deno.test("a token is read from Bearer in any letters, and from the password of Basic", () => {
  assert.equal(readToken(undefined), undefined);
  assert.equal(readToken("Bearer asp_x"), "asp_x");
  assert.equal(readToken("bEARER   asp_x "), "asp_x");
  assert.equal(readToken(`Basic ${btoa("any:asp_x:y")}`), "asp_x:y");
  assert.equal(readToken(`Basic ${btoa(":asp_x")}`), "asp_x");
  assert.equal(readToken("Bearer "), "");
});

Deno.test("any other header is no token, and no error", () => {
  for (const header of ["", "asp_x", "Digest a=b", "Basic %%%", "Basic", "Bearer"]) {
    assert.equal(readToken(header)?.startsWith("asp_x"), header === "asp_x");
  }
  fc.assert(fc.property(fc.string(), (header) => {
    assert.equal(typeof readToken(header), "string");
    assert.equal(typeof readToken(`Basic ${header}`), "string");
  }));
});

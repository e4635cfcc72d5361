import assert from "node:assert/strict";
import { redact } from "../../../../src/infrastructure/logging/redaction.ts";

Deno.test("what has the form of a client's token is replaced, ordinary words are not", () => {
  const clean = redact(["planted"]);
  const token = `asp_${"aB3-_".repeat(8)}xyz`;
  const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";
  assert.equal(clean(`id "${token}", ${jwt} and planted`), 'id "<secret>", <secret> and <secret>');
  const words = "asp_short eyJ.a.b eyewitness.of.something";
  assert.equal(clean(words), words);
});

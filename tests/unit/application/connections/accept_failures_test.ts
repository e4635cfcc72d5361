import assert from "node:assert/strict";
import {
  acceptFailureOf,
  codeOf,
} from "../../../../src/application/connections/accept_failures.ts";

Deno.test("an error is known by its code, or else by its name", () => {
  const emfile = Object.assign(new Error("x"), { code: "EMFILE" });
  assert.equal(codeOf(emfile), "EMFILE");
  assert.equal(codeOf(new TypeError("x")), "TypeError");
  assert.equal(codeOf("x"), "unknown");
  assert.equal(acceptFailureOf("ENFILE"), "descriptors");
  assert.equal(acceptFailureOf("constructor"), "other");
});

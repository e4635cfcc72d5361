import assert from "node:assert/strict";
import { InvalidField, readTime } from "../../../../src/infrastructure/alpaca/fields.ts";

const LAST = 253_402_300_799;

Deno.test("a time is read from text and from an extension", () => {
  const first = { seconds: -62_135_596_800, nanos: 0 };
  assert.deepEqual(readTime({ t: "0001-01-01T00:00:00Z" }, "t"), first);
  const last = { seconds: LAST, nanos: 999_999_999 };
  assert.deepEqual(readTime({ t: last }, "t"), last);
});

Deno.test("a time outside the years 1 to 9999 is invalid", () => {
  const times = [
    undefined,
    null,
    1,
    "yesterday",
    "0000-12-31T23:59:59Z",
    "9999-12-31T23:59:59-01:00",
    [1, 2],
    {},
    { seconds: LAST + 1, nanos: 0 },
    { seconds: 0, nanos: 1e9 },
    { seconds: 0, nanos: -1 },
    { seconds: 0.5, nanos: 0 },
    { seconds: "0", nanos: 0 },
    { seconds: 2 ** 60, nanos: 0 },
  ];
  for (const t of times) {
    assert.throws(() => readTime({ t }, "t"), InvalidField, JSON.stringify(t));
  }
});

Deno.test("an invalid field has no stack, and errors after it have one", () => {
  assert.equal(
    new InvalidField("bp", null).stack?.includes("\n    at "),
    false,
  );
  assert.equal(new Error("other").stack?.includes("\n    at "), true);
});

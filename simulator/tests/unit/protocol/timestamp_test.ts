import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatTimestamp,
  parseTimestamp,
  Timestamp,
  timestampFromNanos,
} from "../../../src/protocol/timestamp.ts";

Deno.test("trailing zeros are cut, whole seconds have no fraction", () => {
  const at = Date.parse("2026-09-14T14:30:30Z") / 1000;
  const cases: [number, string][] = [
    [0, "2026-09-14T14:30:30Z"],
    [250_000_000, "2026-09-14T14:30:30.25Z"],
    [123_456_789, "2026-09-14T14:30:30.123456789Z"],
    [1, "2026-09-14T14:30:30.000000001Z"],
  ];
  for (const [nanos, text] of cases) {
    assert.equal(formatTimestamp(new Timestamp(at, nanos)), text);
  }
});

Deno.test("any offset is read", () => {
  const west = parseTimestamp("2026-09-14T10:30:00.5-04:00");
  assert.equal(west?.toString(), "2026-09-14T14:30:00.5Z");
});

Deno.test("an invalid timestamp is not read", () => {
  for (const text of ["", "soon", "2026-09-14", "2026-13-01T00:00:00Z"]) {
    assert.equal(parseTimestamp(text), undefined);
  }
});

Deno.test("text and nanoseconds round-trip", () => {
  const nanos = fc.bigInt({ min: -(10n ** 18n), max: 4n * 10n ** 18n });
  fc.assert(fc.property(nanos, (given) => {
    const instant = timestampFromNanos(given);
    const back = parseTimestamp(formatTimestamp(instant));
    assert.equal(
      BigInt(back?.seconds ?? 0) * 10n ** 9n + BigInt(back?.nanos ?? 0),
      given,
    );
  }));
});

Deno.test("adding nanoseconds carries into seconds both ways", () => {
  const start = new Timestamp(100, 900_000_000);
  assert.deepEqual(start.plus(2e8), new Timestamp(101, 100_000_000));
  assert.deepEqual(start.plus(-1.9e9), new Timestamp(99, 0));
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseRfc3339, type Timestamp } from "../../../../src/domain/market/timestamp.ts";

/** What the platform's own reader says: slow, and written by others. */
function byTemporal(text: string): Timestamp {
  const nanoseconds = Temporal.Instant.from(text).epochNanoseconds;
  const nanos = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) %
    1_000_000_000n;
  return {
    seconds: Number((nanoseconds - nanos) / 1_000_000_000n),
    nanos: Number(nanos),
  };
}

const pad = (value: number, width = 2) => String(value).padStart(width, "0");

const date = fc.date({
  min: new Date("0000-01-01T00:00:00Z"),
  max: new Date("9999-12-31T23:59:59Z"),
  noInvalidDate: true,
}).map((value) => value.toISOString().slice(0, 10));

const time = fc.tuple(
  fc.integer({ min: 0, max: 23 }),
  fc.integer({ min: 0, max: 59 }),
  fc.integer({ min: 0, max: 59 }),
).map((parts) => parts.map((part) => pad(part)).join(":"));

const fraction = fc.option(
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 9 }),
).map((digits) => digits ? `.${digits.join("")}` : "");

const offset = fc.oneof(
  fc.constant("Z"),
  fc.tuple(
    fc.constantFrom("+", "-"),
    fc.integer({ min: 0, max: 23 }),
    fc.integer({ min: 0, max: 59 }),
  ).map(([sign, hours, minutes]) => `${sign}${pad(hours)}:${pad(minutes)}`),
);

const text = fc.tuple(date, time, fraction, offset).map((parts) =>
  `${parts[0]}T${parts.slice(1).join("")}`
);

Deno.test("a time equals that of Date.parse", () => {
  fc.assert(
    fc.property(text, (written) => {
      assert.deepEqual(parseRfc3339(written), byTemporal(written));
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("a time with one changed character equals that of Date.parse or is invalid", () => {
  const character = fc.constantFrom(..."0123456789-+:.TZtz \u0661x\n");
  fc.assert(
    fc.property(text, fc.nat(), character, (written, at, changed) => {
      const index = at % written.length;
      const other = written.slice(0, index) + changed +
        written.slice(index + 1);
      const read = parseRfc3339(other);
      if (read !== undefined) assert.deepEqual(read, byTemporal(other));
    }),
    { numRuns: 5_000 },
  );
});

const READ: readonly (readonly [string, number, number])[] = [
  ["1970-01-01T00:00:00Z", 0, 0],
  ["1969-12-31T23:59:59.999999999Z", -1, 999_999_999],
  ["2026-09-14T14:30:02.118450321Z", 1_789_396_202, 118_450_321],
  ["2026-09-14T10:30:02.118450321-04:00", 1_789_396_202, 118_450_321],
  ["2026-09-14T14:30:02.25Z", 1_789_396_202, 250_000_000],
  ["2026-09-14T14:30:02.000000001Z", 1_789_396_202, 1],
  ["2026-09-14T14:30:02.1184503219999Z", 1_789_396_202, 118_450_321],
  ["2026-09-14t14:30:02z", 1_789_396_202, 0],
  ["2026-09-14 14:30:02Z", 1_789_396_202, 0],
  ["2000-02-29T00:00:00Z", 951_782_400, 0],
  ["2024-02-29T23:59:59+23:59", 1_709_164_859, 0],
  ["2016-12-31T23:59:60Z", 1_483_228_799, 0],
  ["0000-03-01T00:00:00-00:00", -62_162_035_200, 0],
];

for (const [written, seconds, nanos] of READ) {
  Deno.test(`${written} is read to the nanosecond`, () => {
    const read = parseRfc3339(written);
    assert.deepEqual(read, { seconds, nanos });
    assert.ok(!Object.is(read?.seconds, -0), "seconds are never minus zero");
  });
}

const REFUSED: readonly string[] = [
  "",
  "Z",
  "2026-09-14",
  "2026-09-14T14:30:02",
  "2026-09-14T14:30Z",
  "2026-09-14T14:30:02.Z",
  "2026-09-14T14:30:02,5Z",
  "2026-09-14T14:30:02.5",
  "2026-09-14T14:30:02Z ",
  " 2026-09-14T14:30:02Z",
  "2026-09-14T14:30:02ZZ",
  "2026-09-14T14:30:02.5x1Z",
  "2026-09-14T14:30:02.1234567890x1Z",
  "2026-09-14T14:30:02+0400",
  "2026-09-14T14:30:02+04",
  "2026-09-14T14:30:02+04:00:00",
  "2026-09-14T14:30:02+24:00",
  "2026-09-14T14:30:02+04:60",
  "2026-09-14T14:30:02*04:00",
  "2026-00-14T14:30:02Z",
  "2026-13-14T14:30:02Z",
  "2026-09-00T14:30:02Z",
  "2026-09-31T14:30:02Z",
  "2026-02-29T14:30:02Z",
  "1900-02-29T14:30:02Z",
  "2024-02-30T14:30:02Z",
  "2026-09-14T24:00:00Z",
  "2026-09-14T14:60:02Z",
  "2026-09-14T14:30:61Z",
  "2026/09/14T14:30:02Z",
  "2026-09-14T14.30.02Z",
  "2026-09-14_14:30:02Z",
  "+002026-09-14T14:30:02Z",
  "-001-09-14T14:30:02Z",
  "2026-9-14T014:30:02Z",
  "20 6-09-14T14:30:02Z",
  "٢٠٢٦-09-14T14:30:02Z",
];

for (const written of REFUSED) {
  Deno.test(`${JSON.stringify(written)} is no time`, () => {
    assert.equal(parseRfc3339(written), undefined);
  });
}

Deno.test("no text throws", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 40, size: "max" }),
      (anything) => {
        const read = parseRfc3339(anything);
        if (read) assert.ok(Number.isSafeInteger(read.seconds));
      },
    ),
    { numRuns: 2_000 },
  );
});

import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { OrderEventSchema } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  abbreviated,
  age,
  type Column,
  conditions,
  duration,
  enumName,
  grouped,
  latency,
  plain,
  price,
  table,
  timeOfDay,
} from "../../../cli/text.ts";

const at = (seconds: bigint, nanos: number) => create(TimestampSchema, { seconds, nanos });

Deno.test("a time of day keeps its nanoseconds", () => {
  assert.equal(timeOfDay(at(1705312800n, 123456789)), "10:00:00.123456789");
  assert.equal(timeOfDay(at(1705312800n, 7)), "10:00:00.000000007");
  assert.equal(timeOfDay(at(1705312800n, 987654321), 6), "10:00:00.987654");
  assert.equal(timeOfDay(at(1705363199n, 999999999), 0), "23:59:59");
  assert.equal(timeOfDay(at(-1n, 0), 0), "23:59:59");
});

Deno.test("a missing time has the same width", () => {
  for (const digits of [0, 3, 6, 9] as const) {
    assert.equal(
      timeOfDay(undefined, digits).length,
      timeOfDay(at(1n, 1), digits).length,
    );
  }
});

Deno.test("prices line up at their decimal point", () => {
  const prices = [0, 0.0125, 1, 9.5, 150.25, 4925.1234, 3.456];
  const texts = prices.map(price);
  assert.deepEqual(texts, [
    "   -     ",
    "   0.0125",
    "   1.00  ",
    "   9.50  ",
    " 150.25  ",
    "4925.1234",
    "   3.456 ",
  ]);
});

Deno.test("counts have groups of three", () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(grouped), [
    "0",
    "999",
    "1 000",
    "1 234 567",
  ]);
  assert.equal(grouped(12345678901234567890n), "12 345 678 901 234 567 890");
});

Deno.test("durations have two units at most", () => {
  const texts = [-5, 999, 59_999, 200_000, 7_500_000, 273_600_000]
    .map(duration);
  assert.deepEqual(texts, ["0s", "0s", "59s", "3m 20s", "2h 05m", "3d 4h"]);
});

Deno.test("latencies have three significant digits", () => {
  const texts = [undefined, 0.4242, 12.6, 999, 1300].map(latency);
  assert.deepEqual(texts, [
    "      -",
    "0.42 ms",
    "  13 ms",
    " 999 ms",
    "  1.3 s",
  ]);
});

Deno.test("enum values have their names, unknown ones their number", () => {
  assert.equal(enumName(OrderEventSchema, 3), "partial_fill");
  assert.equal(enumName(OrderEventSchema, 99), "?99");
});

Deno.test("blank condition codes are omitted", () => {
  assert.equal(conditions(["@", " ", "I"]), "[@ I]");
  assert.equal(conditions([]), "");
  assert.equal(conditions([" "]), "");
});

Deno.test("a table has as many cells as headings at every width", () => {
  const word = fc.string({ unit: fc.constantFrom(..."abc●×"), minLength: 1, maxLength: 30 });
  const column: fc.Arbitrary<Column> = fc.record({
    title: word,
    width: fc.nat({ max: 20 }),
    right: fc.boolean(),
  });
  const parts = fc.array(fc.tuple(column, fc.array(word, { minLength: 3, maxLength: 3 })), {
    minLength: 1,
    maxLength: 10,
  });
  fc.assert(
    fc.property(parts, fc.integer({ min: 1, max: 2 }), fc.nat({ max: 300 }), (parts, gap, room) => {
      const columns = parts.map(([column]) => column);
      const cells = [0, 1, 2].map((row) => parts.map(([, words]) => words[row] ?? ""));
      const { heading, rows } = table(columns, cells, { colors: plain, gap, room });
      const count = (line: string) => line.split(" ").filter((word) => word !== "").length;
      for (const line of rows) {
        assert.equal(count(line), count(heading));
        assert.ok([...line].length <= room);
      }
    }),
  );
});

Deno.test("a count is abbreviated to the width of its column", () => {
  const texts = [0, 9999, 12_345, 123_456, 999_999, 12_345_678, 9_999_999_999];
  assert.deepEqual(texts.map((value) => abbreviated(value, 6)), [
    "0",
    "9 999",
    "12 345",
    "123.5k",
    "1000k",
    "12.35M",
    "10.00G",
  ]);
  fc.assert(
    fc.property(fc.nat({ max: 1e12 }), fc.integer({ min: 4, max: 12 }), (value, width) => {
      assert.ok(abbreviated(value, width).length <= width);
    }),
  );
});

Deno.test("an age has seven columns and the sign of clocks that differ", () => {
  const texts = [0.4, 12, 1_300, 99_900, 902_000, -0.4, -1_500].map(age);
  assert.deepEqual(texts, [
    "   0 ms",
    "  12 ms",
    "  1.3 s",
    " 99.9 s",
    "15m 02s",
    "   0 ms",
    " -1.5 s",
  ]);
});

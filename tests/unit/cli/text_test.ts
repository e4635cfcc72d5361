import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { OrderEventSchema } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  conditions,
  duration,
  enumName,
  grouped,
  latency,
  price,
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

Deno.test("a missing time takes the same room", () => {
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

Deno.test("durations say two units at most", () => {
  const texts = [-5, 999, 59_999, 200_000, 7_500_000, 273_600_000]
    .map(duration);
  assert.deepEqual(texts, ["0s", "0s", "59s", "3m 20s", "2h 05m", "3d 4h"]);
});

Deno.test("latencies say three digits that matter", () => {
  const texts = [undefined, 0.4242, 12.6, 999, 1300].map(latency);
  assert.deepEqual(texts, [
    "      -",
    "0.42 ms",
    "  13 ms",
    " 999 ms",
    "  1.3 s",
  ]);
});

Deno.test("enum values are words and unknown ones keep their number", () => {
  assert.equal(enumName(OrderEventSchema, 3), "partial_fill");
  assert.equal(enumName(OrderEventSchema, 99), "?99");
});

Deno.test("conditions without a code say nothing", () => {
  assert.equal(conditions(["@", " ", "I"]), "[@ I]");
  assert.equal(conditions([]), "");
  assert.equal(conditions([" "]), "");
});

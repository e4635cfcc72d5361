/** What the bench makes of repeated measurements. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { figure, tableText } from "../../../bench/report/result.ts";
import { short, spreadOf, spreadText } from "../../../bench/report/spread.ts";

Deno.test("a spread is the median between the extremes", () => {
  assert.deepEqual(spreadOf([5, 1, 3]), { median: 3, min: 1, max: 5, n: 3 });
  assert.deepEqual(spreadOf([4, 1, 2, 9]), {
    median: 3,
    min: 1,
    max: 9,
    n: 4,
  });
  assert.deepEqual(spreadOf([7]), { median: 7, min: 7, max: 7, n: 1 });
});

Deno.test("half of the values are on either side of the median", () => {
  fc.assert(fc.property(
    fc.array(fc.double({ min: -1e12, max: 1e12, noNaN: true }), {
      minLength: 1,
    }),
    (values) => {
      const { median, min, max } = spreadOf(values);
      assert(min <= median && median <= max);
      const half = values.length / 2;
      assert(values.filter((value) => value <= median).length >= half);
      assert(values.filter((value) => value >= median).length >= half);
    },
  ));
});

Deno.test("no values have no spread", () => {
  assert.throws(() => spreadOf([]), RangeError);
});

Deno.test("the order of the values does not matter and stays as it is", () => {
  const values = [3, 1, 2];
  spreadOf(values);
  assert.deepEqual(values, [3, 1, 2]);
});

Deno.test("numbers are short and keep their size", () => {
  const expected: [number, string][] = [
    [0, "0"],
    [0.123, "0.12"],
    [3.14159, "3.14"],
    [31.4159, "31.4"],
    [314.159, "314"],
    [9_999, "9999"],
    [31_415, "31.4 k"],
    [1_240_000, "1.24 M"],
    [-31_415, "-31.4 k"],
  ];
  for (const [value, text] of expected) assert.equal(short(value), text);
});

Deno.test("a figure of one measurement shows no spread", () => {
  assert.equal(spreadText(spreadOf([2])), "2");
  assert.equal(spreadText(spreadOf([2, 4, 3])), "3 (2–4)");
});

Deno.test("an aim is judged by the median, not by the luckiest run", () => {
  const aim = { text: "≤ 2", met: (median: number) => median <= 2 };
  assert.equal(figure("x", "ms", [1, 1, 9], aim).aim?.met, true);
  assert.equal(figure("x", "ms", [1, 9, 9], aim).aim?.met, false);
  assert.equal(figure("x", "ms", [1]).aim, undefined);
});

Deno.test("a table lines its columns up and says which aims are missed", () => {
  const aim = (met: boolean) => ({ text: "≤ 2", met: () => met });
  const text = tableText({
    scenario: "name",
    about: "what it does",
    figures: [
      figure("short", "µs", [1], aim(true)),
      figure("much longer", "ms", [12.5], aim(false)),
      figure("plain", "", [3]),
    ],
  });
  assert.deepEqual(text.split("\n"), [
    "name: what it does",
    "  short        1     µs  pass  aim ≤ 2",
    "  much longer  12.5  ms  MISS  aim ≤ 2",
    "  plain        3",
    "",
  ]);
});

Deno.test("notes follow the figures of a table", () => {
  const notes = ["reference in Go: left out: Go is not installed"];
  const text = tableText({
    scenario: "name",
    about: "text",
    figures: [figure("x", "ms", [1])],
    notes,
  });
  assert.deepEqual(text.split("\n"), ["name: text", "  x  1  ms", `  ${notes[0]}`, ""]);
});

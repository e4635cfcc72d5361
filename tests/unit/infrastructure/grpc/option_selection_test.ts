/** Option selections of requests, and how invalid ones are rejected. */
import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  type OptionSelection,
  SELECTION_BOUNDS,
} from "../../../../src/domain/options/selection.ts";
import {
  OptionRight,
  OptionSelectionSchema,
} from "../../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { CallError } from "../../../../src/infrastructure/grpc/call_error.ts";
import {
  DEFAULT_LIMITS,
  optionFilter,
} from "../../../../src/infrastructure/grpc/request_filters.ts";

const DEFAULTS: OptionSelection = {
  minDays: 1,
  maxDays: 30,
  strikeWindowPercent: 5,
  right: undefined,
  maxContracts: 50,
};

type Wish = MessageInitShape<typeof OptionSelectionSchema>;

function select(wish: Wish | undefined, underlyings = ["SPY"]) {
  const optionSelection = wish && create(OptionSelectionSchema, wish);
  return optionFilter(
    { symbols: [], underlyings, optionSelection },
    { ...DEFAULT_LIMITS, defaultSelection: DEFAULTS },
  ).selection;
}

/** The violations of an invalid selection. */
function complaints(wish: Wish, underlyings?: string[]): [string, string][] {
  try {
    select(wish, underlyings);
  } catch (error) {
    assert(error instanceof CallError);
    const { fields = [] } = error.details;
    return fields.map(({ field, description }) => [field, description]);
  }
  throw new Error("The wish was not refused");
}

Deno.test("a request without a selection has none", () => {
  assert.equal(select(undefined), undefined);
});

Deno.test("an empty selection is the defaults", () => {
  assert.deepEqual(select({}), DEFAULTS);
});

Deno.test("fields of a selection override the defaults, including zero", () => {
  assert.deepEqual(select({ minDays: 0, right: OptionRight.PUT }), {
    ...DEFAULTS,
    minDays: 0,
    right: "put",
  });
  assert.deepEqual(
    select({
      minDays: 2,
      maxDays: 9,
      strikeWindowPercent: 2.5,
      right: OptionRight.CALL,
      maxContracts: 7,
    }),
    {
      minDays: 2,
      maxDays: 9,
      strikeWindowPercent: 2.5,
      right: "call",
      maxContracts: 7,
    },
  );
});

const REFUSED: readonly [Wish, string, RegExp][] = [
  [{ minDays: -1 }, "option_selection.min_days", /is -1; .*from 0 to 3650/],
  [{ maxDays: 3651 }, "option_selection.max_days", /is 3651; .*0 to 3650/],
  [
    { strikeWindowPercent: 0 },
    "option_selection.strike_window_percent",
    /is 0; .*from 0.1 to 1000/,
  ],
  [
    { strikeWindowPercent: NaN },
    "option_selection.strike_window_percent",
    /is NaN/,
  ],
  [{ maxContracts: 0 }, "option_selection.max_contracts", /from 1 to 10000/],
  [{ right: 9 as OptionRight }, "option_selection.right", /is 9; .*CALL/],
  [
    { minDays: 31 },
    "option_selection.min_days",
    /is 31, above max_days, which is 30 by default; set it too/,
  ],
  [
    { maxDays: 0 },
    "option_selection.max_days",
    /is 0, below min_days, which is 1 by default; set it too/,
  ],
  [
    { minDays: 8, maxDays: 7 },
    "option_selection.max_days",
    /is 7, below min_days, which is 8$/,
  ],
];

for (const [wish, field, wrong] of REFUSED) {
  Deno.test(`${field} is rejected when it ${wrong.source}`, () => {
    const [first, ...others] = complaints(wish);
    assert.equal(first?.[0], field);
    assert.match(first[1], wrong);
    assert.deepEqual(others, []);
  });
}

Deno.test("every invalid field of a selection is reported", () => {
  const wish = { strikeWindowPercent: -5, maxContracts: -5 };
  assert.deepEqual(complaints(wish).map(([field]) => field), [
    "option_selection.strike_window_percent",
    "option_selection.max_contracts",
  ]);
});

Deno.test("a selection without underlyings is rejected", () => {
  const [[field, wrong] = []] = complaints({ maxDays: 7 }, []);
  assert.equal(field, "option_selection");
  assert.match(wrong ?? "", /underlyings/);
});

Deno.test("every accepted selection can be used", () => {
  const number = fc.oneof(
    fc.integer({ min: -10, max: 10 }),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  );
  const wishes = fc.record({
    minDays: number,
    maxDays: number,
    strikeWindowPercent: fc.oneof(fc.double(), number),
    right: fc.constantFrom(0, 1, 2, 3) as fc.Arbitrary<OptionRight>,
    maxContracts: number,
  }, { requiredKeys: [] });
  fc.assert(
    fc.property(wishes, (wish) => {
      let selection: OptionSelection | undefined;
      try {
        selection = select(wish);
      } catch (error) {
        assert(error instanceof CallError && error.details.fields?.length);
        return;
      }
      assert(selection);
      assertUsable(selection);
    }),
    { numRuns: 2_000 },
  );
});

function assertUsable(selection: OptionSelection): void {
  const { minDays, maxDays, strikeWindowPercent, maxContracts } = selection;
  const { days, strikeWindowPercent: window } = SELECTION_BOUNDS;
  assert.ok(days.min <= minDays && minDays <= maxDays && maxDays <= days.max);
  assert.ok(Number.isInteger(minDays) && Number.isInteger(maxDays));
  assert.ok(window.min <= strikeWindowPercent);
  assert.ok(strikeWindowPercent <= window.max);
  const { min, max } = SELECTION_BOUNDS.maxContracts;
  assert.ok(min <= maxContracts && maxContracts <= max);
  assert.ok(Number.isInteger(maxContracts));
}

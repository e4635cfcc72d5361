import assert from "node:assert/strict";
import fc from "fast-check";
import { occRoot, parseOccSymbol } from "../../../../src/domain/market/occ_symbol.ts";

const letters = (minLength: number, maxLength: number) =>
  fc.string({
    unit: fc.constantFrom(..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    minLength,
    maxLength,
  });

const root = fc.oneof(
  letters(1, 6),
  fc.tuple(letters(1, 5), fc.nat(9)).map(([name, digit]) => name + digit),
  fc.tuple(fc.nat(9), letters(1, 5)).map(([digit, name]) => digit + name),
);

/** Days from 2000-01-01 to 2099-12-31. */
const expiry = fc.integer({ min: 10_957, max: 47_481 });

const parts = fc.record({
  root,
  expiry,
  right: fc.constantFrom("C" as const, "P" as const),
  strikeMills: fc.integer({ min: 1, max: 99_999_999 }),
});

Deno.test("every root is parsed, also one that begins or ends with a digit", () => {
  fc.assert(
    fc.property(parts, ({ root, expiry, right, strikeMills }) => {
      const date = new Date(expiry * 86_400_000).toISOString().slice(2, 10).replaceAll("-", "");
      const strike = String(strikeMills).padStart(8, "0");
      const symbol = root + date + right + strike;
      assert.deepEqual(parseOccSymbol(symbol), {
        root,
        expiry,
        right,
        strikeMills,
      });
      assert.equal(occRoot(symbol), root);
    }),
    { numRuns: 2_000 },
  );
});

const KNOWN: readonly (readonly [string, string, number])[] = [
  ["NVDA270115P00122500", "NVDA", 122_500],
  ["CSGP1251017P00001000", "CSGP1", 1_000],
  ["A270115C00172500", "A", 172_500],
  ["AAPL270115C00172500", "AAPL", 172_500],
  ["SPXW270115C05000000", "SPXW", 5_000_000],
  ["BRKB270115C00450000", "BRKB", 450_000],
  ["C270115C00065000", "C", 65_000],
  ["P270115P00015000", "P", 15_000],
  ["ABCDEF270115C00000500", "ABCDEF", 500],
];

for (const [symbol, root, strikeMills] of KNOWN) {
  Deno.test(`${symbol} belongs to ${root}`, () => {
    const parsed = parseOccSymbol(symbol);
    assert.equal(parsed?.root, root);
    assert.equal(parsed?.strikeMills, strikeMills);
    assert.equal(occRoot(symbol), root);
  });
}

const REFUSED: readonly string[] = [
  "",
  "*",
  "AAPL",
  "270115C00172500",
  "A     270115C00172500",
  "AAPL  270115C00172500",
  "AAPL270115C00172500 ",
  "AAPL270115C00172500\n",
  "aapl270115C00172500",
  "AAPL270115c00172500",
  "AAPL270115X00172500",
  "AAPL270115C172500",
  "AAPL270115C001725000",
  "AAPL27011C00172500",
  "ABCDEFG270115C00172500",
  "ABCDEF1270115C00172500",
  "AAPL260231C00150000",
  "AAPL270015C00150000",
  "AAPL271315C00150000",
  "AAPL270100C00150000",
  "AAPL270229C00150000",
  "AAPL270115C00000000",
  "BRK.B270115C00450000",
];

for (const symbol of REFUSED) {
  Deno.test(`${JSON.stringify(symbol)} is no compact OCC symbol`, () => {
    assert.equal(parseOccSymbol(symbol), undefined);
  });
}

Deno.test("a text that is too short has no root", () => {
  for (const text of ["", "AAPL", "270115C00172500"]) {
    assert.equal(occRoot(text), "");
  }
});

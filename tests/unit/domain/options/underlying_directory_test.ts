import assert from "node:assert/strict";
import {
  certainUnderlying,
  UnderlyingDirectory,
} from "../../../../src/domain/options/underlying_directory.ts";
import { gridOf } from "./chains.ts";

const GUESSES: readonly (readonly [symbol: string, underlying: string])[] = [
  ["SPY261218C00650000", "SPY"],
  ["SPX261218C05700000", "SPX"],
  ["SPXW261214P05700000", "SPX"],
  ["VIXW261214C00020000", "VIX"],
  ["NDXP261214C20000000", "NDX"],
  ["RUTW261214C02000000", "RUT"],
  ["BRKB261218C00450000", "BRK.B"],
  ["CSGP1261218P00001000", "CSGP"],
  ["BRKB1261218P00450000", "BRK.B"],
  ["1SPX261218P05700000", "SPX"],
  ["2SPXW261218P05700000", "SPX"],
  ["A261218C00130000", "A"],
  ["AAPL261218C00230000", "AAPL"],
  ["SPY", ""],
  ["", ""],
];

for (const [symbol, underlying] of GUESSES) {
  Deno.test(`without a catalog "${symbol}" belongs to "${underlying}"`, () => {
    assert.equal(new UnderlyingDirectory().underlyingOf(symbol), underlying);
  });
}

Deno.test("the catalog overrides known roots", () => {
  const directory = new UnderlyingDirectory();
  const contracts = gridOf({
    underlying: "META",
    root: "FB1",
    days: [20_800],
    strikes: [300],
  });
  const [contract] = contracts;
  assert.ok(contract);
  assert.equal(directory.underlyingOf(contract.symbol), "FB");
  directory.learn(contracts);
  assert.equal(directory.underlyingOf(contract.symbol), "META");
});

Deno.test("a root is certain only where no other underlying is possible", () => {
  assert.equal(certainUnderlying("SPXW"), "SPX");
  assert.equal(certainUnderlying("VIX"), "VIX");
  // Contracts on a company that was taken over are on its buyer.
  assert.equal(certainUnderlying("VMW1"), undefined);
  assert.equal(certainUnderlying("XEO"), undefined);
});

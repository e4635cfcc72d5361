import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import {
  ansi,
  chooseColors,
  crop,
  padEnd,
  plain,
  type Style,
  supportsAnsi,
  visibleWidth,
} from "../../../cli/text.ts";

Deno.test("colours need a terminal without NO_COLOR", () => {
  assert.equal(chooseColors(true, {}), ansi);
  assert.equal(chooseColors(true, { NO_COLOR: "" }), ansi);
  assert.equal(chooseColors(true, { NO_COLOR: "1" }), plain);
  assert.equal(chooseColors(true, { TERM: "dumb" }), plain);
  assert.equal(chooseColors(false, {}), plain);
});

Deno.test("a dumb terminal gets no sequences", () => {
  assert.equal(supportsAnsi(true, { NO_COLOR: "1" }), true);
  assert.equal(supportsAnsi(true, { TERM: "dumb" }), false);
  assert.equal(supportsAnsi(false, {}), false);
});

Deno.test("styles have no width", () => {
  assert.equal(visibleWidth(ansi("red", "3 × 4")), 5);
  assert.equal(padEnd(ansi("red", "ab"), 4), `${ansi("red", "ab")}  `);
});

Deno.test("a cropped text closes its style", () => {
  assert.equal(crop(`${ansi("red", "abcdef")}g`, 3), "\x1b[31mabc\x1b[0m");
  assert.equal(crop(ansi("red", "abc"), 3), ansi("red", "abc"));
  assert.equal(crop("abc", 0), "");
});

const piece = fc.tuple(
  fc.constantFrom<Style | undefined>(undefined, "red", "bold"),
  fc.string({ unit: fc.constantFrom(..."abc ×●▁") }),
);

Deno.test("cropping keeps the first columns and nothing else", () => {
  fc.assert(
    fc.property(fc.array(piece), fc.nat({ max: 30 }), (pieces, width) => {
      const text = pieces.map(([style, part]) => style ? ansi(style, part) : part).join("");
      const cropped = crop(text, width);
      assert.equal(
        stripVTControlCharacters(cropped),
        [...stripVTControlCharacters(text)].slice(0, width).join(""),
      );
      // No style is left open.
      const [, ...sequences] = cropped.split("\x1b");
      assert.match(sequences.at(-1) ?? "[0m", /^\[(0|22|39)m/);
    }),
  );
});

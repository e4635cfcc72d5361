import assert from "node:assert/strict";
import fc from "fast-check";
import { Patterns } from "../../../../src/domain/access/patterns.ts";

Deno.test("exact names, prefixes and the asterisk match", () => {
  const patterns = new Patterns(["AAPL", "SPY*"]);
  assert.deepEqual(
    ["AAPL", "AAPLX", "AAP", "SPY", "SPYG", "SP", "", "*", "SPY*"].filter((name) =>
      patterns.matches(name)
    ),
    ["AAPL", "SPY", "SPYG", "SPY*"],
  );
  assert.equal(patterns.isAll, false);
  assert.equal(new Patterns([]).matches("AAPL"), false);
  assert.equal(new Patterns(["AAPL", "*"]).isAll, true);
  assert.equal(Patterns.ALL.matches(""), true);
});

Deno.test("a name matches exactly when one pattern is equal or its prefix", () => {
  const name = fc.string({ unit: fc.constantFrom("A", "B", "C"), maxLength: 4 });
  const pattern = fc.tuple(name, fc.boolean()).map(([text, open]) => open ? `${text}*` : text);
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 5 }), name, (patterns, text) => {
      // The reference translates patterns to regular expressions.
      const expected = patterns.some((each) =>
        new RegExp(`^${each.replace("*", ".*")}$`).test(text)
      );
      assert.equal(new Patterns(patterns).matches(text), expected);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("a list of patterns grants what its patterns grant together, in any order", () => {
  const pattern = fc.stringMatching(/^[A-C]{1,3}\*?$/);
  fc.assert(
    fc.property(
      fc.array(pattern, { maxLength: 4 }),
      fc.array(pattern, { maxLength: 4 }),
      fc.stringMatching(/^[A-C]{0,4}$/),
      (some, others, text) => {
        const both = new Patterns([...others, ...some]).matches(text);
        const either = new Patterns(some).matches(text) || new Patterns(others).matches(text);
        assert.equal(both, either);
      },
    ),
  );
});

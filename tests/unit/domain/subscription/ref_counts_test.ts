import assert from "node:assert/strict";
import fc from "fast-check";
import { SymbolRefCounts } from "../../../../src/domain/subscription/ref_counts.ts";
import {
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../../../src/domain/subscription/pairs.ts";

Deno.test("only the first reference and the last removal change the set", () => {
  const refCounts = new SymbolRefCounts();
  assert.equal(refCounts.add("quotes", ["AAPL", "MSFT"]), true);
  assert.equal(refCounts.add("quotes", ["AAPL"]), false);
  assert.equal(refCounts.add("quotes", ["AAPL", "TSLA"]), true);
  assert.equal(refCounts.remove("quotes", ["AAPL"]), false);
  assert.equal(refCounts.remove("quotes", ["AAPL", "MSFT"]), true);
  assert.deepEqual(streams(refCounts, "quotes"), [["AAPL", 1], ["TSLA", 1]]);
  assert.equal(size(refCounts), 2);
});

Deno.test("a pair is named while a stream names it, with or without selections", () => {
  const refCounts = new SymbolRefCounts();
  const pair = { channel: "quotes", symbol: "A" } as const;
  const state = () => [
    refCounts.streamsOf(pair),
    refCounts.isNamed(pair),
    refCounts.hasSelectedOnly,
  ];
  assert.equal(refCounts.add("quotes", ["A"], "selection"), true);
  assert.deepEqual(state(), [1, false, true]);
  assert.equal(refCounts.add("quotes", ["A"], "selection"), false);
  assert.equal(refCounts.add("quotes", ["A"]), true, "it may need its slot now");
  assert.deepEqual(state(), [3, true, false]);
  assert.equal(refCounts.remove("quotes", ["A"], 0, "selection"), false);
  assert.equal(refCounts.remove("quotes", ["A"]), true, "it may yield its slot now");
  assert.deepEqual(state(), [1, false, true]);
  assert.equal(refCounts.remove("quotes", ["A"], 0, "selection"), true);
  assert.deepEqual(state(), [0, false, false]);
});

Deno.test("a pair that has ended is not referenced, but counted until its last removal", () => {
  const refCounts = new SymbolRefCounts(100);
  const pair = { channel: "quotes", symbol: "A" } as const;
  assert.equal(refCounts.end(pair), false);
  refCounts.add("quotes", ["A"], "selection");
  assert.equal(refCounts.end(pair), true);
  assert.equal(refCounts.hasSelectedOnly, false);
  assert.equal(size(refCounts), 0);
  assert.equal(refCounts.add("quotes", ["A"]), false, "it needs no request");
  assert.deepEqual(
    [...refCounts.ended("quotes").values()].map(({ streams, named }) => [streams, named]),
    [[2, 1]],
  );
  refCounts.remove("quotes", ["A"], 0, "selection");
  assert.equal(refCounts.remove("quotes", ["A"]), false);
  assert.deepEqual([...refCounts.ended("quotes")], []);
  assert.deepEqual([...refCounts.lingering()], []);
  assert.equal(refCounts.add("quotes", ["A"]), true);
});

Deno.test("channels are counted separately", () => {
  const refCounts = new SymbolRefCounts();
  refCounts.add("quotes", ["AAPL"]);
  assert.equal(refCounts.add("trades", ["AAPL"]), true);
  assert.equal(refCounts.remove("bars", ["AAPL"]), false);
  assert.equal(refCounts.remove("trades", ["AAPL"]), true);
  assert.equal(refCounts.streamsOf({ channel: "quotes", symbol: "AAPL" }), 1);
});

Deno.test("removing a symbol without references changes nothing", () => {
  const refCounts = new SymbolRefCounts();
  refCounts.add("quotes", ["AAPL"]);
  assert.equal(refCounts.remove("quotes", ["MSFT", "*"]), false);
  assert.equal(size(refCounts), 1);
});

Deno.test("a symbol lingers from its last removal until its grace period ends", () => {
  const refCounts = new SymbolRefCounts(100);
  refCounts.add("quotes", ["A", "B"]);
  refCounts.remove("quotes", ["A"], 10);
  refCounts.remove("quotes", ["B"], 30);
  assert.deepEqual([...refCounts.lingering()], [
    { channel: "quotes", symbol: "A", until: 110 },
    { channel: "quotes", symbol: "B", until: 130 },
  ]);
  assert.equal(size(refCounts), 0);
  assert.equal(refCounts.nextSweepAt, 110);
  assert.equal(refCounts.sweep(109), false);
  assert.equal(refCounts.sweep(110), true);
  assert.equal(refCounts.nextSweepAt, 130);
  assert.equal(refCounts.sweep(1_000), true);
  assert.equal(refCounts.nextSweepAt, undefined);
});

Deno.test("a symbol that is requested again starts a new grace period", () => {
  const refCounts = new SymbolRefCounts(100);
  refCounts.add("quotes", ["A"]);
  refCounts.remove("quotes", ["A"], 0);
  assert.equal(refCounts.add("quotes", ["A"]), true);
  assert.deepEqual([...refCounts.lingering()], []);
  assert.equal(refCounts.sweep(1_000), false);
  refCounts.remove("quotes", ["A"], 90);
  assert.equal(refCounts.nextSweepAt, 190);
  refCounts.dropLingering();
  assert.equal(refCounts.nextSweepAt, undefined);
});

Deno.test("pairs are in the order of their first reference; a returning pair is last", () => {
  const refCounts = new SymbolRefCounts(100);
  const order = () => Array.from(refCounts.pairs(), ({ symbol }) => symbol);
  refCounts.add("quotes", ["A", "B"]);
  refCounts.add("trades", ["C"]);
  refCounts.add("quotes", ["A"]);
  refCounts.remove("quotes", ["A"], 0);
  assert.deepEqual(order(), ["A", "B", "C"]);
  refCounts.remove("quotes", ["A"], 0);
  refCounts.add("quotes", ["A"]);
  assert.deepEqual(order(), ["B", "C", "A"]);
});

Deno.test("reference counts equal the number of open streams", () => {
  interface Held {
    readonly channel: UpstreamChannel;
    readonly symbols: readonly string[];
  }
  const held: fc.Arbitrary<Held> = fc.record({
    channel: fc.constantFrom(...UPSTREAM_CHANNELS),
    symbols: fc.array(fc.constantFrom("A", "B", "C", "*"), { maxLength: 6 }),
  });
  const step = fc.oneof(held, fc.nat());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const refCounts = new SymbolRefCounts();
      const open: Held[] = [];
      const wanted = () =>
        new Set(
          open.flatMap(({ channel, symbols }) => symbols.map((symbol) => `${channel} ${symbol}`)),
        );
      for (const step of steps) {
        const before = wanted();
        let changed = false;
        if (typeof step !== "number") {
          open.push(step);
          changed = refCounts.add(step.channel, step.symbols);
        } else {
          const [left] = open.splice(step % Math.max(1, open.length), 1);
          if (left) changed = refCounts.remove(left.channel, left.symbols);
        }
        const after = wanted();
        assert.equal(changed, before.symmetricDifference(after).size > 0);
        assert.equal(size(refCounts), after.size);
        for (const channel of UPSTREAM_CHANNELS) {
          for (const [symbol, count] of streams(refCounts, channel)) {
            const holders = open.filter((each) => each.channel === channel)
              .flatMap((each) => each.symbols)
              .filter((each) => each === symbol);
            assert.equal(count, holders.length);
          }
        }
      }
      for (const { channel, symbols } of open) {
        refCounts.remove(channel, symbols);
      }
      assert.equal(size(refCounts), 0);
      for (const channel of UPSTREAM_CHANNELS) {
        assert.equal(refCounts.symbols(channel).size, 0);
      }
    }),
    { numRuns: 1_000 },
  );
});

function size(refCounts: SymbolRefCounts): number {
  return [...refCounts.pairs()].length;
}

function streams(refCounts: SymbolRefCounts, channel: UpstreamChannel) {
  return Array.from(
    refCounts.symbols(channel),
    ([symbol, { streams }]) => [symbol, streams],
  );
}

import assert from "node:assert/strict";
import fc from "fast-check";
import { InterestBook } from "../../../../src/domain/subscription/interest.ts";
import {
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../../../src/domain/subscription/symbol_sets.ts";

Deno.test("the first interest and the last departure are the ones that matter", () => {
  const book = new InterestBook();
  assert.equal(book.add("quotes", ["AAPL", "MSFT"]), true);
  assert.equal(book.add("quotes", ["AAPL"]), false);
  assert.equal(book.add("quotes", ["AAPL", "TSLA"]), true);
  assert.equal(book.remove("quotes", ["AAPL"]), false);
  assert.equal(book.remove("quotes", ["AAPL", "MSFT"]), true);
  assert.deepEqual(streams(book, "quotes"), [["AAPL", 1], ["TSLA", 1]]);
  assert.equal(book.size, 2);
});

Deno.test("channels are apart from each other", () => {
  const book = new InterestBook();
  book.add("quotes", ["AAPL"]);
  assert.equal(book.add("trades", ["AAPL"]), true);
  assert.equal(book.remove("bars", ["AAPL"]), false);
  assert.equal(book.remove("trades", ["AAPL"]), true);
  assert.equal(book.streamsOf({ channel: "quotes", symbol: "AAPL" }), 1);
});

Deno.test("what was never wanted cannot be taken away", () => {
  const book = new InterestBook();
  book.add("quotes", ["AAPL"]);
  assert.equal(book.remove("quotes", ["MSFT", "*"]), false);
  assert.equal(book.size, 1);
});

Deno.test("a symbol lingers from its last departure until its grace ends", () => {
  const book = new InterestBook(100);
  book.add("quotes", ["A", "B"]);
  book.remove("quotes", ["A"], 10);
  book.remove("quotes", ["B"], 30);
  assert.deepEqual([...book.lingering()], [
    { channel: "quotes", symbol: "A", until: 110 },
    { channel: "quotes", symbol: "B", until: 130 },
  ]);
  assert.equal(book.size, 0);
  assert.equal(book.nextSweepAt, 110);
  assert.equal(book.sweep(109), false);
  assert.equal(book.sweep(110), true);
  assert.equal(book.nextSweepAt, 130);
  assert.equal(book.sweep(1_000), true);
  assert.equal(book.nextSweepAt, undefined);
});

Deno.test("a symbol that is wanted again lingers no more, and its next grace is a whole one", () => {
  const book = new InterestBook(100);
  book.add("quotes", ["A"]);
  book.remove("quotes", ["A"], 0);
  assert.equal(book.add("quotes", ["A"]), true);
  assert.deepEqual([...book.lingering()], []);
  assert.equal(book.sweep(1_000), false);
  book.remove("quotes", ["A"], 90);
  assert.equal(book.nextSweepAt, 190);
  book.dropLingering();
  assert.equal(book.nextSweepAt, undefined);
});

Deno.test("pairs come in the order in which they were first wanted; who returns queues again", () => {
  const book = new InterestBook(100);
  const order = () => Array.from(book.pairs(), ({ symbol }) => symbol);
  book.add("quotes", ["A", "B"]);
  book.add("trades", ["C"]);
  book.add("quotes", ["A"]);
  book.remove("quotes", ["A"], 0);
  assert.deepEqual(order(), ["A", "B", "C"]);
  book.remove("quotes", ["A"], 0);
  book.add("quotes", ["A"]);
  assert.deepEqual(order(), ["B", "C", "A"]);
});

Deno.test("interest equals a count of the streams that are open", () => {
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
      const book = new InterestBook();
      const open: Held[] = [];
      const wanted = () =>
        new Set(
          open.flatMap(({ channel, symbols }) =>
            symbols.map((symbol) => `${channel} ${symbol}`)
          ),
        );
      for (const step of steps) {
        const before = wanted();
        let changed = false;
        if (typeof step !== "number") {
          open.push(step);
          changed = book.add(step.channel, step.symbols);
        } else {
          const [left] = open.splice(step % Math.max(1, open.length), 1);
          if (left) changed = book.remove(left.channel, left.symbols);
        }
        const after = wanted();
        assert.equal(changed, before.symmetricDifference(after).size > 0);
        assert.equal(book.size, after.size);
        for (const channel of UPSTREAM_CHANNELS) {
          for (const [symbol, count] of streams(book, channel)) {
            const holders = open.filter((each) => each.channel === channel)
              .flatMap((each) => each.symbols)
              .filter((each) => each === symbol);
            assert.equal(count, holders.length);
          }
        }
      }
      for (const { channel, symbols } of open) book.remove(channel, symbols);
      assert.equal(book.size, 0);
      for (const channel of UPSTREAM_CHANNELS) {
        assert.equal(book.wanted(channel).size, 0);
      }
    }),
    { numRuns: 1_000 },
  );
});

function streams(book: InterestBook, channel: UpstreamChannel) {
  return Array.from(
    book.wanted(channel),
    ([symbol, { streams }]) => [symbol, streams],
  );
}

import assert from "node:assert/strict";
import { Channel } from "../../../../src/application/broadcast/channel.ts";
import { IdleSymbols } from "../../../../src/application/broadcast/symbol_table.ts";

interface Tick {
  readonly symbol: string;
}

const NOTHING = new Set<string>();

function channels(symbols: number, lastEvents = symbols) {
  const idleSymbols = new IdleSymbols({ symbols, lastEvents });
  const counters = () => ({ published: 0, sent: 0, conflated: 0, dropped: 0 });
  const channel = () =>
    new Channel<Tick>({ symbol: ({ symbol }) => symbol }, {
      capacity: 100,
      counters: counters(),
      idleSymbols,
    });
  return [channel(), channel()] as const;
}

function publish(channel: Channel<Tick>, ...symbols: string[]): void {
  for (const symbol of symbols) channel.publish({ symbol }, 0);
}

Deno.test("the last event and the sequence of a symbol are kept without a stream", () => {
  const [channel] = channels(10);
  publish(channel, "A", "B", "A");
  const last = channel.lastEvents({ symbols: new Set(["A", "C"]), secondary: NOTHING });
  assert.deepEqual(last.map(({ sequence, symbolSequence }) => [sequence, symbolSequence]), [[
    3,
    2,
  ]]);
});

Deno.test("all channels together keep a number of symbols without a stream", () => {
  const [quotes, trades] = channels(2);
  publish(quotes, "A", "A", "B");
  publish(trades, "C");
  assert.equal(quotes.symbol("A"), undefined);
  assert.equal(quotes.symbol("B")?.sequence, 1);
  // Its sequence would have a hole, unless a stream filters by it; no number is repeated.
  publish(quotes, "A");
  assert.equal(quotes.symbol("A")?.last?.symbolSequence, 0);
  const stream = quotes.subscribe({ symbols: new Set(["A"]), secondary: NOTHING });
  publish(quotes, "A");
  assert.equal(quotes.symbol("A")?.last?.symbolSequence, 4);
  stream.end();
});

Deno.test("of some symbols only the sequence is kept, until they are published again", () => {
  const [quotes, trades] = channels(10, 2);
  publish(quotes, "A", "B");
  publish(trades, "C");
  const all = { symbols: NOTHING, secondary: NOTHING };
  const last = () => quotes.lastEvents(all).map(({ event }) => event.symbol);
  assert.deepEqual(last(), ["B"]);
  publish(quotes, "A");
  assert.equal(quotes.symbol("A")?.sequence, 2);
  assert.deepEqual(last(), ["A"]);
  assert.equal(trades.lastEvents(all).length, 1);
});

Deno.test("a symbol with a stream is never forgotten", () => {
  const [quotes] = channels(1);
  const stream = quotes.subscribe({ symbols: new Set(["A"]), secondary: NOTHING });
  publish(quotes, "A", "B", "C", "D");
  assert.equal(quotes.symbol("A")?.sequence, 1);
  assert.equal(quotes.symbol("B"), undefined);
  stream.end();
  publish(quotes, "E");
  assert.equal(quotes.symbol("D"), undefined);
  assert.equal(quotes.symbol("A"), undefined);
});

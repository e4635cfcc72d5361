import assert from "node:assert/strict";

import fc from "fast-check";
import type { MarketFeedId } from "../../../../src/domain/connection/feed.ts";
import type { UpstreamChannel } from "../../../../src/domain/subscription/pairs.ts";
import { Acknowledgements } from "../../../../src/infrastructure/websocket/acknowledgements.ts";
import { controlFrame } from "../../../../src/infrastructure/websocket/frames.ts";

const STOCKS = [
  "trades",
  "quotes",
  "bars",
  "updatedBars",
  "dailyBars",
  "statuses",
  "lulds",
  "corrections",
  "cancelErrors",
  "imbalances",
];
const KEYS: Readonly<Record<MarketFeedId, readonly string[]>> = {
  sip: STOCKS,
  opra: ["trades", "quotes"],
  crypto: ["trades", "quotes", "orderbooks", "bars", "updatedBars", "dailyBars"],
  news: ["news"],
};

type State = Map<UpstreamChannel, Set<string>>;

/** The frame of a state, made of the whole message. */
function wholeFrame(feed: MarketFeedId, format: "json" | "msgpack", state: State): Uint8Array {
  const message: Record<string, unknown> = { T: "subscription" };
  for (const key of KEYS[feed]) {
    const isAutomatic = key === "corrections" || key === "cancelErrors";
    message[key] = [...state.get(isAutomatic ? "trades" : key as UpstreamChannel) ?? []];
  }
  return controlFrame(message, format);
}

const symbols = fc.uniqueArray(fc.stringMatching(/^[!#-&()+\--[\]-~]{1,32}$/), { maxLength: 40 });
const change = fc.record({
  isAdded: fc.boolean(),
  channel: fc.nat(),
  symbols: fc.oneof(symbols, fc.constant(["*"]), fc.constant(["AAPL", "BRK.B", "BTC/USD"])),
  isReleased: fc.boolean(),
});

for (const format of ["json", "msgpack"] as const) {
  Deno.test(`acknowledgements in ${format} are those of the whole state`, () => {
    fc.assert(
      fc.property(
        fc.constantFrom<MarketFeedId>("sip", "opra", "crypto", "news"),
        fc.array(change, { maxLength: 20 }),
        (feed, changes) => {
          const acknowledgements = new Acknowledgements(feed, format);
          const state: State = new Map();
          for (const { isAdded, channel: at, symbols, isReleased } of changes) {
            const names = KEYS[feed].filter((key) => !/corrections|cancelErrors/.test(key));
            const channel = names[at % names.length] as UpstreamChannel;
            const set = state.get(channel) ?? new Set();
            state.set(channel, set);
            for (const symbol of symbols) isAdded ? set.add(symbol) : set.delete(symbol);
            if (!isAdded) acknowledgements.forget([channel]);
            if (isReleased) acknowledgements.release();
            const frame = acknowledgements.frameOf(state);
            assert.deepEqual(frame, wholeFrame(feed, format, state));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
}

Deno.test("lists of any length are encoded, in MessagePack with their own heads", () => {
  for (const count of [0, 1, 15, 16, 65_535, 65_536]) {
    const state: State = new Map([[
      "bars",
      new Set(Array.from({ length: count }, (_, i) => `S${i}`)),
    ]]);
    const frame = new Acknowledgements("sip", "msgpack").frameOf(state);
    assert.deepEqual(frame, wholeFrame("sip", "msgpack", state));
  }
});

Deno.test("each symbol is encoded once, however many requests add to the state", () => {
  for (const format of ["json", "msgpack"] as const) {
    const acknowledgements = new Acknowledgements("sip", format);
    const trades = new Set<string>();
    const quotes = new Set(["AAPL"]);
    const state: State = new Map([["trades", trades], ["quotes", quotes]]);
    for (let i = 0; i < 1_000; i++) {
      trades.add(`S${i}`);
      acknowledgements.frameOf(state);
    }
    // Corrections and cancels are the list of trades.
    assert.equal(acknowledgements.encoded, 1_001);
    trades.delete("S0");
    acknowledgements.forget(["trades"]);
    acknowledgements.frameOf(state);
    assert.equal(acknowledgements.encoded, 2_000);
  }
});

Deno.test("what is encoded is kept only while requests follow one another", () => {
  const acknowledgements = new Acknowledgements("sip", "json");
  const state: State = new Map([["trades", new Set(["A", "B"])]]);
  const encodedBy = (act: () => void) => {
    const before = acknowledgements.encoded;
    act();
    acknowledgements.frameOf(state);
    return acknowledgements.encoded - before;
  };
  assert.equal(encodedBy(() => {}), 2);
  assert.equal(encodedBy(() => acknowledgements.release()), 0);
  acknowledgements.release();
  assert.equal(encodedBy(() => acknowledgements.release()), 2);
});

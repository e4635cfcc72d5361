import assert from "node:assert/strict";
import { Channel } from "../../../../src/application/broadcast/channel.ts";
import type { SelectionWatcher } from "../../../../src/application/options/expansion.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { Selections } from "../../../../src/application/streaming/selections.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

/** Selections whose contracts the test chooses. */
class Rig {
  readonly clock = new ManualClock();
  readonly channel = new Channel<string>({ symbol: (event) => event }, {
    capacity: 10,
    counters: createCounters().channels.optionQuotes,
  });
  watch: SelectionWatcher = () => {};
  readonly selections = new Selections({
    clock: this.clock,
    channelOf: () => this.channel as unknown as Channel<unknown>,
    statesOf: () => [],
    open: (_scope, watch) => {
      this.watch = watch;
      return new DisposableStack();
    },
  });

  open(underlying = "SPY") {
    const scope = { channel: "optionQuotes", upstream: "quotes", underlying } as const;
    return this.selections.open({ ...scope, selection: undefined });
  }

  /** The contracts of the selection that was opened last. */
  select(symbols: readonly string[]): void {
    const contracts = new Set(symbols);
    const none = { problem: undefined, kinds: "", isProblem: false, isShort: false, missing: 0 };
    this.watch({ contracts, ...none, reasonOf: () => "" });
  }

  /** Opens and closes a selection with a contract; returns whether it is kept. */
  isKept(underlying: string): boolean {
    using open = this.open(underlying);
    return open.contracts.has("A");
  }

  close(underlying: string, symbols: readonly string[] = ["A"]): void {
    using _open = this.open(underlying);
    this.select(symbols);
  }
}

Deno.test("a selection without a stream is kept while events are retained, for ten minutes", () => {
  const rig = new Rig();
  rig.close("SPY");
  assert.equal(rig.isKept("SPY"), false, "nothing can be resumed");
  rig.channel.startRetaining(0);
  rig.close("SPY");
  rig.selections.release();
  assert.equal(rig.isKept("SPY"), true);
});

Deno.test("a selection is forgotten after ten minutes without a stream", async () => {
  const rig = new Rig();
  rig.channel.startRetaining(0);
  rig.close("SPY");
  using _open = rig.open("QQQ");
  rig.select(["A"]);
  await rig.clock.advance(600_001);
  rig.selections.release();
  assert.equal(rig.isKept("SPY"), false);
  assert.equal(rig.isKept("QQQ"), true, "it has a stream");
});

Deno.test("of more than 1,000 selections without a stream the oldest is forgotten", () => {
  const rig = new Rig();
  rig.channel.startRetaining(0);
  for (let i = 0; i <= 1_000; i++) rig.close(`U${i}`);
  assert.equal(rig.isKept("U1"), true);
  assert.equal(rig.isKept("U0"), false);
});

Deno.test("the positions of at most 50,000 changes are known", () => {
  const rig = new Rig();
  using open = rig.open();
  const { contracts } = open;
  const symbols = Array.from({ length: 10_000 }, (_, i) => `S${i}`);
  for (let i = 0; i < 5; i++) {
    rig.channel.publish("X", 0);
    rig.select(i % 2 === 0 ? symbols : []);
  }
  assert.deepEqual([contracts.isKnownSince(0), contracts.isKnownSince(5)], [true, true]);
  assert.deepEqual([2, 3, 4].map((at) => contracts.hadAt("S0", at)), [true, false, true]);
  rig.channel.publish("X", 0);
  rig.select([]);
  assert.deepEqual([contracts.isKnownSince(5), contracts.isKnownSince(6)], [false, true]);
  assert.equal(contracts.hadAt("S0", 7), false);
});

Deno.test("the selections without a stream have at most 100,000 contracts together", () => {
  const rig = new Rig();
  rig.channel.startRetaining(0);
  const symbols = ["A", ...Array.from({ length: 9_999 }, (_, i) => `S${i}`)];
  for (let i = 0; i < 10; i++) rig.close(`U${i}`, symbols);
  assert.equal(rig.isKept("U0"), true, "it is the last one to be closed now");
  rig.close("QQQ");
  assert.deepEqual(["U1", "U2", "U0", "QQQ"].map((it) => rig.isKept(it)), [
    false,
    true,
    true,
    true,
  ]);
});

Deno.test("changes of selections without a stream count towards that total", () => {
  const rig = new Rig();
  rig.channel.startRetaining(0);
  const symbols = ["A", ...Array.from({ length: 9_999 }, (_, i) => `S${i}`)];
  for (let i = 0; i < 4; i++) {
    using _open = rig.open(`U${i}`);
    for (const each of [symbols, [], symbols]) rig.select(each);
  }
  assert.deepEqual([0, 1, 2, 3].map((i) => rig.isKept(`U${i}`)), [false, true, true, true]);
});

Deno.test("nothing was selected at positions before the first contracts", () => {
  const rig = new Rig();
  using open = rig.open();
  const { contracts } = open;
  rig.channel.publish("X", 0);
  rig.channel.publish("X", 0);
  rig.select(["A", "B"]);
  rig.channel.publish("X", 0);
  rig.select(["A"]);
  assert.deepEqual([0, 1, 2, 3, 4].map((at) => contracts.hadAt("A", at)), [
    false,
    false,
    false,
    true,
    true,
  ]);
  assert.deepEqual([2, 3, 4].map((at) => contracts.hadAt("B", at)), [false, true, false]);
});

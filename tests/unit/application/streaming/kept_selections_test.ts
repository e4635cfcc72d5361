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

  close(underlying: string): void {
    using _open = this.open(underlying);
    this.select(["A"]);
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

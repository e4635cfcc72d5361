import assert from "node:assert/strict";
import type { StreamOptions } from "../../../../src/application/streaming/stream_options.ts";
import { call, put, SelectionRig, TWO_CALLS } from "./selection_rig.ts";

const QUIET: Partial<StreamOptions> = { notices: false };

const POLICIES: readonly (readonly [string, Partial<StreamOptions>])[] = [
  ["every", { delivery: "every" }],
  ["latest", { delivery: "latest" }],
  ["every_or_end", { delivery: "every_or_end" }],
  ["acknowledged", { maxUnacknowledged: 100, notices: true }],
];

for (const [name, options] of POLICIES) {
  Deno.test(`only_selected with ${name} follows the selection, with named contracts`, async () => {
    await using rig = new SelectionRig();
    using stream = await rig.open({ ...QUIET, ...options }, { symbols: [put(90)] });
    const quotes = async () => {
      rig.publish(call(100), put(100), call(101), put(101), call(102), call(110), put(90));
      return (await stream.texts()).filter((text) => !text.includes(" "));
    };
    assert.deepEqual(await quotes(), ["C100", "C101", "P90"]);
    await rig.move(110.4);
    assert.deepEqual(await quotes(), ["C110", "P90"]);
  });
}

Deno.test("only_selected without options receives what it selects, others everything", async () => {
  await using rig = new SelectionRig();
  using only = await rig.openPlain();
  using others = await rig.openPlain({ onlySelected: false });
  rig.publish(call(100), put(100), call(101), call(150));
  assert.deepEqual(await only.texts(), ["C100", "C101"]);
  assert.deepEqual(await others.texts(), ["C100", "P100", "C101", "C150"]);
  await rig.move(110.4);
  rig.publish(call(100), call(110), call(111));
  assert.deepEqual(await only.texts(), ["C110", "C111"]);
});

Deno.test("contracts that enter and leave have notices with reasons, in order", async () => {
  await using rig = new SelectionRig();
  using stream = await rig.open();
  rig.publish(call(100));
  await rig.move(110.4);
  rig.publish(call(110));
  const requested = "the stream has requested the underlying";
  const moved = "the price has moved from 100.40 to 110.40";
  assert.deepEqual(await stream.texts(), [
    `entered C100 requested: ${requested}`,
    `entered C101 requested: ${requested}`,
    "C100",
    `left C100 lingering: ${moved}`,
    `left C101 lingering: ${moved}`,
    `entered C110 requested: ${moved}`,
    `entered C111 requested: ${moved}`,
    "C110",
  ]);
});

Deno.test("a stream that joins a selection is sent its contracts", async () => {
  await using rig = new SelectionRig();
  using _first = await rig.openPlain();
  using stream = await rig.open();
  const reason = "the contract was selected already";
  assert.deepEqual(await stream.texts(), [
    `entered C100 requested: ${reason}`,
    `entered C101 requested: ${reason}`,
  ]);
});

Deno.test("a selection without slots, and one that has them again, has a notice", async () => {
  await using rig = new SelectionRig({ limit: 1 });
  const named = rig.streams.open("optionQuotes", { symbols: [put(60)] });
  using stream = await rig.open();
  assert.deepEqual(await stream.texts(), [
    "short SPY waiting: the symbol quota has slots for 0 of 2 contracts",
  ]);
  await rig.clock.advance(60_000);
  assert.deepEqual(await stream.texts(), [], "the same problem is sent once");
  rig.sink.limit = 2;
  rig.expansions.rebalance();
  await rig.clock.advance(0);
  assert.deepEqual(await stream.texts(), [
    "entered C100 requested: a slot of the symbol quota is free",
    "short SPY waiting: the symbol quota has slots for 1 of 2 contracts",
  ]);
  named[Symbol.dispose]();
  await rig.clock.advance(0);
  assert.deepEqual(await stream.texts(), [
    "entered C101 requested: a slot of the symbol quota is free",
    "complete SPY acknowledged: ",
  ]);
});

Deno.test("a contract whose slot a named symbol takes leaves with that reason", async () => {
  await using rig = new SelectionRig({ limit: 2 });
  using stream = await rig.open();
  await stream.texts();
  using _named = rig.streams.open("optionQuotes", { symbols: [put(60)] });
  await rig.clock.advance(0);
  assert.deepEqual(await stream.texts(), [
    "left C101 lingering: other symbols have its slot of the symbol quota",
    "short SPY waiting: the symbol quota has slots for 1 of 2 contracts",
  ]);
});

Deno.test("10,000 contracts that enter and leave are one notice each time", async () => {
  await using rig = new SelectionRig({ strikes: [10, 10_009] });
  rig.catalog.trades.set("SPY", 5_000);
  const selection = { ...TWO_CALLS, right: undefined, maxContracts: 10_000 };
  using stream = await rig.open({}, {
    selection: { ...selection, strikeWindowPercent: 50 },
  });
  const size = rig.sink.symbols().length;
  assert.ok(size > 4_000, `${size} contracts`);
  const states = rig.sink.statesOf("quotes", rig.sink.symbols());
  rig.streams.subscription("opra", "quotes", states);
  const listed = "GetConnectionStatus lists all contracts";
  assert.deepEqual(await stream.texts(), [
    `many SPY acknowledged: ${size} contracts have entered and 0 have left: ` +
    `the stream has requested the underlying; ${listed}`,
    `many SPY acknowledged: ${size} contracts have a new state of their subscription; ${listed}`,
  ]);
});

Deno.test("a client that does not read has the newest notices and goes on", async () => {
  await using rig = new SelectionRig();
  const wide = { ...TWO_CALLS, maxContracts: 40 };
  using stream = await rig.open({}, { selection: wide });
  for (let i = 0; i < 40; i++) await rig.move(i % 2 === 0 ? 130.4 : 70.4);
  const texts: string[] = [];
  for (let more = await stream.texts(); more.length > 0; more = await stream.texts()) {
    texts.push(...more);
  }
  assert.ok(texts.length <= 500, `${texts.length} notices`);
  const last = texts.findLast((text) => text.startsWith("many")) ?? "";
  assert.match(last, /^many SPY .* from 130\.40 to 70\.40;/);
  rig.publish(call(70));
  assert.deepEqual(await stream.texts(), ["C70"]);
});

import assert from "node:assert/strict";
import type { StreamOptions } from "../../../../src/application/streaming/stream_options.ts";
import { DEFAULT_SELECTION } from "../../../../src/domain/options/selection.ts";
import { gridOf, strikesFrom } from "../../domain/options/chains.ts";
import { call, EXPIRY, put, type Received, SelectionRig, TWO_CALLS } from "./selection_rig.ts";

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

for (const minIntervalMs of [0, 60_000]) {
  Deno.test(`latest, ${minIntervalMs} ms: no quote follows that its contract left`, async () => {
    await using rig = new SelectionRig();
    using stream = await rig.open({ delivery: "latest", minIntervalMs });
    await stream.texts();
    const texts: string[] = [];
    const read = async () => {
      for (let more = await stream.texts(); more.length > 0; more = await stream.texts()) {
        texts.push(...more.map((text) => text.replace(/ (lingering|requested).*/, "")));
      }
    };
    rig.publish(call(100), call(101));
    await read();
    assert.deepEqual(texts.splice(0), ["C100", "C101"]);
    rig.publish(call(101), call(100), call(101));
    await rig.move(110.4);
    rig.publish(call(110), call(111), call(101));
    await read();
    await rig.clock.advance(60_000);
    await read();
    const at = (text: string) => {
      assert.equal(texts.filter((it) => it === text).length, 1, `${text} in ${texts}`);
      return texts.indexOf(text);
    };
    for (const name of ["C100", "C101"]) assert.ok(at(name) < at(`left ${name}`), `${texts}`);
    for (const name of ["C110", "C111"]) assert.ok(at(`entered ${name}`) < at(name), `${texts}`);
    assert.equal(texts.length, 8, `${texts}`);
  });
}

Deno.test("with latest a contract that leaves and enters has both notices in order", async () => {
  await using rig = new SelectionRig();
  using stream = await rig.open({ delivery: "latest" });
  await stream.texts();
  rig.publish(call(100));
  await rig.move(110.4);
  await rig.move(100.4);
  rig.publish(call(100));
  const texts = await stream.texts();
  const own = texts.filter((text) => text.includes("C100"))
    .map((text) => text.replace(/ (lingering|requested).*/, ""));
  assert.deepEqual(own, ["left C100", "entered C100", "C100"]);
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

/** The notices about the whole selection. */
async function problems(stream: Received): Promise<string[]> {
  return (await stream.texts()).filter((text) => /^(short|complete)/.test(text));
}

/** Lists 33 expiries of SPY within the default range of days, and one in four months. */
function listManyExpiries(rig: SelectionRig): void {
  const days = [...Array.from({ length: 33 }, (_, at) => EXPIRY + at), EXPIRY + 121];
  rig.catalog.listed.set("SPY", gridOf({ days, strikes: strikesFrom(50, 150) }));
}

Deno.test("what the default maximum does not reach is stated once, as no shortage", async () => {
  await using rig = new SelectionRig();
  listManyExpiries(rig);
  using first = await rig.open({}, { selection: DEFAULT_SELECTION });
  const reach = "complete SPY acknowledged: max_contracts 100, the default, leaves 8 of 33 " +
    "expiries without contracts";
  assert.deepEqual(await problems(first), [reach]);
  for (let price = 100; price < 110; price += 0.7) await rig.move(price);
  await rig.clock.advance(4 * 3_600_000);
  assert.deepEqual(await problems(first), []);
  using later = await rig.open({}, { selection: DEFAULT_SELECTION });
  assert.deepEqual(await problems(later), [reach]);
});

Deno.test("expiries that a requested maximum leaves out are a shortage", async () => {
  await using rig = new SelectionRig();
  listManyExpiries(rig);
  using stream = await rig.open({}, { selection: { ...DEFAULT_SELECTION, maxContracts: 40 } });
  assert.deepEqual(await problems(stream), [
    "short SPY acknowledged: max_contracts 40 leaves 23 of 33 expiries without contracts",
  ]);
});

Deno.test("a requested maximum per expiry is no shortage", async () => {
  await using rig = new SelectionRig();
  listManyExpiries(rig);
  const selection = { ...DEFAULT_SELECTION, maxContractsPerExpiry: 2 };
  using stream = await rig.open({}, { selection });
  assert.equal(rig.sink.symbols().length, 66);
  assert.deepEqual(await problems(stream), []);
});

/** A selection of 40 calls with slots for `limit` of them. */
async function openShort(limit: number): Promise<{ rig: SelectionRig; stream: Received }> {
  const rig = new SelectionRig({ limit });
  const selection = { ...TWO_CALLS, maxContracts: 40, strikeWindowPercent: 50 };
  return { rig, stream: await rig.open({}, { selection }) };
}

async function setLimit(rig: SelectionRig, limit: number): Promise<void> {
  rig.sink.limit = limit;
  rig.expansions.rebalance();
  await rig.clock.advance(0);
}

const MINUTE_MS = 60_000;

Deno.test("counts that change repeat no notice, half or twice as many do", async () => {
  const { rig, stream } = await openShort(20);
  await using _rig = rig;
  using _stream = stream;
  const short = (count: number) =>
    `short SPY waiting: the symbol quota has slots for ${count} of 40 contracts`;
  assert.deepEqual(await problems(stream), [short(20)]);
  for (let i = 0; i < 60; i++) {
    await setLimit(rig, 18 + i % 5);
    await rig.clock.advance(MINUTE_MS);
  }
  assert.deepEqual(await problems(stream), [], "an hour");
  await setLimit(rig, 30);
  assert.deepEqual(await problems(stream), [short(30)], "10 are missing, not 20");
  await setLimit(rig, 20);
  assert.deepEqual(await problems(stream), [], "not before five minutes have passed");
  await rig.clock.advance(5 * MINUTE_MS);
  assert.deepEqual(await problems(stream), [short(20)]);
  await setLimit(rig, 40);
  assert.deepEqual(await problems(stream), ["complete SPY acknowledged: "], "another kind");
});

Deno.test("the last contract that leaves and the first that enters have a notice", async () => {
  const { rig, stream } = await openShort(1);
  await using _rig = rig;
  using _stream = stream;
  const slots = async (limit: number) => {
    await setLimit(rig, limit);
    return (await problems(stream)).map((text) => text.match(/ \d+ /)?.[0].trim());
  };
  await problems(stream);
  assert.deepEqual(await slots(0), ["0"]);
  assert.deepEqual(await slots(1), ["1"]);
});

Deno.test("a problem that comes and goes has four notices, then one in five minutes", async () => {
  const { rig, stream } = await openShort(20);
  await using _rig = rig;
  using _stream = stream;
  let count = 0;
  for (let second = 0; second < 3_600; second += 10) {
    await setLimit(rig, second % 20 === 0 ? 20 : 40);
    await rig.clock.advance(10_000);
    count += (await problems(stream)).length;
  }
  assert.ok(count >= 12 && count <= 4 + 12, `${count} notices in an hour`);
  await setLimit(rig, 40);
  await rig.clock.advance(5 * MINUTE_MS);
  await rig.clock.advance(5 * MINUTE_MS);
  await setLimit(rig, 20);
  await rig.clock.advance(5 * MINUTE_MS);
  const last = (await problems(stream)).at(-1);
  assert.equal(last, "short SPY waiting: the symbol quota has slots for 20 of 40 contracts");
});

Deno.test("streams that join while a notice is due later all have the same problem", async () => {
  const { rig, stream } = await openShort(20);
  await using _rig = rig;
  using _stream = stream;
  for (let i = 0; i < 4; i++) await setLimit(rig, i % 2 === 0 ? 40 : 20);
  const before = await problems(stream);
  assert.equal(before.length, 4, "the last change waits");
  assert.match(before.at(-1) ?? "", /^complete/);
  const selection = { ...TWO_CALLS, maxContracts: 40, strikeWindowPercent: 50 };
  using later = await rig.open({}, { selection });
  for (const each of [stream, later]) {
    assert.match((await problems(each)).join(), /^short [^,]+$/);
  }
  await setLimit(rig, 40);
  await rig.clock.advance(30 * MINUTE_MS);
  for (const each of [stream, later]) {
    assert.deepEqual(await problems(each), ["complete SPY acknowledged: "]);
  }
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

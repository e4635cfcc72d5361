/**
 * When a chain is loaded again, and which lists replace it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CHAIN_REQUESTS } from "../../../../src/application/options/option_chain_cache.ts";
import { ApiUnavailable } from "../../../../src/application/ports/api_unavailable.ts";
import { instantAt } from "../../../../src/domain/calendar/exchange_time.ts";
import type { OptionContract } from "../../../../src/domain/options/contract.ts";
import type { ListingOutlook } from "../../../../src/domain/options/listing_outlook.ts";
import { gridOf, occSymbol, strikesFrom } from "../../domain/options/chains.ts";
import { ChainRig, HOUR_MS, MINUTE_MS, TODAY } from "./chain_rig.ts";
import { ScriptedCatalog } from "./scripted_catalog.ts";

/** Three expiries of seven strikes: 42 contracts. */
const DAYS = [TODAY + 1, TODAY + 7, TODAY + 35];
const STRIKES = strikesFrom(97, 103);

const UNCONFIRMED = "the list is not confirmed";

/** Causes of the loads in the log, oldest first. */
function causesOf(rig: ChainRig): unknown[] {
  return rig.log.records
    .filter(({ message }) => message === "Option chain loaded")
    .map(({ fields }) => fields.cause);
}

Deno.test("after a 10:1 split new strikes are used minutes after they are listed", async () => {
  await using rig = new ChainRig({ epoch: instantAt(TODAY, 5) });
  rig.list("SPY", DAYS, strikesFrom(970, 1_030, 10));
  using _spy = rig.cache.use("SPY");
  const note = (price: number) => () => {
    const isEmpty = !rig.strikesOf("SPY").some((strike) => Math.abs(strike - price) < price / 10);
    rig.cache.noteSelection("SPY", { isEmpty, outlook: "today", price });
  };
  await rig.minutes(3 * 60 + 55, note(1_000));
  assert.equal(rig.catalog.asked.length, 2, "the list is confirmed, nothing is wrong until 04:00");
  await rig.minutes(2 * 60, note(100));
  const waiting = rig.catalog.asked.length - 2;
  assert.ok(waiting >= 10 && waiting <= 16, `${waiting} reloads in two hours`);
  rig.list("SPY", DAYS, strikesFrom(97, 103));
  await rig.minutes(10, note(100));
  assert.deepEqual(rig.strikesOf("SPY"), strikesFrom(97, 103));
  const asked = rig.catalog.asked.length;
  await rig.minutes(2 * 60 + 44, note(100));
  assert.equal(rig.catalog.asked.length, asked, "nothing is wrong any more");
  assert.deepEqual(causesOf(rig).slice(1, 3), [UNCONFIRMED, "a selection is empty"]);
});

/**
 * Minutes between the loads of SPY; before each minute its selection is empty.
 *
 * @param change called before each minute, or when contracts can be listed for the selection
 */
async function emptyFor(
  rig: ChainRig,
  minutes: number,
  change: ListingOutlook | (() => void) = () => {},
): Promise<number[]> {
  const [outlook, action] = typeof change === "string" ? [change, () => {}] : [undefined, change];
  const times: number[] = [];
  const contracts = ScriptedCatalog.prototype.contracts.bind(rig.catalog);
  rig.catalog.contracts = (...request) => {
    times.push(rig.clock.monotonic() / MINUTE_MS);
    return contracts(...request);
  };
  await rig.minutes(minutes, () => {
    action();
    rig.cache.noteSelection("SPY", { isEmpty: true, outlook, price: 100 });
  });
  return times.slice(1).map((time, at) => time - (times[at] ?? 0));
}

Deno.test("the pause before reloads for an empty selection grows to two hours", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  assert.deepEqual(await emptyFor(rig, 600), [2, 4, 8, 16, 32, 64, 120, 120, 120]);
});

Deno.test("while options trade the pause for an empty selection grows to ten minutes", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  assert.deepEqual(await emptyFor(rig, 60, "today"), [2, 4, 8, 10, 10, 10, 10]);
  await emptyFor(rig, 400, "later");
  const asked = rig.catalog.asked.length;
  await emptyFor(rig, 5, "today");
  assert.equal(rig.catalog.asked.length, asked + 1, "a pause of 120 min has ended");
});

Deno.test("an empty selection that nothing can be listed for reloads no chain", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  await emptyFor(rig, 600, "never");
  assert.equal(rig.catalog.asked.length, 1);
  await emptyFor(rig, 180, "unlisted");
  assert.equal(rig.catalog.asked.length, 2, "a reload confirms that today has no expiry");
  await emptyFor(rig, 120, "unlisted");
  const confirmed = "a selection is empty";
  assert.deepEqual(causesOf(rig).slice(2), [confirmed, "new exchange day", confirmed]);
});

Deno.test("a chain that has changed is reloaded after the first pause again", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  await emptyFor(rig, 64);
  rig.list("SPY", DAYS, [...STRIKES, 104]);
  assert.deepEqual(await emptyFor(rig, 80), [1, 2, 4, 8]);
});

Deno.test("streams that open shorten the pause to eight minutes", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  await emptyFor(rig, 240);
  const asked = rig.catalog.asked.length;
  using _another = rig.cache.use("SPY");
  await emptyFor(rig, 8);
  assert.equal(rig.catalog.asked.length, asked + 1);
  const pauses = await emptyFor(rig, 60, () => rig.cache.use("SPY")[Symbol.dispose]());
  assert.deepEqual(pauses, [8, 8, 8, 8, 8, 8, 8]);
});

Deno.test("an empty selection far from the strikes reloads every ten minutes", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  await emptyFor(rig, 240);
  const asked = rig.catalog.asked.length;
  const note = () => rig.cache.noteSelection("SPY", { isEmpty: true, price: 50 });
  await rig.minutes(60, note);
  const reloads = rig.catalog.asked.length - asked;
  assert.ok(reloads >= 5 && reloads <= 7, `${reloads} reloads in an hour`);
});

Deno.test("a contract that a client names does not wait for selections", async () => {
  await using rig = new ChainRig({ maxChains: 200 });
  const names = Array.from({ length: 90 }, (_, at) => `U${at}`);
  for (const name of names) rig.list(name, DAYS, STRIKES);
  using uses = new DisposableStack();
  for (const name of names) uses.use(rig.cache.use(name));
  await rig.clock.advance(0);
  for (const name of names) rig.cache.noteSelection(name, { isEmpty: true, price: 100 });
  await rig.minutes(1);
  const { burst, perMinute } = CHAIN_REQUESTS.again;
  assert.equal(rig.catalog.asked.length, names.length + burst, "the budget is used up");
  await rig.clock.advance(MINUTE_MS / perMinute);
  const [latest = ""] = rig.catalog.asked.slice(-1);
  rig.cache.observe(occSymbol(latest, { expiryDay: TODAY + 7, right: "put", strike: 104 }));
  await rig.clock.advance(MINUTE_MS / perMinute);
  assert.equal(rig.catalog.asked.length, names.length + burst + 2);
  assert.equal(rig.catalog.asked.at(-1), latest, "before 28 selections that wait for longer");
});

Deno.test("strikes that are added to a chain after a gap of 45 percent are used", async () => {
  await using rig = new ChainRig();
  rig.list("SPY", DAYS, STRIKES);
  using _spy = rig.cache.use("SPY");
  const note = (price: number) => () => rig.cache.noteSelection("SPY", { isEmpty: false, price });
  await rig.minutes(1, note(100));
  await rig.minutes(30, note(55));
  assert.deepEqual(rig.strikesOf("SPY"), STRIKES);
  rig.list("SPY", DAYS, [...strikesFrom(50, 60), ...STRIKES]);
  await rig.minutes(10, note(55));
  assert.deepEqual(rig.strikesOf("SPY"), [...strikesFrom(50, 60), ...STRIKES]);
  const label = "an expiry has no strikes on both sides of the price";
  assert.equal(causesOf(rig).at(-1), label);
});

Deno.test("one expiry without strikes on one side of the price is enough", async () => {
  await using rig = new ChainRig();
  const later = gridOf({ days: [TODAY + 7], strikes: [90, 95] });
  const adjusted = gridOf({ root: "SPY1", days: [TODAY + 1], strikes: [10] });
  rig.catalog.listed.set("SPY", [...gridOf({ days: [TODAY], strikes: STRIKES }), ...adjusted]);
  using _spy = rig.cache.use("SPY");
  const note = () => rig.cache.noteSelection("SPY", { isEmpty: false, price: 97 });
  await rig.clock.advance(0);
  await rig.confirmed("SPY");
  await rig.minutes(60, note);
  assert.equal(rig.catalog.asked.length, 1, "adjusted strikes do not count");
  rig.catalog.listed.set("QQQ", later.map((contract) => ({ ...contract, underlying: "QQQ" })));
  using _qqq = rig.cache.use("QQQ");
  await rig.clock.advance(0);
  await rig.confirmed("QQQ");
  await rig.minutes(60, () => rig.cache.noteSelection("QQQ", { isEmpty: false, price: 95 }));
  assert.equal(rig.catalog.asked.length, 2, "a strike at the price is on both sides");
  await rig.minutes(60, () => rig.cache.noteSelection("QQQ", { isEmpty: false, price: 95.01 }));
  assert.ok(rig.catalog.asked.length > 3);
});

Deno.test("puts on one side of the price are enough, with calls on both", async () => {
  await using rig = new ChainRig();
  const cut = gridOf({ days: [TODAY], strikes: STRIKES })
    .filter(({ right, strike }) => right === "call" || strike > 97);
  rig.catalog.listed.set("SPY", cut);
  using _spy = rig.cache.use("SPY");
  await rig.minutes(60, () => rig.cache.noteSelection("SPY", { isEmpty: false, price: 97 }));
  assert.ok(rig.catalog.asked.length > 1);
});

Deno.test("a price more than 10 percent from that at the load reloads the chain", async () => {
  await using rig = new ChainRig();
  rig.list("SPY", DAYS, strikesFrom(50, 150));
  using _spy = rig.cache.use("SPY");
  const note = (price: number) => () => rig.cache.noteSelection("SPY", { isEmpty: false, price });
  await rig.clock.advance(0);
  await rig.confirmed("SPY");
  for (const price of [100, 109.9, 90.1]) await rig.minutes(30, note(price));
  assert.equal(rig.catalog.asked.length, 1);
  await rig.minutes(60, note(111));
  assert.equal(rig.catalog.asked.length, 2, "the range is that of the new load");
  assert.equal(rig.changes, 3);
  const record = rig.log.records.findLast(({ level }) => level === "debug");
  assert.equal(record?.fields.cause, "the price has moved by 10 percent");
});

Deno.test("while options trade a chain is at most an hour old", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  const note = (areTrading: boolean) => () =>
    rig.cache.noteSelection("SPY", { isEmpty: false, areTrading, price: 100 });
  await rig.minutes(59, note(true));
  assert.equal(rig.catalog.asked.length, 1);
  rig.list("SPY", [...DAYS, TODAY + 2], STRIKES);
  await rig.minutes(1, note(true));
  assert.equal(rig.countOf("SPY"), 56, "an expiry that was added");
  assert.equal(causesOf(rig).at(-1), "options trade, and more may be listed");
  await rig.minutes(179, note(true));
  assert.equal(rig.catalog.asked.length, 4);
  await rig.minutes(180, note(false));
  assert.equal(rig.catalog.asked.length, 5, "the one of the last session");
});

Deno.test("many long chains that are an hour old stay within the budget", async () => {
  await using rig = new ChainRig({ maxChains: 200 });
  const letters = [..."ABCDEFGHIJ"];
  const names = letters.flatMap((some) => letters.map((other) => `Q${some}${other}`));
  const listed = gridOf({
    days: [TODAY + 1, TODAY + 7, TODAY + 35],
    strikes: strikesFrom(1, 2_000),
  });
  const requests = listed.length / 1_000;
  for (const name of names) rig.catalog.listed.set(name, listed);
  using uses = new DisposableStack();
  for (const name of names) uses.use(rig.cache.use(name));
  const note = () => {
    for (const name of names) {
      rig.cache.noteSelection(name, { isEmpty: false, areTrading: true, price: 100 });
    }
  };
  // They need 1,200 requests an hour, as many as there are, and their first loads as many.
  await rig.minutes(130, note);
  const { length } = rig.catalog.asked;
  const minutes = 70;
  await rig.minutes(minutes, note);
  const loads = rig.catalog.asked.slice(length);
  const { burst, perMinute } = CHAIN_REQUESTS.again;
  const most = burst + perMinute * minutes;
  assert.ok(requests * loads.length <= most, `${requests * loads.length} requests`);
  assert.equal(new Set(loads).size, names.length, "each was loaded");
  const terms = { expiryDay: TODAY + 7, right: "call", strike: 3_000 } as const;
  const added = gridOf({ underlying: "QAB", days: [terms.expiryDay], strikes: [terms.strike] });
  rig.catalog.listed.set("QAB", [...listed, ...added]);
  rig.cache.observe(occSymbol("QAB", terms));
  await rig.clock.advance(0);
  assert.equal(rig.strikesOf("QAB").at(-1), terms.strike, "a requested contract does not wait");
});

Deno.test("a contract that is not in the chain reloads it although its expiry is", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  const symbol = occSymbol("SPY", { expiryDay: TODAY + 7, right: "put", strike: 104 });
  rig.list("SPY", DAYS, [...STRIKES, 104]);
  rig.cache.observe(symbol);
  await rig.clock.advance(0);
  assert.deepEqual(rig.strikesOf("SPY"), [...STRIKES, 104]);
  assert.equal(causesOf(rig).at(-1), "a requested contract is not in the chain");
  const unlisted = occSymbol("SPY", { expiryDay: TODAY + 7, right: "put", strike: 300 });
  await rig.minutes(59, () => rig.cache.observe(unlisted));
  assert.equal(rig.catalog.asked.length, 3, "one that is not listed reloads it once");
  await rig.minutes(5, () => rig.cache.observe(unlisted));
  assert.equal(rig.catalog.asked.length, 4, "after an hour it may be listed");
});

Deno.test("contracts that are not listed reload a chain every 15 minutes at most", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  let strike = 200;
  const name = () => {
    const terms = { expiryDay: TODAY + 7, right: "call", strike: strike++ } as const;
    rig.cache.observe(occSymbol("SPY", terms));
  };
  await rig.minutes(20, name);
  const prompt = rig.catalog.asked.length;
  assert.ok(prompt >= 9 && prompt <= 10, `${prompt} loads`);
  await rig.minutes(4 * 60, name);
  assert.equal(rig.catalog.asked.length - prompt, 16);
});

Deno.test("an empty first answer is corrected within five minutes", async () => {
  await using rig = new ChainRig();
  rig.list("SPY", []);
  using _spy = rig.cache.use("SPY");
  await rig.minutes(2);
  assert.equal(rig.countOf("SPY"), 0);
  rig.list("SPY", DAYS, STRIKES);
  await rig.minutes(3);
  assert.equal(rig.countOf("SPY"), 42);
  assert.deepEqual(causesOf(rig), ["first use", "no contracts were listed"]);
});

Deno.test("a stream that opens on an empty chain reloads it", async () => {
  await using rig = new ChainRig();
  rig.list("SPY", []);
  const first = rig.cache.use("SPY");
  await rig.minutes(1);
  rig.list("SPY", DAYS, STRIKES);
  first[Symbol.dispose]();
  using _again = rig.cache.use("SPY");
  await rig.clock.advance(0);
  assert.equal(rig.countOf("SPY"), 42);
  assert.equal(causesOf(rig).at(-1), "a stream has opened on an empty chain");
});

Deno.test("streams that open on an empty chain reload it twice a minute", async () => {
  await using rig = new ChainRig();
  rig.list("SPY", []);
  for (let second = 0; second < 600; second++) {
    using _spy = rig.cache.use("SPY");
    await rig.clock.advance(1_000);
  }
  const { length } = rig.catalog.asked;
  assert.ok(length >= 19 && length <= 21, `${length} loads in ten minutes`);
});

Deno.test("a chain is loaded again between 09:00 and 09:10 in New York", async () => {
  for (const [random, minute] of [[0, 540], [0.5, 545], [0.99, 549]] as const) {
    await using rig = new ChainRig({ epoch: instantAt(TODAY, 0), random: () => random });
    rig.list("SPY", [TODAY], STRIKES);
    using _spy = rig.cache.use("SPY");
    await rig.minutes(minute - 1);
    assert.deepEqual(causesOf(rig), ["first use", UNCONFIRMED]);
    assert.deepEqual(rig.catalog.asked.splice(1), ["SPY"]);
    rig.list("SPY", [TODAY], strikesFrom(90, 110));
    await rig.minutes(3);
    assert.deepEqual(rig.catalog.asked, ["SPY", "SPY"]);
    assert.deepEqual(rig.strikesOf("SPY"), strikesFrom(90, 110));
    await rig.minutes(14 * 60);
    assert.equal(rig.catalog.asked.length, 2);
    assert.equal(causesOf(rig).at(-1), "morning");
  }
});

Deno.test("a chain that is first used after the morning is not loaded again that day", async () => {
  await using rig = new ChainRig({ epoch: instantAt(TODAY, 9 * 60 + 11), random: () => 0.99 });
  using _spy = rig.cache.use("SPY");
  await rig.minutes(14 * 60);
  assert.deepEqual(causesOf(rig), ["first use", UNCONFIRMED]);
  assert.deepEqual(rig.catalog.asked, ["SPY", "SPY"]);
});

Deno.test("a list that is cut to one contract does not replace the chain", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  const complete = rig.catalog.listed.get("SPY") ?? [];
  rig.catalog.listed.set("SPY", complete.slice(0, 1));
  rig.cache.observe(occSymbol("SPY", { expiryDay: TODAY + 2, right: "put", strike: 100 }));
  await rig.minutes(8 * 60);
  assert.equal(rig.countOf("SPY"), 42);
  assert.equal(rig.reasonOf("SPY"), "contracts listed: 1; kept although not listed: 41");
  const { length } = rig.catalog.asked;
  assert.ok(length > 25 && length < 40, `${length} lists in eight hours`);
  rig.catalog.listed.set("SPY", complete);
  await rig.minutes(15);
  assert.equal(rig.countOf("SPY"), 42);
  assert.equal(rig.reasonOf("SPY"), undefined);
  const warnings = rig.log.records.filter(({ level }) => level === "warn");
  assert.equal(warnings.length, 1, "logged once");
  assert.equal(warnings[0]?.fields.cause, "a requested contract is not in the chain");
  assert.equal(causesOf(rig).at(-1), "the list is shorter");
});

Deno.test("a bad list of one minute is corrected after one minute", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  rig.list("SPY", []);
  rig.cache.observe(occSymbol("SPY", { expiryDay: TODAY + 2, right: "put", strike: 100 }));
  await rig.clock.advance(0);
  assert.equal(rig.reasonOf("SPY"), "no contracts are listed any more");
  rig.list("SPY", DAYS, STRIKES);
  await rig.minutes(1);
  assert.equal(rig.reasonOf("SPY"), undefined);
});

Deno.test("contracts that a short list adds are used", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  rig.list("SPY", DAYS, [55]);
  rig.cache.observe(occSymbol("SPY", { expiryDay: TODAY + 7, right: "put", strike: 55 }));
  await rig.clock.advance(0);
  assert.deepEqual(rig.strikesOf("SPY"), [55, ...STRIKES]);
});

Deno.test("a chain that has really shrunk is accepted after 30 minutes", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  rig.list("SPY", DAYS, strikesFrom(97, 101));
  rig.cache.observe(occSymbol("SPY", { expiryDay: TODAY + 2, right: "put", strike: 100 }));
  await rig.minutes(29);
  assert.equal(rig.countOf("SPY"), 42);
  await rig.minutes(17);
  assert.equal(rig.countOf("SPY"), 30);
  assert.equal(rig.reasonOf("SPY"), undefined);
  assert.equal(causesOf(rig).at(-1), "the shorter list is confirmed");
});

Deno.test("an underlying that is delisted is accepted after 24 hours", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  rig.list("SPY", []);
  // The list of midnight is the first empty one.
  await rig.minutes(14 * 60 + 23 * 60);
  assert.equal(rig.countOf("SPY"), 42 - 14, "without those that have expired");
  await rig.minutes(2 * 60);
  assert.equal(rig.countOf("SPY"), 0);
});

Deno.test("a list with a failed page changes nothing", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  const before = rig.cache.state("SPY");
  rig.catalog.outage = "page 2: HTTP 500";
  const symbol = occSymbol("SPY", { expiryDay: TODAY + 2, right: "put", strike: 100 });
  rig.cache.observe(symbol);
  await rig.clock.advance(0);
  assert.ok(before.at === "ready");
  assert.deepEqual(rig.cache.state("SPY"), { ...before, reason: "page 2: HTTP 500" });
  rig.catalog.outage = undefined;
  rig.list("SPY", [...DAYS, TODAY + 2], STRIKES);
  await rig.clock.advance(5_000);
  assert.equal(rig.countOf("SPY"), 56, "the failed reload is repeated");
  assert.equal(rig.reasonOf("SPY"), undefined);
});

Deno.test("a reload that lists the same contracts keeps the chain", async () => {
  await using rig = new ChainRig();
  using _spy = await rig.load("SPY", DAYS, STRIKES);
  const chain = () => {
    const state = rig.cache.state("SPY");
    return state.at === "ready" ? state.chain : undefined;
  };
  const first = chain();
  const reload = async (minutes = 2) => {
    const asked = rig.catalog.asked.length;
    rig.cache.noteSelection("SPY", { isEmpty: true, price: 100 });
    await rig.minutes(minutes);
    assert.equal(rig.catalog.asked.length, asked + 1);
  };
  rig.list("SPY", DAYS, STRIKES);
  await reload();
  assert.equal(chain(), first);
  const listed = rig.catalog.listed.get("SPY") ?? [];
  rig.catalog.listed.set("SPY", listed.map((each) => ({ ...each, openInterest: 7 })));
  await reload();
  const second = chain();
  assert.notEqual(second, first, "another open interest is used");
  assert.equal(second?.contracts[0]?.openInterest, 7);
  const untradable = rig.catalog.listed.get("SPY") ?? [];
  rig.catalog.listed.set("SPY", untradable.map((each) => ({ ...each, isTradable: false })));
  await reload(4);
  assert.notEqual(chain(), second, "whether contracts are tradable is used");
});

/** Answers of the catalog that the test gives one by one. */
function answerByHand(rig: ChainRig): ((contracts: readonly OptionContract[] | Error) => void)[] {
  const waiting: ((contracts: readonly OptionContract[] | Error) => void)[] = [];
  rig.catalog.contracts = (underlying) => {
    rig.catalog.asked.push(underlying);
    const { promise, resolve, reject } = Promise.withResolvers<readonly OptionContract[]>();
    waiting.push((answer) => answer instanceof Error ? reject(answer) : resolve(answer));
    return promise;
  };
  return waiting;
}

Deno.test("one load runs at a time, and what is noted meanwhile is checked after it", async () => {
  await using rig = new ChainRig();
  const answers = answerByHand(rig);
  const chain = (strikes: readonly number[]) => gridOf({ days: DAYS, strikes });
  const contract = (strike: number) =>
    occSymbol("SPY", { expiryDay: TODAY + 7, right: "put", strike });
  using _spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  answers[0]?.(chain([100]));
  await rig.minutes(2);
  rig.cache.observe(contract(101));
  await rig.clock.advance(0);
  assert.equal(rig.catalog.asked.length, 2);
  rig.cache.observe(contract(102));
  rig.cache.observe(contract(103));
  rig.cache.noteSelection("SPY", { isEmpty: true, price: 150 });
  await rig.minutes(5);
  assert.equal(rig.catalog.asked.length, 2, "the second load has not ended");
  answers[1]?.(chain([100, 101, 102]));
  await rig.clock.advance(0);
  assert.equal(rig.catalog.asked.length, 3, "103 is still missing");
  answers[2]?.(chain([100, 101, 102]));
  await rig.minutes(10);
  assert.equal(rig.catalog.asked.length, 3, "a note about the old chain has no effect");
});

Deno.test("a chain that is evicted while it loads is loaded again when it is used", async () => {
  await using rig = new ChainRig({ maxChains: 1 });
  const answers = answerByHand(rig);
  const spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  spy[Symbol.dispose]();
  using _qqq = rig.cache.use("QQQ");
  answers[0]?.(gridOf({ days: DAYS, strikes: [100] }));
  await rig.clock.advance(0);
  assert.deepEqual(rig.cache.state("SPY"), { at: "loading" });
  assert.equal(rig.cache.size, 0);
  answers[1]?.(new ApiUnavailable("HTTP 500"));
  await rig.clock.advance(0);
  assert.deepEqual(rig.cache.state("QQQ"), { at: "off", reason: "HTTP 500" });
  assert.deepEqual(rig.log.messages("info"), []);
  assert.deepEqual(rig.catalog.asked, ["SPY", "QQQ"]);
});

Deno.test("many chains that are outdated together are reloaded within their budget", async () => {
  await using rig = new ChainRig({ maxChains: 200 });
  const names = Array.from({ length: 200 }, (_, at) => `U${at}`);
  for (const name of names) rig.list(name, DAYS, STRIKES);
  using uses = new DisposableStack();
  for (const name of names) uses.use(rig.cache.use(name));
  const { first, again } = CHAIN_REQUESTS;
  await rig.clock.advance(0);
  assert.equal(rig.catalog.asked.length, first.burst);
  await rig.minutes(1);
  assert.equal(rig.catalog.asked.length, first.burst + first.perMinute);
  await rig.minutes(6);
  assert.equal(rig.cache.size, 200);
  const loaded = rig.catalog.asked.length;
  const note = () => {
    for (const name of names) rig.cache.noteSelection(name, { isEmpty: true, price: 100 });
  };
  for (const minutes of [1, 5, 60, 240]) {
    const before: number = rig.catalog.asked.length;
    await rig.minutes(minutes, note);
    const reloads: number = rig.catalog.asked.length - before;
    assert.ok(reloads <= again.burst + again.perMinute * minutes, `${reloads} in ${minutes} min`);
  }
  const counts = names.map((name) => rig.catalog.asked.slice(loaded).filter((n) => n === name));
  const times = counts.map(({ length }) => length);
  assert.ok(Math.max(...times) - Math.min(...times) <= 2, "each in turn");
});

Deno.test("a long list is processed with pauses for other work", async () => {
  await using rig = new ChainRig();
  const sleep = rig.clock.sleep.bind(rig.clock);
  const pausesOf = async (name: string, strikes: number) => {
    rig.list(name, [TODAY], strikesFrom(1, strikes));
    let pauses = 0;
    rig.clock.sleep = (ms, signal) => {
      if (rig.catalog.asked.includes(name) && rig.cache.state(name).at === "loading") pauses++;
      return sleep(ms, signal);
    };
    using _use = rig.cache.use(name);
    await rig.clock.advance(0);
    assert.equal(rig.countOf(name), 2 * strikes);
    return pauses;
  };
  assert.deepEqual([await pausesOf("A", 2_500), await pausesOf("B", 15_000)], [0, 5]);
});

Deno.test("a chain of 30 000 contracts counts as 30 requests", async () => {
  await using rig = new ChainRig();
  const listed = gridOf({ days: DAYS, strikes: strikesFrom(1, 5_000) });
  assert.equal(listed.length, 30_000);
  rig.catalog.listed.set("SPY", listed);
  using _spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  const { burst, perMinute } = CHAIN_REQUESTS.again;
  let strike = 6_000;
  const name = () => {
    const terms = { expiryDay: TODAY + 7, right: "call", strike: strike++ } as const;
    rig.cache.observe(occSymbol("SPY", terms));
  };
  for (let time = 0; time < 5; time++) {
    name();
    await rig.clock.advance(0);
  }
  assert.equal(rig.catalog.asked.length, 1 + burst / 30);
  await rig.clock.advance((30 / perMinute) * MINUTE_MS);
  assert.equal(rig.catalog.asked.length, 2 + burst / 30);
});

Deno.test("first loads and reloads do not wait for each other", async () => {
  await using rig = new ChainRig({ maxChains: 1_000 });
  rig.list("SPY", DAYS, STRIKES);
  using uses = new DisposableStack();
  uses.use(rig.cache.use("SPY"));
  await rig.clock.advance(0);
  for (let at = 0; at < 300; at++) uses.use(rig.cache.use(`U${at}`));
  await rig.clock.advance(0);
  rig.list("SPY", [...DAYS, TODAY + 2], STRIKES);
  rig.cache.observe(occSymbol("SPY", { expiryDay: TODAY + 2, right: "put", strike: 100 }));
  await rig.clock.advance(0);
  assert.equal(rig.countOf("SPY"), 56);
});

Deno.test("a wall clock that is set back and forth does not reload a chain", async () => {
  await using rig = new ChainRig();
  using _spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  await rig.confirmed("SPY");
  for (let time = 0; time < 10; time++) {
    rig.clock.setWall(time % 2 ? HOUR_MS : -HOUR_MS);
    await rig.minutes(2);
  }
  assert.deepEqual(rig.catalog.asked, ["SPY"]);
});

import assert from "node:assert/strict";
import process from "node:process";
import { ApiUnavailable } from "../../../../src/application/ports/api_unavailable.ts";
import { OptionChainCache } from "../../../../src/application/options/option_chain_cache.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { gridOf, occSymbol, strikesFrom } from "../../domain/options/chains.ts";
import { ChainRig as Rig, HOUR_MS, TODAY } from "./chain_rig.ts";
import { ScriptedCatalog } from "./scripted_catalog.ts";

Deno.test("a chain is loaded when it is first used, and once", async () => {
  await using rig = new Rig();
  await rig.clock.advance(HOUR_MS);
  assert.deepEqual(rig.catalog.asked, []);
  using _quotes = rig.cache.use("SPY");
  using _trades = rig.cache.use("SPY");
  assert.deepEqual(rig.cache.state("SPY"), { at: "loading" });
  await rig.clock.advance(0);
  assert.deepEqual(rig.expiriesOf("SPY"), [0, 7]);
  await rig.confirmed("SPY");
  await rig.clock.advance(HOUR_MS);
  assert.deepEqual(rig.catalog.asked, ["SPY"]);
  assert.equal(rig.changes, 2);
});

Deno.test("a released chain that is used again is not loaded again", async () => {
  await using rig = new Rig();
  rig.cache.use("SPY")[Symbol.dispose]();
  using _first = rig.cache.use("SPY");
  await rig.clock.advance(0);
  _first[Symbol.dispose]();
  using _second = rig.cache.use("SPY");
  await rig.clock.advance(0);
  assert.deepEqual(rig.catalog.asked, ["SPY"]);
  assert.deepEqual(rig.expiriesOf("SPY"), [0, 7]);
});

Deno.test("chains in use are loaded again on every exchange day", async () => {
  await using rig = new Rig();
  using _spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  await rig.confirmed("SPY");
  rig.cache.use("QQQ")[Symbol.dispose]();
  rig.list("SPY", [TODAY + 1, TODAY + 7]);
  // 15:00 UTC is 10:00 in New York: its day has 14 hours left.
  await rig.clock.advance(14 * HOUR_MS - 3 * 60_000 - 1);
  assert.deepEqual(rig.catalog.asked, ["SPY"]);
  await rig.clock.advance(60_000);
  assert.deepEqual(rig.catalog.asked, ["SPY", "SPY"]);
  assert.deepEqual(rig.expiriesOf("SPY"), [1, 7]);
});

Deno.test("a contract with an expiry that the chain lacks reloads it once", async () => {
  await using rig = new Rig();
  using _spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  await rig.confirmed("SPY");
  const symbol = (days: number, root = "SPY") =>
    occSymbol(root, { expiryDay: TODAY + days, right: "call", strike: 100 });
  rig.cache.observe(symbol(7));
  rig.cache.observe(symbol(-1));
  rig.cache.observe(symbol(3, "QQQ"));
  rig.cache.observe("SPY");
  rig.cache.observe("SPYXXXXXXC00050000");
  await rig.clock.advance(60_000);
  assert.deepEqual(rig.catalog.asked, ["SPY"], "nothing new in any of these");
  rig.list("SPY", [TODAY, TODAY + 3, TODAY + 7]);
  rig.cache.observe(symbol(3));
  await rig.clock.advance(0);
  assert.deepEqual(rig.expiriesOf("SPY"), [0, 3, 7]);
  for (let again = 0; again < 5; again++) {
    rig.cache.observe(symbol(5));
    await rig.clock.advance(60_000);
  }
  assert.equal(rig.catalog.asked.length, 3, "an unlisted expiry reloads once");
});

Deno.test("a contract that is observed before its chain is loaded reloads it", async () => {
  await using rig = new Rig();
  const symbol = (days: number, root = "SPY") =>
    occSymbol(root, { expiryDay: TODAY + days, right: "call", strike: 100 });
  rig.cache.observe(symbol(3, "QQQ"));
  const complete = gridOf({ days: [TODAY, TODAY + 3, TODAY + 7], strikes: [100] });
  let answer = () => {};
  rig.catalog.contracts = (underlying) => {
    rig.catalog.asked.push(underlying);
    const isFirst = rig.catalog.asked.filter((name) => name === underlying).length === 1;
    const listed = isFirst ? complete.filter(({ expiryDay }) => expiryDay !== TODAY + 3) : complete;
    return new Promise((resolve) => answer = () => resolve(listed));
  };
  using _spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  rig.cache.observe(symbol(7));
  rig.cache.observe(symbol(3));
  rig.cache.observe(symbol(3));
  answer();
  await rig.clock.advance(0);
  assert.deepEqual(rig.expiriesOf("SPY"), [0, 7]);
  assert.deepEqual(rig.catalog.asked, ["SPY", "SPY"]);
  answer();
  await rig.confirmed("SPY");
  answer();
  await rig.clock.advance(30 * 60_000);
  assert.deepEqual(rig.expiriesOf("SPY"), [0, 3, 7]);
  assert.equal(rig.catalog.asked.length, 2);
  using _qqq = rig.cache.use("QQQ");
  for (let load = 0; load < 2; load++) {
    await rig.clock.advance(0);
    answer();
  }
  await rig.confirmed("QQQ");
  answer();
  await rig.clock.advance(30 * 60_000);
  assert.deepEqual(rig.catalog.asked.slice(2), ["QQQ", "QQQ"], "observed before the first use");
});

Deno.test("contracts that wait for their chain are limited, the latest are kept", async () => {
  await using rig = new Rig();
  const symbol = (strike: number) =>
    occSymbol("SPY", { expiryDay: TODAY + 3, right: "call", strike });
  const names = Array.from({ length: 5_000 }, (_, at) => symbol(1_000 + at));
  rig.catalog.listed.set("SPY", gridOf({ days: [TODAY + 3], strikes: strikesFrom(4_000, 5_999) }));
  for (const name of names) rig.cache.observe(name);
  using _spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  await rig.confirmed("SPY");
  await rig.clock.advance(30 * 60_000);
  assert.equal(rig.catalog.asked.length, 1, "those that are not listed were left out");
});

Deno.test("invalid expiries reload a chain a few times a day at most", async () => {
  await using rig = new Rig();
  using _spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  for (let days = 100; days < 200; days++) {
    const expiryDay = TODAY + days;
    rig.cache.observe(
      occSymbol("SPY", { expiryDay, right: "put", strike: 50 }),
    );
    await rig.clock.advance(0);
  }
  assert.equal(rig.catalog.asked.length, 9);
});

Deno.test("a chain that cannot be loaded is off, and retried at growing intervals", async () => {
  await using rig = new Rig();
  rig.catalog.outage = "HTTP 403 forbidden.";
  using _spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  assert.deepEqual(rig.cache.state("SPY"), {
    at: "off",
    reason: "HTTP 403 forbidden.",
  });
  for (
    const [pauseMs, asked] of [[5_000, 2], [10_000, 3], [20_000, 4]] as const
  ) {
    await rig.clock.advance(pauseMs - 1);
    assert.equal(rig.catalog.asked.length, asked - 1);
    await rig.clock.advance(1);
    assert.equal(rig.catalog.asked.length, asked);
  }
  await rig.clock.advance(2 * HOUR_MS);
  const before = rig.catalog.asked.length;
  await rig.clock.advance(HOUR_MS);
  assert.equal(rig.catalog.asked.length - before, 12, "every five minutes");
  assert.equal(rig.log.messages("warn").length, 1, "logged once");
  rig.catalog.outage = undefined;
  await rig.clock.advance(300_000);
  assert.deepEqual(rig.expiriesOf("SPY"), [0, 7]);
});

Deno.test("a stream that opens loads a missing chain within half a minute", async () => {
  await using rig = new Rig();
  rig.catalog.outage = "HTTP 503";
  const first = rig.cache.use("SPY");
  await rig.clock.advance(HOUR_MS);
  first[Symbol.dispose]();
  const before = rig.catalog.asked.length;
  for (let second = 0; second < 300; second++) {
    using _again = rig.cache.use("SPY");
    await rig.clock.advance(1_000);
  }
  const asked = rig.catalog.asked.length - before;
  assert.ok(asked >= 9 && asked <= 11, `${asked} loads in five minutes`);
  rig.catalog.outage = undefined;
  using _last = rig.cache.use("SPY");
  await rig.clock.advance(30_000);
  assert.deepEqual(rig.expiriesOf("SPY"), [0, 7]);
});

Deno.test("a chain that cannot be renewed stays in use, with the reason", async () => {
  await using rig = new Rig();
  using _spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  rig.catalog.outage = "HTTP 500";
  await rig.clock.advance(15 * HOUR_MS);
  const state = rig.cache.state("SPY");
  assert.ok(state.at === "ready");
  assert.equal(state.reason, "HTTP 500");
  assert.equal(state.chain.day, TODAY);
  rig.catalog.outage = undefined;
  await rig.clock.advance(300_000);
  const later = rig.cache.state("SPY");
  assert.ok(later.at === "ready");
  assert.equal(later.reason, undefined);
  assert.equal(later.chain.day, TODAY + 1);
});

Deno.test("an underlying without contracts is loaded again every five minutes", async () => {
  await using rig = new Rig();
  rig.list("SPY", []);
  using _use = rig.cache.use("SPY");
  await rig.clock.advance(299_999);
  assert.deepEqual(rig.expiriesOf("SPY"), []);
  assert.deepEqual(rig.catalog.asked, ["SPY"]);
  await rig.clock.advance(300_001);
  assert.equal(rig.catalog.asked.length, 3);
  assert.equal(rig.log.messages("info").length, 1);
  rig.list("SPY", [TODAY + 7]);
  await rig.clock.advance(300_000);
  assert.deepEqual(rig.expiriesOf("SPY"), [7]);
  await rig.confirmed("SPY");
  await rig.clock.advance(HOUR_MS);
  assert.equal(rig.catalog.asked.length, 4);
});

Deno.test("refused credentials of the catalog are retried within five minutes", async () => {
  await using rig = new Rig();
  using _use = rig.cache.use("SPY");
  await rig.clock.advance(0);
  rig.catalog.outage = "HTTP 401 unauthorized";
  using _other = rig.cache.use("QQQ");
  await rig.clock.advance(6 * HOUR_MS);
  assert.equal(rig.cache.state("QQQ").at, "off");
  rig.catalog.outage = undefined;
  await rig.clock.advance(300_000);
  assert.deepEqual(rig.expiriesOf("QQQ"), [0, 7]);
});

Deno.test("an empty list does not replace a chain", async () => {
  await using rig = new Rig();
  using _spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  rig.list("SPY", []);
  await rig.clock.advance(15 * HOUR_MS);
  const state = rig.cache.state("SPY");
  assert.ok(state.at === "ready");
  assert.equal(state.reason, "no contracts are listed any more");
  assert.deepEqual(rig.expiriesOf("SPY"), [7], "only what has expired is removed");
});

Deno.test("the least recently used chain is evicted", async () => {
  await using rig = new Rig({ maxChains: 2 });
  const spy = rig.cache.use("SPY");
  using _qqq = rig.cache.use("QQQ");
  await rig.clock.advance(0);
  spy[Symbol.dispose]();
  using _iwm = rig.cache.use("IWM");
  await rig.clock.advance(0);
  assert.equal(rig.cache.size, 2);
  assert.equal(rig.expiriesOf("SPY"), undefined);
  assert.deepEqual(rig.expiriesOf("QQQ"), [0, 7]);
  assert.deepEqual(rig.expiriesOf("IWM"), [0, 7]);
});

Deno.test("when every chain is in use a further one waits", async () => {
  await using rig = new Rig({ maxChains: 1 });
  const spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  await rig.confirmed("SPY");
  using _qqq = rig.cache.use("QQQ");
  await rig.clock.advance(HOUR_MS);
  assert.deepEqual(rig.cache.state("QQQ"), {
    at: "off",
    reason: "all 1 option chains in memory are in use",
  });
  assert.deepEqual(rig.catalog.asked, ["SPY"]);
  spy[Symbol.dispose]();
  spy[Symbol.dispose]();
  await rig.clock.advance(5_000);
  assert.deepEqual(rig.expiriesOf("QQQ"), [0, 7]);
  assert.equal(rig.cache.size, 1);
});

Deno.test("missing chains are loaded before others are renewed", async () => {
  await using rig = new Rig();
  await rig.clock.advance(30_000);
  using _spy = rig.cache.use("SPY");
  await rig.clock.advance(0);
  await rig.confirmed("SPY");
  // The day is over, but the loop has not run yet.
  await rig.clock.advance(14 * HOUR_MS - 3 * 60_000 - 30_000 + 1);
  assert.deepEqual(rig.catalog.asked, ["SPY"]);
  using _qqq = rig.cache.use("QQQ");
  await rig.clock.advance(0);
  assert.deepEqual(rig.catalog.asked, ["SPY", "QQQ", "SPY"]);
});

Deno.test("the directory learns the roots of what was loaded", async () => {
  await using rig = new Rig();
  const listed = gridOf({
    underlying: "META",
    root: "FB1",
    days: [TODAY],
    strikes: [300],
  });
  rig.catalog.listed.set("META", listed);
  using _meta = rig.cache.use("META");
  await rig.clock.advance(0);
  const [contract] = listed;
  assert.equal(rig.directory.underlyingOf(contract?.symbol ?? ""), "META");
});

Deno.test("an error other than a failure of the catalog ends the loop", async () => {
  const rig = new Rig();
  await rig[Symbol.asyncDispose]();
  rig.catalog.contracts = () => Promise.reject(new TypeError("a mistake"));
  using _spy = rig.cache.use("SPY");
  await assert.rejects(
    rig.cache.run(new AbortController().signal),
    /a mistake/,
  );
});

Deno.test("thirty thousand underlyings are used and released in linear time", () => {
  const cache = new OptionChainCache({
    catalog: new ScriptedCatalog(),
    directory: new UnderlyingDirectory(),
    clock: new ManualClock(),
    calendar: new MarketCalendar(),
    log: new RecordingLog(),
    maxChains: 128,
    random: () => 0,
    onChange: () => {},
  });
  const before = process.cpuUsage();
  const uses = Array.from({ length: 30_000 }, (_, i) => cache.use(`U${i}`));
  for (const use of uses) use[Symbol.dispose]();
  const { user, system } = process.cpuUsage(before);
  // Processor time, which other processes do not add to; 50 ms are usual.
  assert.ok(user + system < 1_500_000, `${user + system} µs`);
});

/** Lets the loads of underlyings that start with X fail after 90 s. */
function failSlowly({ catalog, clock }: Rig): void {
  const load = catalog.contracts.bind(catalog);
  catalog.contracts = async (underlying, signal) => {
    if (!underlying.startsWith("X")) return load(underlying, signal);
    await clock.sleep(90_000, signal);
    throw new ApiUnavailable("HTTP 500");
  };
}

for (
  const [when, minutesBefore, minutes] of [
    ["are tried for the first time", 1, 7],
    ["have failed for hours", 180, 17],
  ] as const
) {
  Deno.test(`a reload for a gap does not wait for 39 missing chains that ${when}`, async () => {
    await using rig = new Rig({ maxChains: 100 });
    failSlowly(rig);
    using uses = new DisposableStack();
    uses.use(await rig.load("SPY", [TODAY + 1], strikesFrom(95, 105)));
    for (let at = 0; at < 39; at++) uses.use(rig.cache.use(`X${at}`));
    const note = () => rig.cache.noteSelection("SPY", { isEmpty: false, price: 200 });
    await rig.minutes(minutesBefore, note);
    rig.list("SPY", [TODAY + 1], [...strikesFrom(95, 105), ...strikesFrom(195, 205)]);
    // Three loads of 90 s, after a pause that has grown to ten minutes in the second case.
    await rig.minutes(minutes, note);
    assert.equal(rig.strikesOf("SPY").at(-1), 205);
  });
}

Deno.test("first loads and reloads alternate while both are due", async () => {
  await using rig = new Rig({ maxChains: 100 });
  const order: string[] = [];
  const { catalog, clock } = rig;
  const names = ["A", "B", "C"];
  for (const name of names) rig.list(name, [TODAY + 1]);
  const load = catalog.contracts.bind(catalog);
  catalog.contracts = async (underlying, signal) => {
    order.push(underlying);
    await clock.sleep(1_000, signal);
    return load(underlying, signal);
  };
  using uses = new DisposableStack();
  for (const name of names) uses.use(rig.cache.use(name));
  await clock.advance(3_000);
  await clock.advance(4 * 60_000);
  assert.deepEqual(order.splice(3), names, "first lists are confirmed");
  for (const name of names) rig.cache.noteSelection(name, { isEmpty: true, price: 100 });
  await clock.advance(5 * 60_000);
  assert.deepEqual(order.splice(0), ["A", "B", "C", "A", "B", "C"]);
  for (const name of ["XA", "XB", "XC"]) uses.use(rig.cache.use(name));
  for (const name of names) {
    const terms = { expiryDay: TODAY + 2, right: "call", strike: 100 } as const;
    rig.cache.observe(occSymbol(name, terms));
  }
  await clock.advance(6_000);
  assert.deepEqual(order.join(" ").replaceAll(/X\w/g, "X"), "X A X B X C");
});

Deno.test("chains whose loads fail slowly keep no other chain waiting", async () => {
  await using rig = new Rig();
  failSlowly(rig);
  const { catalog, clock } = rig;
  using _uses = new DisposableStack();
  _uses.use(rig.cache.use("QQQ"));
  await clock.advance(0);
  for (const name of ["XA", "XB", "XC", "XD", "XE"]) _uses.use(rig.cache.use(name));
  await clock.advance(HOUR_MS);
  _uses.use(rig.cache.use("SPY"));
  await clock.advance(2 * 90_000);
  assert.deepEqual(rig.expiriesOf("SPY"), [0, 7]);
  // The next exchange day.
  await clock.advance(24 * HOUR_MS);
  const loads = catalog.asked.filter((name) => name === "QQQ").length;
  assert.ok(loads >= 2, `${loads} loads`);
});

Deno.test("a first load waits for no repetition of loads that have failed", async () => {
  await using rig = new Rig({ maxChains: 100 });
  const { catalog, clock } = rig;
  const load = catalog.contracts.bind(catalog);
  catalog.contracts = async (underlying, signal) => {
    if (!underlying.startsWith("X")) return load(underlying, signal);
    catalog.asked.push(underlying);
    await clock.sleep(15_000, signal);
    throw new ApiUnavailable("no complete response within 15000 ms");
  };
  using uses = new DisposableStack();
  for (const name of ["XA", "XB", "XC", "XD", "XE"]) uses.use(rig.cache.use(name));
  await clock.advance(0);
  uses.use(rig.cache.use("SPY"));
  await clock.advance(5 * 15_000);
  assert.deepEqual(rig.expiriesOf("SPY"), [0, 7], "each of the five was loaded once");
  assert.deepEqual(catalog.asked, ["XA", "XB", "XC", "XD", "XE", "SPY", "XA"]);
  await clock.advance(HOUR_MS);
  for (const name of ["XF", "XG"]) uses.use(rig.cache.use(name));
  uses.use(rig.cache.use("QQQ"));
  await clock.advance(4 * 15_000);
  assert.deepEqual(rig.expiriesOf("QQQ"), [0, 7], "one that was running, and two first ones");
});

Deno.test("a load that has failed waits for first ones for five minutes at most", async () => {
  await using rig = new Rig({ maxChains: 1_000 });
  failSlowly(rig);
  const { catalog, clock } = rig;
  catalog.outage = "HTTP 500";
  using uses = new DisposableStack();
  uses.use(rig.cache.use("SPY"));
  await clock.advance(0);
  catalog.outage = undefined;
  let minutes = 0;
  for (; rig.expiriesOf("SPY") === undefined; minutes++) {
    assert.ok(minutes < 10, "it is not loaded");
    uses.use(rig.cache.use(`X${minutes}`));
    await clock.advance(60_000);
  }
  assert.ok(minutes >= 5);
});

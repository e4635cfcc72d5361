import assert from "node:assert/strict";
import { ApiUnavailable } from "../../../../src/application/ports/api_unavailable.ts";
import { dayOfDate, instantAt } from "../../../../src/domain/calendar/exchange_time.ts";
import { gridOf, strikesFrom } from "../../domain/options/chains.ts";
import { DAY, INTERVAL_MS, NOW, Rig } from "./price_rig.ts";

Deno.test("all prices are fetched in one request per interval", async () => {
  await using rig = new Rig();
  await rig.clock.advance(10 * INTERVAL_MS);
  assert.equal(rig.catalog.priced.length, 0, "not needed");
  rig.catalog.trades.set("SPY", 101).set("QQQ", 99);
  await Promise.all([rig.follow("SPY"), rig.follow("QQQ")]);
  assert.deepEqual(rig.catalog.priced, [["SPY", "QQQ"]]);
  assert.deepEqual(rig.prices.of("SPY")?.price, 101);
  rig.catalog.trades.set("SPY", 102);
  await rig.clock.advance(INTERVAL_MS - 1);
  assert.equal(rig.catalog.priced.length, 1);
  await rig.clock.advance(1);
  assert.equal(rig.prices.of("SPY")?.price, 102);
  await rig.clock.advance(9 * INTERVAL_MS);
  assert.equal(rig.catalog.priced.length, 11);
  rig.followed.clear();
  await rig.clock.advance(10 * INTERVAL_MS);
  assert.equal(rig.catalog.priced.length, 11, "no longer needed");
  assert.equal(rig.prices.of("SPY"), undefined);
});

Deno.test("an index is priced by the calls and puts of its next expiry", async () => {
  await using rig = new Rig();
  rig.catalog.indexes.set("SPX", 101.25);
  rig.catalog.noStocks.add("SPX");
  await rig.follow("SPX");
  assert.deepEqual(rig.prices.of("SPX")?.price, 101.25);
  assert.equal(rig.prices.of("SPX")?.source, "parity");
  assert.deepEqual(rig.catalog.parity, [
    { underlying: "SPX", expiryDay: DAY + 2 },
  ]);
  rig.catalog.indexes.set("SPX", 102.5);
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.prices.of("SPX")?.price, 102.5);
  assert.equal(rig.catalog.priced.length, 1, "it is known to be no stock");
  const [, near] = rig.catalog.parity;
  assert.deepEqual(near?.strikes?.map(Math.round), [98, 104], "3 % around");
});

Deno.test("expiries whose contracts are all adjusted do not price an underlying", async () => {
  await using rig = new Rig();
  rig.catalog.indexes.set("SPX", 101.25);
  rig.catalog.noStocks.add("SPX");
  const adjusted = gridOf({ underlying: "SPX", days: [DAY + 1, DAY + 2], strikes: [100] })
    .map((contract) => ({ ...contract, isAdjusted: true }));
  const days = [DAY + 3, DAY + 10];
  const standard = gridOf({ underlying: "SPX", days, strikes: strikesFrom(98, 104) });
  await rig.follow("SPX", [...adjusted, ...standard]);
  assert.equal(rig.prices.of("SPX")?.price, 101.25);
  assert.deepEqual(rig.catalog.parity.map(({ expiryDay }) => expiryDay), [DAY + 3]);
});

Deno.test("contracts that have stopped trading do not price an index", async () => {
  const tuesday = dayOfDate("2026-12-15") ?? 0;
  const days = [tuesday + 1, tuesday + 8];
  for (const [minute, expected] of [[16 * 60, days[0]], [18 * 60, days[1]]] as const) {
    await using rig = new Rig(instantAt(tuesday, minute));
    rig.catalog.indexes.set("VIX", 16.1);
    const strikes = strikesFrom(10, 25);
    await rig.follow("VIX", gridOf({ underlying: "VIX", root: "VIXW", days, strikes }));
    assert.equal(rig.catalog.parity[0]?.expiryDay, expected, `${minute}`);
  }
  await using rig = new Rig(instantAt(tuesday + 2, 18 * 60));
  rig.catalog.indexes.set("SPX", 101.25);
  const friday = { underlying: "SPX", days: [tuesday + 3], strikes: strikesFrom(98, 104) };
  const settled = gridOf(friday);
  const quotes = rig.catalog.quotes.bind(rig.catalog);
  rig.catalog.quotes = async (query) => {
    const all = new Map(await quotes(query));
    for (const { symbol, right } of settled) {
      const price = right === "call" ? 1 : 9;
      all.set(symbol, { bid: price, ask: price, at: 0 });
    }
    return all;
  };
  await rig.follow("SPX", [...settled, ...gridOf({ ...friday, root: "SPXW" })]);
  assert.equal(rig.prices.of("SPX")?.price, 101.25, "of SPXW alone");
});

Deno.test("an index that leaves the requested strikes is found again", async () => {
  await using rig = new Rig();
  rig.catalog.indexes.set("SPX", 111);
  await rig.follow("SPX");
  rig.catalog.indexes.set("SPX", 119);
  // Only strikes around 111 are asked for, where no put is quoted any more.
  const quotes = rig.catalog.quotes.bind(rig.catalog);
  rig.catalog.quotes = async (query) => query.strikes ? new Map() : await quotes(query);
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.prices.of("SPX")?.price, 119);
});

Deno.test("without quotes the price is guessed from the open interest", async () => {
  await using rig = new Rig();
  const contracts = gridOf({ days: [DAY + 2], strikes: strikesFrom(10, 200) })
    .map((it) => ({ ...it, openInterest: it.strike === 117 ? 9_999 : 0 }));
  await rig.follow("SPX", contracts);
  assert.deepEqual(
    [rig.prices.of("SPX")?.price, rig.prices.of("SPX")?.source],
    [117, "guess"],
  );
  assert.equal(
    rig.prices.of("SPX")?.problem,
    "neither it nor its options trade",
  );
  rig.catalog.indexes.set("SPX", 120.5);
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(
    [rig.prices.of("SPX")?.price, rig.prices.of("SPX")?.source],
    [120.5, "parity"],
  );
  assert.equal(rig.prices.of("SPX")?.problem, undefined);
});

Deno.test("an underlying rejected as a stock is requested again in 15 minutes", async () => {
  await using rig = new Rig();
  rig.catalog.indexes.set("SPY", 101.25);
  rig.catalog.noStocks.add("SPY");
  rig.catalog.trades.set("QQQ", 99);
  await Promise.all([rig.follow("SPY"), rig.follow("QQQ")]);
  assert.equal(rig.prices.of("SPY")?.source, "parity");
  rig.catalog.noStocks.clear();
  rig.catalog.trades.set("SPY", 102);
  await rig.clock.advance(899_000);
  const withSpy = () => rig.catalog.priced.filter((names) => names.includes("SPY"));
  assert.equal(withSpy().length, 1);
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(withSpy().at(-1), ["SPY"], "alone");
  assert.deepEqual(rig.prices.of("SPY"), {
    price: 102,
    source: "trade",
    asOf: NOW + 900_000,
    problem: undefined,
  });
});

Deno.test("a known price outlives failures to renew it", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 101);
  await rig.follow("SPY");
  const { length } = rig.catalog.parity;
  rig.catalog.priceOutage = "HTTP 500";
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.prices.of("SPY")?.price, 101);
  assert.equal(rig.prices.of("SPY")?.problem, "HTTP 500");
  assert.equal(rig.catalog.parity.length, length, "options are on the same host");
  rig.catalog.priceOutage = undefined;
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.prices.of("SPY")?.problem, undefined);
});

Deno.test("an unknown price is guessed while it cannot be fetched", async () => {
  await using rig = new Rig();
  rig.catalog.priceOutage = "HTTP 403";
  await rig.follow("SPY");
  assert.equal(rig.prices.of("SPY")?.source, "guess");
  assert.equal(rig.prices.of("SPY")?.problem, "HTTP 403");
  assert.equal(rig.changes, 1);
});

for (
  const [when, { minutes, lowest, expected }] of [
    ["minutes", { minutes: 2, lowest: 80, expected: [101, "trade"] }],
    ["a day", { minutes: 1_441, lowest: 80, expected: [85, "guess"] }],
    ["a split", { minutes: 2, lowest: 8, expected: [13, "guess"] }],
  ] as const
) {
  Deno.test(`a price that cannot be fetched after ${when} is a ${expected[1]}`, async () => {
    await using rig = new Rig();
    const contractsFrom = (low: number) =>
      gridOf({ days: [DAY + 2], strikes: strikesFrom(low, low + 40) })
        .map((it) => ({ ...it, openInterest: it.strike === low + 5 ? 9_999 : 0 }));
    rig.catalog.trades.set("SPY", 101);
    await rig.follow("SPY", contractsFrom(80));
    rig.followed.clear();
    await rig.clock.advance(minutes * 60_000);
    assert.equal(rig.prices.of("SPY"), undefined);
    // A stream that ends before its chain is loaded.
    rig.followed.set("SPY", undefined);
    rig.prices.wake();
    await rig.clock.advance(0);
    rig.followed.clear();
    rig.prices.wake();
    await rig.clock.advance(0);
    rig.catalog.priceOutage = "HTTP 503";
    await rig.follow("SPY", contractsFrom(lowest));
    const { price, source, problem } = rig.prices.of("SPY") ?? {};
    assert.deepEqual([price, source, problem], [...expected, "HTTP 503"]);
    rig.catalog.priceOutage = undefined;
    rig.catalog.trades.set("SPY", lowest + 22);
    await rig.clock.advance(INTERVAL_MS);
    assert.equal(rig.prices.of("SPY")?.price, lowest + 22);
    assert.equal(rig.prices.of("SPY")?.problem, undefined);
  });
}

Deno.test("one wrong print confirms nothing while the clock is two minutes slow", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 100);
  await rig.follow("SPY");
  await rig.clock.advance(4 * INTERVAL_MS);
  rig.catalog.trades.set("SPY", 85);
  rig.catalog.tradedAt.set("SPY", rig.clock.now() + 120_000);
  for (let second = 0; second < 50; second++) {
    await rig.clock.advance(1_000);
    assert.equal(rig.prices.of("SPY")?.price, 100, `after ${second} s`);
  }
  rig.catalog.trades.set("SPY", 84.5);
  rig.catalog.tradedAt.set("SPY", rig.clock.now() + 120_000);
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.prices.of("SPY")?.price, 84.5, "another trade confirms it");
});

Deno.test("40 underlyings cost one request per interval, however they are opened", async () => {
  await using rig = new Rig();
  const names = Array.from({ length: 40 }, (_, at) => `U${100 + at}`);
  for (const name of names) {
    rig.catalog.trades.set(name, 100);
    rig.followed.set(name, undefined);
  }
  // Chains are loaded one after another, the first one in a moment.
  for (const name of names) {
    await rig.follow(name);
    await rig.clock.advance(100);
  }
  await rig.clock.advance(45_000 - 40 * 100 - 1);
  assert.equal(rig.catalog.priced.length, 3);
  for (const name of names) assert.equal(rig.prices.of(name)?.source, "trade");
});

Deno.test("new underlyings are priced soon, and share requests", async () => {
  await using rig = new Rig();
  let latest = 0;
  for (let at = 0; at < 60; at++) {
    const name = `U${100 + at}`;
    rig.catalog.trades.set(name, 100);
    await rig.follow(name);
    const openedAt = rig.clock.monotonic();
    while (!rig.prices.of(name)) await rig.clock.advance(100);
    latest = Math.max(latest, rig.clock.monotonic() - openedAt);
    if (at === 0) assert.equal(latest, 0);
  }
  assert.ok(latest <= 5_000, `${latest} ms`);
  const minutes = rig.clock.monotonic() / 60_000;
  assert.ok(rig.catalog.priced.length <= 4 + 16 * minutes, `${rig.catalog.priced.length}`);
});

Deno.test("a guess is replaced with the next request", async () => {
  await using rig = new Rig();
  await rig.follow("SPY");
  assert.equal(rig.prices.of("SPY")?.source, "guess");
  rig.catalog.trades.set("SPY", 101);
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(rig.prices.of("SPY"), {
    price: 101,
    source: "trade",
    asOf: NOW + INTERVAL_MS,
    problem: undefined,
  });
});

Deno.test("one reply without the trade does not freeze the price", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 101);
  await rig.follow("SPY");
  rig.catalog.trades.delete("SPY");
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.prices.of("SPY")?.price, 101);
  rig.catalog.trades.set("SPY", 102);
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.prices.of("SPY")?.price, 102);
});

const DAYS_3_MS = 3 * 86_400_000;

Deno.test("a trade three days old is not trusted against the options", async () => {
  await using rig = new Rig();
  // A Thursday before: two sessions have passed since.
  rig.catalog.trades.set("SPY", 90);
  rig.catalog.tradedAt.set("SPY", NOW - DAYS_3_MS - 86_400_000);
  rig.catalog.indexes.set("SPY", 112);
  const seen: (number | undefined)[] = [];
  rig.onChange = () => seen.push(rig.prices.of("SPY")?.price);
  await rig.follow("SPY");
  assert.deepEqual(rig.prices.of("SPY"), {
    price: 112,
    source: "parity",
    asOf: NOW,
    problem: undefined,
  });
  assert.ok(!seen.includes(90), "not for a moment");
  rig.catalog.tradedAt.delete("SPY");
  rig.catalog.trades.set("SPY", 112.5);
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.prices.of("SPY")?.source, "trade");
});

Deno.test("an old trade is used where options are not quoted, with its time", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 90);
  rig.catalog.tradedAt.set("SPY", Date.UTC(2026, 11, 10, 15));
  await rig.follow("SPY");
  assert.deepEqual(rig.prices.of("SPY"), {
    price: 90,
    source: "trade",
    asOf: Date.UTC(2026, 11, 10, 15),
    problem: "the last trade is old, and there are no newer option quotes",
  });
});

Deno.test("after a weekend the last trade of Friday is current", async () => {
  await using rig = new Rig(Date.UTC(2026, 11, 13, 15));
  rig.catalog.trades.set("SPY", 90);
  rig.catalog.tradedAt.set("SPY", Date.UTC(2026, 11, 11, 20, 59));
  rig.catalog.indexes.set("SPY", 90.5);
  rig.catalog.time = () => Date.UTC(2026, 11, 11, 20, 58);
  await rig.follow("SPY");
  await rig.clock.advance(3_600_000);
  assert.equal(rig.prices.of("SPY")?.price, 90);
  assert.equal(rig.prices.of("SPY")?.problem, undefined);
  assert.equal(rig.catalog.parity.length, 1, "of the first price alone");
});

/** A trade at 0.01 between others. */
async function showsNothingOfOnePrint(quoted: boolean): Promise<void> {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 100);
  if (quoted) rig.catalog.indexes.set("SPY", 100.5);
  await rig.follow("SPY");
  const seen = new Set<number | undefined>();
  rig.onChange = () => seen.add(rig.prices.of("SPY")?.price);
  await rig.clock.advance(INTERVAL_MS - 1);
  rig.catalog.trades.set("SPY", 0.01);
  rig.catalog.tradedAt.set("SPY", NOW + INTERVAL_MS - 1);
  await rig.clock.advance(quoted ? 600_000 : 55_000);
  rig.catalog.tradedAt.delete("SPY");
  rig.catalog.trades.set("SPY", 101);
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(rig.prices.of("SPY")?.price, 101);
  for (const price of seen) assert.ok(price !== undefined && price >= 100, `${price}`);
}

Deno.test("one print at 0.01 changes nothing", () => showsNothingOfOnePrint(true));

Deno.test("one print at 0.01 changes nothing where options are not quoted", () => {
  return showsNothingOfOnePrint(false);
});

Deno.test("two wrong prints in a row change nothing while options are quoted", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 100);
  rig.catalog.indexes.set("SPY", 100);
  await rig.follow("SPY");
  const seen = new Set<number | undefined>();
  rig.onChange = () => seen.add(rig.prices.of("SPY")?.price);
  await rig.clock.advance(INTERVAL_MS - 1_000);
  for (const at of [INTERVAL_MS - 500, INTERVAL_MS + 500]) {
    rig.catalog.trades.set("SPY", 60);
    rig.catalog.tradedAt.set("SPY", NOW + at);
    await rig.clock.advance(1_600);
  }
  await rig.clock.advance(INTERVAL_MS);
  rig.catalog.tradedAt.delete("SPY");
  rig.catalog.trades.set("SPY", 101);
  await rig.clock.advance(2 * INTERVAL_MS);
  assert.equal(rig.prices.of("SPY")?.price, 101);
  for (const price of seen) assert.ok(price === 100 || price === 101, `${price}`);
});

Deno.test("a wrong print changes nothing after half an hour without a trade", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 100);
  rig.catalog.tradedAt.set("SPY", NOW - 29 * 60_000);
  rig.catalog.indexes.set("SPY", 100);
  await rig.follow("SPY");
  await rig.clock.advance(60_000);
  rig.catalog.trades.set("SPY", 85);
  rig.catalog.tradedAt.set("SPY", NOW + 61_000);
  for (let i = 0; i < 4; i++) {
    await rig.clock.advance(INTERVAL_MS);
    assert.equal(rig.prices.of("SPY")?.price, 100);
  }
});

for (const price of [1e999, NaN, 0, -5]) {
  Deno.test(`a trade at ${price} is no price`, async () => {
    await using rig = new Rig();
    rig.catalog.trades.set("SPY", price);
    await rig.follow("SPY");
    assert.deepEqual([rig.prices.of("SPY")?.source, rig.prices.of("SPY")?.price], ["guess", 100]);
    rig.catalog.trades.set("SPY", 101);
    await rig.clock.advance(INTERVAL_MS);
    rig.catalog.trades.set("SPY", price);
    await rig.clock.advance(4 * INTERVAL_MS);
    assert.equal(rig.prices.of("SPY")?.price, 101);
  });
}

Deno.test("quotes of an index of 0.05 x 200 do not move its price", async () => {
  await using rig = new Rig();
  const contracts = gridOf({
    underlying: "SPX",
    days: [DAY, DAY + 2, DAY + 3],
    strikes: strikesFrom(1_800, 2_200, 5),
  });
  rig.catalog.indexes.set("SPX", 2_000);
  await rig.follow("SPX", contracts);
  assert.equal(rig.prices.of("SPX")?.price, 2_000);
  rig.catalog.quotes = () =>
    Promise.resolve(
      new Map(contracts.map(({ symbol }) => [
        symbol,
        { bid: 0.05, ask: 200, at: rig.clock.now() },
      ])),
    );
  await rig.clock.advance(20 * INTERVAL_MS);
  assert.equal(rig.prices.of("SPX")?.price, 2_000);
});

Deno.test("an index is priced although its chain was loaded two days ago", async () => {
  await using rig = new Rig();
  rig.catalog.indexes.set("SPX", 101);
  await rig.follow(
    "SPX",
    gridOf({ underlying: "SPX", days: [DAY, DAY + 1, DAY + 9], strikes: strikesFrom(80, 120) }),
  );
  await rig.clock.advance(2 * 86_400_000);
  rig.catalog.indexes.set("SPX", 104);
  // Contracts that have expired are not quoted.
  const quotes = rig.catalog.quotes.bind(rig.catalog);
  rig.catalog.quotes = (query) =>
    query.expiryDay > DAY + 2 ? quotes(query) : Promise.resolve(new Map());
  await rig.clock.advance(60_000);
  assert.equal(rig.prices.of("SPX")?.price, 104);
});

Deno.test("a gap of 45 percent that options confirm is taken immediately", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 100);
  await rig.follow("SPY", gridOf({ days: [DAY, DAY + 2], strikes: strikesFrom(40, 140) }));
  rig.catalog.trades.set("SPY", 55);
  rig.catalog.indexes.set("SPY", 55.3);
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual([rig.prices.of("SPY")?.price, rig.prices.of("SPY")?.source], [55, "trade"]);
});

Deno.test("without quoted options a split is taken with the second trade, in 2 s", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 100);
  await rig.follow("SPY");
  rig.catalog.trades.set("SPY", 10);
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(
    [rig.prices.of("SPY")?.price, rig.prices.of("SPY")?.problem],
    [100, "a trade at 10 USD is not confirmed"],
  );
  rig.catalog.trades.set("SPY", 10.1);
  await rig.clock.advance(2_000);
  assert.deepEqual(
    [rig.prices.of("SPY")?.price, rig.prices.of("SPY")?.problem],
    [10.1, undefined],
  );
});

Deno.test("without quoted options the only trade after a gap is taken in a minute", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 100);
  await rig.follow("SPY");
  rig.catalog.trades.set("SPY", 55);
  rig.catalog.tradedAt.set("SPY", NOW + INTERVAL_MS);
  await rig.clock.advance(INTERVAL_MS + 59_000);
  assert.equal(rig.prices.of("SPY")?.price, 100);
  await rig.clock.advance(INTERVAL_MS + 1_000);
  assert.equal(rig.prices.of("SPY")?.price, 55);
});

Deno.test("a corrected price of the last trade is taken in a minute", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 100);
  rig.catalog.tradedAt.set("SPY", NOW);
  await rig.follow("SPY");
  await rig.clock.advance(40 * 60_000);
  rig.catalog.trades.set("SPY", 10);
  await rig.clock.advance(59_000);
  assert.equal(rig.prices.of("SPY")?.price, 100);
  assert.equal(rig.prices.of("SPY")?.problem, "a trade at 10 USD is not confirmed");
  await rig.clock.advance(60_000);
  assert.equal(rig.prices.of("SPY")?.price, 10);
});

Deno.test("option quotes older than a trade do not reject it", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 100);
  rig.catalog.indexes.set("SPY", 100);
  await rig.follow("SPY");
  // At the open: the quotes are those of the close before it.
  rig.catalog.tradedAt.set("SPY", NOW + INTERVAL_MS);
  rig.catalog.trades.set("SPY", 55);
  rig.catalog.time = () => NOW;
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.prices.of("SPY")?.price, 100);
  rig.catalog.tradedAt.set("SPY", NOW + INTERVAL_MS + 500);
  await rig.clock.advance(2_000);
  assert.equal(rig.prices.of("SPY")?.price, 55);
});

Deno.test("the gap of an index is taken with the second reply of its options", async () => {
  await using rig = new Rig();
  rig.catalog.indexes.set("SPX", 100);
  await rig.follow(
    "SPX",
    gridOf({ underlying: "SPX", days: [DAY + 2], strikes: strikesFrom(50, 150) }),
  );
  rig.catalog.indexes.set("SPX", 80);
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.prices.of("SPX")?.price, 100);
  await rig.clock.advance(2_000);
  assert.equal(rig.prices.of("SPX")?.price, 80);
});

Deno.test("option quotes that wait for the rate limit do not delay last trades", async () => {
  await using rig = new Rig();
  for (let at = 0; at < 100; at++) {
    const name = `U${100 + at}`;
    if (at % 2 === 0) rig.catalog.trades.set(name, 100);
    else if (at % 4 === 1) rig.catalog.indexes.set(name, 100);
    rig.followed.set(name, undefined);
  }
  const quotes = rig.catalog.quotes.bind(rig.catalog);
  rig.catalog.quotes = async (query, signal) => {
    await rig.clock.sleep(1_500, signal);
    return await quotes(query);
  };
  for (const name of rig.followed.keys()) await rig.follow(name);
  for (let minute = 0; minute < 5; minute++) {
    const before = rig.catalog.priced.length;
    await rig.clock.advance(60_000);
    assert.equal(rig.catalog.priced.length - before, 4, "trades are not delayed by options");
  }
  const sources = [...rig.followed.keys()].map((name) => rig.prices.of(name)?.source);
  assert.deepEqual(
    ["trade", "parity", "guess"].map((it) => sources.filter((source) => source === it).length),
    [50, 25, 25],
  );
});

/** A chain of SPY around 570. */
const SPY_570 = gridOf({ days: [DAY, DAY + 2], strikes: strikesFrom(450, 650) });

/** Follows SPY at 570, with a second trade after an interval. */
async function followAt570(rig: Rig): Promise<void> {
  rig.catalog.trades.set("SPY", 570);
  rig.catalog.indexes.set("SPY", 570.2);
  await rig.follow("SPY", SPY_570);
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual([rig.prices.of("SPY")?.price, rig.catalog.parity.length], [570, 1]);
}

Deno.test("a first trade that option quotes contradict is not taken", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 60);
  rig.catalog.tradedAt.set("SPY", NOW - 60_000);
  rig.catalog.indexes.set("SPY", 100);
  const seen = new Set<number | undefined>();
  rig.onChange = () => seen.add(rig.prices.of("SPY")?.price);
  await rig.follow("SPY", gridOf({ days: [DAY, DAY + 2], strikes: strikesFrom(20, 200) }));
  await rig.clock.advance(600_000);
  assert.deepEqual(rig.prices.of("SPY"), {
    price: 100,
    source: "parity",
    asOf: NOW + 600_000,
    problem: undefined,
  });
  assert.ok(!seen.has(60), "not for a moment");
  rig.catalog.tradedAt.delete("SPY");
  rig.catalog.trades.set("SPY", 101);
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual([rig.prices.of("SPY")?.price, rig.prices.of("SPY")?.source], [101, "trade"]);
});

Deno.test("the first trades of 40 stocks cost one request for quotes each", async () => {
  await using rig = new Rig();
  for (let at = 100; at < 140; at++) {
    rig.catalog.trades.set(`U${at}`, 100);
    rig.catalog.tradedAt.set(`U${at}`, NOW);
    rig.catalog.indexes.set(`U${at}`, 100.3);
    await rig.follow(`U${at}`);
  }
  await rig.clock.advance(10_000);
  assert.ok(rig.catalog.parity.length <= 11, "chains have the other requests");
  await rig.clock.advance(360_000);
  for (const name of rig.followed.keys()) {
    assert.deepEqual([rig.prices.of(name)?.price, rig.prices.of(name)?.problem], [100, undefined]);
  }
  await rig.clock.advance(240_000);
  const names = rig.catalog.parity.map(({ underlying }) => underlying);
  assert.deepEqual(names.toSorted(), [...rig.followed.keys()].toSorted());
  assert.ok(rig.catalog.priced.length <= 40 + 16, `${rig.catalog.priced.length}`);
});

Deno.test("a first trade waits five seconds for quotes, and has a reason then", async () => {
  await using rig = new Rig();
  rig.catalog.quotes = async (_query, signal) => {
    await rig.clock.sleep(3_600_000, signal);
    return new Map();
  };
  rig.catalog.trades.set("SPY", 100);
  rig.catalog.tradedAt.set("SPY", NOW);
  await rig.follow("SPY");
  await rig.clock.advance(4_999);
  assert.equal(rig.prices.of("SPY"), undefined);
  await rig.clock.advance(1);
  const unconfirmed = {
    price: 100,
    source: "trade",
    asOf: NOW,
    problem: "a trade at 100 USD is not confirmed",
  };
  assert.deepEqual(rig.prices.of("SPY"), unconfirmed);
  await rig.clock.advance(600_000);
  assert.deepEqual(rig.prices.of("SPY"), unconfirmed, "the same trade confirms nothing");
  assert.ok(rig.catalog.priced.length <= 42, "it is requested with the others");
  rig.catalog.tradedAt.delete("SPY");
  rig.catalog.trades.set("SPY", 101);
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(
    [rig.prices.of("SPY")?.price, rig.prices.of("SPY")?.problem],
    [101, undefined],
  );
});

Deno.test("a first trade is taken with a reason while quotes fail", async () => {
  await using rig = new Rig();
  const quotes = rig.catalog.quotes.bind(rig.catalog);
  rig.catalog.quotes = () => Promise.reject(new ApiUnavailable("HTTP 500"));
  rig.catalog.trades.set("SPY", 60);
  rig.catalog.tradedAt.set("SPY", NOW);
  rig.catalog.indexes.set("SPY", 100);
  await rig.follow("SPY", gridOf({ days: [DAY, DAY + 2], strikes: strikesFrom(20, 200) }));
  assert.deepEqual(
    [rig.prices.of("SPY")?.price, rig.prices.of("SPY")?.problem],
    [60, "a trade at 60 USD is not confirmed"],
  );
  rig.catalog.quotes = quotes;
  await rig.clock.advance(2 * INTERVAL_MS);
  assert.deepEqual(
    [rig.prices.of("SPY")?.price, rig.prices.of("SPY")?.problem],
    [100, undefined],
  );
});

for (const prints of [1, 2]) {
  Deno.test(`wrong prints nine percent away change nothing: ${prints}`, async () => {
    await using rig = new Rig();
    await followAt570(rig);
    const seen = new Set<number | undefined>();
    rig.onChange = () => seen.add(rig.prices.of("SPY")?.price);
    for (let at = 0; at < prints; at++) {
      rig.catalog.trades.set("SPY", 520 + at);
      rig.catalog.tradedAt.set("SPY", rig.clock.now() + 500);
      await rig.clock.advance(INTERVAL_MS);
    }
    assert.equal(rig.prices.of("SPY")?.price, 570);
    assert.ok(rig.catalog.parity.length <= 1 + prints, `${rig.catalog.parity.length} requests`);
    rig.catalog.tradedAt.delete("SPY");
    rig.catalog.trades.set("SPY", 570.4);
    await rig.clock.advance(INTERVAL_MS);
    assert.deepEqual([rig.prices.of("SPY")?.price, rig.prices.of("SPY")?.source], [570.4, "trade"]);
    for (const price of seen) assert.ok(price !== undefined && price >= 570, `${price}`);
  });
}

Deno.test("a gap of nine percent that options support is taken immediately", async () => {
  await using rig = new Rig();
  await followAt570(rig);
  rig.catalog.trades.set("SPY", 520);
  rig.catalog.indexes.set("SPY", 521);
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual([rig.prices.of("SPY")?.price, rig.prices.of("SPY")?.source], [520, "trade"]);
  assert.equal(rig.catalog.parity.length, 2);
});

Deno.test("a gap of nine percent is taken after one reply without newer quotes", async () => {
  for (const isQuoted of [true, false]) {
    await using rig = new Rig();
    await followAt570(rig);
    if (isQuoted) rig.catalog.time = () => NOW;
    else rig.catalog.indexes.clear();
    rig.catalog.trades.set("SPY", 520);
    rig.catalog.tradedAt.set("SPY", rig.clock.now() + 1);
    await rig.clock.advance(INTERVAL_MS);
    assert.equal(rig.prices.of("SPY")?.price, 520);
    assert.equal(rig.catalog.parity.length, 2, "one request, near the prices");
  }
});

Deno.test("a gap of nine percent is taken with the second trade while quotes wait", async () => {
  await using rig = new Rig();
  await followAt570(rig);
  rig.catalog.quotes = async (_query, signal) => {
    await rig.clock.sleep(3_600_000, signal);
    return new Map();
  };
  rig.catalog.trades.set("SPY", 520);
  rig.catalog.tradedAt.set("SPY", rig.clock.now() + INTERVAL_MS);
  await rig.clock.advance(INTERVAL_MS);
  const seen = () => [rig.prices.of("SPY")?.price, rig.prices.of("SPY")?.problem];
  assert.deepEqual(seen(), [570, undefined], "a moment is no problem");
  await rig.clock.advance(2_000);
  assert.deepEqual(seen(), [570, "a trade at 520 USD is not confirmed"]);
  rig.catalog.tradedAt.delete("SPY");
  rig.catalog.trades.set("SPY", 519);
  await rig.clock.advance(4_000);
  assert.equal(rig.prices.of("SPY")?.price, 519);
});

Deno.test("trades that persist for a minute are taken against option quotes", async () => {
  await using rig = new Rig();
  await followAt570(rig);
  // As of a stock that is hard to borrow: quotes imply eight percent less.
  rig.catalog.indexes.set("SPY", 545);
  const prices: (number | undefined)[] = [];
  for (let at = 0; at < 7; at++) {
    rig.catalog.trades.set("SPY", 590 + at / 10);
    await rig.clock.advance(INTERVAL_MS);
    prices.push(rig.prices.of("SPY")?.price);
  }
  assert.equal(prices[0], 570);
  assert.ok((prices.at(-1) ?? 0) >= 590, prices.join(" "));
  assert.equal(rig.prices.of("SPY")?.problem, undefined);
});

Deno.test("moves of some strikes or one percent need no quotes", async () => {
  await using rig = new Rig();
  await followAt570(rig);
  rig.catalog.trades.set("LOW", 12.8);
  rig.catalog.indexes.set("LOW", 12.8);
  await rig.follow("LOW", gridOf({ days: [DAY + 2], strikes: strikesFrom(5, 30, 5) }));
  const { length } = rig.catalog.parity;
  for (const [spy, low] of [[574, 13.9], [570, 12.8], [565, 11.8]] as const) {
    rig.catalog.trades.set("SPY", spy).set("LOW", low);
    await rig.clock.advance(INTERVAL_MS);
    assert.deepEqual(["SPY", "LOW"].map((name) => rig.prices.of(name)?.price), [spy, low]);
  }
  assert.equal(rig.catalog.parity.length, length);
});

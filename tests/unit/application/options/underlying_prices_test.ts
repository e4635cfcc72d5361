import assert from "node:assert/strict";
import type { Chain } from "../../../../src/application/options/option_chain_cache.ts";
import { UnderlyingPrices } from "../../../../src/application/options/underlying_prices.ts";
import type { OptionContract } from "../../../../src/domain/options/contract.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { gridOf, strikesFrom } from "../../domain/options/chains.ts";
import { ScriptedCatalog } from "./scripted_catalog.ts";

const DAY = 20_800;
const INTERVAL_MS = 15_000;

/** Prices that are kept current. */
class Rig implements AsyncDisposable {
  readonly catalog = new ScriptedCatalog();
  readonly clock = new ManualClock();
  readonly followed = new Map<string, Chain>();
  readonly prices: UnderlyingPrices;
  readonly #end = new AbortController();
  readonly #run: Promise<void>;
  changes = 0;

  constructor() {
    const { catalog, clock, followed } = this;
    this.prices = new UnderlyingPrices({
      catalog,
      clock,
      intervalMs: INTERVAL_MS,
      followed: () => followed,
      onChange: () => this.changes++,
    });
    this.#run = this.prices.run(this.#end.signal);
  }

  async follow(
    underlying: string,
    contracts: readonly OptionContract[] = gridOf({
      underlying,
      days: [DAY, DAY + 2],
      strikes: strikesFrom(80, 120),
    }),
  ): Promise<void> {
    this.catalog.listed.set(underlying, contracts);
    const days = new Set(contracts.map(({ expiryDay }) => expiryDay));
    this.followed.set(underlying, { contracts, expiries: [...days], day: DAY });
    this.prices.wake();
    await this.clock.advance(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#run;
    assert.equal(this.clock.sleepers, 0);
  }
}

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

Deno.test("an index that leaves the requested strikes is found again", async () => {
  await using rig = new Rig();
  rig.catalog.indexes.set("SPX", 82);
  await rig.follow("SPX");
  rig.catalog.indexes.set("SPX", 119);
  // Only strikes around 82 are asked for, where no put is quoted any more.
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

Deno.test("an underlying without a stock price is looked up again within 15 minutes", async () => {
  await using rig = new Rig();
  rig.catalog.indexes.set("SPY", 101.25);
  await rig.follow("SPY");
  assert.equal(rig.prices.of("SPY")?.source, "parity");
  rig.catalog.trades.set("SPY", 102);
  await rig.clock.advance(899_000);
  assert.equal(rig.catalog.priced.length, 1);
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(rig.prices.of("SPY"), {
    price: 102,
    source: "trade",
    asOf: Number.MAX_SAFE_INTEGER,
    problem: undefined,
    requestedAt: 900_000,
  });
});

Deno.test("a known price outlives failures to renew it", async () => {
  await using rig = new Rig();
  rig.catalog.trades.set("SPY", 101);
  await rig.follow("SPY");
  rig.catalog.priceOutage = "HTTP 500";
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.prices.of("SPY")?.price, 101);
  assert.equal(rig.prices.of("SPY")?.problem, "HTTP 500");
  assert.equal(rig.catalog.parity.length, 0, "options are on the same host");
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

/** Underlyings whose options contradict their trades: hard to borrow, dividends, wrong prints. */
import assert from "node:assert/strict";
import { gridOf, strikesFrom } from "../../domain/options/chains.ts";
import { DAY, INTERVAL_MS, NOW, Rig } from "./price_rig.ts";

const MINUTE_MS = 60_000;
const CONTRACTS = gridOf({
  underlying: "HTB",
  days: [DAY + 3, DAY + 10],
  strikes: strikesFrom(10, 80),
});

/** Trades at a price that are made whenever they are requested, and what options imply. */
async function follow(rig: Rig, trade: number, implied: number | undefined): Promise<void> {
  rig.catalog.trades.set("HTB", trade);
  if (implied !== undefined) rig.catalog.indexes.set("HTB", implied);
  await rig.follow("HTB", CONTRACTS);
}

/** A print at one moment; nothing else is traded after it. */
function print(rig: Rig, price: number): void {
  rig.catalog.trades.set("HTB", price);
  rig.catalog.tradedAt.set("HTB", rig.clock.now());
}

function seen(rig: Rig): readonly unknown[] {
  const { price, source, problem } = rig.prices.of("HTB") ?? {};
  return [price, source, problem];
}

Deno.test("trades that persist are taken although options imply 14 percent less", async () => {
  await using rig = new Rig();
  await follow(rig, 40, 34.5);
  assert.deepEqual(seen(rig), [34.5, "parity", undefined]);
  const contradiction = "trades at 40 USD contradict the options, which imply 34.5 USD";
  for (let minute = 1; minute < 5; minute++) {
    const before = rig.catalog.parity.length;
    await rig.clock.advance(MINUTE_MS);
    assert.deepEqual(seen(rig), [34.5, "parity", contradiction], `minute ${minute}`);
    assert.equal(rig.prices.of("HTB")?.isContradicted, true);
    const requests = rig.catalog.parity.length - before;
    assert.ok(requests <= (minute === 1 ? 5 : 1), `${requests} requests in minute ${minute}`);
  }
  await rig.clock.advance(MINUTE_MS);
  assert.deepEqual(seen(rig), [40, "trade", undefined]);
  const { length } = rig.catalog.parity;
  rig.catalog.trades.set("HTB", 40.9);
  await rig.clock.advance(60 * MINUTE_MS);
  assert.deepEqual(seen(rig), [40.9, "trade", undefined]);
  assert.equal(rig.catalog.parity.length, length, "a known price needs no quotes");
});

for (const implied of [39, 34.5]) {
  Deno.test(`a gap to 44.5 is taken although options imply ${implied}`, async () => {
    await using rig = new Rig();
    await follow(rig, 40, undefined);
    await rig.clock.advance(MINUTE_MS);
    assert.deepEqual(seen(rig), [40, "trade", undefined]);
    rig.catalog.trades.set("HTB", 44.5);
    rig.catalog.indexes.set("HTB", implied);
    await rig.clock.advance(2 * MINUTE_MS);
    assert.deepEqual(seen(rig), [
      implied,
      "parity",
      `trades at 44.5 USD contradict the options, which imply ${implied} USD`,
    ]);
    const { length } = rig.catalog.parity;
    await rig.clock.advance(5 * MINUTE_MS);
    assert.deepEqual(seen(rig), [44.5, "trade", undefined]);
    const requests = rig.catalog.parity.length - length;
    assert.ok(requests <= 5, `${requests} requests in 5 minutes`);
  });
}

/** Follows a stock at 40 whose options imply 14 percent less, which has been learned. */
async function followAt40(rig: Rig): Promise<void> {
  await follow(rig, 40, 34.4);
  await rig.clock.advance(6 * MINUTE_MS);
  assert.deepEqual(seen(rig), [40, "trade", undefined]);
}

Deno.test("wrong prints move no price at which trades have persisted", async () => {
  await using rig = new Rig();
  await followAt40(rig);
  const prices = new Set<string | undefined>();
  rig.onChange = () => prices.add(rig.prices.of("HTB")?.price.toFixed(2));
  for (const wrong of [60, 34.4, 30]) {
    print(rig, wrong);
    await rig.clock.advance(2 * MINUTE_MS);
    print(rig, 40);
    await rig.clock.advance(2 * MINUTE_MS);
  }
  assert.deepEqual([...prices], ["40.00"]);
});

Deno.test("options imply the price at which trades have persisted when these stop", async () => {
  await using rig = new Rig();
  await followAt40(rig);
  print(rig, 40);
  rig.catalog.indexes.set("HTB", 34.4 * 1.05);
  await rig.clock.advance(35 * MINUTE_MS);
  const { price = 0, source, problem } = rig.prices.of("HTB") ?? {};
  assert.deepEqual([price.toFixed(2), source, problem], ["42.00", "parity", undefined]);
});

Deno.test("a gap of a stock whose trades have persisted is confirmed by options", async () => {
  await using rig = new Rig();
  await followAt40(rig);
  rig.catalog.trades.set("HTB", 50);
  rig.catalog.indexes.set("HTB", 43);
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(seen(rig), [50, "trade", undefined]);
});

Deno.test("a difference to the options that ends is forgotten in minutes, or a day", async () => {
  for (const waitMs of [0, 24 * 60 * MINUTE_MS]) {
    await using rig = new Rig();
    await followAt40(rig);
    rig.catalog.trades.set("HTB", 40.1);
    await rig.clock.advance(waitMs);
    // The gap is one of the trades alone: the options had the price before.
    rig.catalog.trades.set("HTB", 50);
    rig.catalog.indexes.set("HTB", 50);
    await rig.clock.advance(MINUTE_MS);
    if (waitMs > 0) assert.deepEqual(seen(rig), [50, "trade", undefined]);
    await rig.clock.advance(10 * MINUTE_MS);
    assert.deepEqual(seen(rig), [50, "trade", undefined]);
  }
});

Deno.test("trades before a split that persist after it teach no difference", async () => {
  await using rig = new Rig();
  await follow(rig, 75, 15);
  await rig.clock.advance(6 * MINUTE_MS);
  assert.deepEqual(seen(rig), [75, "trade", undefined]);
  rig.catalog.trades.set("HTB", 15);
  await rig.clock.advance(INTERVAL_MS);
  assert.deepEqual(seen(rig), [15, "trade", undefined]);
});

Deno.test("four wrong prints within ten minutes are not taken, nor one every minute", async () => {
  await using rig = new Rig();
  const prices = new Set<number | undefined>();
  await follow(rig, 40, 40);
  rig.onChange = () => prices.add(rig.prices.of("HTB")?.price);
  for (const waitMs of [120_000, 240_000, 150_000, 90_000]) {
    print(rig, 60);
    await rig.clock.advance(waitMs);
  }
  for (let minute = 0; minute < 30; minute++) {
    print(rig, 40);
    await rig.clock.advance(2 * INTERVAL_MS);
    print(rig, 60);
    await rig.clock.advance(2 * INTERVAL_MS);
  }
  assert.deepEqual([...prices], [40]);
});

Deno.test("a burst of wrong prints counts as one", async () => {
  await using rig = new Rig();
  const prices = new Set<number | undefined>();
  await follow(rig, 40, 40);
  rig.onChange = () => prices.add(rig.prices.of("HTB")?.price);
  for (const waitMs of [INTERVAL_MS, 4 * MINUTE_MS, 2 * MINUTE_MS]) {
    for (let second = 0; second < 20; second++) {
      print(rig, 60 + second / 100);
      await rig.clock.advance(1_000);
    }
    await rig.clock.advance(waitMs);
  }
  assert.deepEqual([...prices], [40]);
});

Deno.test("two wrong prints are stated for a quarter of an hour", async () => {
  await using rig = new Rig();
  await follow(rig, 40, 40);
  for (const waitMs of [MINUTE_MS, 14 * MINUTE_MS]) {
    print(rig, 60);
    await rig.clock.advance(waitMs);
  }
  const contradiction = "trades at 60 USD contradict the options, which imply 40 USD";
  assert.deepEqual(seen(rig), [40, "parity", contradiction]);
  await rig.clock.advance(2 * MINUTE_MS);
  assert.deepEqual(seen(rig), [40, "parity", undefined]);
});

Deno.test("trades at two prices that options contradict have that reason", async () => {
  await using rig = new Rig();
  await follow(rig, 40, 34);
  let count = 0;
  for (let minute = 0; minute < 30; minute++) {
    const before = rig.catalog.parity.length;
    for (let at = 0; at < 4; at++) {
      rig.catalog.trades.set("HTB", ++count % 2 === 0 ? 40 : 43);
      await rig.clock.advance(INTERVAL_MS);
    }
    const [price, , problem] = seen(rig);
    assert.equal(price, 34);
    assert.equal(problem, "trades at 40 USD contradict the options, which imply 34 USD");
    const requests = rig.catalog.parity.length - before;
    assert.ok(requests <= (minute < 2 ? 5 : 1), `${requests} requests in minute ${minute}`);
  }
});

Deno.test("a contradicted trade is taken when the options have moved to it", async () => {
  await using rig = new Rig();
  await follow(rig, 40, 34.5);
  await rig.clock.advance(2 * MINUTE_MS);
  rig.catalog.indexes.set("HTB", 39.8);
  await rig.clock.advance(MINUTE_MS + INTERVAL_MS);
  assert.deepEqual(seen(rig), [40, "trade", undefined]);
});

Deno.test("trades after the close are not contradicted by quotes of the close", async () => {
  await using rig = new Rig();
  await follow(rig, 40, 34.5);
  await rig.clock.advance(2 * MINUTE_MS);
  const closedAt = NOW + 2 * MINUTE_MS;
  rig.catalog.time = () => Math.min(rig.clock.now(), closedAt);
  for (let at = 0; at < 16; at++) {
    print(rig, 40);
    await rig.clock.advance(INTERVAL_MS);
  }
  assert.deepEqual(seen(rig), [40, "trade", undefined]);
});

Deno.test("checks of first trades that imply nothing make five requests per minute", async () => {
  await using rig = new Rig();
  const days = [DAY + 3, DAY + 10];
  for (let at = 100; at < 140; at++) {
    const underlying = `U${at}`;
    rig.catalog.trades.set(underlying, 40);
    rig.catalog.tradedAt.set(underlying, NOW);
    await rig.follow(underlying, gridOf({ underlying, days, strikes: strikesFrom(10, 80) }));
  }
  await rig.clock.advance(1_000);
  assert.ok(rig.catalog.parity.length >= 9, "they are checked");
  // The last check makes up to two requests more than there are left.
  assert.ok(rig.catalog.parity.length <= 10 + 2, `${rig.catalog.parity.length} without a pause`);
  for (let minute = 1; minute <= 10; minute++) {
    await rig.clock.advance(MINUTE_MS);
    const most = 10 + 5 * minute + 2;
    assert.ok(rig.catalog.parity.length <= most, `${rig.catalog.parity.length} in ${minute} min`);
  }
});

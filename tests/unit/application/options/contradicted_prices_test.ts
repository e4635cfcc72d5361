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

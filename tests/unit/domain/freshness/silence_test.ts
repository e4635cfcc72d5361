import assert from "node:assert/strict";
import fc from "fast-check";
import { ArrivalRate } from "../../../../src/domain/freshness/arrival_rate.ts";
import { FeedSilence, SymbolSilence } from "../../../../src/domain/freshness/silence.ts";
import { SampledSymbol } from "./arrivals.ts";

const DAY_SECONDS = 6.5 * 3_600;

Deno.test("messages of a symbol with 50 a second are overdue after two seconds", () => {
  const symbol = new SampledSymbol(1);
  symbol.run(600, 50);
  assert.equal(symbol.alarms, 0);
  assert.equal(symbol.mute(), 2);
});

Deno.test("the slower a symbol, the longer its silence may be", () => {
  const limits = [10, 1, 0.1].map((rate) => {
    const symbol = new SampledSymbol(2);
    symbol.run(DAY_SECONDS, rate);
    assert.equal(symbol.alarms, 0);
    return symbol.mute() ?? Infinity;
  });
  const [fast = 0, medium = 0, slow = 0] = limits;
  assert.ok(fast >= 2 && fast <= 8, `${fast}`);
  assert.ok(medium >= 20 && medium <= 80, `${medium}`);
  assert.ok(slow >= 200 && slow <= 800, `${slow}`);
});

Deno.test("nothing is expected of an illiquid symbol", () => {
  const symbol = new SampledSymbol(3);
  symbol.run(DAY_SECONDS, 20 / DAY_SECONDS);
  assert.ok(symbol.count > 5 && symbol.count < 40, "a message every 20 minutes");
  assert.equal(symbol.silence.limitMs, Infinity);
  assert.equal(symbol.mute(), undefined);
});

Deno.test("a declining rate is followed without an alarm", () => {
  for (let seed = 0; seed < 20; seed++) {
    const symbol = new SampledSymbol(seed);
    symbol.run(DAY_SECONDS, (second) => 50 * Math.exp(-second / 900) + 0.05);
    assert.equal(symbol.alarms, 0, `seed ${seed}`);
  }
});

Deno.test("bursts raise no alarm", () => {
  for (let seed = 0; seed < 20; seed++) {
    const symbol = new SampledSymbol(seed);
    symbol.run(1_800, 0.2);
    const quiet = symbol.alarms;
    symbol.run(DAY_SECONDS, (second) => second % 300 < 10 ? 100 : 0.2);
    assert.equal(symbol.alarms - quiet, 0, `seed ${seed}`);
  }
});

Deno.test("a rate is not used in another kind of session", () => {
  const symbol = new SampledSymbol(4);
  symbol.open("premarket");
  symbol.run(3_600, 20);
  assert.ok(symbol.silence.limitMs < 5_000);
  symbol.open("regular");
  symbol.run(5, 0);
  assert.equal(symbol.silence.limitMs, Infinity);
  assert.ok(symbol.silence.expectedRate > 0.015, "as a lower bound for the feed");
  symbol.open("postmarket");
  symbol.run(5, 0);
  assert.equal(symbol.silence.limitMs, Infinity);
  assert.equal(symbol.silence.expectedRate, 0);
});

Deno.test("the rate of a regular session is used in the next one, with more patience", () => {
  const symbol = new SampledSymbol(5);
  symbol.run(DAY_SECONDS, 20);
  const before = symbol.silence.limitMs;
  symbol.open("postmarket");
  symbol.run(60, 0);
  symbol.open("premarket");
  symbol.run(60, 0);
  symbol.open("regular");
  const muteAtOpen = symbol.mute() ?? Infinity;
  assert.ok(muteAtOpen > 60 && muteAtOpen < 80, `${muteAtOpen}`);
  symbol.run(60, 20);
  assert.ok(symbol.silence.limitMs <= 2 * before, "of the regular hours again");
});

Deno.test("a rate of the pre-market is not used on the next day", () => {
  const symbol = new SampledSymbol(6);
  symbol.open("premarket");
  symbol.run(3_600, 20);
  symbol.open("regular");
  symbol.run(60, 20);
  symbol.open("premarket");
  symbol.run(60, 0);
  assert.equal(symbol.silence.limitMs, Infinity);
});

Deno.test("what was learned expires after five days", () => {
  const symbol = new SampledSymbol(7);
  const expectedAfter = (hours: number) => {
    symbol.open("regular");
    symbol.run(600, 20);
    symbol.open("postmarket");
    symbol.run(1, 0);
    symbol.run(hours * 3_600, 0);
    symbol.open("regular");
    symbol.run(1, 0);
    return symbol.silence.expectedRate > 0;
  };
  assert.equal(expectedAfter(88), true, "a long weekend");
  assert.equal(expectedAfter(121), false);
});

Deno.test("a reconnect starts another silence and keeps the rate", () => {
  const symbol = new SampledSymbol(8);
  symbol.run(600, 50);
  symbol.run(1, 0);
  symbol.reconnect();
  symbol.run(1, 0);
  assert.equal(symbol.silence.silentMs, 0);
  const seconds = symbol.mute() ?? Infinity;
  assert.ok(seconds > 60 && seconds < 70, `${seconds}: the subscription needs time`);
});

Deno.test("an outage is not learned as a usual silence", () => {
  const symbol = new SampledSymbol(9);
  symbol.run(600, 50);
  symbol.run(1_800, 0);
  assert.equal(symbol.silence.isOverdue, true);
  symbol.run(60, 50);
  assert.ok((symbol.mute() ?? Infinity) <= 15);
});

Deno.test("a count that is reset is no message and no silence", () => {
  const silence = new SymbolSilence("random");
  const period = { number: 1, session: "regular", opening: 1 } as const;
  silence.sample(10, 0, period);
  assert.equal(silence.sample(12, 1_000, period), true);
  assert.equal(silence.sample(12, 2_000, period), false);
  assert.equal(silence.silentMs, 1_000);
  assert.equal(silence.sample(3, 3_000, period), false);
  assert.equal(silence.silentMs, 0);
});

Deno.test("bars are missed after several minutes, by how many minutes have one", () => {
  const every = new ArrivalRate();
  for (let minute = 0; minute < 200; minute++) every.record(1, 59_000, 1_000);
  const limit = every.silenceLimit("minutely");
  assert.ok(limit > 7 * 60_000 && limit < 9 * 60_000, `${limit}`);
  const fourth = new ArrivalRate();
  for (let minute = 0; minute < 200; minute++) fourth.record(1, 239_000, 1_000);
  assert.ok(fourth.silenceLimit("minutely") > 60 * 60_000);
});

Deno.test("a feed is silent as soon as all its symbols together are", () => {
  const feed = new FeedSilence();
  const period = { number: 1, session: "regular", opening: 1 } as const;
  let now = 0;
  let count = 0;
  const sample = (expectedRate: number, messages: number) => {
    now += 1_000;
    count += messages;
    return feed.sample(count, now, { period, expectedRate });
  };
  for (let second = 0; second < 60; second++) sample(0.1, 100);
  for (let second = 0; second < 2; second++) sample(0.1, 0);
  assert.equal(feed.isOverdue, false);
  sample(0.1, 0);
  assert.equal(feed.isOverdue, true, "after three seconds");
  sample(0, 0);
  assert.equal(feed.isOverdue, false, "no symbol is requested any more");
});

Deno.test("messages at random times raise fewer than one alarm in a million messages", () => {
  let messages = 0;
  let alarms = 0;
  fc.assert(
    fc.property(fc.integer(), fc.double({ min: -3, max: 1, noNaN: true }), (seed, exponent) => {
      const symbol = new SampledSymbol(seed);
      for (let day = 0; day < 5; day++) {
        symbol.open("premarket");
        symbol.run(3_600, 10 ** exponent / 20);
        symbol.open("regular");
        symbol.run(DAY_SECONDS, 10 ** exponent);
        symbol.open("postmarket");
        symbol.run(3_600, 10 ** exponent / 10);
      }
      messages += symbol.count;
      alarms += symbol.alarms;
    }),
    { numRuns: 100 },
  );
  assert.ok(messages > 1_000_000, `${messages}`);
  assert.ok(alarms <= messages / 1_000_000, `${alarms} alarms in ${messages} messages`);
});

Deno.test("a feed of symbols with any constant rates is never overdue", () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.array(fc.double({ min: -3, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 }),
      (seed, exponents) => {
        const symbols = exponents.map((exponent, at) => ({
          symbol: new SampledSymbol(seed + at),
          rate: 10 ** exponent,
        }));
        const feed = new FeedSilence();
        const period = { number: 1, session: "regular", opening: 1 } as const;
        for (let second = 1; second <= 3_600; second++) {
          for (const { symbol, rate } of symbols) symbol.run(1, rate);
          const count = symbols.reduce((sum, { symbol }) => sum + symbol.count, 0);
          const expectedRate = symbols.reduce(
            (sum, { symbol }) => sum + symbol.silence.expectedRate,
            0,
          );
          feed.sample(count, second * 1_000, { period, expectedRate });
          assert.equal(feed.isOverdue, false, `second ${second}`);
        }
      },
    ),
    { numRuns: 60 },
  );
});

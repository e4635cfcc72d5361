/** A simulated week of 40 underlyings per seed: what the selection of contracts promises. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Expansions } from "../../src/application/options/expansions.ts";
import { MarketCalendar } from "../../src/domain/calendar/market_calendar.ts";
import { DEFAULT_SELECTION } from "../../src/domain/options/selection.ts";
import { UnderlyingDirectory } from "../../src/domain/options/underlying_directory.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { CountingSink } from "../unit/application/options/counting_sink.ts";
import { MINUTE_MS, OptionWeek } from "./option_week.ts";
import { randomOf } from "./order_outages.ts";

const SEEDS = Number(Deno.env.get("PROPERTY_SEEDS") ?? 1);
/** Sunday, 18 January 2026, 00:00 in New York; the Monday is a holiday. */
const START = Date.UTC(2026, 0, 18, 5);
const DAYS = 6;
const COUNT = 40;
const EXPIRIES = 2;
/** Minutes in which a moved price, a new listing or a new expiry is followed. */
const GRACE = 3;
/** Requests per minute that are a quarter of Alpaca's smallest limit. */
const QUARTER = 50;

/** Whether options trade, from 9:30 to 16:00 on trading days; counted here, not by the calendar. */
function isOpenAt(minute: number): boolean {
  const day = Math.floor(minute / 1_440);
  const ofDay = minute % 1_440;
  return day >= 2 && day <= 5 && ofDay >= 570 && ofDay < 960;
}

/** Runs one week; returns how many minutes streams carried both sides, and were informed. */
async function runWeek(seed: number, budget: number): Promise<{ both: number; informed: number }> {
  const random = randomOf(seed);
  const clock = new ManualClock(START);
  const week = new OptionWeek(START, COUNT, random);
  const sink = new CountingSink(budget);
  const expansions = new Expansions({
    catalog: week,
    sink,
    directory: new UnderlyingDirectory(),
    clock,
    calendar: new MarketCalendar(),
    log: new RecordingLog(),
    random,
    settings: { selection: DEFAULT_SELECTION, priceIntervalMs: 60_000, maxChains: 64 },
  });
  const end = new AbortController();
  const running = expansions.run(end.signal);
  const isNarrow = seed % 2 === 0;
  const most = isNarrow ? EXPIRIES : Infinity;
  const selection = isNarrow
    ? { ...DEFAULT_SELECTION, maxDays: 30, maxExpiries: EXPIRIES, strikesEachSide: 1 }
    : { ...DEFAULT_SELECTION, maxContracts: 20 };
  using _streams = new DisposableStack();
  for (const { name } of week.underlyings) _streams.use(expansions.open("quotes", name, selection));
  const result = { both: 0, informed: 0 };
  const named: string[] = [];
  /** Minutes in a row in which a stream carried one side only and was not informed. */
  const silent = new Map<string, number>();
  while (week.minute < DAYS * 1_440) {
    week.step(isOpenAt(week.minute + 1));
    if (random() < 0.01) toggleName(week, sink, expansions, named, random);
    await clock.advance(MINUTE_MS);
    const carried = new Set(sink.symbols());
    assert.ok(carried.size <= budget, `${carried.size} slots of ${budget}`);
    for (const symbol of named) assert.ok(carried.has(symbol), `${symbol} was named`);
    if (!isOpenAt(week.minute)) {
      silent.clear();
      continue;
    }
    const reports = new Map(expansions.reports().map((each) => [each.underlying, each]));
    for (const underlying of week.underlyings) {
      const { name, price } = underlying;
      const { reason, state } = reports.get(name) ?? assert.fail();
      if (reason !== undefined || state === "loading") {
        result.informed++;
        silent.delete(name);
        continue;
      }
      const expiries = underlying.expiries(week.today).slice(0, most);
      const sides = new Set(
        underlying.contracts(week.minute, week.today)
          .filter(({ symbol }) => carried.has(symbol))
          .flatMap(({ expiryDay, right, strike }) => [
            ...strike <= price ? [`${expiryDay} ${right} below`] : [],
            ...strike >= price ? [`${expiryDay} ${right} above`] : [],
          ]),
      );
      const missing = expiries.filter((day) =>
        ["call below", "call above", "put below", "put above"]
          .some((side) => !sides.has(`${day} ${side}`))
      );
      if (missing.length === 0) {
        result.both++;
        silent.delete(name);
        continue;
      }
      const minutes = (silent.get(name) ?? 0) + 1;
      silent.set(name, minutes);
      assert.ok(
        minutes <= GRACE,
        `${name} at ${price} in minute ${week.minute}: ${missing.length} expiries of ` +
          `${expiries.length} have not both sides, and no reason`,
      );
    }
  }
  end.abort();
  await running;
  // Bursts, as at the start and in the morning, are spread by the REST client.
  for (let from = 60; from + 60 < week.requests.length; from += 20) {
    const sum = week.requests.slice(from, from + 60).reduce(
      (total, each) => total + (each ?? 0),
      0,
    );
    assert.ok(sum <= 60 * QUARTER, `${sum} requests in the hour from minute ${from}`);
  }
  return result;
}

/** A client names a contract, or releases the one named first. */
function toggleName(
  week: OptionWeek,
  sink: CountingSink,
  expansions: Expansions,
  named: string[],
  random: () => number,
): void {
  const [first] = named;
  if (first !== undefined && (named.length >= 5 || random() < 0.4)) {
    named.shift();
    sink.remove("quotes", [first]);
  } else {
    const underlying = week.underlyings[Math.floor(random() * COUNT)] ?? assert.fail();
    const listed = underlying.contracts(week.minute, week.today);
    const contract = listed[Math.floor(random() * listed.length)];
    if (!contract || named.includes(contract.symbol)) return;
    named.push(contract.symbol);
    sink.add("quotes", [contract.symbol]);
    expansions.observe(contract.symbol);
  }
  expansions.rebalance();
}

for (const budget of [200, 1_000]) {
  Deno.test(`a week on ${budget} slots: both sides of the money, or a reason`, async () => {
    let both = 0;
    let informed = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const result = await runWeek(seed, budget);
        both += result.both;
        informed += result.informed;
      }),
      { numRuns: SEEDS, endOnFailure: true },
    );
    assert.ok(
      budget < 1_000 || both > informed,
      `${both} with both sides, ${informed} with a reason`,
    );
  });
}

/** Eight simulated days of 40 underlyings per seed: what the selection of contracts promises. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { MINUTES, OptionWeek, suspensionAt } from "./option_week.ts";
import { WeekOracle } from "./option_week_oracle.ts";
import { WeekRig } from "./option_week_rig.ts";
import { randomOf } from "./order_outages.ts";

const RUNS = Number(Deno.env.get("PROPERTY_SEEDS") ?? 1);
/** Replays one week. */
const SEED = Deno.env.get("PROPERTY_SEED");
const COUNT = 40;
/** Requests per minute that are a quarter of Alpaca's smallest limit. */
const QUARTER = 50;
/** Contracts that clients name, of each budget at most a half. */
const MOST_NAMED = 100;

type Counts = WeekOracle["counts"];

async function runWeek(seed: number, budget: number): Promise<Counts> {
  const random = randomOf(seed);
  const week = new OptionWeek(COUNT, random);
  await using rig = new WeekRig(week, budget, random);
  const oracle = new WeekOracle(week, { budget, streams: rig.streams });
  while (week.minute < MINUTES) {
    if (random() < 0.02) toggleNames(week, rig, random);
    await rig.pass();
    // At night every fifth minute has what matters.
    if (week.isOpen() || week.minute % 5 === 0) oracle.check(rig.moment());
    week.minute++;
    rig.suspend(suspensionAt(week.minute));
  }
  const { inMinute, inHour } = rig.mostRequests;
  assert.ok(rig.firstEventRequests > 0, "the streams have snapshots");
  assert.ok(inMinute <= QUARTER, `${inMinute} requests in a minute`);
  // What is requested is less than what may be sent, so that nothing waits for long.
  assert.ok(inHour <= 30 * QUARTER, `${inHour} requests in an hour`);
  return oracle.counts;
}

/** Clients name some contracts, or release those that were named first. */
function toggleNames(week: OptionWeek, rig: WeekRig, random: () => number): void {
  const some = 1 + Math.floor(random() * 30);
  if (random() < 0.4 || rig.named.size + some > MOST_NAMED) {
    for (const symbol of [...rig.named].slice(0, some)) rig.release(symbol);
    return;
  }
  const underlying = week.underlyings[Math.floor(random() * COUNT)] ?? assert.fail();
  const listed = underlying.listed(week.minute).filter(({ endsAt }) => endsAt > week.minute);
  for (let i = 0; i < some; i++) {
    const contract = listed[Math.floor(random() * listed.length)];
    if (contract) rig.name(contract.symbol);
  }
}

for (const budget of [200, 1_000]) {
  Deno.test(`a week on ${budget} slots: both sides of the money, or a true reason`, async () => {
    const run = async (seed: number) => {
      const { both, informed, pairs } = await runWeek(seed, budget)
        .catch((error) => assert.fail(`PROPERTY_SEED=${seed}: ${error.stack}`));
      const all = both + informed;
      assert.ok(pairs > all * 0.8, `${pairs} of ${all} stream-minutes were settled`);
    };
    if (SEED !== undefined) return await run(Number(SEED));
    await fc.assert(fc.asyncProperty(fc.integer(), run), { numRuns: RUNS, endOnFailure: true });
  });
}

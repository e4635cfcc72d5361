/**
 * The central property: with all faults of upstream and of clients, each stream receives every
 * message exactly once and in order, or one gap that covers it.
 *
 * `PROPERTY_RUNS` sets the number of scripts; a failure prints the command that repeats it.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { checkStream, nothingChecked } from "./oracle.ts";
import { Scenario } from "./scenario.ts";
import { type Script, script } from "./steps.ts";

const RUNS = Number(Deno.env.get("PROPERTY_RUNS") ?? 1_000);
const SEED = Deno.env.get("PROPERTY_SEED");
const PATH = Deno.env.get("PROPERTY_PATH");
/** Time after which a run is stopped; one of 1,000 scripts takes 10 to 30 seconds. */
const TIME_LIMIT_MS = Math.max(180_000, 180 * RUNS);

const checked = nothingChecked();

async function run({ scene, steps }: Script): Promise<void> {
  const scenario = new Scenario(scene);
  for (const step of steps) await scenario.play(step);
  await scenario.recover();
  for (const client of scenario.clients) {
    const isDrained = client.closedAfter === undefined && !client.isEnded;
    checkStream(client, scenario.market, { isDrained, checked });
  }
  await scenario.end();
}

Deno.test("every message is delivered once, or covered by one gap", async () => {
  const details = await fc.check(fc.asyncProperty(script, run), {
    numRuns: RUNS,
    // Of a failure, the smallest script that was found until then is reported.
    interruptAfterTimeLimit: TIME_LIMIT_MS,
    ...SEED === undefined ? {} : { seed: Number(SEED) },
    ...PATH === undefined ? {} : { path: PATH },
  });
  if (details.failed) {
    const { seed, counterexamplePath } = details;
    throw new Error(
      `${fc.defaultReportMessage(details)}\n\nTo repeat it:\n` +
        `PROPERTY_SEED=${seed} PROPERTY_PATH=${counterexamplePath} ` +
        "deno test -A tests/property/delivery_test.ts",
      { cause: details.errorInstance },
    );
  }
  assert.ok(!details.interrupted, `only ${details.numRuns} of ${RUNS} scripts were run in time`);
  if (RUNS >= 1_000 && PATH === undefined) {
    for (const [what, count] of Object.entries(checked)) assert.ok(count > 0, `${what}: none`);
  }
});

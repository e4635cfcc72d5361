/**
 * Measures the proxy: starts feeder, proxy and readers as processes on
 * loopback and prints one table per scenario, with the floors of the same run.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { describeMachine, machineText } from "./report/machine.ts";
import { type ScenarioResult, tableText } from "./report/result.ts";
import { fanOuts, held, naive } from "./scenarios/fan_out.ts";
import { footprint } from "./scenarios/footprint.ts";
import { ingests } from "./scenarios/ingest.ts";
import { latencies } from "./scenarios/latency.ts";
import { manyStreams, quietStreams } from "./scenarios/many_streams.ts";
import { saturation } from "./scenarios/saturation.ts";
import type { Effort, Scenario } from "./scenarios/scenario.ts";
import { slowClients } from "./scenarios/slow_clients.ts";

const SCENARIOS: readonly Scenario[] = [
  saturation,
  ...fanOuts,
  manyStreams,
  quietStreams,
  ...ingests,
  latencies,
  slowClients,
  footprint,
  held,
  naive,
];

const USAGE = `Usage: deno task bench [options]

  --only NAME[,NAME]  only these scenarios (a name's beginning is enough)
  --quick             fewer and shorter repetitions
  --soak MINUTES      how long to look for growth; default 0.5, asked for: 10
  --json              one JSON object instead of tables
  --help              this text

BENCH_PROXY_FLAGS="--cpu-prof --cpu-prof-dir=DIR" profiles the proxy process.

Scenarios: ${SCENARIOS.map(({ name }) => name).join(", ")}
`;

const FULL: Effort = { repetitions: 5, windowMs: 1_500, soakMinutes: 0.5 };
const QUICK: Effort = { repetitions: 3, windowMs: 800, soakMinutes: 0.1 };

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** @throws Error naming the option that is wrong */
function readArguments(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      quick: { type: "boolean", default: false },
      soak: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const names = values.only?.split(",") ?? [""];
  const chosen = SCENARIOS.filter(({ name }) =>
    names.some((start) => name.startsWith(start))
  );
  if (chosen.length === 0) {
    throw new Error(`--only ${values.only}: no such scenario; see --help`);
  }
  const effort = values.quick ? QUICK : FULL;
  const soakMinutes = Number(values.soak ?? effort.soakMinutes);
  if (!(soakMinutes >= 0)) {
    throw new Error(`--soak ${values.soak}: must be a number of minutes`);
  }
  return { ...values, chosen, effort: { ...effort, soakMinutes } };
}

async function main(args: readonly string[]): Promise<number> {
  let options: ReturnType<typeof readArguments>;
  try {
    options = readArguments(args);
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    return 2;
  }
  if (options.help) {
    print(USAGE);
    return 0;
  }
  const machine = describeMachine();
  if (!options.json) print(`${machineText(machine)}\n`);
  const results: ScenarioResult[] = [];
  for (const scenario of options.chosen) {
    for (const result of await scenario.run(options.effort)) {
      results.push(result);
      if (!options.json) print(tableText(result));
    }
  }
  if (options.json) print(JSON.stringify({ machine, results }, null, 2));
  return 0;
}

Deno.exitCode = await main(Deno.args);

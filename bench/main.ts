/**
 * Measures the proxy: starts feeder, proxy and readers as processes on loopback
 * and prints one table per scenario, with the floors measured in the same run.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { print, runCommand } from "../scripts/rig/command_line.ts";
import { describeMachine, machineText } from "./report/machine.ts";
import { markdownText, type ScenarioResult, tableText } from "./report/result.ts";
import { clusterChoices } from "./scenarios/cluster_choices.ts";
import { clusterFanOuts } from "./scenarios/cluster_fan_out.ts";
import { clusterReading } from "./scenarios/cluster_reading.ts";
import { clusterSaturation } from "./scenarios/cluster_saturation.ts";
import { fanOuts, frames, held, naive, withMeta } from "./scenarios/fan_out.ts";
import { footprints } from "./scenarios/footprint.ts";
import { ingests } from "./scenarios/ingest.ts";
import { latencies } from "./scenarios/latency.ts";
import { manyStreams, quietStreams } from "./scenarios/many_streams.ts";
import { pacedIngests } from "./scenarios/paced_ingest.ts";
import { saturation } from "./scenarios/saturation.ts";
import type { Effort, Scenario } from "./scenarios/scenario.ts";
import { slowClients } from "./scenarios/slow_clients.ts";
import { starts } from "./scenarios/start.ts";
import { encrypted } from "./scenarios/encrypted.ts";
import { websockets } from "./scenarios/websocket.ts";

const SCENARIOS: readonly Scenario[] = [
  saturation,
  ...fanOuts,
  ...frames,
  ...websockets,
  manyStreams,
  quietStreams,
  ...ingests,
  ...pacedIngests,
  latencies,
  slowClients,
  ...footprints,
  ...starts,
  withMeta,
  held,
  naive,
  encrypted,
  ...clusterFanOuts,
  clusterSaturation,
  clusterReading,
  clusterChoices,
];

const USAGE = `Usage: deno task bench [options]

  --only NAME[,NAME]  only scenarios whose name starts with one of these
  --quick             fewer and shorter repetitions
  --soak MINUTES      length of the run that measures memory growth (0.5)
  --json              one JSON object instead of tables
  --markdown          the tables of the documentation too, in Markdown
  --help              this text

BENCH_PROXY_FLAGS="--cpu-prof --cpu-prof-dir=DIR" profiles the proxy process.

Scenarios: ${SCENARIOS.map(({ name }) => name).join(", ")}
`;

const FULL: Effort = { repetitions: 5, windowMs: 1_500, soakMinutes: 0.5 };
const QUICK: Effort = { repetitions: 3, windowMs: 800, soakMinutes: 0.1 };

type BenchCommand = Exclude<ReturnType<typeof parseBench>, "help">;

/** Reads the arguments. @throws Error that names the wrong one */
function parseBench(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      quick: { type: "boolean", default: false },
      soak: { type: "string" },
      json: { type: "boolean", default: false },
      markdown: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const names = values.only?.split(",") ?? [""];
  const chosen = SCENARIOS.filter(({ name }) => names.some((start) => name.startsWith(start)));
  if (chosen.length === 0) {
    throw new Error(`--only: no scenario "${values.only}"; see --help`);
  }
  const effort = values.quick ? QUICK : FULL;
  const soakMinutes = Number(values.soak ?? effort.soakMinutes);
  if (!(soakMinutes >= 0)) {
    throw new Error(`--soak must be minutes, received "${values.soak}"`);
  }
  return {
    json: values.json,
    markdown: values.markdown,
    chosen,
    effort: { ...effort, soakMinutes },
  };
}

async function run(options: BenchCommand): Promise<number> {
  const machine = describeMachine();
  if (!options.json) print(`${machineText(machine)}\n`);
  const results: ScenarioResult[] = [];
  for (const scenario of options.chosen) {
    for (const result of await scenario.run(options.effort)) {
      results.push(result);
      if (!options.json) print(tableText(result));
    }
  }
  if (options.markdown) print(markdownText(results));
  if (options.json) print(JSON.stringify({ machine, results }, null, 2));
  return 0;
}

await runCommand({ usage: USAGE, parse: parseBench, run });

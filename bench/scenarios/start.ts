/**
 * Time from the start of the process until the proxy is ready, by phase, beside the runtime alone.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { Remote } from "../control.ts";
import { buildReference } from "../reference.ts";
import { besides } from "../report/comparison.ts";
import { figure, type ScenarioResult } from "../report/result.ts";
import { NET, proxyEnv } from "../rig.ts";
import { measureStart, type StartPlan } from "../start/measure_start.ts";
import { phasesOf } from "../start/phases.ts";
import { referenceNote } from "./reference_figures.ts";
import type { Effort, Scenario } from "./scenario.ts";

/** Starts of each kind per repetition of other scenarios. */
const STARTS_PER_REPETITION = 3;
const SHAPE = { format: "json", perFrame: 20, symbols: 1_000 } as const;
/** Flags of the image's entry point that do not depend on paths. */
const IMAGE = ["--no-prompt", "--cached-only", "--no-remote", "--frozen"];

const fileOf = (path: string) => new URL(`../../${path}`, import.meta.url).href;

interface Kind {
  readonly name: string;
  readonly about: string;
  readonly flags: readonly string[];
}

const KINDS: readonly Kind[] = [
  {
    name: "start-image",
    about:
      "src/start.ts with flags of the image and V8's code cache, which an earlier start filled",
    flags: IMAGE,
  },
  {
    name: "start-uncached",
    about: "src/start.ts with flags of the image, without V8's code cache",
    flags: [...IMAGE, "--no-code-cache"],
  },
];

async function start({ name, about, flags }: Kind, effort: Effort): Promise<ScenarioResult> {
  await using feeder = new Remote("feeder.ts", { flags: [NET] });
  const { port } = await feeder.call<{ port: number }>("prepare", SHAPE);
  const env = { ...proxyEnv(port, SHAPE, 0), LOG_LEVEL: "info" };
  const planOf = (script: string, ...more: string[]): StartPlan => ({
    command: "deno",
    args: ["run", "-q", "--allow-net", "--allow-env", ...flags, ...more, fileOf(script)],
    env,
  });
  const plain = planOf("src/start.ts");
  const marked = planOf("src/start.ts", `--preload=${fileOf("bench/processes/start_marks.ts")}`);
  const bare = planOf("bench/processes/start_floor.ts");
  const { program } = await buildReference();
  const go: StartPlan | undefined = program &&
    { command: fileURLToPath(program), args: [`ws://127.0.0.1:${port}/v2/sip`], env: {} };
  const plans = [plain, marked, bare, ...go ? [go] : []];
  // The first start reads the files and fills the cache.
  for (const plan of plans) await measureStart(plan);
  const rounds = [];
  for (let i = 0; i < effort.repetitions * STARTS_PER_REPETITION; i++) {
    rounds.push({
      plain: await measureStart(plain),
      bare: await measureStart(bare),
      marked: await measureStart(marked),
      go: go && await measureStart(go),
    });
  }
  const phases = rounds.map(({ marked }) => phasesOf(marked.moments));
  const references = rounds.flatMap(({ go }) => go ? [go] : []);
  const names = [...phases[0]?.keys() ?? []];
  const figures = [
    figure("ready after", "ms", rounds.map(({ plain }) => plain.moments.ready), {
      text: "≤ 150",
      met: (median) => median <= 150,
    }),
    figure("floor: ready after", "ms", rounds.map(({ bare }) => bare.moments.ready)),
    figure(
      "the proxy's own part",
      "ms",
      rounds.map(({ plain, bare }) => plain.moments.ready - bare.moments.ready),
    ),
    ...names.map((phase) =>
      figure(`phase: ${phase}`, "ms", phases.map((each) => each.get(phase) ?? 0))
    ),
    ...references.length === 0
      ? []
      : [figure("Go: ready after", "ms", references.map(({ moments }) => moments.ready))],
    figure("CPU time until ready", "ms", rounds.map(({ plain }) => plain.cpuMs ?? 0)),
  ];
  const text = `${about}; ${rounds.length} starts; floor: the runtime alone, with one port`;
  const tables = [besides(`${name}: ${text}`, figures)];
  return { scenario: name, about: text, figures, notes: [await referenceNote()], tables };
}

/** Starts as in the image and from the source. */
export const starts: readonly Scenario[] = KINDS.map((kind) => ({
  name: kind.name,
  run: async (effort) => [await start(kind, effort)],
}));

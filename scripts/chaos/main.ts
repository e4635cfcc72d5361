/**
 * Lets the parts of a cluster fail under load, and checks what its clients receive.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { positive, print, runCommand } from "../rig/command_line.ts";
import { allFaults, shortFaults } from "./faults.ts";
import { markdown, resultLines } from "./report.ts";
import { type ChaosOptions, runChaos } from "./run.ts";

const USAGE = `Usage: deno task chaos [options]

  --minutes N      length of the run; each fault happens at least once (10)
  --quick          each part is killed once, the leader is suspended; few clients
  --only TEXT      only faults whose name contains it, for example "nats-server: SIGKILL"
  --seed TEXT      seed of the market and of the faults (chaos)
  --clients N      clients over gRPC, one in ten follows order updates (300)
  --websocket N    clients over WebSocket (20)
  --hubs N         hubs (2)
  --edges N        edges (3)
  --rate N         quotes and trades a second of each symbol (8)
  --lease N        seconds of the lease (3)
  --retain         NATS retains what hubs publish; edges read what they have missed
  --ghost N        seconds in which Alpaca keeps the session of a killed process (5)
  --markdown FILE  also writes the result as Markdown
  --logs FOLDER    writes the logs of all hubs and edges, and all problems, into it
  --help           this text

Needs nats-server on the PATH. The exit code is 1 when a message is missing that was not
reported, is received twice or while its feed is stale, when an order event is missing or
repeated, when two hubs were connected together, or when the cluster does not recover.
`;

interface Options extends Omit<ChaosOptions, "print"> {
  readonly markdown: string | undefined;
  readonly logs: string | undefined;
}

function parse(args: readonly string[]): Options | "help" {
  const text = (value: string) => ({ type: "string", default: value }) as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      "minutes": { type: "string" },
      "quick": flag,
      "only": text(""),
      "seed": text("chaos"),
      "clients": { type: "string" },
      "websocket": { type: "string" },
      "hubs": text("2"),
      "edges": text("3"),
      "rate": text("8"),
      "lease": text("3"),
      "retain": flag,
      "ghost": text("5"),
      "markdown": { type: "string" },
      "logs": { type: "string" },
      "help": flag,
    },
  });
  if (values.help) return "help";
  const { quick } = values;
  const leaseMs = positive("--lease", values.lease) * 1_000;
  const faults = (quick ? shortFaults(leaseMs) : allFaults(leaseMs))
    .filter(({ name }) => name.includes(values.only));
  if (faults.length === 0) {
    throw new RangeError(`--only: no fault has "${values.only}" in its name`);
  }
  return {
    minutes: values.minutes === undefined && quick
      ? 0
      : positive("--minutes", values.minutes ?? "10"),
    seed: values.seed,
    rate: positive("--rate", values.rate),
    symbols: 30,
    clients: {
      grpc: positive("--clients", values.clients ?? (quick ? "30" : "300")),
      websocket: positive("--websocket", values.websocket ?? (quick ? "3" : "20")),
    },
    hubs: positive("--hubs", values.hubs),
    edges: positive("--edges", values.edges),
    leaseMs,
    retain: values.retain,
    ghostSeconds: positive("--ghost", values.ghost),
    faults,
    recoveryMs: 60_000,
    markdown: values.markdown,
    logs: values.logs,
  };
}

async function run({ markdown: path, logs, ...options }: Options): Promise<number> {
  const result = await runChaos({
    ...options,
    print: (line) => print(`${new Date().toISOString().slice(11, 23)} ${line}`),
  });
  for (const line of resultLines(result)) print(line);
  if (logs !== undefined) {
    await Deno.mkdir(logs, { recursive: true });
    for (const [name, lines] of result.logs) {
      const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
      await Deno.writeTextFile(`${logs}/${name.replace(" ", "-")}.jsonl`, text);
    }
    const problems = result.problems.map((problem) => `${problem}\n`).join("");
    await Deno.writeTextFile(`${logs}/problems.txt`, problems);
  }
  if (path !== undefined) await Deno.writeTextFile(path, markdown(result));
  return result.problems.length > 0 ? 1 : 0;
}

if (import.meta.main) await runCommand({ usage: USAGE, parse, run });

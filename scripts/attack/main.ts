/**
 * Attacks a proxy on loopback, row by row, while a reference client streams from
 * it, and reports gaps, memory and refusals.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { namesOf, print, runCommand } from "../rig/command_line.ts";
import { ProcessSampler } from "../rig/process_stats.ts";
import { type Row, ROWS } from "./rows.ts";
import { runRow } from "./run_row.ts";
import { TestBed } from "./test_bed.ts";
import {
  cells,
  COLUMNS,
  failures,
  MARKDOWN_COLUMNS,
  markdownCells,
  type Measured,
  table,
} from "./results.ts";
import { table as markdownTable } from "../docs/markdown.ts";

/** What a run is asked to do. */
interface AttackOptions {
  readonly rows: readonly Row[];
  readonly seed: string;
  readonly json: boolean;
  /** Whether the table is one of Markdown. */
  readonly markdown: boolean;
  /** Share of each attack's size and length, above 0 and at most 1. */
  readonly scale: number;
}

const QUICK_SCALE = 0.05;

const USAGE = `Usage: deno task attack [options]

  --only A[,B]   only these rows
  --seed TEXT    seed of the random generator (attack)
  --quick        a twentieth of each attack
  --json         one JSON object per row instead of a table
  --markdown     a Markdown table, as in docs/benchmarks.md
  --help         this text

Starts a simulator, the proxy with the chart's limits and a reference client as
child processes, and attacks the proxy on loopback. The exit code is 1 when a row
fails. Attacker and simulator run at a lower priority (nice 5), so that a machine
with few cores does not cause gaps. A gap is time without a stock quote while a
control, directly from the simulator, received some. A proxy above 1 GiB is killed,
as the kernel does. "RSS after" is measured after at most 20 s of recovery, with
garbage collection; attacks after which malloc keeps free memory are repeated, and
memory must not grow from wave to wave.

Rows: ${ROWS.map(({ name }) => name).join(", ")}
`;

/** Reads the arguments. @throws RangeError that names the wrong one */
export function parseAttack(
  args: readonly string[],
): AttackOptions | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      seed: { type: "string", default: "attack" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      markdown: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const { only, seed, json, markdown, quick } = values;
  const scale = quick ? QUICK_SCALE : 1;
  if (only === undefined) return { rows: ROWS, seed, json, markdown, scale };
  const names = namesOf("--only", only, ROWS.map(({ name }) => name));
  const rows = names.flatMap((name) => ROWS.filter((row) => row.name === name));
  return { rows, seed, json, markdown, scale };
}

interface Result {
  readonly measured: Measured;
  readonly failures: readonly string[];
}

/** Runs each row with new processes, so that rows do not share a heap. */
async function* runAll(
  { rows, seed, scale }: AttackOptions,
): AsyncGenerator<Result, void> {
  await using sampler = new ProcessSampler();
  for (const row of rows) {
    const { descriptors, identities } = row;
    await using testBed = await TestBed.start({ seed, descriptors, identities });
    const measured = await runRow(row, { testBed, sampler, seed, scale });
    yield { measured, failures: failures(measured, row) };
  }
}

function rowText({ measured, failures }: Result): string {
  const { name, about } = measured;
  const result = failures.length === 0 ? "pass" : failures.join("; ");
  return `${name}: ${about}\n  ${result}`;
}

async function run(options: AttackOptions): Promise<number> {
  const results: Result[] = [];
  for await (const result of runAll(options)) {
    results.push(result);
    const { measured, failures } = result;
    const json = () => JSON.stringify({ ...measured, failures });
    print(options.json ? json() : rowText(result));
  }
  if (!options.json) {
    const lines = results.map(({ measured, failures }) =>
      options.markdown ? markdownCells(measured, failures) : cells(measured, failures)
    );
    print(
      options.markdown
        ? `\n${markdownTable(MARKDOWN_COLUMNS, lines)}`
        : `\n${table([COLUMNS, ...lines])}`,
    );
  }
  return results.some(({ failures }) => failures.length > 0) ? 1 : 0;
}

if (import.meta.main) {
  await runCommand({ usage: USAGE, parse: parseAttack, run });
}

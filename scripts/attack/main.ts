/**
 * Attacks a proxy on loopback, row by row, beside a well-behaved client, and
 * reports what it and the proxy went through.
 *
 * @module
 */
import { ProcessWatch } from "../rig/proc.ts";
import { type AttackOptions, parseAttack, USAGE } from "./arguments.ts";
import { Range } from "./range.ts";
import { runRow } from "./run_row.ts";
import { cells, COLUMNS, failures, type Measured, table } from "./verdict.ts";

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

interface Result {
  readonly measured: Measured;
  readonly failures: readonly string[];
}

/**
 * Runs the rows, each against processes of its own: what an attack leaves in a
 * heap does not hide what the next one adds.
 */
async function* runAll(
  { rows, seed, scale }: AttackOptions,
): AsyncGenerator<Result, void> {
  await using watch = new ProcessWatch();
  for (const row of rows) {
    await using range = await Range.start({
      seed,
      descriptors: row.descriptors,
    });
    const measured = await runRow(row, { range, watch, seed, scale });
    yield { measured, failures: failures(measured, row) };
  }
}

function rowText({ measured, failures }: Result): string {
  const { name, about } = measured;
  const result = failures.length === 0 ? "pass" : failures.join("; ");
  return `${name}: ${about}\n  ${result}`;
}

async function main(args: readonly string[]): Promise<number> {
  let options: AttackOptions | "help";
  try {
    options = parseAttack(args);
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    return 2;
  }
  if (options === "help") {
    print(USAGE);
    return 0;
  }
  const results: Result[] = [];
  for await (const result of runAll(options)) {
    results.push(result);
    const { measured, failures } = result;
    print(
      options.json
        ? JSON.stringify({ ...measured, failures })
        : rowText(result),
    );
  }
  if (!options.json) {
    const lines = results.map(({ measured, failures }) =>
      cells(measured, failures)
    );
    print(`\n${table([COLUMNS, ...lines])}`);
  }
  return results.some(({ failures }) => failures.length > 0) ? 1 : 0;
}

Deno.exitCode = await main(Deno.args);

/**
 * Arguments of `deno task attack`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Row, ROWS } from "./rows.ts";

/** What a run is asked to do. */
export interface AttackOptions {
  readonly rows: readonly Row[];
  readonly seed: string;
  readonly json: boolean;
  /** Share of each attack's size and length, above 0 and at most 1. */
  readonly scale: number;
}

const QUICK_SCALE = 0.05;

/** How to call it. */
export const USAGE = `Usage: deno task attack [options]

  --only A[,B]   only these rows
  --seed TEXT    seed of what is random (attack)
  --quick        a twentieth of each attack
  --json         one JSON object per row instead of a table
  --help         this text

Starts a simulator, the proxy with the chart's limits and a well-behaved client,
each in a process of its own, and attacks the proxy on loopback. The exit code
is 1 when a row fails. Attackers and simulator run at a lower priority (nice 5),
so that gaps are the proxy's and not those of a machine with few cores. A gap is
time without a stock quote while a control, straight from the simulator, got
some. A proxy beyond 1 GiB is killed, as the kernel does. "RSS after" is what is
left after a rest of at most 20 s, during which garbage is collected.

Rows: ${ROWS.map(({ name }) => name).join(", ")}
`;

/** Reads the arguments. @throws RangeError naming what is wrong */
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
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    rows: values.only === undefined
      ? ROWS
      : values.only.split(",").map(rowNamed),
    seed: values.seed,
    json: values.json,
    scale: values.quick ? QUICK_SCALE : 1,
  };
}

function rowNamed(name: string): Row {
  const row = ROWS.find((one) => one.name === name);
  if (row !== undefined) return row;
  const known = ROWS.map((one) => one.name).join(", ");
  throw new RangeError(`--only must name rows, received "${name}"; ${known}`);
}

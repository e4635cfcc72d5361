/**
 * Arguments of `deno task soak`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { CHURN_KINDS, type ChurnKind } from "./churn.ts";

/** What a soak is asked to do. */
export interface SoakOptions {
  readonly minutes: number;
  readonly seed: string;
  /** How many times faster than normal clients come and go. */
  readonly churn: number;
  /** Quotes and trades a second from the simulator. */
  readonly rate: number;
  readonly kinds: readonly ChurnKind[];
  /** Whether the feeds have faults. */
  readonly faults: boolean;
  /** Whether client processes are restarted. */
  readonly restarts: boolean;
  /** Largest growth in MiB per hour. */
  readonly bound: number;
  /** File for the samples, one JSON object per line. */
  readonly out?: string;
}

/** How to call it. */
export const USAGE = `Usage: deno task soak [options]

  --minutes N        length of the run (60)
  --seed TEXT        seed of the load (soak)
  --churn N          how many times faster than normal clients come and go (1)
  --rate N           quotes and trades a second (1000)
  --kinds A,B        only these kinds of churn: ${CHURN_KINDS.join(", ")}
  --no-faults        no faults of the feeds
  --no-restarts      no restarts of client processes
  --bound N          largest growth in MiB per hour after the warm-up (5)
  --out FILE         write each sample as a line of JSON
  --help             this text

Growth is judged after a warm-up of a fifth of the run (at most 15 minutes), in
whose first half clients come and go five times as fast: what is bounded is full
then. The exit code is 1 when memory grows by more than the bound or the proxy ends.
`;

/** Reads the arguments. @throws RangeError naming what is wrong */
export function parseSoak(args: readonly string[]): SoakOptions | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "60" },
      seed: { type: "string", default: "soak" },
      churn: { type: "string", default: "1" },
      rate: { type: "string", default: "1000" },
      kinds: { type: "string", default: CHURN_KINDS.join(",") },
      "no-faults": { type: "boolean", default: false },
      "no-restarts": { type: "boolean", default: false },
      bound: { type: "string", default: "5" },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    minutes: positive("--minutes", values.minutes),
    seed: values.seed,
    churn: positive("--churn", values.churn),
    rate: positive("--rate", values.rate),
    kinds: values.kinds.split(",").filter((name) => name !== "").map(kindOf),
    faults: !values["no-faults"],
    restarts: !values["no-restarts"],
    bound: positive("--bound", values.bound),
    ...values.out === undefined ? {} : { out: values.out },
  };
}

function positive(flag: string, text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new RangeError(`${flag} must be a number above 0, received "${text}"`);
}

function kindOf(name: string): ChurnKind {
  const kind = CHURN_KINDS.find((one) => one === name);
  if (kind !== undefined) return kind;
  const known = CHURN_KINDS.join(", ");
  throw new RangeError(`--kinds must be of ${known}, received "${name}"`);
}

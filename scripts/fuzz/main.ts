/**
 * Fuzzes the decoders of upstream messages and of requests: `deno task fuzz --help`.
 *
 * @module
 */
import { problemOf } from "./plain_keys.ts";
import { parseArgs } from "node:util";
import { print, runCommand } from "../rig/command_line.ts";
import { foundInputs } from "./corpus.ts";
import { Coverage } from "./coverage.ts";
import { fuzz, type FuzzReport } from "./fuzz.ts";
import { type DecoderName, DECODERS, type Target } from "./target.ts";

const USAGE = `Usage: deno task fuzz [options]

  --runs N          inputs, shared among the decoders (1000000)
  --seconds T       stop after this time
  --seed S          seed (random; printed)
  --decoder NAME    ${DECODERS.join(", ")} or all (all)
  --input HEX       try one input and print its outcome
  --no-coverage     guide the search by outcomes only
  --help            this text

Exits with 1 when an input is handled wrongly, and prints the input in hex.
`;

type FuzzCommand = Exclude<ReturnType<typeof parseFuzz>, "help">;

/** Reads the arguments. @throws Error that names the wrong one */
function parseFuzz(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      runs: { type: "string", default: "1000000" },
      seconds: { type: "string" },
      seed: { type: "string" },
      decoder: { type: "string", default: "all" },
      input: { type: "string" },
      coverage: { type: "boolean", default: true },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const { decoder, input, coverage } = values;
  const decoders = DECODERS.filter((name) => decoder === "all" || decoder === name);
  if (decoders.length === 0) {
    throw new Error(`--decoder must be a decoder, received "${decoder}"`);
  }
  if (input !== undefined && decoders.length > 1) {
    throw new Error("--input needs --decoder");
  }
  return {
    decoders,
    input,
    coverage,
    runs: count("runs", values.runs),
    seconds: values.seconds && count("seconds", values.seconds),
    seed: values.seed === undefined
      ? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0
      : count("seed", values.seed),
  };
}

function count(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Error(`--${name} must be a whole number, received "${text}"`);
}

/** Imports the decoders late, so that coverage includes every function. */
async function makeTarget(name: DecoderName): Promise<Target> {
  if (name === "request") return new (await import("./request_target.ts")).RequestTarget();
  if (name === "websocket") return new (await import("./websocket_target.ts")).WebSocketTarget();
  if (name === "order") return new (await import("./order_target.ts")).OrderTarget();
  return new (await import("./market_target.ts")).MarketTarget(name);
}

async function tryOne(name: DecoderName, hex: string): Promise<boolean> {
  const target = await makeTarget(name);
  const input = Uint8Array.fromHex(hex.replaceAll(/\s/g, ""));
  const problem = problemOf(target, input, true);
  print(problem ?? `No problem; ${target.signature()}`);
  return problem === undefined;
}

function summary(name: string, report: FuzzReport, ms: number): string {
  const { runs, truncations, corpus } = report;
  const rate = Math.round(1000 * runs / ms);
  return `${name}: ${runs} inputs (${truncations} truncated) in ${
    (ms / 1000).toFixed(1)
  } s, ${rate}/s, corpus ${corpus}`;
}

async function run(options: FuzzCommand): Promise<number> {
  const { decoders, seed, seconds } = options;
  if (options.input !== undefined) {
    const isRight = await tryOne(decoders[0] as DecoderName, options.input);
    return isRight ? 0 : 1;
  }
  using coverage = options.coverage ? await Coverage.start() : undefined;
  print(`seed ${seed}`);
  for (const name of decoders) {
    const target = await makeTarget(name);
    const start = performance.now();
    const report = await fuzz(target, {
      seed,
      runs: Math.ceil(options.runs / decoders.length),
      ...(seconds && { maxMs: 1000 * seconds / decoders.length }),
      seeds: foundInputs(name),
      coverage,
    });
    print(summary(name, report, performance.now() - start));
    if (coverage) {
      print(`${coverage.reached} code blocks reached so far`);
    }
    if (report.failure) {
      const { input, problem } = report.failure;
      print(`FAILED with --seed ${seed}\n${problem}`);
      print(`deno task fuzz --decoder ${name} --input ${input.toHex()}`);
      return 1;
    }
  }
  return 0;
}

if (import.meta.main) {
  await runCommand({ usage: USAGE, parse: parseFuzz, run });
  Deno.exit(); // the inspector that coverage uses keeps the process alive
}

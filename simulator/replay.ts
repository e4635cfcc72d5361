/**
 * `deno task replay`: plays a recording of real streams through the simulator.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { DEMO_ACCOUNT, type PlanName, replay, type ReplayOptions, startSimulator } from "./mod.ts";
import { describeRecording } from "./src/replay/describe.ts";
import { DamagedRecording, type RecordingSource } from "./src/replay/recording.ts";
import { listText, reportText } from "./src/replay/report_text.ts";
import { parseDuration, parseMoment } from "./src/replay/time_text.ts";
import type { Simulator } from "./src/simulator.ts";

const HELP = `Plays a recording (deno task record) as Alpaca would send it.

Usage: deno task replay FILE [options]

Messages go to the sessions that subscribe to them, each with its recorded bytes
and times. It ends with the recording, and prints what it has played.

  --speed <number>     pauses are divided by it, 0.01 to 1000 (1)
  --loop               begin again at the end
  --from <time>        first moment: 2026-09-14T14:30:00Z, or +90s, +1h30m after
                       the first entry
  --to <time>          last moment, in the same form
  --max-pause <time>   longest pause, before it is divided: 30s, 5m (unlimited)
  --feeds <list>       of sip, opra, crypto, news, trading (all)
  --no-wait            do not wait for the first subscription
  --delay <time>       time after the first subscription for others (1s)
  --host <address>     address to listen on (127.0.0.1)
  --port <number>      port to listen on (8760)
  --plan <name>        basic, plus, broker_standard, broker_plus_10000 (plus)
  --list               show what the recording has, and end
  --help               this text

A client of any stock stream (sip, iex, …) receives the recorded stocks; options
and crypto likewise. REST has the market data that was played, and no orders.
`;

const FLAGS = {
  speed: { type: "string", default: "1" },
  loop: { type: "boolean", default: false },
  from: { type: "string" },
  to: { type: "string" },
  "max-pause": { type: "string" },
  feeds: { type: "string" },
  "no-wait": { type: "boolean", default: false },
  delay: { type: "string", default: "1s" },
  host: { type: "string", default: "127.0.0.1" },
  port: { type: "string", default: "8760" },
  plan: { type: "string", default: "plus" },
  list: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

const FEEDS: readonly string[] = ["sip", "opra", "crypto", "news", "trading"];
const SPEEDS = { min: 0.01, max: 1_000 };
/** How long slow clients may read on after the last message. */
const DRAIN_MS = 5_000;

/** What the command does. */
export type ReplayTask =
  | { readonly type: "help" }
  | { readonly type: "list"; readonly file: string }
  | {
    readonly type: "play";
    readonly file: string;
    readonly hostname: string;
    readonly port: number;
    readonly plan: PlanName;
    readonly options: ReplayOptions;
  };

/** Parses flags; throws a RangeError or TypeError. */
export function parseReplayFlags(args: string[]): ReplayTask {
  const { values, positionals } = parseArgs({ args, options: FLAGS, allowPositionals: true });
  if (values.help) return { type: "help" };
  const [file, other] = positionals;
  if (file === undefined) throw new RangeError("name the file of a recording");
  if (other !== undefined) throw new RangeError(`one file is played, received "${other}" too`);
  if (values.list) return { type: "list", file };
  const { from, to, "max-pause": maxPause, feeds } = values;
  return {
    type: "play",
    file,
    hostname: values.host,
    port: toPort(values.port),
    // The simulator rejects unknown plans.
    plan: values.plan as PlanName,
    options: {
      speed: toSpeed(values.speed),
      loop: values.loop,
      wait: !values["no-wait"],
      delayMs: parseDuration("--delay", values.delay),
      ...(from !== undefined && { from: parseMoment("--from", from) }),
      ...(to !== undefined && { to: parseMoment("--to", to) }),
      ...(maxPause !== undefined && { maxPauseMs: parseDuration("--max-pause", maxPause) }),
      ...(feeds !== undefined && { feeds: toFeeds(feeds) }),
    },
  };
}

function toSpeed(text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (value >= SPEEDS.min && value <= SPEEDS.max) return value;
  throw new RangeError(`--speed must be from ${SPEEDS.min} to ${SPEEDS.max}, received "${text}"`);
}

function toPort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new RangeError(`--port must be from 0 to 65535, received "${text}"`);
}

function toFeeds(text: string): ReadonlySet<string> {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !FEEDS.includes(name));
  if (unknown === undefined) return new Set(names);
  throw new RangeError(`--feeds must be of ${FEEDS.join(", ")}, received "${unknown}"`);
}

function print(text: string): void {
  process.stdout.write(text);
}

/** Opens the file; afterwards the process can read no other one. */
async function open(path: string): Promise<RecordingSource & Disposable> {
  const file = await Deno.open(path);
  await Deno.permissions.revoke({ name: "read" });
  return {
    read: (buffer) => file.read(buffer),
    rewind: async () => void await file.seek(0, Deno.SeekMode.Start),
    [Symbol.dispose]: () => file.close(),
  };
}

async function list(path: string): Promise<void> {
  using source = await open(path);
  print(listText(path, await describeRecording(source)));
}

async function play(task: Extract<ReplayTask, { type: "play" }>): Promise<boolean> {
  const { file, hostname, port, plan, options } = task;
  using source = await open(file);
  const interrupt = new AbortController();
  const stop = () => interrupt.abort();
  Deno.addSignalListener("SIGINT", stop);
  Deno.addSignalListener("SIGTERM", stop);
  try {
    await using simulator = await startSimulator({
      hostname,
      port,
      accounts: [{ ...DEMO_ACCOUNT, plan }],
      emittedOnly: true,
    });
    for (const [name, value] of Object.entries(simulator.environment())) {
      print(`export ${name}=${value}\n`);
    }
    const waits = options.wait ? "Waits for the first subscription. " : "";
    print(
      `\nThe recording is played on ${simulator.url}, ${options.speed} ×. ` +
        `Paste the lines above into another shell, then: deno task start\n` +
        `${waits}Stop with Ctrl-C.\n`,
    );
    const report = await replay(simulator, source, {
      ...options,
      signal: interrupt.signal,
      started: () => print("Playing.\n"),
    });
    await drain(simulator, interrupt.signal);
    print(reportText(report));
    simulator.connections.drop({}, { clean: true });
    await pause(100);
    return report.damage === undefined;
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
    Deno.removeSignalListener("SIGTERM", stop);
  }
}

/** Waits until the sessions have what was played. */
async function drain(simulator: Simulator, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + DRAIN_MS;
  const isPending = () => simulator.sessions().some(({ pendingBytes }) => pendingBytes > 0);
  while (isPending() && performance.now() < deadline && !signal.aborted) await pause(20);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Runs the command; returns the exit code: 1 for a file that cannot be played to its end. */
export async function main(args: string[]): Promise<number> {
  try {
    const task = parseReplayFlags(args);
    if (task.type === "play") return await play(task) ? 0 : 1;
    if (task.type === "list") await list(task.file);
    else print(HELP);
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isTaken = "code" in error && error.code === "EADDRINUSE";
    const isFile = error instanceof DamagedRecording || error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable;
    const isUsage = error instanceof RangeError || error instanceof TypeError;
    if (!isTaken && !isUsage && !isFile) throw error;
    const message = isTaken ? `the port is taken; choose another one with --port` : error.message;
    process.stderr.write(`replay: ${message}\nTry --help.\n`);
    return isTaken || isFile ? 1 : 2;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));

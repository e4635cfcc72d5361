/**
 * Runs a simulator, a proxy and Python clients under faults, and compares what the market has
 * produced with what each stream has received and what was reported to it.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { pause } from "../../bench/rig.ts";
import { compileForPython } from "../../tests/support/external_clients.ts";
import { ProxyProcess, SimulatorProcess } from "../rig/child_processes.ts";
import { positive, print, runCommand } from "../rig/command_line.ts";
import { Random } from "../rig/random.ts";
import { ClientProcess, fastStreams, slowStreams } from "./clients.ts";
import { nextFault } from "./faults.ts";
import { LedgerReader } from "./ledger_reader.ts";
import type { Item } from "./records.ts";
import { ageText, resultLines } from "./report.ts";
import { type StreamResult, StreamVerifier } from "./verify.ts";

const SYMBOLS = ["AAPL", "MSFT", "TSLA", "AMZN", "NVDA"] as const;
/** The slow clients read one message in this many. */
const SLOWNESS = 10;
/** Seconds between two faults. */
const FAULT_SECONDS = 6;
/** Parts of the run: without slow clients, with them, with faults. */
const ALONE = 0.1;
const BESIDE_SLOW = 0.1;
const FAULTS = 0.65;
/** Seconds in which every stream has read what was sent, after the market has stopped. */
const DRAIN_SECONDS = 60;
const RECOVERY_SECONDS = 15;

/** What a run is asked to do. */
interface Options {
  readonly minutes: number;
  readonly seed: string;
  /** Messages a second of each symbol. */
  readonly rate: number;
}

const USAGE = `Usage: deno task completeness [options]

  --minutes N   length of the run (10)
  --seed TEXT   seed of the market and of the faults (completeness)
  --rate N      quotes and trades a second of each of ${SYMBOLS.length} symbols (40)
  --help        this text

Needs Python with grpcio and grpcio-tools (CLIENTS_PYTHON=/path/to/python).
The exit code is 1 when a message is missing that was not reported, is received
twice, or when a count is wrong.
`;

function parse(args: readonly string[]): Options | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "10" },
      seed: { type: "string", default: "completeness" },
      rate: { type: "string", default: "40" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    minutes: positive("--minutes", values.minutes),
    seed: values.seed,
    rate: positive("--rate", values.rate),
  };
}

const PROXY_SETTINGS = {
  STREAM_PROXY_FEEDS: "sip",
  STREAM_PROXY_STOCK_QUOTES_CAPACITY: "1000",
  STREAM_PROXY_STOCK_TRADES_CAPACITY: "1000",
  STREAM_PROXY_STOCK_BARS_CAPACITY: "100",
  STREAM_PROXY_HEARTBEAT_INTERVAL_SECS: "2",
  STREAM_PROXY_HEARTBEAT_TIMEOUT_SECS: "2",
  STREAM_PROXY_RECONNECT_DELAY_MAX_SECS: "2",
  STREAM_PROXY_STALLED_STREAM_SECS: "0",
};

/** Runs everything and returns the results of all streams. */
async function measure(options: Options): Promise<readonly StreamResult[]> {
  const { minutes, seed, rate } = options;
  await using parts = new AsyncDisposableStack();
  const protos = await compileForPython();
  if (protos === undefined) throw new Error("No Python with grpcio and grpcio-tools");
  parts.defer(() => Deno.remove(protos, { recursive: true }));
  const simulator = parts.use(
    await SimulatorProcess.start({
      seed,
      messagesPerSymbol: rate,
      barSeconds: 2,
      ghostSeconds: 0,
      haltEverySeconds: 0,
      ledgerCapacity: 5_000_000,
    }),
  );
  const startProxy = () => ProxyProcess.start(simulator.environment, { env: PROXY_SETTINGS });
  const first = parts.use(await startProxy());
  const addressOf = ({ ports }: ProxyProcess) => `127.0.0.1:${ports.grpc}`;
  const context = { protos, address: addressOf(first) };
  const fast = parts.use(new ClientProcess(fastStreams(SYMBOLS), context));
  const ms = minutes * 60_000;
  const start = Date.now();
  await pause(ms * ALONE);
  const perSecond = (fast.items[0] ?? []).filter(({ kind }) => kind === "data").length /
    ((Date.now() - start) / 1000);
  print(`quotes ${perSecond.toFixed(0)}/s, read at ${(perSecond / SLOWNESS).toFixed(1)}/s`);
  const slow = parts.use(
    new ClientProcess(slowStreams(SYMBOLS, SLOWNESS / Math.max(1, perSecond)), context),
  );
  const besideSlow = Date.now();
  await pause(ms * BESIDE_SLOW);
  const faultsFrom = Date.now();
  await injectFaults(simulator, { until: faultsFrom + ms * FAULTS, seed });
  const faultsUntil = Date.now();
  await pause(RECOVERY_SECONDS * 1000);
  const { messagesPerSecond } = await simulator.read("rate");
  await simulator.control("rate", { messagesPerSecond: 0 });
  await drain([slow]);
  await simulator.control("rate", { messagesPerSecond });
  print("the proxy is restarted");
  await first[Symbol.asyncDispose]();
  const second = parts.use(await startProxy());
  for (const client of [fast, slow]) await client.command(`address ${addressOf(second)}`);
  await pause(Math.max(RECOVERY_SECONDS * 1000, start + ms - Date.now()));
  await simulator.control("rate", { messagesPerSecond: 0 });
  await drain([fast, slow]);
  for (const client of [fast, slow]) await client.stop();
  const ledger = new LedgerReader(simulator.url);
  await ledger.read();
  const messages = [...ledger.messages()];
  print(`${messages.length} messages produced, ${fast.received + slow.received} received`);
  printAges({ fast, slow }, { start, besideSlow, faultsFrom, faultsUntil });
  return [fast, slow].flatMap(({ plans, items }) =>
    plans.map((plan, index) => {
      const verifier = new StreamVerifier(plan);
      for (const item of items[index] ?? []) verifier.add(item);
      return verifier.finish(messages);
    })
  );
}

async function injectFaults(
  simulator: SimulatorProcess,
  { until, seed }: { readonly until: number; readonly seed: string },
): Promise<void> {
  const random = new Random(seed);
  while (Date.now() < until) {
    const fault = nextFault(random, SYMBOLS);
    print(fault.name);
    for (const { name, body } of fault.start) await simulator.control(name, body);
    await pause(fault.seconds * 1000);
    for (const { name, body } of fault.end) await simulator.control(name, body);
    await pause(FAULT_SECONDS * 1000);
  }
  await simulator.control("reset");
}

/** Lets clients read without pauses until no stream receives data any more. */
async function drain(clients: readonly ClientProcess[]): Promise<void> {
  for (const client of clients) await client.command("drain");
  const count = () => clients.reduce((sum, { received }) => sum + received, 0);
  const end = Date.now() + DRAIN_SECONDS * 1000;
  for (let before = -1; before !== count() && Date.now() < end;) {
    before = count();
    await pause(4_000);
  }
}

/** Prints the age of messages when they were read: of a fast stream, and of each slow one. */
function printAges(
  { fast, slow }: { readonly fast: ClientProcess; readonly slow: ClientProcess },
  times: {
    readonly start: number;
    readonly besideSlow: number;
    readonly faultsFrom: number;
    readonly faultsUntil: number;
  },
): void {
  const { start, besideSlow, faultsFrom, faultsUntil } = times;
  const [quotes = []] = fast.items;
  const second = 1_000;
  print(ageText("quotes alone", agesOf(quotes, start + 2 * second, besideSlow)));
  print(ageText("quotes beside slow clients", agesOf(quotes, besideSlow + second, faultsFrom)));
  for (const [index, { name }] of slow.plans.entries()) {
    print(ageText(name, agesOf(slow.items[index] ?? [], besideSlow, faultsUntil)));
  }
}

/** Ages of live messages that were read within a time, in ms. */
function agesOf(items: readonly Item[], from: number, until: number): number[] {
  return items.flatMap((item) =>
    item.kind === "data" && item.origin === "live" && from <= item.at && item.at < until
      ? [item.at - item.receivedAt]
      : []
  );
}

async function run(options: Options): Promise<number> {
  const results = await measure(options);
  for (const line of resultLines(results)) print(line);
  return results.some(({ problems }) => problems.length > 0) ? 1 : 0;
}

if (import.meta.main) await runCommand({ usage: USAGE, parse, run });

/**
 * `deno task demo`: a simulated market, the proxy and a client in one process.
 *
 * @module
 */
import { type DemoClientOptions, runDemoClient } from "./demo_client.ts";
import { DemoLines, eventText, introduction, ratesLine, summary } from "./demo_lines.ts";
import {
  DemoLog,
  type DemoMarket,
  type DemoMarketOptions,
  startDemoMarket,
} from "./demo_market.ts";
import { parseAddress } from "./address.ts";
import { DemoRecorder } from "./demo_recorder.ts";
import { type DemoSecurity, securityReport } from "./demo_security.ts";
import { renderDemo } from "./demo_view.ts";
import { describeFlags, type FlagTable, readArguments, UsageError } from "./flags.ts";
import { endingWith, EXIT, runCommand, Screen, type Terminal } from "./terminal.ts";
import { ansi, chooseColors, supportsAnsi } from "./text.ts";

const FLAGS = {
  seconds: { value: "N", help: "end after N seconds, with a summary" },
  rate: {
    value: "N",
    help: "quotes and trades per second of the demo (default 200)",
  },
  symbols: {
    value: "A,B,C",
    help: "stocks to follow (default AAPL,MSFT,NVDA,TSLA,AMZN,SPY,QQQ)",
  },
  secure: { help: "TLS, tokens and two identities: shows what each may do" },
  seed: { value: "TEXT", help: "the same text makes the same market" },
  plain: { help: "lines instead of a screen, also on a terminal" },
  all: { help: "lines: every message, not two of each kind per second" },
  help: { help: "show this text" },
} as const satisfies FlagTable;

/** What `demo --help` prints. */
export const DEMO_HELP =
  `Runs a demo without an account: a local Alpaca with a simulated market, the
proxy in front of it, and a gRPC client of the proxy.

Usage: deno task demo [flags]

Flags:
${describeFlags(FLAGS)}

On a terminal: d drops a connection to Alpaca, m mutes one, q ends.
DELAY is the age of a message when the client receives it (median of a second),
DROPPED counts messages that a slow client did not receive, ~ marks values from
before the feed was disconnected.
While it runs, from another terminal: deno task tail quotes AAPL
`;

/** The parsed command. */
export interface DemoTask extends DemoMarketOptions {
  readonly type: "demo";
  /** Undefined: until interrupted. */
  readonly seconds: number | undefined;
  readonly plain: boolean;
  readonly all: boolean;
}

/** Well-known stocks of the simulated market. */
const DEFAULT_SYMBOLS = "AAPL,MSFT,NVDA,TSLA,AMZN,SPY,QQQ";

/** What fits one screen. */
const MAX_SYMBOLS = 50;

/** @throws {UsageError} naming the first argument that cannot be used */
export function parseDemoArguments(
  args: readonly string[],
): DemoTask | { readonly type: "help" } {
  const flags = readArguments(args, FLAGS);
  if (flags.has("help")) return { type: "help" };
  const [word] = flags.words;
  if (word !== undefined) {
    throw new UsageError(word, "demo takes flags only; see --symbols");
  }
  return {
    type: "demo",
    seconds: flags.number("seconds", { min: 1, max: 1e7, fractions: true }),
    messagesPerSecond: flags.number("rate", { min: 1, max: 200_000 }) ?? 200,
    symbols: readSymbols(flags.text("symbols") ?? DEFAULT_SYMBOLS),
    seed: flags.text("seed") ?? "demo",
    secure: flags.has("secure"),
    plain: flags.has("plain"),
    all: flags.has("all"),
  };
}

function readSymbols(text: string): readonly string[] {
  const symbols = [...new Set(text.toUpperCase().split(","))];
  if (
    symbols.every((one) => /^[A-Z.]{1,8}$/.test(one)) &&
    symbols.length <= MAX_SYMBOLS
  ) return symbols;
  throw new UsageError(
    `--symbols ${text}`,
    `it takes up to ${MAX_SYMBOLS} tickers separated by commas, as in AAPL,MSFT`,
  );
}

const FRAME_MS = 200;
const SECOND_MS = 1_000;

/**
 * Runs the demo and returns its exit code: 0 when it ended as requested (also
 * by an interrupt or a closed pipe), 2 when the arguments are invalid. Rejects
 * when the market or the proxy cannot start.
 */
export async function demo(
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  try {
    const task = parseDemoArguments(args);
    if (task.type === "help") await terminal.write(DEMO_HELP);
    else await run(task, terminal);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return EXIT.ok;
    if (!(error instanceof UsageError)) throw error;
    terminal.writeError(`${error.message}\nSee: deno task demo --help`);
    return EXIT.usage;
  }
}

/** A running demo. */
interface Demo {
  readonly task: DemoTask;
  readonly market: DemoMarket;
  readonly log: DemoLog;
  readonly recorder: DemoRecorder;
  /** Its signal fires at the end of the demo. */
  readonly terminal: Terminal;
  /** Ends the demo. */
  readonly end: () => void;
}

async function run(task: DemoTask, terminal: Terminal): Promise<void> {
  const log = new DemoLog();
  await using market = await startDemoMarket(task, log);
  const done = new AbortController();
  const running: Demo = {
    task,
    market,
    log,
    recorder: new DemoRecorder({
      addresses: market.addresses,
      messagesPerSecond: task.messagesPerSecond,
      stocks: market.stocks,
      options: market.options,
    }, wallClock),
    terminal: { ...endingWith(done.signal, terminal), readLine: terminal.readLine },
    end: () => done.abort(),
  };
  const onScreen = !task.plain &&
    supportsAnsi(terminal.isTerminal, terminal.env);
  if (market.security) await showSecurity(running, market.security, onScreen);
  await (onScreen ? showScreen(running) : showLines(running));
  await terminal.write(`${summary(running.recorder.state()).join("\n")}\n`);
}

/** Shows what each client gets; before a screen, which would hide it, waits for Enter. */
async function showSecurity(
  { market, terminal }: Demo,
  security: DemoSecurity,
  waits: boolean,
): Promise<void> {
  const colors = chooseColors(terminal.isTerminal, terminal.env);
  const address = parseAddress(market.addresses.grpc, "the demo's address");
  const lines = await securityReport(address, { ...security, stocks: market.stocks, colors });
  await terminal.write(`${lines.join("\n")}\n\n`);
  if (!waits || terminal.readLine === undefined) return;
  await terminal.write("Press Enter for the market as trader sees it. ");
  const { promise, resolve } = Promise.withResolvers<void>();
  terminal.signal.addEventListener("abort", () => resolve(), { once: true });
  await Promise.race([promise, terminal.readLine()]);
}

/**
 * Runs a demo until the time or the user ends it, or a part of it fails.
 *
 * @param loops run until the signal fires
 */
async function play(
  running: Demo,
  loops: readonly Promise<void>[],
  onMessages: DemoClientOptions["onMessages"] = () => {},
): Promise<void> {
  const { task, market, recorder, terminal, end } = running;
  const { clock, signal } = terminal;
  const parts: Promise<void>[] = [
    runDemoClient({ ...market, onMessages, recorder, clock, signal }),
    ...loops,
  ];
  if (task.seconds !== undefined) {
    parts.push(clock.sleep(task.seconds * SECOND_MS, signal).then(end));
  }
  for (const part of parts) part.catch(end);
  // Every part must have ended before the market is stopped.
  const ends = await Promise.allSettled(parts);
  const failed = ends.find((one) => one.status === "rejected");
  if (failed) throw failed.reason;
}

async function showScreen(running: Demo): Promise<void> {
  const { recorder, terminal, log } = running;
  using screen = Screen.enter();
  log.reportTo((tone, text) => recorder.addEvent(tone, text));
  // Not awaited: it waits for a key that may never be pressed.
  void handleKeys(screen, running);
  const color = chooseColors(terminal.isTerminal, terminal.env) === ansi;
  const frames = every(FRAME_MS, terminal, () => {
    screen.draw(renderDemo(recorder.state(), { ...Screen.size(), color }));
  });
  const seconds = every(SECOND_MS, terminal, (elapsedMs) => {
    recorder.tick(elapsedMs);
  });
  await play(running, [frames, seconds]);
}

async function handleKeys(screen: Screen, running: Demo): Promise<void> {
  const { recorder, market, end } = running;
  for await (const key of screen.keys()) {
    if (key === "d") recorder.addEvent("plain", market.drop());
    else if (key === "m") recorder.addEvent("plain", market.mute());
    else if (key === "q") end();
  }
}

async function showLines(running: Demo): Promise<void> {
  const { task, market, recorder, terminal, log } = running;
  const colors = chooseColors(terminal.isTerminal, terminal.env);
  const lines = new DemoLines({ all: task.all, colors });
  for (const line of introduction(market.addresses, task)) lines.comment(line);
  log.reportTo((tone, text) => lines.comment(eventText({ tone, text })));
  const flushes = every(FRAME_MS, terminal, () => terminal.write(lines.take()));
  const seconds = every(SECOND_MS, terminal, (elapsedMs) => {
    recorder.tick(elapsedMs);
    if (elapsedMs > 0) lines.comment(ratesLine(recorder.state()));
    lines.tick();
  });
  await play(running, [flushes, seconds], (channel, messages) => lines.add(channel, messages));
  await terminal.write(lines.take());
}

/** Repeats an action, the first time immediately with 0 elapsed. */
async function every(
  intervalMs: number,
  { clock, signal }: Terminal,
  action: (elapsedMs: number) => void | Promise<void>,
): Promise<void> {
  let last: number | undefined;
  while (!signal.aborted) {
    const now = clock.monotonic();
    await action(now - (last ?? now));
    last = now;
    await clock.sleep(intervalMs, signal);
  }
}

/** The wall clock with a fraction, to see delays of less than a millisecond. */
function wallClock(): number {
  return performance.timeOrigin + performance.now();
}

if (import.meta.main) {
  await runCommand((terminal) => demo(Deno.args, terminal));
}

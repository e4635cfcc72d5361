/**
 * `deno task demo`: market, proxy and client in one process, to look at.
 *
 * @module
 */
import {
  DEMO_HELP,
  type DemoTask,
  parseDemoArguments,
} from "./demo_arguments.ts";
import { type DemoListener, followDemo } from "./demo_client.ts";
import {
  DemoLines,
  greeting,
  newsText,
  ratesLine,
  summary,
} from "./demo_lines.ts";
import { type DemoMarket, startDemoMarket } from "./demo_market.ts";
import { DemoRecorder } from "./demo_recorder.ts";
import { renderDemo } from "./demo_view.ts";
import { NewsLog } from "./news_log.ts";
import { ansi, choosePaint, obeysSequences } from "./paint.ts";
import { Screen } from "./screen.ts";
import { endingWith, EXIT, runCommand, type Terminal } from "./terminal.ts";
import { UsageError } from "./usage_error.ts";

const FRAME_MS = 200;
const SECOND_MS = 1_000;

/**
 * Runs the demo and tells its exit code: 0 when it ended as asked (also by an
 * interrupt or a closed pipe), 2 when the arguments make no sense. Rejects
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
    terminal.say(`${error.message}\nSee: deno task demo --help`);
    return EXIT.usage;
  }
}

/** Everything that a demo on some kind of output works with. */
interface Stage {
  readonly task: DemoTask;
  readonly market: DemoMarket;
  readonly log: NewsLog;
  readonly recorder: DemoRecorder;
  /** Its signal fires at the end of the demo, whatever ends it. */
  readonly terminal: Terminal;
  /** Ends the demo. */
  readonly end: () => void;
}

async function run(task: DemoTask, terminal: Terminal): Promise<void> {
  const log = new NewsLog();
  await using market = await startDemoMarket(task, log);
  const done = new AbortController();
  const stage: Stage = {
    task,
    market,
    log,
    recorder: new DemoRecorder({
      addresses: market.addresses,
      messagesPerSecond: task.messagesPerSecond,
      stocks: market.stocks,
      options: market.options,
    }, wallClock),
    terminal: endingWith(done.signal, terminal),
    end: () => done.abort(),
  };
  const onScreen = !task.plain &&
    obeysSequences(terminal.isTerminal, terminal.env);
  await (onScreen ? showScreen(stage) : showLines(stage));
  await terminal.write(`${summary(stage.recorder.state()).join("\n")}\n`);
}

/** What belongs to one kind of output. */
interface Output {
  readonly listeners: readonly DemoListener[];
  /** What it does again and again until the signal fires. */
  readonly loops: readonly Promise<void>[];
}

/** Runs a demo until the time or the user ends it, or a part of it fails. */
async function play(stage: Stage, output: Output): Promise<void> {
  const { task, market, recorder, terminal, end } = stage;
  const { listeners, loops } = output;
  const { clock, signal } = terminal;
  const parts: Promise<void>[] = [
    followDemo({ ...market, listeners, recorder, clock, signal }),
    ...loops,
  ];
  if (task.seconds !== undefined) {
    parts.push(clock.sleep(task.seconds * SECOND_MS, signal).then(end));
  }
  for (const part of parts) part.catch(end);
  // Nothing may still run when the market is taken down.
  const ends = await Promise.allSettled(parts);
  const failed = ends.find((one) => one.status === "rejected");
  if (failed) throw failed.reason;
}

async function showScreen(stage: Stage): Promise<void> {
  const { recorder, terminal, log } = stage;
  using screen = Screen.enter();
  log.reportTo((tone, text) => recorder.say(tone, text));
  // Waits for a key that may never come, so nobody waits for it.
  void obeyKeys(screen, stage);
  const color = choosePaint(terminal.isTerminal, terminal.env) === ansi;
  const frames = every(FRAME_MS, terminal, () => {
    screen.draw(renderDemo(recorder.state(), { ...Screen.size(), color }));
  });
  const seconds = every(SECOND_MS, terminal, (elapsedMs) => {
    recorder.tick(elapsedMs);
  });
  await play(stage, { listeners: [recorder], loops: [frames, seconds] });
}

async function obeyKeys(screen: Screen, stage: Stage): Promise<void> {
  const { recorder, market, end } = stage;
  for await (const key of screen.keys()) {
    if (key === "d") recorder.say("plain", market.drop());
    else if (key === "m") recorder.say("plain", market.mute());
    else if (key === "q") end();
  }
}

async function showLines(stage: Stage): Promise<void> {
  const { task, market, recorder, terminal, log } = stage;
  const paint = choosePaint(terminal.isTerminal, terminal.env);
  const lines = new DemoLines({ all: task.all, paint });
  for (const line of greeting(market.addresses, task)) lines.remark(line);
  log.reportTo((tone, text) => lines.remark(newsText({ tone, text })));
  const flushes = every(FRAME_MS, terminal, () => terminal.write(lines.take()));
  const seconds = every(SECOND_MS, terminal, (elapsedMs) => {
    recorder.tick(elapsedMs);
    if (elapsedMs > 0) lines.remark(ratesLine(recorder.state()));
    lines.tick();
  });
  await play(stage, {
    listeners: [recorder, lines],
    loops: [flushes, seconds],
  });
  await terminal.write(lines.take());
}

/** Does something again and again, the first time at once with 0 elapsed. */
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

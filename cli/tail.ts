/**
 * `deno task tail`: a gRPC client of the proxy for terminals and pipes.
 *
 * @module
 */
import { toJsonString } from "@bufbuild/protobuf";
import { addressText } from "../client/address.ts";
import { isWorthRetrying, retryDelay } from "../client/retry.ts";
import { RpcClient, RpcError } from "../client/rpc_client.ts";
import {
  type GetConnectionStatusResponse,
  GetConnectionStatusResponseSchema,
  StreamProxyService,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import { endingWith, EXIT, runCommand, type Terminal } from "./terminal.ts";
import { chooseColors, crop, supportsAnsi } from "./text.ts";
import { describeFailure } from "./describe_failure.ts";
import { reportNoAnswer, reportNoData } from "./explain_no_data.ts";
import { statusTable, subscriptionTables } from "./status_table.ts";
import {
  parseTailArguments,
  type StatusTask,
  type StreamTask,
  TAIL_HELP,
  type TailTask,
} from "./tail_arguments.ts";
import { messageLine, messageTitle, type TimeFormat } from "./message_lines.ts";
import {
  messageOf,
  openStream,
  STREAM_KINDS,
  type StreamKind,
  type StreamResponse,
} from "./streams.ts";
import { UsageError } from "./flags.ts";

const WATCH_INTERVAL_MS = 1_000;
/** Most lines in one write. */
const MAX_LINES = 100;
const CLEAR_SCREEN = "\x1b[H\x1b[2J";

/**
 * Runs `tail` and returns its exit code: 0 when it ended as requested (also by
 * an interrupt or a closed pipe), 1 when the proxy is not reachable or refuses
 * the request, 2 when the arguments are invalid.
 */
export async function tail(
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  try {
    const task = parseTailArguments(args, terminal.env);
    if (task.type !== "help") return await runWithin(task, terminal);
    await terminal.write(TAIL_HELP);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return EXIT.ok;
    if (!(error instanceof UsageError)) throw error;
    terminal.writeError(`${error.message}\nSee: deno task tail --help`);
    return EXIT.usage;
  }
}

/** Runs a task until it is done, interrupted, or its seconds have passed. */
async function runWithin(
  task: Exclude<TailTask, { type: "help" }>,
  terminal: Terminal,
): Promise<number> {
  const done = new AbortController();
  const inner = endingWith(done.signal, terminal);
  const limit = task.seconds === undefined
    ? undefined
    : inner.clock.sleep(task.seconds * 1000, inner.signal)
      .then(() => done.abort());
  try {
    return task.type === "status"
      ? await followStatus(task, inner)
      : await followStream(task, inner);
  } finally {
    done.abort();
    await limit;
  }
}

/** Repeats a task across restarts of the proxy; returns the exit code. */
async function retry(
  task: StreamTask | StatusTask,
  terminal: Terminal,
  /** Calls its argument whenever the proxy has answered. */
  run: (onOpen: () => void) => Promise<void>,
): Promise<number> {
  const { clock, signal } = terminal;
  let isAgain = false;
  for (let attempt = 1; !signal.aborted; attempt++) {
    let opened = false;
    try {
      await run(() => {
        if (isAgain) terminal.writeError(`tail: connected to ${addressText(task.address)}`);
        isAgain = false;
        opened = task.type === "stream";
        attempt = 0;
      });
      return EXIT.ok;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (signal.aborted) break;
      const reason = `tail: ${describeFailure(error, { address: task.address, opened })}`;
      const isPermanent = !isWorthRetrying(error);
      if (isPermanent || !task.reconnect) {
        const isReached = isPermanent || opened || error.code === "RESOURCE_EXHAUSTED";
        terminal.writeError(isReached ? reason : `${reason}\n${START_ONE}`);
        return EXIT.failed;
      }
      const delay = retryDelay(attempt, Math.random());
      terminal.writeError(`${reason}; next attempt in ${(delay / 1000).toFixed(1)} s`);
      isAgain = true;
      await clock.sleep(delay, signal);
    }
  }
  return EXIT.ok;
}

const START_ONE = "Start one with: deno task demo, or deno task start. " +
  "For another address: --address HOST:PORT";

function followStream(task: StreamTask, terminal: Terminal): Promise<number> {
  const kind = STREAM_KINDS[task.what];
  if (kind === undefined) throw new UsageError(task.what, "not a stream");
  const progress = { left: task.count ?? Infinity, titled: false };
  return retry(task, terminal, async (onOpen) => {
    await printStream(kind, { task, terminal, progress, onOpen });
    if (terminal.signal.aborted || progress.left === 0) return;
    throw new RpcError("OK", "the stream ended");
  });
}

interface Progress {
  left: number;
  titled: boolean;
}

interface Printing {
  readonly task: StreamTask;
  readonly terminal: Terminal;
  readonly progress: Progress;
  readonly onOpen: () => void;
}

async function printStream(kind: StreamKind, printing: Printing): Promise<void> {
  const { task, terminal, progress } = printing;
  using client = new RpcClient(task.address);
  const colors = chooseColors(terminal.isTerminal, terminal.env);
  if (terminal.isTerminal && !task.json && !progress.titled) {
    progress.titled = true;
    const title = messageTitle(kind.channel, timeFormat(terminal));
    await terminal.write(`${colors("dim", crop(title, terminal.columns()))}\n`);
  }
  const ended = new AbortController();
  const opened = new AbortController();
  const received = { messages: 0 };
  const untilEnd = endingWith(ended.signal, terminal);
  const reports = [reportNoAnswer(task, endingWith(opened.signal, untilEnd))];
  const onOpen = () => {
    printing.onOpen();
    opened.abort();
    reports.push(reportNoData({ task, kind, received }, untilEnd));
  };
  const { selection, json } = task;
  const responses = openStream(client, kind, { selection, signal: terminal.signal, onOpen });
  const lineOf = (response: StreamResponse, time: TimeFormat) => {
    if (json) return toJsonString(kind.method.output, response);
    const message = messageOf(response);
    return message && crop(messageLine(message, colors, time), terminal.columns());
  };
  try {
    for await (const batch of responses) {
      received.messages += batch.length;
      // In slices, so that the age is that at the time of writing.
      for (let at = 0; at < batch.length; at += MAX_LINES) {
        const time = timeFormat(terminal);
        const lines = batch.slice(at, at + MAX_LINES)
          .map((response) => lineOf(response, time))
          .filter((line) => line !== undefined)
          .slice(0, progress.left);
        progress.left -= lines.length;
        if (lines.length > 0) await terminal.write(`${lines.join("\n")}\n`);
        if (progress.left === 0) return;
      }
    }
  } finally {
    ended.abort();
    await Promise.all(reports);
  }
}

/** Columns from which on the nanoseconds of a quote fit. */
const NANOSECONDS_FROM = 100;

function timeFormat({ clock, columns }: Terminal): TimeFormat {
  return { digits: columns() < NANOSECONDS_FROM ? 3 : 9, now: clock.now() };
}

function followStatus(task: StatusTask, terminal: Terminal): Promise<number> {
  const { clock, signal } = terminal;
  // Without --watch the result is needed now.
  const once = { ...task, reconnect: task.reconnect && task.watch };
  return retry(once, terminal, async (onOpen) => {
    while (!signal.aborted) {
      // A new connection per request finds a restarted proxy immediately.
      using client = new RpcClient(task.address);
      const answer = await client.call(
        StreamProxyService.method.getConnectionStatus,
        { includeSubscriptions: task.subscriptions },
        signal,
      );
      onOpen();
      await terminal.write(renderStatus(answer, { task, terminal }));
      if (!task.watch) return;
      await clock.sleep(WATCH_INTERVAL_MS, signal);
    }
  });
}

function renderStatus(
  answer: GetConnectionStatusResponse,
  { task, terminal }: { task: StatusTask; terminal: Terminal },
): string {
  if (task.json) {
    return `${toJsonString(GetConnectionStatusResponseSchema, answer)}\n`;
  }
  const colors = chooseColors(terminal.isTerminal, terminal.env);
  const lines = answer.status ? [...statusTable(answer.status, colors)] : [];
  if (answer.status && task.subscriptions) {
    lines.push(...subscriptionTables(answer.status, colors));
  }
  const clear = task.watch && supportsAnsi(terminal.isTerminal, terminal.env) ? CLEAR_SCREEN : "";
  return `${clear}${lines.join("\n")}\n`;
}

if (import.meta.main) {
  await runCommand((terminal) => tail(Deno.args, terminal));
}

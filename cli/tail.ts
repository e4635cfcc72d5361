/**
 * `deno task tail`: a gRPC client of the proxy for terminals and pipes.
 *
 * @module
 */
import { toJsonString } from "@bufbuild/protobuf";
import { addressText } from "../client/address.ts";
import { ProxyClient } from "../client/client.ts";
import type { StreamFilter, StreamOptions } from "../client/mod.ts";
import { isWorthRetrying, retryDelay } from "../client/retry.ts";
import { RpcClient, RpcError } from "../client/rpc_client.ts";
import {
  type GetConnectionStatusResponse,
  GetConnectionStatusResponseSchema,
  StreamProxyService,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import { credentialsOf } from "./credentials.ts";
import { describeFailure } from "./describe_failure.ts";
import { UsageError } from "./flags.ts";
import { messageTitle } from "./message_lines.ts";
import { statusTable, subscriptionTables } from "./status_table.ts";
import { StreamOutput, timeFormat } from "./stream_output.ts";
import { type Selection, STREAM_KINDS } from "./streams.ts";
import {
  parseTailArguments,
  positionText,
  type StatusTask,
  type StreamTask,
  TAIL_HELP,
  type TailTask,
} from "./tail_arguments.ts";
import { endingWith, EXIT, runCommand, type Terminal } from "./terminal.ts";
import { chooseColors, crop, supportsAnsi } from "./text.ts";

const WATCH_INTERVAL_MS = 1_000;
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
  task: StatusTask,
  terminal: Terminal,
  /** Calls its argument whenever the proxy has answered. */
  run: (onOpen: () => void) => Promise<void>,
): Promise<number> {
  const { clock, signal } = terminal;
  let isAgain = false;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      await run(() => {
        if (isAgain) terminal.writeError(`tail: connected to ${addressText(task.address)}`);
        isAgain = false;
        attempt = 0;
      });
      return EXIT.ok;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (signal.aborted) break;
      const reason = `tail: ${describeFailure(error, { address: task.address, opened: false })}`;
      const isPermanent = !isWorthRetrying(error);
      if (isPermanent || !task.reconnect) {
        const isReached = isPermanent || error.code === "RESOURCE_EXHAUSTED";
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

async function followStream(task: StreamTask, terminal: Terminal): Promise<number> {
  const kind = STREAM_KINDS[task.what];
  if (kind === undefined) throw new UsageError(task.what, "not a stream");
  const options = { address: task.address, ...credentialsOf(terminal.env) };
  using client = new ProxyClient(options, { clock: terminal.clock });
  const colors = chooseColors(terminal.isTerminal, terminal.env);
  const meta = task.options?.meta ?? false;
  if (terminal.isTerminal && !task.json) {
    const title = messageTitle(kind.channel, timeFormat(terminal), { meta });
    await terminal.write(`${colors("dim", crop(title, terminal.columns()))}\n`);
  }
  await using output = new StreamOutput({ task, kind, terminal, colors });
  const stream = client.stream(kind.name, filterOf(task.selection), {
    ...output.handlers(),
    ...streamOptionsOf(task),
    signal: output.signal,
  });
  try {
    for await (const batch of stream.batches()) {
      // Not left by a break, after which the batch would not count as processed.
      if (!await output.print(batch)) output.end();
    }
    await output.flush();
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    terminal.writeError(describeEnd(error, task));
    return EXIT.failed;
  }
  const { position } = stream;
  if (task.options && position !== undefined) {
    terminal.writeError(`tail: continue with --resume ${positionText(position)}`);
  }
  return EXIT.ok;
}

/** Why a stream that is not opened again has ended. */
function describeEnd(error: RpcError, { address }: StreamTask): string {
  const { accepted: opened, code } = error;
  const reason = `tail: ${describeFailure(error, { address, opened })}`;
  const isReached = !isWorthRetrying(error) || opened || code === "RESOURCE_EXHAUSTED";
  return isReached ? reason : `${reason}\n${START_ONE}`;
}

function filterOf({ contracts, ...filter }: Selection): StreamFilter {
  return { ...filter, selection: contracts };
}

function streamOptionsOf({ options, reconnect }: StreamTask): StreamOptions {
  if (options === undefined) return { reconnect, basic: true };
  const { snapshot, backfill, latest, minInterval, resume } = options;
  return {
    reconnect,
    snapshot,
    backfill,
    ...(latest && { delivery: "latest" }),
    ...(minInterval !== undefined && { minInterval }),
    ...(resume && { resume }),
  };
}

function followStatus(task: StatusTask, terminal: Terminal): Promise<number> {
  const { clock, signal } = terminal;
  // Without --watch the result is needed now.
  const once = { ...task, reconnect: task.reconnect && task.watch };
  return retry(once, terminal, async (onOpen) => {
    while (!signal.aborted) {
      // A new connection per request finds a restarted proxy immediately.
      using client = new RpcClient(task.address, {}, credentialsOf(terminal.env));
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

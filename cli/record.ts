/**
 * `deno task record`: writes what Alpaca sends to a file, for `deno task replay`.
 *
 * @module
 */
import { ConfigError, formatProblem } from "../src/infrastructure/config/config_error.ts";
import type { Config } from "../src/infrastructure/config/config.ts";
import { parseConfig } from "../src/infrastructure/config/parse_config.ts";
import { ALL_SETTINGS, SETTINGS } from "../src/infrastructure/config/settings.ts";
import { decodeBatch, InvalidBatch } from "../src/infrastructure/nats/frame_batch.ts";
import { UsageError } from "./flags.ts";
import { parseRecordArguments, RECORD_HELP, type RecordTask } from "./record_arguments.ts";
import { RecordFile, type WritableFile } from "./record_file.ts";
import { type BatchSink, CannotRecord, recordHub } from "./record_hub.ts";
import { recordStreams } from "./record_streams.ts";
import { RecordSummary } from "./record_summary.ts";
import { endingWith, EXIT, runCommand, type Terminal } from "./terminal.ts";
import { crop } from "./text.ts";

/** Opens the file to write. */
export type OpenFile = (path: string, options: { overwrite: boolean }) => Promise<WritableFile>;

const PROGRESS_MS = 1_000;
/** Time without any batch after which a hint is given. */
const HINT_MS = 5_000;

/**
 * Runs `record` and returns its exit code: 0 when it ended as requested, 1 when the file or the
 * source cannot be used, 2 when the arguments are invalid.
 */
export async function record(
  args: readonly string[],
  terminal: Terminal,
  open: OpenFile = openFile,
): Promise<number> {
  try {
    const task = parseRecordArguments(args, terminal.clock.now());
    if (task !== "help") return await run(task, terminal, open);
    await terminal.write(RECORD_HELP);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return EXIT.ok;
    if (!(error instanceof UsageError)) throw error;
    terminal.writeError(`${error.message}\nSee: deno task record --help`);
    return EXIT.usage;
  }
}

async function run(task: RecordTask, terminal: Terminal, open: OpenFile): Promise<number> {
  try {
    const config = task.origin.type === "hub" ? readConfig(terminal.env) : undefined;
    const output = await open(task.path, task);
    await recordTo(output, { task, config, terminal });
    return EXIT.ok;
  } catch (error) {
    const reason = reasonOf(error, task);
    if (reason === undefined) throw error;
    terminal.writeError(`record: ${reason}`);
    return EXIT.failed;
  }
}

async function recordTo(
  output: WritableFile,
  { task, config, terminal }: {
    readonly task: RecordTask;
    readonly config: Config | undefined;
    readonly terminal: Terminal;
  },
): Promise<void> {
  const { clock } = terminal;
  const startedAt = clock.monotonic();
  const summary = new RecordSummary();
  const done = new AbortController();
  const inner = endingWith(done.signal, terminal);
  const file = new RecordFile(output, { maxBytes: task.maxBytes });
  try {
    await using _file = file;
    const sink: BatchSink = (feed, bytes) => {
      const batch = batchOf(bytes);
      if (done.signal.aborted) return;
      if (!batch) summary.invalid++;
      else {
        const refusal = file.add(feed, bytes);
        if (refusal === "full") done.abort();
        else if (refusal) summary.dropped++;
        else summary.add(feed, batch);
      }
    };
    const elapsedMs = () => clock.monotonic() - startedAt;
    const shown = showProgress({ inner, terminal, summary, file, elapsedMs, task });
    if (task.forMs !== undefined) clock.sleep(task.forMs, inner.signal).then(() => done.abort());
    const recording = task.origin.type === "streams"
      ? recordStreams(task.origin.streams, { sink, terminal: inner })
      : config && recordHub(config, task.origin, { sink, terminal: inner });
    try {
      await Promise.race([recording, file.failed, shown.then(() => recording)]);
    } finally {
      done.abort();
      await Promise.allSettled([recording, shown]);
    }
  } finally {
    const seconds = ((clock.monotonic() - startedAt) / 1_000).toFixed(1);
    const size = `${file.bytes.toLocaleString("en-US")} bytes`;
    terminal.writeError(`Recorded ${size} in ${seconds} s to ${task.path}.`);
    for (const line of summary.lines()) terminal.writeError(line);
  }
}

function batchOf(bytes: Uint8Array) {
  try {
    return decodeBatch(bytes);
  } catch (error) {
    if (error instanceof InvalidBatch) return undefined;
    throw error;
  }
}

/** Shows a line that is rewritten every second, in a terminal; and a hint if nothing arrives. */
async function showProgress(
  { inner, terminal, summary, file, elapsedMs, task }: {
    readonly inner: Terminal;
    readonly terminal: Terminal;
    readonly summary: RecordSummary;
    readonly file: RecordFile;
    readonly elapsedMs: () => number;
    readonly task: RecordTask;
  },
): Promise<void> {
  let isHinted = false;
  while (!inner.signal.aborted) {
    await terminal.clock.sleep(PROGRESS_MS, inner.signal);
    if (summary.isEmpty && !isHinted && elapsedMs() > HINT_MS) {
      isHinted = true;
      terminal.writeError(`record: ${hintOf(task)}`);
    }
    if (!terminal.isTerminal) continue;
    const megabytes = (file.bytes / 1e6).toFixed(1);
    const line = `${timeText(elapsedMs())}  ${megabytes} MB  ${summary.progress()}`;
    await terminal.write(`\r${crop(line, terminal.columns() - 1)}\x1b[K`);
  }
  if (terminal.isTerminal) await terminal.write("\r\x1b[K");
}

function hintOf({ origin }: RecordTask): string {
  return origin.type === "streams"
    ? "nothing has arrived yet"
    : "nothing has arrived yet; a hub sends with STREAM_PROXY_ROLE=hub and the same " +
      "STREAM_PROXY_NATS_PREFIX";
}

/** `0:05:09`. */
function timeText(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60];
  const rest = parts.map((part) => String(part).padStart(2, "0")).join(":");
  return `${Math.floor(seconds / 3_600)}:${rest}`;
}

/** The settings of NATS; what else the environment has is for the proxy. */
function readConfig(env: Terminal["env"]): Config {
  const { STREAM_PROXY_NATS_URL: servers, STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM: allow } = SETTINGS;
  if (!env[servers.name]?.trim()) {
    throw new CannotRecord(
      `${servers.name} is not set. Set it to the NATS servers of the hub, or record a stream: ` +
        "--stream 'ws://localhost:8765/v2/sip?trades=AAPL'",
    );
  }
  const names = ALL_SETTINGS.filter(({ section }) => section === servers.section)
    .flatMap(({ name, aliases }) => [name, ...aliases]);
  const own = [...names, allow.name].map((name) => [name, env[name]]);
  // The role that has NATS and needs no keys of Alpaca.
  return parseConfig({ ...Object.fromEntries(own), [SETTINGS.STREAM_PROXY_ROLE.name]: "edge" });
}

/** The text for a failure that the user can change; undefined for another one. */
function reasonOf(error: unknown, { path }: RecordTask): string | undefined {
  if (error instanceof CannotRecord) return error.message;
  if (error instanceof ConfigError) return error.problems.map(formatProblem).join("\n");
  if (error instanceof Deno.errors.AlreadyExists) {
    return `${path} exists; choose another name, or replace it with --overwrite`;
  }
  const isFile = error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable ||
    error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.IsADirectory ||
    error instanceof Deno.errors.NotADirectory ||
    (error instanceof Error && "code" in error && error.code === "ENOSPC");
  return isFile ? `cannot write ${path}: ${error.message}` : undefined;
}

function openFile(path: string, { overwrite }: { overwrite: boolean }): Promise<WritableFile> {
  return Deno.open(path, {
    write: true,
    ...overwrite ? { create: true, truncate: true } : { createNew: true },
  });
}

/** Afterwards the process can write to no other file. */
async function openOnly(...args: Parameters<OpenFile>): Promise<WritableFile> {
  const file = await openFile(...args);
  await Deno.permissions.revoke({ name: "write" });
  return file;
}

if (import.meta.main) {
  await runCommand((terminal) => record(Deno.args, terminal, openOnly));
}

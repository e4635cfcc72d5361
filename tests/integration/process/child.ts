/**
 * The program as its users start it: a process of its own, its environment,
 * what it prints, the signals it gets and the code it ends with.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import manifest from "../../../deno.json" with { type: "json" };

/** The checkout. */
export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** One line of the child's log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** What a child left behind. */
export interface Ended {
  readonly code: number;
  readonly log: readonly LogLine[];
  readonly stdout: string;
  readonly stderr: string;
}

/** How a child is started. */
export interface ChildOptions {
  /** Only these, besides what Deno itself needs. */
  readonly env?: Readonly<Record<string, string>>;
  /** Stands in for `.env` in the working folder. @default none */
  readonly dotenv?: string;
  /** Run instead of the program; a path from the root of the checkout. */
  readonly script?: string;
  /** Arguments of the program. @default none */
  readonly args?: readonly string[];
  /** Limit of the JavaScript heap in MiB. @default the runtime's own */
  readonly heapMiB?: number;
  /** Variables that may be read. @default all */
  readonly allowEnv?: readonly string[];
  /** Most file descriptors, by `prlimit`. @default those of this process */
  readonly maxDescriptors?: number;
}

/** Credentials and addresses that lead nowhere, so that nothing is dialed. */
export const OFFLINE: Readonly<Record<string, string>> = {
  ALPACA_KEY: "KEY-zq81",
  ALPACA_SECRET: "SECRET-zq82",
  ALPACA_STOCK_STREAM_URL: "ws://127.0.0.1:1/v2/sip",
  ALPACA_OPTION_STREAM_URL: "ws://127.0.0.1:1/v1beta1/opra",
  ALPACA_TRADING_STREAM_URL: "ws://127.0.0.1:1/stream",
  ALPACA_TRADING_API_URL: "http://127.0.0.1:1",
  ALPACA_DATA_API_URL: "http://127.0.0.1:1",
  STREAM_PROXY_HOST: "127.0.0.1",
  STREAM_PROXY_GRPC_PORT: "0",
  STREAM_PROXY_WEBSOCKET_PORT: "0",
  STREAM_PROXY_HEALTH_PORT: "0",
  STREAM_PROXY_METRICS_PORT: "0",
  OTEL_ENABLED: "false",
};

/** The words of `deno task start`, after "deno run". */
export function startArguments(options: ChildOptions = {}): string[] {
  const [deno, run, ...words] = manifest.tasks.start.command.split(" ");
  if (deno !== "deno" || run !== "run") throw new Error("not a deno run task");
  const dotenv = options.dotenv ?? `${ROOT}tests/no-such-file.env`;
  return words.map((word) => word === "--env-file=.env" ? `--env-file=${dotenv}` : word).map((
    word,
  ) => word === "src/start.ts" ? options.script ?? word : word).map((word) =>
    word === "--allow-env" && options.allowEnv ? `${word}=${options.allowEnv.join(",")}` : word
  );
}

/** A running child; leaving its scope kills what is left of it. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #stdout: Collected;
  readonly #stderr: Collected;

  /** Starts the program the way `deno task start` does, but never prompting. */
  constructor(options: ChildOptions = {}) {
    const { maxDescriptors: most, heapMiB } = options;
    const flags = heapMiB === undefined ? [] : [`--v8-flags=--max-old-space-size=${heapMiB}`];
    const run = ["run", "--no-prompt", ...flags, ...startArguments(options), ...options.args ?? []];
    this.#process = new Deno.Command(most ? "prlimit" : Deno.execPath(), {
      args: most ? [`--nofile=${most}:${most}`, Deno.execPath(), ...run] : run,
      cwd: ROOT,
      clearEnv: true,
      env: { ...denoNeeds(), ...options.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdout = new Collected(this.#process.stdout);
    this.#stderr = new Collected(this.#process.stderr);
  }

  /** Sends a signal. */
  signal(name: Deno.Signal): void {
    this.#process.kill(name);
  }

  /** Its arguments, as every user of the machine can read them. */
  get commandLine(): string {
    return Deno.readTextFileSync(`/proc/${this.#process.pid}/cmdline`);
  }

  /** What it has logged so far. */
  get log(): readonly LogLine[] {
    const lines = this.#stdout.text.split("\n").slice(0, -1);
    return lines.map(parseLine).filter((line) => line !== undefined);
  }

  /** The first log line with this message; rejects if the child ends without. */
  async logged(message: string): Promise<LogLine> {
    const line = await this.#stdout.line((text) => parseLine(text)?.msg === message);
    if (line !== undefined) return parseLine(line) ?? {};
    const { code, stdout, stderr } = await this.ended();
    throw new Error(`Ended with ${code} before "${message}"\n${stdout}\n${stderr}`);
  }

  /** Waits for the end. */
  async ended(): Promise<Ended> {
    const [{ code }, stdout, stderr] = await Promise.all([
      this.#process.status,
      this.#stdout.all(),
      this.#stderr.all(),
    ]);
    const log = stdout.split("\n").map(parseLine).filter((line) => line !== undefined);
    return { code, log, stdout, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended already
    }
    await this.ended();
  }
}

/** Everything that came out of a stream, as it comes. */
class Collected {
  #text = "";
  #done = false;
  #news = Promise.withResolvers<void>();
  readonly #reading: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reading = this.#read(stream);
  }

  /** The text so far. */
  get text(): string {
    return this.#text;
  }

  /** The first whole line that `matches`; undefined when the stream ended. */
  async line(matches: (line: string) => boolean): Promise<string | undefined> {
    for (;;) {
      const found = this.#text.split("\n").slice(0, -1).find(matches);
      if (found !== undefined || this.#done) return found;
      await this.#news.promise;
    }
  }

  async all(): Promise<string> {
    await this.#reading;
    return this.#text;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      this.#text += decoder.decode(bytes, { stream: true });
      this.#wake();
    }
    this.#done = true;
    this.#wake();
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

function parseLine(line: string): LogLine | undefined {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined; // not a line of the log
  }
}

/** What Deno needs to find its cache. */
export function denoNeeds(): Record<string, string> {
  const names = ["HOME", "PATH", "DENO_DIR", "XDG_CACHE_HOME"];
  return Object.fromEntries(
    names.map((name) => [name, Deno.env.get(name) ?? ""]).filter(([, value]) => value !== ""),
  );
}

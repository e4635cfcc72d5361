/**
 * Remote commands for child processes: one JSON object per line, commands on
 * standard input, replies on standard output.
 *
 * Replies start with a mark; other lines are forwarded to standard error. A process
 * ends with its standard input, so that none outlives the driver.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const MARK = "@";

/** Handlers of commands, by name. */
type Commands = Readonly<Record<string, (args: never) => unknown>>;

interface Call {
  readonly id: number;
  readonly command: string;
  readonly args: unknown;
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Lines of a byte stream. */
export async function* lines(
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, void> {
  let rest = "";
  for await (const chunk of source.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

/** Runs commands until standard input ends, then ends the process. */
export async function answerCommands(commands: Commands): Promise<never> {
  for await (const line of lines(Deno.stdin.readable)) {
    // Not awaited: a command that waits must not block the next one.
    answer(JSON.parse(line), commands);
  }
  Deno.exit(0);
}

async function answer(call: Call, commands: Commands): Promise<void> {
  let reply: Reply;
  try {
    const run = commands[call.command];
    if (!run) throw new Error(`No such command: ${call.command}`);
    reply = { id: call.id, result: await run(call.args as never) };
  } catch (error) {
    reply = { id: call.id, error: String(error) };
  }
  Deno.stdout.writeSync(
    new TextEncoder().encode(`${MARK}${JSON.stringify(reply)}\n`),
  );
}

/** A child process that runs commands. */
export class Remote implements AsyncDisposable {
  readonly name: string;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #listening: Promise<void>;
  #next = 0;
  #stopping = false;

  /**
   * @param script file name inside `bench/processes`, or a module's address
   * @param options.flags flags of `deno run`: permissions, V8 flags
   * @param options.under a command prefix, for example `["nice", "-n", "5"]`
   * @param options.interpreter runs the script instead of Deno
   * @param options.isProgram whether the script is a program that needs no interpreter
   */
  constructor(
    script: string | URL,
    options: {
      readonly flags: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
      readonly under?: readonly string[];
      readonly interpreter?: string;
      readonly isProgram?: boolean;
    },
  ) {
    const url = new URL(script, new URL("./processes/", import.meta.url));
    this.name = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
    const run = options.isProgram
      ? [fileURLToPath(url), ...options.flags]
      : options.interpreter === undefined
      ? ["deno", "run", "-q", ...options.flags, url.href]
      : [options.interpreter, ...options.flags, fileURLToPath(url)];
    const [command = "deno", ...args] = [...options.under ?? [], ...run];
    this.#child = new Deno.Command(command, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
      env: { ...options.env },
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#listening = this.#listen();
  }

  /** Process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves with the exit code when the process has ended. */
  get ended(): Promise<number> {
    return this.#child.status.then(({ code }) => code);
  }

  /** Kills the process; pending commands reject. */
  kill(): void {
    this.#stopping = true;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  }

  /** Runs a command; rejects with its error, or when the process ends. */
  async call<T>(command: string, args: unknown = {}): Promise<T> {
    const id = ++this.#next;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    const line = `${JSON.stringify({ id, command, args })}\n`;
    await this.#input.write(new TextEncoder().encode(line));
    return await waiting.promise as T;
  }

  async #listen(): Promise<void> {
    for await (const line of lines(this.#child.stdout)) {
      if (!line.startsWith(MARK)) {
        Deno.stderr.writeSync(
          new TextEncoder().encode(`${this.name}: ${line}\n`),
        );
        continue;
      }
      const { id, result, error } = JSON.parse(line.slice(1)) as Reply;
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(`${this.name}: ${error}`));
    }
    for (const { reject } of this.#waiting.values()) {
      reject(new Error(`${this.name} has ended`));
    }
  }

  /** Ends the process by closing its input; kills it after 5 s. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await this.#input.close().catch(() => {});
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await this.#child.status;
    clearTimeout(timer);
    await this.#listening;
  }
}

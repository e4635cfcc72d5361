/**
 * The output of log lines, which never blocks the program.
 *
 * A pipe that is not read (a pager, a stalled log collector) accepts about
 * 64 KiB and then blocks every write of `console`, and with it the program.
 * {@linkcode StandardOutput} keeps at most one asynchronous write in flight and
 * queues lines up to a limit; lines above it are dropped and counted.
 *
 * `console` is used in addition where Deno's OpenTelemetry exports its lines as
 * log records. Unless it is configured to export only, it prints them as well;
 * then it is the only output.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";

/** Severity of a line. */
export type LineLevel = "debug" | "info" | "warn" | "error";

/** Writes a line to `console`; all but `debug` as one stream, which keeps their order. */
export function toConsole(line: string, level: LineLevel): void {
  // deno-lint-ignore no-console -- the only output that is exported
  if (level === "debug") console.debug(line);
  // deno-lint-ignore no-console -- the only output that is exported
  else console.log(line);
}

/** What `console` does with a line in this process. */
type ConsoleRole = "prints" | "exports" | "prints and exports";

/** The log output of a process. */
export interface ProcessOutput {
  /** Writes one finished line; never blocks, unless `console` has to print it. */
  readonly put: (line: string, level: LineLevel) => void;
  /** Prints a text that is not a log line, and does not export it. */
  readonly print: (text: string) => void;
  /** Resolves when every line is written. */
  readonly written: () => Promise<void>;
}

/** Opens the log output of this process. */
export function openOutput(role: ConsoleRole, clock: Pick<Clock, "now">): ProcessOutput {
  const output = new StandardOutput({
    write: (bytes) => Deno.stdout.write(bytes),
    describeLoss: (lines) =>
      JSON.stringify({
        ts: new Date(clock.now()).toISOString(),
        level: "warn",
        msg: "Log lines dropped: standard output is blocked",
        lines,
      }),
  });
  return {
    put: (line, level) => {
      if (role !== "prints") toConsole(line, level);
      if (role !== "prints and exports") output.put(line);
    },
    print: (text) => output.put(text),
    written: () => output.written(),
  };
}

/** Most characters that are queued: thousands of lines. */
const CAPACITY = 1 << 20;

/** How a standard output is made. */
interface StandardOutputOptions {
  /** Writes some of the bytes; resolves with how many, as `Deno.stdout.write`. */
  readonly write: (bytes: Uint8Array) => Promise<number>;
  /** The line that reports `count` dropped lines. */
  readonly describeLoss: (count: number) => string;
  /** Most characters that are queued. */
  readonly capacity?: number;
}

/** Writes lines in order without blocking the caller. */
export class StandardOutput {
  readonly #options: StandardOutputOptions;
  readonly #capacity: number;
  readonly #encoder = new TextEncoder();
  #queue: string[] = [];
  #queuedLength = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;

  constructor(options: StandardOutputOptions) {
    this.#options = options;
    this.#capacity = options.capacity ?? CAPACITY;
  }

  /** Queues a line; drops and counts it when the queue is full. */
  put(line: string): void {
    if (this.#queuedLength + line.length > this.#capacity) {
      this.#dropped++;
      return;
    }
    this.#queue.push(line);
    this.#queuedLength += line.length;
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when the queue is empty. */
  async written(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const lines = this.#queue;
      if (this.#dropped > 0) {
        lines.push(this.#options.describeLoss(this.#dropped));
      }
      this.#queue = [];
      this.#queuedLength = 0;
      this.#dropped = 0;
      try {
        await this.#write(this.#encoder.encode(`${lines.join("\n")}\n`));
      } catch {
        // Closed by its reader, as after `| head`: there is no other output.
      }
    }
    this.#writing = undefined;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.#options.write(bytes.subarray(at));
    }
  }
}

/**
 * The process of a command: its output, its screen, its signals, its environment.
 *
 * Commands receive a `Terminal` and do not use `Deno` directly, so that tests
 * can replace it.
 *
 * @module
 */
import type { Clock } from "../src/application/ports/clock.ts";
import { debounceSignals } from "../src/infrastructure/clock/debounce_signals.ts";
import { systemClock } from "../src/infrastructure/clock/system_clock.ts";
import { visibleWidth } from "./text.ts";

/** The parts of its process that a command uses. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** True when the output is a terminal. */
  readonly isTerminal: boolean;
  /** Columns of the terminal; Infinity when the output is none. */
  readonly columns: () => number;
  /** Fires when the user ends the command. */
  readonly signal: AbortSignal;
  /** Writes to standard output; rejects with `BrokenPipe` when it is closed. */
  write(text: string): Promise<void>;
  /** Writes one line to standard error. */
  writeError(line: string): void;
  /** Reads the first line of standard input; "" when it is empty. @default none can be read */
  readonly readLine?: (() => Promise<string>) | undefined;
}

/** Exit codes. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  interrupted: 130,
} as const;

/** The same terminal for a part of a command with its own end signal. */
export function endingWith(
  signal: AbortSignal,
  terminal: Terminal,
): Terminal {
  return {
    env: terminal.env,
    clock: terminal.clock,
    isTerminal: terminal.isTerminal,
    columns: terminal.columns,
    signal: AbortSignal.any([terminal.signal, signal]),
    write: (text) => terminal.write(text),
    writeError: (line) => terminal.writeError(line),
  };
}

const encoder = new TextEncoder();

/** Writes the whole text; one call of the runtime may write only a part. */
async function writeAll(
  stream: { write(bytes: Uint8Array): Promise<number> },
  text: string,
): Promise<void> {
  let rest = encoder.encode(text);
  while (rest.length > 0) rest = rest.subarray(await stream.write(rest));
}

/**
 * Runs a command as a process: signals end it, its result is the exit code.
 *
 * The first SIGINT, SIGTERM or SIGHUP fires the signal, the second one forces
 * the exit. A closed output (`| head`) is a normal end.
 */
export async function runCommand(
  command: (terminal: Terminal) => Promise<number>,
): Promise<never> {
  const interrupt = new AbortController();
  const classify = debounceSignals(() => systemClock.monotonic());
  const onSignal = () => {
    if (classify() === "second") Deno.exit(EXIT.interrupted);
    interrupt.abort();
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    if (Deno.build.os === "windows" && name === "SIGTERM") continue;
    Deno.addSignalListener(name, onSignal);
  }
  Deno.exit(await command(processTerminal(interrupt.signal)).catch(exitCodeOf));
}

function processTerminal(signal: AbortSignal): Terminal {
  return {
    env: Deno.env.toObject(),
    clock: systemClock,
    isTerminal: Deno.stdout.isTerminal(),
    columns: () => Deno.stdout.isTerminal() ? Screen.size().width : Infinity,
    signal,
    write: (text) => writeAll(Deno.stdout, text),
    readLine: readInputLine,
    writeError: (line) => {
      try {
        Deno.stderr.writeSync(encoder.encode(`${line}\n`));
      } catch (error) {
        // Standard error is closed: continue without it.
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      }
    },
  };
}

/** Longest line that is read, in bytes. */
const MAX_LINE_BYTES = 64 * 1024;

/** Reads until the first line break, the end of the input, or a length that no line has. */
async function readInputLine(): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  const bytes = new Uint8Array(4096);
  while (!text.includes("\n") && text.length < MAX_LINE_BYTES) {
    const length = await Deno.stdin.read(bytes);
    if (length === null) break;
    text += decoder.decode(bytes.subarray(0, length), { stream: true });
  }
  return text.split("\n", 1)[0] ?? "";
}

function exitCodeOf(error: unknown): number {
  if (error instanceof Deno.errors.BrokenPipe) return EXIT.ok;
  throw error;
}

const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/** Terminals that support it show a whole frame; others ignore it. */
const BEGIN_FRAME = "\x1b[?2026h\x1b[H";
const END_FRAME = "\x1b[?2026l";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/** Draws frames on the alternate screen and reads keys. */
export class Screen implements Disposable {
  #entered = true;
  readonly #keys: boolean;
  readonly #leave = () => this[Symbol.dispose]();

  private constructor(keys: boolean) {
    this.#keys = keys;
    // Also for an unplanned exit.
    globalThis.addEventListener("unload", this.#leave);
    if (keys) Deno.stdin.setRaw(true, { cbreak: true });
    write(ENTER);
  }

  /** Enters the alternate screen; reads keys only if stdin is a terminal. */
  static enter(): Screen {
    return new Screen(Deno.stdin.isTerminal());
  }

  /** Present columns and rows; a resize applies to the next frame. */
  static size(): { readonly width: number; readonly height: number } {
    try {
      const { columns, rows } = Deno.consoleSize();
      return { width: columns, height: rows };
    } catch {
      // Some pseudo-terminals have no size.
      return { width: 80, height: 24 };
    }
  }

  /** Shows exactly these lines. */
  draw(lines: readonly string[]): void {
    if (!this.#entered) return;
    write(frameOf(lines, Screen.size().width));
  }

  /** Keys as they are pressed, until the input ends; none on a pipe. */
  async *keys(): AsyncGenerator<string, void> {
    if (!this.#keys) return;
    const bytes = new Uint8Array(64);
    const decoder = new TextDecoder();
    while (this.#entered) {
      const count = await Deno.stdin.read(bytes);
      if (count === null) return;
      // A special key is a sequence, not the letters in it.
      const text = decoder.decode(bytes.subarray(0, count));
      if (!text.startsWith("\x1b")) yield* text;
    }
  }

  /** Restores the terminal; idempotent. */
  [Symbol.dispose](): void {
    if (!this.#entered) return;
    this.#entered = false;
    globalThis.removeEventListener("unload", this.#leave);
    write(LEAVE);
    if (this.#keys) Deno.stdin.setRaw(false);
  }
}

/**
 * The sequences that draw `lines` over the previous frame.
 *
 * After a line that fills its row the cursor is still on the last column, so
 * clearing to the right of it would delete that character.
 */
export function frameOf(lines: readonly string[], width: number): string {
  const short = (line: string | undefined) => visibleWidth(line ?? "") < width;
  const rows = lines.map((line) => short(line) ? line + CLEAR_LINE : line);
  const below = short(lines.at(-1)) ? CLEAR_BELOW : "";
  return `${BEGIN_FRAME}${rows.join("\r\n")}${below}${END_FRAME}`;
}

/** Writes synchronously, so that no frame is incomplete at exit. */
function write(text: string): void {
  let rest = encoder.encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
  } catch (error) {
    // The terminal is closed; its SIGHUP ends the command.
    if (!isClosed(error)) throw error;
  }
}

/** Whether the terminal was closed. */
function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe ||
    error instanceof Error && "code" in error && error.code === "EIO";
}

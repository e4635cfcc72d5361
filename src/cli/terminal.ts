/**
 * The process around a command: its output, its interrupt, its environment.
 *
 * Commands take a `Terminal` instead of reaching for `Deno`, so that a test can
 * run one with its own output and its own end.
 *
 * @module
 */
import type { Clock } from "../application/ports/clock.ts";
import { signalCounter } from "../infrastructure/clock/signal_echo.ts";
import { systemClock } from "../infrastructure/clock/system_clock.ts";

/** What a command may touch of its process. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** True when the output is a terminal. */
  readonly isTerminal: boolean;
  /** Fires when the user wants the command to end. */
  readonly signal: AbortSignal;
  /** Writes to the output; rejects with `BrokenPipe` when nobody reads it. */
  write(text: string): Promise<void>;
  /** Writes one line for the user, apart from the output. */
  say(line: string): void;
}

/** What the exit codes say. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  interrupted: 130,
} as const;

/** The same process for a part of a command that has its own end. */
export function endingWith(
  signal: AbortSignal,
  terminal: Terminal,
): Terminal {
  return {
    env: terminal.env,
    clock: terminal.clock,
    isTerminal: terminal.isTerminal,
    signal: AbortSignal.any([terminal.signal, signal]),
    write: (text) => terminal.write(text),
    say: (line) => terminal.say(line),
  };
}

const encoder = new TextEncoder();

/** Writes all of it: the runtime's own call may stop half-way. */
async function writeAll(
  stream: { write(bytes: Uint8Array): Promise<number> },
  text: string,
): Promise<void> {
  let rest = encoder.encode(text);
  while (rest.length > 0) rest = rest.subarray(await stream.write(rest));
}

/**
 * Runs a command as a process: signals end it, its number is the exit code.
 *
 * The first SIGINT, SIGTERM or SIGHUP fires the signal, the second one ends
 * the process at once. An output that nobody reads any more (`| head`) is a
 * normal end.
 */
export async function runCommand(
  command: (terminal: Terminal) => Promise<number>,
): Promise<never> {
  const interrupt = new AbortController();
  const count = signalCounter(() => systemClock.monotonic());
  const onSignal = () => {
    if (count() === "second") Deno.exit(EXIT.interrupted);
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
    signal,
    write: (text) => writeAll(Deno.stdout, text),
    say: (line) => {
      try {
        Deno.stderr.writeSync(encoder.encode(`${line}\n`));
      } catch (error) {
        // Nobody reads what we have to say: go on without saying it.
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      }
    },
  };
}

function exitCodeOf(error: unknown): number {
  if (error instanceof Deno.errors.BrokenPipe) return EXIT.ok;
  throw error;
}

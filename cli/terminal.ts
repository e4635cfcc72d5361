/**
 * The process of a command: its output, its signals, its environment.
 *
 * Commands receive a `Terminal` and do not use `Deno` directly, so that tests
 * can replace it.
 *
 * @module
 */
import type { Clock } from "../src/application/ports/clock.ts";
import { debounceSignals } from "../src/infrastructure/clock/debounce_signals.ts";
import { systemClock } from "../src/infrastructure/clock/system_clock.ts";

/** The parts of its process that a command uses. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** True when the output is a terminal. */
  readonly isTerminal: boolean;
  /** Fires when the user ends the command. */
  readonly signal: AbortSignal;
  /** Writes to standard output; rejects with `BrokenPipe` when it is closed. */
  write(text: string): Promise<void>;
  /** Writes one line to standard error. */
  writeError(line: string): void;
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
    signal,
    write: (text) => writeAll(Deno.stdout, text),
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

function exitCodeOf(error: unknown): number {
  if (error instanceof Deno.errors.BrokenPipe) return EXIT.ok;
  throw error;
}

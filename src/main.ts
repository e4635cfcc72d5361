/**
 * The process: environment in, exit code out.
 *
 * | Exit code | Means |
 * | --- | --- |
 * | 0 | stopped by SIGTERM or SIGINT, everything closed cleanly; with `--check`, valid settings |
 * | 1 | could not start (a port in use, for example), or a part failed permanently |
 * | 2 | an argument is unknown; nothing was started |
 * | 70 | a defect: an uncaught error |
 * | 78 | the configuration is invalid; nothing was started |
 * | 130, 143 | forced exit on a second SIGINT or SIGTERM |
 *
 * Nothing but this module and what it loads (run.ts) ends the process or handles signals, apart
 * from stop_signals.ts, which receives them while the program is loading.
 *
 * @module
 */
import { helpText, parseCommandLine, VERSION } from "./command_line.ts";
import { EXIT, exitWith } from "./exit.ts";
import type { Start } from "./run.ts";
import { listenForStop, type StopSignals } from "./stop_signals.ts";

/** How the process was started. */
interface MainOptions {
  /** Arguments of the command line. @default those of the process */
  readonly args?: readonly string[];
  /** Signal handlers that are installed already. @default installed now */
  readonly signals?: StopSignals;
}

/** Does what the arguments say: runs the program until a signal stops it, and ends the process. */
export async function main(
  start: Start,
  { args = Deno.args, signals = listenForStop() }: MainOptions = {},
): Promise<never> {
  const parsed = parseCommandLine(args);
  if ("error" in parsed) return exitWith(EXIT.usage, `${parsed.error}\n`);
  const { command } = parsed;
  if (command === "help") return exitWith(EXIT.ok, helpText());
  if (command === "version") return exitWith(EXIT.ok, `${VERSION}\n`);
  // Not loaded for a text.
  const { checkSettings, runProgram } = await import("./run.ts");
  return command === "check" ? checkSettings() : await runProgram(start, signals);
}

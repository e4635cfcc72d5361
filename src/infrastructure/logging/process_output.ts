/**
 * Where the lines of this process's log go.
 *
 * Standard output, by {@linkcode StandardOutput}, because a reader that stalls
 * must not stall the program. And `console`, where Deno's OpenTelemetry exports
 * what it is given as log records; unless it was told to export only, it prints
 * as well, and then it has to do both alone.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import { StandardOutput } from "./standard_output.ts";
import { type LineLevel, toConsole } from "./to_console.ts";

/** What `console` does with a line in this process. */
export type ConsoleRole = "prints" | "exports" | "prints and exports";

/** The output of a process. */
export class ProcessOutput {
  readonly #output: StandardOutput;
  readonly #role: ConsoleRole;

  constructor(role: ConsoleRole, clock: Pick<Clock, "now">) {
    this.#role = role;
    this.#output = new StandardOutput({
      write: (bytes) => Deno.stdout.write(bytes),
      describeLoss: (lines) =>
        JSON.stringify({
          ts: new Date(clock.now()).toISOString(),
          level: "warn",
          msg: "Log lines are lost: standard output was not read",
          lines,
        }),
    });
  }

  /** Takes one finished line; never waits, unless `console` has to print it. */
  readonly put = (line: string, level: LineLevel): void => {
    if (this.#role !== "prints") toConsole(line, level);
    if (this.#role !== "prints and exports") this.#output.put(line);
  };

  /** Resolves when every line has been taken. */
  written(): Promise<void> {
    return this.#output.written();
  }
}

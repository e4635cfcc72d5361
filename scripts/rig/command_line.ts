/**
 * Command lines of the load tests: usage, argument errors and exit codes.
 *
 * @module
 */

/** A program that is started from the command line. */
interface CommandLine<Options> {
  readonly usage: string;
  /** Reads the arguments. @throws Error that names the wrong one */
  parse(args: readonly string[]): Options | "help";
  /** Returns the exit code. */
  run(options: Options): Promise<number>;
}

/** Runs a program; wrong arguments end it with exit code 2. */
export async function runCommand<Options>(
  { usage, parse, run }: CommandLine<Options>,
): Promise<void> {
  let options: Options | "help";
  try {
    options = parse(Deno.args);
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    Deno.exitCode = 2;
    return;
  }
  if (options === "help") print(usage);
  else Deno.exitCode = await run(options);
}

/** Prints a line. */
export function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Reads a number above 0. @throws RangeError that names the flag */
export function positive(flag: string, text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new RangeError(`${flag} must be a number above 0, received "${text}"`);
}

/** Reads a comma-separated list of names. @throws RangeError that names the flag */
export function namesOf<Name extends string>(
  flag: string,
  text: string,
  known: readonly Name[],
): readonly Name[] {
  return text.split(",").filter((name) => name !== "").map((name) => {
    const found = known.find((one) => one === name);
    if (found !== undefined) return found;
    throw new RangeError(
      `${flag} must name some of ${known.join(", ")}; received "${name}"`,
    );
  });
}

/**
 * Finds and runs the programs that image, chart and workflows are checked with.
 *
 * @module
 */
import { join } from "node:path";

/** The path of a program on the `PATH`; undefined where it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.map((folder) => join(folder, name)).find((file) => {
    try {
      return Deno.statSync(file).isFile;
    } catch {
      return false; // absent or not accessible
    }
  });
}

/** How a program is run. */
interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Text for the standard input. */
  readonly input?: string;
  /** Kills the program and its children after this time. */
  readonly seconds?: number;
  /** Exit codes that count as success. @default [0] */
  readonly accept?: readonly number[];
}

/** Exit code and output of a program. */
export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. @throws Error with its output when it fails */
export async function runProgram(
  program: string,
  args: readonly string[],
  { cwd, env, input, seconds, accept = [0] }: RunOptions = {},
): Promise<RunResult> {
  const limit = seconds === undefined ? [] : ["timeout", "--kill-after=10", String(seconds)];
  const [command = "", ...rest] = [...limit, program, ...args];
  const child = new Deno.Command(command, {
    args: rest,
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env: { ...env } }),
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  }
  const { code, ...output } = await child.output();
  const decoder = new TextDecoder();
  const stdout = decoder.decode(output.stdout);
  const stderr = decoder.decode(output.stderr);
  if (accept.includes(code)) return { code, stdout, stderr };
  const how = seconds !== undefined && code === 124
    ? `took longer than ${seconds} s`
    : `exited with ${code}`;
  throw new Error(
    `${program} ${args.join(" ")} ${how}\n${stdout}${stderr}`,
  );
}

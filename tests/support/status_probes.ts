/**
 * Clients of several makes that open streams and print the status code that
 * each ends with. They use no generated code.
 *
 * @module
 */
import { TextLineStream } from "./text_lines.ts";

const PROBES = new URL("../clients/ends/", import.meta.url);
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const PYTHON = Deno.env.get("CLIENTS_PYTHON") ?? "python3";

/** A kind of client; `missing` says why it cannot run here, if so. */
export interface ProbeKind {
  readonly name: string;
  readonly missing: string | undefined;
  /** Builds it; returns the command, whose arguments are address and count. */
  readonly prepare: (folder: string) => Promise<readonly string[]>;
}

/** A running client. */
export interface Probe extends AsyncDisposable {
  /** Resolves once all of its streams are open. */
  readonly opened: Promise<void>;
  /** The code of each stream, in capital letters without `_`. */
  readonly codes: Promise<string[]>;
  /** Suspends or resumes the process. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
}

/** Starts a client. */
export function startProbe(
  [command = "", ...args]: readonly string[],
  port: number,
  count: number,
): Probe {
  const child = new Deno.Command(command, {
    args: [...args, `127.0.0.1:${port}`, String(count)],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const opened = Promise.withResolvers<void>();
  const codes = (async () => {
    const found: string[] = [];
    for await (const line of child.stdout.pipeThrough(new TextLineStream())) {
      if (line === "open") opened.resolve();
      else if (line !== "") found.push(codeOf(line));
    }
    opened.reject(new Error(`The client ended: ${found}`));
    return found;
  })();
  opened.promise.catch(() => {});
  return {
    opened: opened.promise,
    codes,
    signal: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
      await Promise.allSettled([codes, child.status]);
    },
  };
}

function codeOf(line: string): string {
  const [code = ""] = line.split(" ");
  return code.replaceAll("_", "").toUpperCase();
}

async function works(
  words: readonly string[],
  options: Deno.CommandOptions = {},
): Promise<boolean> {
  const [command = "", ...args] = words;
  try {
    const output = { stdout: "null", stderr: "null" } as const;
    const child = new Deno.Command(command, { ...output, ...options, args });
    return (await child.output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs a command to its end. */
export async function build(
  words: readonly string[],
  options: Deno.CommandOptions,
): Promise<void> {
  const isBuilt = await works(words, { ...options, stderr: "inherit" });
  if (!isBuilt) throw new Error(`${words.join(" ")} failed`);
}

const onDeno = (name: string, file: string): ProbeKind => ({
  name,
  missing: undefined,
  prepare: () =>
    Promise.resolve([
      Deno.execPath(),
      "run",
      "--allow-net",
      "--allow-env",
      `--config=${CONFIG}`,
      new URL(file, PROBES).pathname,
    ]),
});

/** Why the Go modules of a folder cannot be used here, if so. */
export async function missingForGoModules(cwd: string): Promise<string | undefined> {
  if (!await works(["go", "version"])) return "no go on the PATH";
  return await works(["go", "mod", "download"], { cwd })
    ? undefined
    : "the Go modules cannot be downloaded";
}

/** Why programs in Rust cannot be compiled here, if so. */
export async function missingForRust(): Promise<string | undefined> {
  if (Deno.env.get("CLIENTS_RUST") !== "1") {
    return "compiling takes minutes (set CLIENTS_RUST=1)";
  }
  return await works(["cargo", "--version"]) ? undefined : "no cargo on the PATH";
}

/** Every kind of client. */
export async function probeKinds(): Promise<readonly ProbeKind[]> {
  return [
    onDeno("connect-es", "connect.ts"),
    onDeno("grpc-js", "grpc_js.ts"),
    {
      name: "Python grpcio",
      missing: await works([PYTHON, "-c", "import grpc"])
        ? undefined
        : "no Python with grpcio (set CLIENTS_PYTHON)",
      prepare: () => Promise.resolve([PYTHON, new URL("grpcio.py", PROBES).pathname]),
    },
    {
      name: "grpc-go",
      missing: await missingForGoModules(new URL("go", PROBES).pathname),
      prepare: async (folder) => {
        const cwd = new URL("go", PROBES).pathname;
        await build(["go", "build", "-o", `${folder}/ends`, "."], { cwd });
        return [`${folder}/ends`];
      },
    },
    {
      name: "tonic",
      missing: await missingForRust(),
      prepare: async (folder) => {
        const target = Deno.env.get("CARGO_TARGET_DIR") ?? `${folder}/target`;
        await build(["cargo", "build", "--locked", "--quiet"], {
          cwd: new URL("rust", PROBES).pathname,
          env: { CARGO_TARGET_DIR: target },
        });
        return [`${target}/debug/ends`];
      },
    },
  ];
}

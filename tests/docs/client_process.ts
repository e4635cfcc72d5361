/**
 * The documented clients and `tail` as processes.
 *
 * @module
 */
import { TextLineStream } from "../support/text_lines.ts";
import { CLIENT_PROJECTS, type ClientProject, type Command } from "./client_projects.ts";

const ROOT = new URL("../../", import.meta.url);
const CLIENTS = new URL("docs/clients/", ROOT);

/** A client that is ready to run. */
export interface PreparedClient {
  /** `Go`, or `tail`. */
  readonly name: string;
  readonly command: Command;
  readonly cwd: string;
}

/** A client that runs; leaving its scope kills it. */
export interface RunningClient extends AsyncDisposable {
  readonly name: string;
  /** What it has printed so far. */
  readonly lines: readonly string[];
  /** What it has printed to standard error so far. */
  readonly errors: string;
  /** Exit code and standard error when it ended by itself. */
  readonly ended: string | undefined;
  /** Stops and continues the process: SIGSTOP, SIGCONT. */
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  /** Ends it; resolves to its standard error. */
  stop(): Promise<string>;
}

/** `tail`, which needs no preparation. */
export const TAIL: PreparedClient = {
  name: "tail",
  command: {
    words: [
      ...[Deno.execPath(), "run", "-q", "--no-check"],
      ...["--allow-net", "--allow-env", "cli/tail.ts"],
      ...["quotes", "AAPL", "MSFT", "--json"],
    ],
  },
  cwd: ROOT.pathname,
};

/** Builds in a copy of each project's folder, once for all tests of a file. */
export class ClientBuilds {
  readonly #built = new Map<ClientProject, Promise<PreparedClient>>();
  readonly #folders: string[] = [];

  constructor() {
    addEventListener("unload", () => {
      for (const path of this.#folders) {
        Deno.removeSync(path, { recursive: true });
      }
    });
  }

  /** Every client that can run here, and why the others cannot. */
  static async available(): Promise<{
    readonly projects: readonly ClientProject[];
    readonly missing: ReadonlyMap<string, string>;
  }> {
    const missing = new Map<string, string>();
    for (const project of CLIENT_PROJECTS) {
      const reason = await project.missing();
      if (reason !== undefined) missing.set(project.language, reason);
    }
    const projects = CLIENT_PROJECTS.filter(({ language }) => !missing.has(language));
    return { projects, missing };
  }

  /** Compiles a client, unless that was done before. */
  build(project: ClientProject): Promise<PreparedClient> {
    const found = this.#built.get(project) ?? this.#build(project);
    this.#built.set(project, found);
    return found;
  }

  async #build(project: ClientProject): Promise<PreparedClient> {
    const path = await Deno.makeTempDir({ prefix: "client-" });
    this.#folders.push(path);
    await copyFolder(new URL(`${project.folder}/`, CLIENTS), path);
    const command = await project.prepare(path);
    return { name: project.language, command, cwd: path };
  }
}

/** Starts a client that connects to `address` (`host:port`). */
export function startClient(
  { name, command, cwd }: PreparedClient,
  address: string,
): RunningClient {
  const [program = "", ...args] = command.words;
  const child = new Deno.Command(program, {
    args,
    cwd,
    env: { ...command.env, STREAM_PROXY_ADDRESS: address },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines: string[] = [];
  let ended: string | undefined;
  let errors = "";
  const allErrors = (async () => {
    const text = child.stderr.pipeThrough(new TextDecoderStream());
    for await (const part of text) errors += part;
  })();
  const over = Promise.all([
    (async () => {
      const text = child.stdout.pipeThrough(new TextLineStream());
      for await (const line of text) lines.push(line);
    })(),
    (async () => {
      const { code } = await child.status;
      await allErrors;
      ended = `code ${code}, ${errors}`;
    })(),
  ]);
  return {
    name,
    lines,
    get errors() {
      return errors;
    },
    get ended() {
      return ended;
    },
    signal: (signal) => child.kill(signal),
    async stop() {
      kill(child);
      await over;
      return errors;
    },
    async [Symbol.asyncDispose]() {
      kill(child);
      await over;
    },
  };
}

/** Kills a process, unless it has ended. */
function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

/** Copies what is committed, not what was built there. */
async function copyFolder(from: URL, to: string): Promise<void> {
  const made = ["gen", "node_modules", "target", "cream", "__pycache__"];
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (made.includes(name)) continue;
    if (isDirectory) {
      await Deno.mkdir(`${to}/${name}`);
      await copyFolder(new URL(`${name}/`, from), `${to}/${name}`);
    } else await Deno.copyFile(new URL(name, from), `${to}/${name}`);
  }
}

/**
 * The client examples of the documentation, as projects that can be run here.
 *
 * @module
 */
const ROOT = new URL("../../", import.meta.url);
const PROTO = new URL("proto", ROOT).pathname;
const PYTHON = Deno.env.get("CLIENTS_PYTHON") ?? "python3";

/** buf, in the bytes that the lock file of the generator pins. */
const BUF = [
  Deno.execPath(),
  "run",
  "-A",
  "-q",
  "--no-config",
  `--lock=${new URL("scripts/proto.lock", ROOT).pathname}`,
  "--frozen",
  "npm:@bufbuild/buf@1.74.0",
];

/** A command with its arguments, and variables beside the environment's. */
export interface Command {
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** One example. */
export interface ClientProject {
  readonly language: string;
  /** Folder in `docs/clients/`. */
  readonly folder: string;
  /** Why it cannot be run here, if so. */
  readonly missing: () => Promise<string | undefined>;
  /** Makes everything in a copy of the folder ready; gives what runs it. */
  readonly prepare: (folder: string) => Promise<Command>;
}

/** Every example of the documentation. */
export const CLIENT_PROJECTS: readonly ClientProject[] = [
  {
    language: "TypeScript",
    folder: "typescript",
    missing: async () => await works(["node", "--version"]) ? undefined : "no node on the PATH",
    prepare: prepareTypeScript,
  },
  {
    language: "Python",
    folder: "python",
    missing: async () =>
      await works([PYTHON, "-c", "import grpc, grpc_tools"])
        ? undefined
        : "no Python with grpcio and grpcio-tools (set CLIENTS_PYTHON)",
    prepare: preparePython,
  },
  { language: "Go", folder: "go", missing: missingForGo, prepare: prepareGo },
  {
    language: "Rust",
    folder: "rust",
    missing: missingForRust,
    prepare: prepareRust,
  },
];

/**
 * Runs the client library on the installed Node. Types are stripped first, because
 * Node before 22.18 does not do that.
 */
async function prepareTypeScript(folder: string): Promise<Command> {
  await run(["mkdir", "-p", `${folder}/src`]);
  await run(["cp", "-r", new URL("src/gen", ROOT).pathname, `${folder}/src/gen`]);
  await run(["cp", "-r", new URL("client", ROOT).pathname, `${folder}/client`]);
  await run([Deno.execPath(), "install", "-q"], folder);
  await run([
    Deno.execPath(),
    "check",
    "-q",
    "--node-modules-dir=auto",
    "client.ts",
    "quickstart.ts",
  ], folder);
  const sources = (await filesBelow(folder, ["node_modules"]))
    .filter((path) => path.endsWith(".ts"));
  await run(
    [Deno.execPath(), "transpile", "-q", "--outdir", "out", ...sources],
    folder,
  );
  for (const path of await filesBelow(`${folder}/out`)) {
    const text = await Deno.readTextFile(path);
    const named = text.replaceAll(/(from "\..*)\.ts"/g, '$1.js"');
    await Deno.writeTextFile(path, named);
  }
  return { words: ["node", "out/client.js"] };
}

async function filesBelow(
  folder: string,
  except: readonly string[] = [],
): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (except.includes(name)) continue;
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await filesBelow(path));
    else found.push(path);
  }
  return found;
}

async function preparePython(folder: string): Promise<Command> {
  const files = await Array.fromAsync(Deno.readDir(`${PROTO}/cream/v1`));
  const protos = files.map(({ name }) => `cream/v1/${name}`);
  const to = ["--python_out=.", "--grpc_python_out=."];
  await run(
    [PYTHON, "-m", "grpc_tools.protoc", `-I${PROTO}`, ...to, ...protos],
    folder,
  );
  return { words: [PYTHON, "client.py"] };
}

async function missingForGo(): Promise<string | undefined> {
  if (!await works(["go", "version"])) return "no go on the PATH";
  if (!await works([...BUF, "--version"])) return "buf cannot be downloaded";
  const folder = new URL("docs/clients/go", ROOT).pathname;
  return await works(["go", "mod", "download"], folder)
    ? undefined
    : "the Go modules cannot be downloaded";
}

async function prepareGo(folder: string): Promise<Command> {
  await run(
    [...BUF, "generate", PROTO, "--path", `${PROTO}/cream`],
    folder,
  );
  await run(["go", "vet", "."], folder);
  await run(["go", "build", "-mod=readonly", "-o", "quotes", "."], folder);
  return { words: [`${folder}/quotes`] };
}

async function missingForRust(): Promise<string | undefined> {
  if (Deno.env.get("CLIENTS_RUST") !== "1") {
    return "compiling takes minutes (set CLIENTS_RUST=1)";
  }
  return await works(["cargo", "--version"]) ? undefined : "no cargo on the PATH";
}

async function prepareRust(folder: string): Promise<Command> {
  const target = Deno.env.get("CARGO_TARGET_DIR") ?? `${folder}/target`;
  await Deno.mkdir(target, { recursive: true });
  // The next build in a shared target folder, also of another process, replaces the program there.
  using lock = await Deno.open(`${target}/quotes.lock`, { create: true, write: true });
  await lock.lock(true);
  await run(["cargo", "build", "--locked", "--quiet"], folder, {
    STREAM_PROXY_PROTO: PROTO,
    CARGO_TARGET_DIR: target,
  });
  await Deno.copyFile(`${target}/debug/quotes`, `${folder}/quotes`);
  return { words: [`${folder}/quotes`] };
}

async function works(
  words: readonly string[],
  cwd?: string,
): Promise<boolean> {
  try {
    await run(words, cwd);
    return true;
  } catch {
    return false;
  }
}

/** Runs a command to its end; throws what it said when it fails. */
async function run(
  [command = "", ...args]: readonly string[],
  cwd?: string,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    env,
    ...(cwd !== undefined && { cwd }),
  }).output();
  if (success) return;
  const said = new TextDecoder().decode(stdout) +
    new TextDecoder().decode(stderr);
  throw new Error(`${command} ${args.join(" ")} failed:\n${said}`);
}

/**
 * Generates, lints and checks everything that comes from `proto/`.
 *
 * `generate` rewrites `src/gen/`. `check` changes nothing and fails when a
 * .proto file is not linted or formatted, when it breaks clients generated from
 * `proto/baseline.binpb` (the last released contract), or when `src/gen/` is
 * not what the sources generate. `baseline` accepts the present contract as
 * released.
 *
 * buf and its plugin are npm packages run from Deno's cache: nothing is
 * installed into the repository, and their exact bytes are pinned by
 * `scripts/proto.lock` rather than by deno.lock, because they carry a native
 * program that nobody who only runs the proxy should have to download.
 *
 * @module
 */
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import process from "node:process";

// 1.75.0 cannot be resolved: one of its platform packages was never published.
const BUF = "npm:@bufbuild/buf@1.74.0";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const protoDir = join(root, "proto");
const generatedDir = join(root, "src", "gen");

/** Runs buf inside `proto/`; its complaints go straight to the terminal. */
async function buf(...args: string[]): Promise<void> {
  const { success } = await new Deno.Command("deno", {
    args: [
      "run",
      "--allow-all",
      "--quiet",
      "--no-config",
      `--lock=${join(root, "scripts", "proto.lock")}`,
      "--frozen",
      BUF,
      ...args,
    ],
    cwd: protoDir,
  }).spawn().status;
  if (!success) throw new Error(`buf ${args[0]} found problems, see above`);
}

/** Reads every file below `dir`, keyed by its path inside it. */
async function readTree(
  dir: string,
  files: Map<string, string> = new Map(),
  base: string = dir,
): Promise<Map<string, string>> {
  for await (const entry of Deno.readDir(dir)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory) await readTree(path, files, base);
    else files.set(relative(base, path), await Deno.readTextFile(path));
  }
  return files;
}

/** Throws unless `src/gen/` holds exactly what `proto/` generates. */
async function checkGenerated(): Promise<void> {
  const scratch = await Deno.makeTempDir({ prefix: "proto-check-" });
  try {
    await buf("generate", ".", "--output", join(scratch, "base", "of"));
    // `out` is `../src/gen`, taken from the folder that --output names.
    const fresh = await readTree(join(scratch, "base", "src", "gen"));
    const committed = await readTree(generatedDir);
    const stale = [...new Set([...fresh.keys(), ...committed.keys()])]
      .filter((path) => fresh.get(path) !== committed.get(path));
    if (stale.length > 0) {
      throw new Error(
        `src/gen is not current: ${stale.join(", ")}; ` +
          "run `deno task proto:generate` and commit the result",
      );
    }
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

async function check(): Promise<void> {
  await buf("lint", ".");
  await buf("format", "--diff", "--exit-code", ".");
  await buf("breaking", ".", "--against", "baseline.binpb");
  await checkGenerated();
}

const commands: Readonly<Record<string, () => Promise<void>>> = {
  generate: () => buf("generate", "."),
  check,
  baseline: () =>
    buf("build", ".", "--exclude-source-info", "--output", "baseline.binpb"),
};

const command = commands[Deno.args[0] ?? ""];
try {
  if (command === undefined) {
    throw new Error(
      `Cannot run "${Deno.args[0] ?? ""}": the commands are ${
        Object.keys(commands).join(", ")
      }`,
    );
  }
  await command();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

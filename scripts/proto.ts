/**
 * Generates code from `proto/` and checks it with buf.
 *
 * `generate` rewrites `src/gen/`. `check` fails when a .proto file violates lint or
 * format rules, when it breaks clients generated from `proto/baseline.binpb` (the
 * last released contract), or when `src/gen/` is stale. `baseline` makes the current
 * contract the released one.
 *
 * buf and its plugin are npm packages that run from Deno's cache. They are locked by
 * `scripts/proto.lock` instead of deno.lock, because they include a native program
 * that running the proxy does not need.
 *
 * @module
 */
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import process from "node:process";

// 1.75.0 cannot be installed: one of its platform packages is not published.
const BUF = "npm:@bufbuild/buf@1.74.0";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const protoDir = join(root, "proto");
const generatedDir = join(root, "src", "gen");

/** Runs buf in `proto/`; its messages go to the terminal. */
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

/** Reads every file below `dir`, by path relative to `base`. */
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

/** @throws Error when `src/gen/` differs from what `proto/` generates */
async function checkGenerated(): Promise<void> {
  const scratch = await Deno.makeTempDir({ prefix: "proto-check-" });
  try {
    await buf("generate", ".", "--output", join(scratch, "base", "of"));
    // `out` is `../src/gen`, relative to the folder of --output.
    const fresh = await readTree(join(scratch, "base", "src", "gen"));
    const committed = await readTree(generatedDir);
    const stale = [...new Set([...fresh.keys(), ...committed.keys()])]
      .filter((path) => fresh.get(path) !== committed.get(path));
    if (stale.length > 0) {
      throw new Error(
        `src/gen is stale: ${stale.join(", ")}; ` +
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
  baseline: () => buf("build", ".", "--exclude-source-info", "--output", "baseline.binpb"),
};

const command = commands[Deno.args[0] ?? ""];
try {
  if (command === undefined) {
    throw new Error(
      `There is no command "${Deno.args[0] ?? ""}"; the commands are ${
        Object.keys(commands).join(", ")
      }`,
    );
  }
  await command();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

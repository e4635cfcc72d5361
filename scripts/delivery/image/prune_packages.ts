/**
 * Deletes from `DENO_DIR`, while the image is built, the npm packages that none
 * of the given modules imports, directly or indirectly, and the files of the
 * others that are not read at run time (types, source maps, Markdown).
 *
 * The build installs the complete lock file, tests' packages included, because
 * that verifies it; about a fifth of the files remains.
 *
 * ```sh
 * deno run -A prune_packages.ts mod.ts cli/tail.ts
 * ```
 *
 * @module
 */
import { join } from "node:path";

interface ModuleGraph {
  readonly modules: readonly {
    readonly kind?: string;
    readonly npmPackage?: string;
  }[];
  readonly npmPackages: Readonly<
    Record<string, {
      readonly name: string;
      readonly version: string;
      readonly dependencies: readonly string[];
    }>
  >;
}

/** Packages, as `name/version`, that a module graph reaches. */
export function reachable(graph: ModuleGraph): Set<string> {
  const waiting = graph.modules
    .map((module) => module.npmPackage)
    .filter((id) => id !== undefined);
  const seen = new Set<string>();
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    waiting.push(...graph.npmPackages[id]?.dependencies ?? []);
  }
  return new Set([...seen].flatMap((id) => {
    const found = graph.npmPackages[id];
    return found === undefined ? [] : [`${found.name}/${found.version}`];
  }));
}

/** Drops the imports of packages that are not in `keep`. */
export function keptImports(
  imports: Readonly<Record<string, string>>,
  keep: ReadonlySet<string>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(imports).filter(([, target]) => {
      const at = target.lastIndexOf("@");
      return keep.has(
        `${target.slice("npm:".length, at)}/${target.slice(at + 1)}`,
      );
    }),
  );
}

async function deno(args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function graphOf(module: string): Promise<ModuleGraph> {
  return JSON.parse(await deno(["info", "--json", module]));
}

function folders(path: string): string[] {
  return [...Deno.readDirSync(path)]
    .filter((entry) => entry.isDirectory).map((entry) => entry.name);
}

/** Every package folder below a registry's folder, as `name/version`. */
function installed(registry: string): string[] {
  return folders(registry)
    .flatMap((name) =>
      name.startsWith("@") ? folders(join(registry, name)).map((rest) => `${name}/${rest}`) : [name]
    )
    .flatMap((name) => folders(join(registry, name)).map((version) => `${name}/${version}`));
}

/** Types, source maps and Markdown; licences stay. */
const UNUSED_FILES = /\.(d\.[cm]?ts|map|md|markdown|flow)$/i;

function removeUnusedFiles(folder: string): void {
  for (const entry of Deno.readDirSync(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) removeUnusedFiles(path);
    else if (UNUSED_FILES.test(entry.name) && !/licen[cs]e/i.test(entry.name)) {
      Deno.removeSync(path);
    }
  }
}

async function main(modules: readonly string[]): Promise<void> {
  const cache = Deno.env.get("DENO_DIR");
  if (cache === undefined) throw new Error("DENO_DIR is not set");
  const graphs = await Promise.all(modules.map(graphOf));
  const keep = new Set(graphs.flatMap((graph) => [...reachable(graph)]));
  for (const host of folders(join(cache, "npm"))) {
    const registry = join(cache, "npm", host);
    for (const found of installed(registry)) {
      const path = join(registry, found);
      if (keep.has(found)) removeUnusedFiles(path);
      else Deno.removeSync(path, { recursive: true });
    }
  }
  await pruneManifest(keep, modules);
}

/**
 * Removes the deleted packages from each `deno.json` and from deno.lock.
 *
 * @throws Error when a remaining package was not locked with the same checksum
 */
async function pruneManifest(
  keep: ReadonlySet<string>,
  modules: readonly string[],
): Promise<void> {
  const { workspace } = JSON.parse(Deno.readTextFileSync("deno.json"));
  for (const folder of [".", ...workspace]) {
    const path = join(folder, "deno.json");
    const manifest = JSON.parse(Deno.readTextFileSync(path));
    manifest.imports = keptImports(manifest.imports, keep);
    Deno.writeTextFileSync(path, JSON.stringify(manifest, null, 2));
  }
  const before = lockedPackages();
  await deno([
    "install",
    "--frozen=false",
    "--cached-only",
    "--entrypoint",
    ...modules,
  ]);
  for (const [id, integrity] of Object.entries(lockedPackages())) {
    if (before[id] === integrity) continue;
    throw new Error(`deno.lock has ${id}, which was not locked before`);
  }
}

function lockedPackages(): Record<string, string | undefined> {
  const lock: { npm: Record<string, { integrity?: string }> } = JSON.parse(
    Deno.readTextFileSync("deno.lock"),
  );
  return Object.fromEntries(
    Object.entries(lock.npm).map(([id, { integrity }]) => [id, integrity]),
  );
}

if (import.meta.main) await main(Deno.args);

/**
 * Reads which file imports what, for the test of the architecture.
 *
 * @module
 */
import { posix } from "node:path";

/** One import or re-export, as written and as resolved. */
export interface ImportEdge {
  /** Path from the root of the repository. */
  readonly from: string;
  /** The text between the quotes. */
  readonly specifier: string;
  /** Path from the root; `undefined` for packages and runtime modules. */
  readonly to: string | undefined;
  /** When the target is loaded: with the file, by `import()`, or not at all for types alone. */
  readonly loads: "first" | "later" | "never";
}

/** Source text by path from the root of the repository. */
export type Sources = ReadonlyMap<string, string>;

const STATIC = /^[ \t]*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']/gm;
const BARE = /^[ \t]*import\s*["']([^"']+)["']/gm;
const TYPES = /^\s*(?:import|export)\s+type\b/;
const DYNAMIC = /\bimport\(\s*(?:["'`]([^"'`]+)["'`])?/g;

/** Reads every TypeScript file of the given files and folders. */
export async function readSources(
  root: URL,
  entries: readonly string[],
): Promise<Sources> {
  const sources = new Map<string, string>();
  for (const entry of entries) {
    const url = new URL(entry, root);
    if ((await Deno.stat(url)).isFile) {
      sources.set(entry, await Deno.readTextFile(url));
    } else await readFolder({ root, folder: entry, sources });
  }
  return sources;
}

async function readFolder(
  { root, folder, sources }: {
    readonly root: URL;
    readonly folder: string;
    readonly sources: Map<string, string>;
  },
): Promise<void> {
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(folder, root))
  ) {
    const path = `${folder}/${name}`;
    if (isDirectory) await readFolder({ root, folder: path, sources });
    else if (name.endsWith(".ts")) {
      sources.set(path, await Deno.readTextFile(new URL(path, root)));
    }
  }
}

/** The code without its comments; line breaks stay where they were. */
export function withoutComments(text: string): string {
  const token =
    /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(
    token,
    (found) => found.startsWith("/") ? found.replace(/[^\n]/g, " ") : found,
  );
}

/** Every import of every file. A computed target is `*`. */
export function importsOf(sources: Sources): ImportEdge[] {
  const edges: ImportEdge[] = [];
  for (const [from, text] of sources) {
    const code = withoutComments(text);
    for (const pattern of [STATIC, BARE, DYNAMIC]) {
      for (const [found, specifier = "*"] of code.matchAll(pattern)) {
        const to = specifier.startsWith(".")
          ? posix.join(posix.dirname(from), specifier)
          : undefined;
        const loads = pattern === DYNAMIC ? "later" : TYPES.test(found) ? "never" : "first";
        edges.push({ from, specifier, to, loads });
      }
    }
  }
  return edges;
}

/** The imports of a file and of all files that are loaded together with it. */
export function loadedWith(file: string, edges: readonly ImportEdge[]): ImportEdge[] {
  const files = new Set([file]);
  const found: ImportEdge[] = [];
  // A set also iterates over what is added meanwhile.
  for (const loaded of files) {
    for (const edge of edges) {
      if (edge.from !== loaded || edge.loads !== "first") continue;
      found.push(edge);
      if (edge.to !== undefined) files.add(edge.to);
    }
  }
  return found;
}

const EXPORT =
  /^export\s+(?:abstract\s+)?(?:async\s+)?(?:const|function\*?|class|interface|type)\s+(\w+)/gm;
const NAMED = /\b(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s*from\s*["'](\.[^"']+)["']/g;
const LOADED = /\{([^{}]*)\}\s*=\s*await\s+import\(\s*["'](\.[^"']+)["']/g;

/** Lists what files export by a declaration, as `path#name`. */
export function exportsOf(sources: Sources): string[] {
  const names: string[] = [];
  for (const [path, text] of sources) {
    for (const [, name] of withoutComments(text).matchAll(EXPORT)) names.push(`${path}#${name}`);
  }
  return names;
}

/** The names that files import, as `path#name` of the file that exports them. */
export function importedNames(sources: Sources): ReadonlySet<string> {
  const imported = new Set<string>();
  for (const [from, text] of sources) {
    const code = withoutComments(text);
    for (const pattern of [NAMED, LOADED]) {
      for (const [, names = "", specifier = ""] of code.matchAll(pattern)) {
        const path = posix.join(posix.dirname(from), specifier);
        for (const name of names.split(",")) {
          const [exported = ""] = name.trim().replace(/^type\s+/, "").split(/\s+as\s+|\s*:\s*/);
          imported.add(`${path}#${exported}`);
        }
      }
    }
  }
  return imported;
}

/** Finds import cycles, each once, as paths that end where they begin. */
export function importCycles(edges: readonly ImportEdge[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { from, to } of edges) {
    if (to !== undefined) targets.set(from, [...targets.get(from) ?? [], to]);
  }
  const done = new Set<string>();
  const cycles: string[][] = [];
  const visit = (file: string, path: readonly string[]) => {
    const at = path.indexOf(file);
    if (at >= 0) cycles.push([...path.slice(at), file]);
    if (at >= 0 || done.has(file)) return;
    for (const to of targets.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of targets.keys()) visit(file, []);
  return cycles;
}

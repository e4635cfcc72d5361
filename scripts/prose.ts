/**
 * Checks the prose of the repository: words that are not used, in Markdown,
 * comments, message strings and alerts; source lines and pages that are too long.
 *
 * ```sh
 * deno task prose:check
 * deno task prose:check src/application docs
 * ```
 *
 * Arguments are folders or files; without any, everything is checked.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { readSource, ROOT } from "./docs/markdown.ts";
import { commentProse, markdownProse, type Prose, sourceProse } from "./prose/extract.ts";
import { type Exception, EXCEPTIONS, MAX_COLUMNS, MAX_LINES, WORD_RULES } from "./prose/rules.ts";

/** Something to rewrite. */
interface Finding {
  readonly path: string;
  /** Line, from 1. */
  readonly line: number;
  readonly message: string;
}

/** Options of {@linkcode checkFile}. */
interface ProseOptions {
  readonly exceptions?: readonly Exception[];
  /** Receives each exception that was needed. */
  readonly onUsed?: (exception: Exception) => void;
}

/** Checks one file. */
export function checkFile(
  path: string,
  source: string,
  { exceptions = EXCEPTIONS, onUsed = () => {} }: ProseOptions = {},
): Finding[] {
  const lines = source.split("\n");
  const words = proseOf(path, source).flatMap(({ text, line }) =>
    WORD_RULES.flatMap(({ pattern, instead }) =>
      [...text.matchAll(pattern)].map(({ 0: found, index }) => ({
        path,
        line: line + text.slice(0, index).split("\n").length - 1,
        message: `"${found}": write ${instead}`,
      }))
    )
  );
  const open = words.filter(({ line }) => {
    const exception = exceptions.find((one) =>
      one.path === path && lines[line - 1]?.includes(one.text)
    );
    if (exception) onUsed(exception);
    return !exception;
  });
  return [...open, ...longFile(path, lines), ...longLines(path, lines)];
}

function proseOf(path: string, source: string): Prose[] {
  if (path.endsWith(".md")) return markdownProse(source);
  return path.endsWith(".ts") ? sourceProse(source) : commentProse(path, source);
}

function longFile(path: string, lines: readonly string[]): Finding[] {
  const limit = MAX_LINES[path] ?? Infinity;
  const count = lines.length - 1;
  const message = `${count} lines, the limit is ${limit}`;
  return count > limit ? [{ path, line: count, message }] : [];
}

/**
 * Long lines of sources, except those with a URL or a long piece of data, and RPCs, which buf
 * keeps on one line.
 */
function longLines(path: string, lines: readonly string[]): Finding[] {
  if (!/\.(ts|proto|go|rs|py|sh)$/.test(path)) return [];
  return lines.flatMap((text, index) => {
    const columns = [...text].length;
    if (columns <= MAX_COLUMNS || /https?:\/\/|\S{60}|^ *rpc /.test(text)) return [];
    const message = `${columns} columns, the limit is ${MAX_COLUMNS}`;
    return [{ path, line: index + 1, message }];
  });
}

const SKIPPED = ["node_modules", ".git", ".venv", "venv", "coverage", "target", "gen"];

/** Names of the files that are checked. */
const CHECKED = /\.(md|ts|proto|ya?ml|tpl|sh|py|rs|go|env|cfg|conf)$|(^|\/)Dockerfile$|^\.ci\/run$/;

/** Every file below a folder that has prose, sorted. */
export async function proseFiles(folder = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(new URL(folder || ".", ROOT))) {
    if (SKIPPED.includes(entry.name)) continue;
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) found.push(...await proseFiles(`${path}/`));
    else if (CHECKED.test(path)) found.push(path);
  }
  return found.sort();
}

/** Checks the repository; an exception that is not needed is a finding too. */
export async function checkProse(): Promise<Finding[]> {
  const unused = new Set(EXCEPTIONS);
  const onUsed = (exception: Exception) => void unused.delete(exception);
  const findings: Finding[] = [];
  for (const path of await proseFiles()) {
    findings.push(...checkFile(path, await readSource(path), { onUsed }));
  }
  const message = "an exception that is not needed: remove it from rules.ts";
  return [
    ...findings,
    ...[...unused].map(({ path }) => ({ path, line: 1, message })),
  ];
}

if (import.meta.main) {
  const { positionals } = parseArgs({ allowPositionals: true });
  const findings = (await checkProse()).filter(({ path }) =>
    positionals.length === 0 || positionals.some((one) => path.startsWith(one))
  );
  const text = findings.map(({ path, line, message }) => `${path}:${line}: ${message}\n`).join("");
  Deno.stdout.writeSync(new TextEncoder().encode(text));
  Deno.exit(findings.length === 0 ? 0 : 1);
}

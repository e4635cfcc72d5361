/**
 * Markdown files: where they are, their links and anchors, their generated
 * blocks (between `<!-- generated:NAME -->` and `<!-- /generated -->`), and
 * tables, fences and code to fill these with.
 *
 * @module
 */

/** The root of the repository. */
export const ROOT = new URL("../../", import.meta.url);

/** The text of a file. */
export function readSource(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

const NOT_OURS = ["node_modules", ".git", "coverage", "target", "gen"];

/** Every Markdown file of the repository, sorted. */
export async function markdownFiles(folder = ""): Promise<string[]> {
  const found: string[] = [];
  const entries = Deno.readDir(new URL(folder || ".", ROOT));
  for await (const { name, isDirectory } of entries) {
    if (NOT_OURS.includes(name)) continue;
    if (isDirectory) found.push(...await markdownFiles(`${folder}${name}/`));
    else if (name.endsWith(".md")) found.push(`${folder}${name}`);
  }
  return found.sort();
}

/** What stands in each block, by its name. */
export type Blocks = Readonly<Record<string, () => string | Promise<string>>>;

const BLOCK = /<!-- generated:([a-z0-9_:./-]+) -->\n[\s\S]*?<!-- \/generated -->/gi;

/** Names of the blocks in a text, in order. */
export function blockNames(text: string): string[] {
  return [...text.matchAll(BLOCK)].map(([, name = ""]) => name);
}

/**
 * The text with every block as it should be.
 *
 * @throws {Error} naming a block that nothing writes
 */
export async function fillBlocks(
  text: string,
  blocks: Blocks,
): Promise<string> {
  const bodies = new Map<string, string>();
  for (const name of blockNames(text)) {
    const write = blocks[name];
    if (!write) {
      throw new Error(
        `Nothing writes the block "${name}"; there are ${Object.keys(blocks).join(", ")}`,
      );
    }
    bodies.set(name, (await write()).trim());
  }
  return text.replace(
    BLOCK,
    (_, name: string) => `<!-- generated:${name} -->\n\n${bodies.get(name)}\n\n<!-- /generated -->`,
  );
}

/** A Markdown table. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join(
    "\n",
  );
}

/** A file as a fenced block. */
export function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
}

/** Text as code. */
export function code(text: string): string {
  return `\`${text}\``;
}

/** A link as it was written. */
export interface Link {
  /** Path of the file that it is in, from the root. */
  readonly from: string;
  /** What stands between the parentheses. */
  readonly target: string;
}

const INLINE = /\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?[^)]*\)/g;
const REFERENCE = /^\[[^\]]+\]:\s*(\S+)/gm;
const HTML = /\b(?:href|src|srcset)="([^"]+)"/g;

/** The text without fenced blocks and code, where nothing is a link. */
function prose(text: string): string {
  return text.replace(/^ *(```+|~~~+)[\s\S]*?^ *\1 *$/gm, "")
    .replace(/`[^`\n]*`/g, (found) => "`".repeat(found.length));
}

/** Every link of a file. */
export function linksOf(from: string, text: string): Link[] {
  const plain = prose(text);
  return [INLINE, REFERENCE, HTML].flatMap((pattern) =>
    [...plain.matchAll(pattern)].map(([, target = ""]) => ({ from, target }))
  );
}

/** Every anchor that a host such as GitHub makes for a file's headings. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  const fenceless = text.replace(/^ *(```+|~~~+)[\s\S]*?^ *\1 *$/gm, "");
  for (const [, heading = ""] of fenceless.matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const slug = slugOf(heading);
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  for (const [, id = ""] of fenceless.matchAll(/\bid="([^"]+)"/g)) {
    anchors.add(id);
  }
  return anchors;
}

function slugOf(heading: string): string {
  return heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s/g, "-");
}

/** Whether a link leads out of the repository. */
export function isForeign(target: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(target) || target.startsWith("//");
}

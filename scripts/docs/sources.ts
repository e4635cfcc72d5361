/**
 * Files of the repository, by their path from its root.
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

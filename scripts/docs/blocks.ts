/**
 * Parts of Markdown files that are written by a program, between two comments:
 * `<!-- generated:NAME -->` and `<!-- /generated -->`.
 *
 * @module
 */

/** What stands in each block, by its name. */
export type Blocks = Readonly<Record<string, () => string | Promise<string>>>;

const BLOCK =
  /<!-- generated:([a-z0-9_:./-]+) -->\n[\s\S]*?<!-- \/generated -->/gi;

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
        `Nothing writes the block "${name}"; there are ${
          Object.keys(blocks).join(", ")
        }`,
      );
    }
    bodies.set(name, (await write()).trim());
  }
  return text.replace(
    BLOCK,
    (_, name: string) =>
      `<!-- generated:${name} -->\n\n${
        bodies.get(name)
      }\n\n<!-- /generated -->`,
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

/**
 * What the `.proto` sources say about their RPCs and enum values: generated
 * code carries names and numbers, but no comments.
 *
 * @module
 */

const ENTRY = /^\s*(?:rpc\s+(\w+)\(|([A-Z][A-Z0-9_]*)\s*=\s*\d+;)/;

/** The comment above each RPC and enum value of a `.proto` file, by name. */
export function protoComments(source: string): Map<string, string> {
  const comments = new Map<string, string>();
  let comment: string[] = [];
  for (const line of source.split("\n")) {
    const said = /^\s*\/\/\s?(.*)$/.exec(line);
    if (said) {
      comment.push(said[1] ?? "");
      continue;
    }
    const [, rpc, value] = ENTRY.exec(line) ?? [];
    const name = rpc ?? value;
    if (name) comments.set(name, firstParagraph(comment));
    comment = [];
  }
  return comments;
}

function firstParagraph(lines: readonly string[]): string {
  const end = lines.findIndex((line) => line.trim() === "");
  return lines.slice(0, end < 0 ? lines.length : end).join(" ").trim();
}

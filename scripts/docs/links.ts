/**
 * Links of Markdown files, and the anchors that they may point at.
 *
 * @module
 */

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
export function prose(text: string): string {
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

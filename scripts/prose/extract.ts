/**
 * The prose of a file: Markdown without code, comments and message strings of
 * TypeScript.
 *
 * @module
 */
import jsTokens from "js-tokens";

/** A piece of prose and where it begins. */
export interface Prose {
  readonly text: string;
  /** Line of the first character, from 1. */
  readonly line: number;
}

/** Prose of a Markdown file: no code, link targets or HTML comments. */
export function markdownProse(source: string): Prose[] {
  const blank = (found: string) => found.replace(/[^\n]/g, " ");
  const text = source
    .replace(/^ *(```+|~~~+)[\s\S]*?^ *\1 *$/gm, blank)
    .replace(/<!--[\s\S]*?-->/g, blank)
    .replace(/`[^`\n]*`/g, blank)
    .replace(/\]\([^)]*\)/g, blank)
    .replace(/<[^>\n]+>/g, blank);
  return [{ text, line: 1 }];
}

/**
 * Comments and strings of a TypeScript file. A string without a space is not a
 * message and is left out, and so is code in comments between backticks.
 */
export function sourceProse(source: string): Prose[] {
  const found: Prose[] = [];
  let line = 1;
  for (const { type, value } of jsTokens(source)) {
    if (isProse(type, value)) {
      const text = type.endsWith("Comment") ? withoutCode(value) : value;
      found.push({ text, line });
    }
    line += value.split("\n").length - 1;
  }
  return found;
}

function isProse(type: string, value: string): boolean {
  if (type.endsWith("Comment")) return true;
  return (type === "StringLiteral" || type.includes("Template")) &&
    value.includes(" ");
}

function withoutCode(comment: string): string {
  const blank = (code: string) => code.replace(/[^\n]/g, " ");
  return comment.replace(/```[\s\S]*?```/g, blank).replace(/`[^`\n]*`/g, blank);
}

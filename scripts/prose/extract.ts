/**
 * The prose of a file: Markdown without code, comments and message strings of
 * TypeScript, comments of other sources, and the texts of alerts.
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

/** Comments that begin with `//` or `///`; not the `//` of a URL. */
const SLASHES = /(?<!:)\/\/.*/g;
/** Comments that begin with `#`, and the texts of alerts; not `#!`, `#[…]` or a fragment. */
const HASHES = /(?<=^|\s)#(?![![]).*|(?<=^ *)(?:summary|description): .*/gm;
/** Comments of Helm templates. */
const TEMPLATES = /\{\{-? ?\/\*[\s\S]*?\*\//g;

/** Comments of a file that is neither Markdown nor TypeScript, by its name. */
export function commentProse(path: string, source: string): Prose[] {
  const patterns = /\.(proto|go|rs)$/.test(path) ? [SLASHES] : [HASHES, TEMPLATES];
  return patterns.flatMap((pattern) =>
    [...source.matchAll(pattern)].map(({ 0: comment, index }) => ({
      text: withoutCode(comment),
      line: source.slice(0, index).split("\n").length,
    }))
  );
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

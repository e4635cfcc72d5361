/**
 * Colours, where a terminal wants them.
 *
 * @module
 */

const CODES = {
  bold: "1",
  dim: "2",
  red: "31",
  green: "32",
  yellow: "33",
  blue: "34",
  magenta: "35",
  cyan: "36",
  inverse: "7",
} as const;

/** A style by name. */
export type Style = keyof typeof CODES;

/** Puts styles around a text, or returns it as it is. */
export type Paint = (style: Style, text: string) => string;

/** Leaves every text as it is. */
export const plain: Paint = (_style, text) => text;

/** Writes ANSI sequences. */
export const ansi: Paint = (style, text) =>
  text === "" ? "" : `\x1b[${CODES[style]}m${text}\x1b[0m`;

/** A command's environment variables. */
type Env = Readonly<Record<string, string | undefined>>;

/** Whether the output understands ANSI sequences: not every terminal does. */
export function obeysSequences(isTerminal: boolean, env: Env): boolean {
  return isTerminal && env["TERM"] !== "dumb";
}

/** Colours only on a terminal, and never against NO_COLOR (no-color.org). */
export function choosePaint(isTerminal: boolean, env: Env): Paint {
  return obeysSequences(isTerminal, env) && !env["NO_COLOR"] ? ansi : plain;
}

// deno-lint-ignore no-control-regex -- these are the sequences `ansi` writes
const SEQUENCE = /\x1b\[[\d;]*m/g;

/** The text without its styles. */
export function unpaint(text: string): string {
  return text.replaceAll(SEQUENCE, "");
}

/** How many columns the text takes; every character we print takes one. */
export function visibleWidth(text: string): number {
  return [...unpaint(text)].length;
}

/** The first `width` columns of a text, its styles closed. */
export function crop(text: string, width: number): string {
  if (visibleWidth(text) <= width) return text;
  let room = Math.max(0, width);
  let styled = false;
  let result = "";
  let at = 0;
  for (const match of text.matchAll(SEQUENCE)) {
    const piece = [...text.slice(at, match.index)].slice(0, room);
    room -= piece.length;
    result += piece.join("");
    at = match.index + match[0].length;
    if (room === 0) break;
    result += match[0];
    styled = match[0] !== "\x1b[0m";
  }
  result += [...text.slice(at)].slice(0, room).join("").replaceAll("\x1b", "");
  return styled ? `${result}\x1b[0m` : result;
}

/** Pads to `width` columns on the right, styles not counted. */
export function padEnd(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - visibleWidth(text)));
}

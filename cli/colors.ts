/**
 * Colours for terminals, and texts that contain them.
 *
 * @module
 */
import { stripVTControlCharacters, styleText } from "node:util";

/** A style by name. */
export type Style =
  | "bold"
  | "dim"
  | "red"
  | "green"
  | "yellow"
  | "cyan"
  | "inverse";

/** Applies a style to a text, or returns it unchanged. */
export type Colors = (style: Style, text: string) => string;

/** Returns every text unchanged. */
export const plain: Colors = (_style, text) => text;

/** Writes ANSI sequences. */
export const ansi: Colors = (style, text) =>
  text === "" ? "" : styleText(style, text, { validateStream: false });

/** A command's environment variables. */
type Env = Readonly<Record<string, string | undefined>>;

/** Whether the output interprets ANSI sequences; not every terminal does. */
export function supportsAnsi(isTerminal: boolean, env: Env): boolean {
  return isTerminal && env["TERM"] !== "dumb";
}

/** Colours on a terminal only, and not with NO_COLOR (no-color.org). */
export function chooseColors(isTerminal: boolean, env: Env): Colors {
  return supportsAnsi(isTerminal, env) && !env["NO_COLOR"] ? ansi : plain;
}

// deno-lint-ignore no-control-regex -- these are the sequences `ansi` writes
const SEQUENCE = /\x1b\[[\d;]*m/g;
const RESET = "\x1b[0m";

/** The number of columns of a text; each character of our output takes one. */
export function visibleWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** The first `width` columns of a text, its styles closed. */
export function crop(text: string, width: number): string {
  if (visibleWidth(text) <= width) return text;
  let room = Math.max(0, width);
  let result = "";
  let at = 0;
  let isStyled = false;
  for (const match of text.matchAll(SEQUENCE)) {
    const piece = [...text.slice(at, match.index)].slice(0, room);
    room -= piece.length;
    result += piece.join("");
    at = match.index + match[0].length;
    if (room === 0) break;
    result += match[0];
    isStyled = true;
  }
  result += [...text.slice(at)].slice(0, room).join("").replaceAll("\x1b", "");
  return isStyled ? result + RESET : result;
}

/** Pads to `width` columns on the right, not counting styles. */
export function padEnd(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - visibleWidth(text)));
}

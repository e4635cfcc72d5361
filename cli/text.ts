/**
 * Formats what the commands print: colours, columns, prices, times and counts.
 *
 * @module
 */
import { stripVTControlCharacters, styleText } from "node:util";
import type { DescEnum } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";

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

/** A text and its style. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Columns of the terminal, at least; cells that are wider widen it. */
  readonly width?: number;
  /** Aligned on the right, as numbers are. */
  readonly right?: boolean;
}

/** A heading and rows of the same columns. */
export interface Table {
  readonly heading: string;
  readonly rows: readonly string[];
}

/**
 * Aligns cells under their titles, one space apart at least.
 *
 * @param room omits the columns on the right that do not fit into this width
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { colors, gap = 2, room = Infinity }: {
    readonly colors: Colors;
    readonly gap?: number;
    readonly room?: number;
  },
): Table {
  const textOf = (cell: Cell | undefined) => typeof cell === "object" ? cell.text : cell ?? "";
  const widths = columns.map(({ title, width = 0 }, at) =>
    Math.max(width, title.length, ...rows.map((cells) => visibleWidth(textOf(cells[at]))))
  );
  let end = -gap;
  const shown = columns.filter((_, at) => (end += gap + (widths[at] ?? 0)) <= room).length;
  const line = (cells: readonly Cell[]) =>
    columns.slice(0, shown).map(({ right }, at) => {
      const cell = cells[at];
      const text = textOf(cell).trimEnd();
      const fill = " ".repeat((widths[at] ?? 0) - visibleWidth(text));
      const styled = typeof cell === "object" ? colors(cell.style, text) : text;
      return right ? fill + styled : styled + fill;
    }).join(" ".repeat(gap)).trimEnd();
  return {
    heading: colors("dim", line(columns.map(({ title }) => title))),
    rows: rows.map(line),
  };
}

/** `15:00:00.123456789` in UTC; spaces of the same width when there is none. */
export function timeOfDay(
  timestamp: Timestamp | undefined,
  digits: 0 | 3 | 6 | 9 = 9,
): string {
  const width = digits === 0 ? 8 : 9 + digits;
  if (timestamp === undefined) return "-".padEnd(width);
  const day = ((Number(timestamp.seconds) % 86_400) + 86_400) % 86_400;
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const clock = `${two(day / 3600)}:${two(day / 60 % 60)}:${two(day % 60)}`;
  if (digits === 0) return clock;
  const nanos = String(timestamp.nanos).padStart(9, "0").slice(0, digits);
  return `${clock}.${nanos}`;
}

/** Milliseconds since the epoch, with a fraction. */
export function millisecondsOf(timestamp: Timestamp): number {
  return Number(timestamp.seconds) * 1000 + timestamp.nanos / 1e6;
}

/**
 * A price with its decimal point always in the same column: two to four
 * decimals, without trailing zeros; a dash for 0, which means no price. Nine
 * columns up to 9999.
 */
export function price(value: number): string {
  if (value === 0) return "-".padStart(4).padEnd(9);
  const [whole = "", fraction = ""] = value.toFixed(4).split(".");
  const decimals = fraction.replace(/0{1,2}$/, "");
  return `${whole.padStart(4)}.${decimals.padEnd(4)}`;
}

/** `12 345`, with thin groups of three. */
export function grouped(value: number | bigint): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, " ");
}

const UNITS = [["k", 1e3], ["M", 1e6], ["G", 1e9], ["T", 1e12]] as const;

/** A count in at most `width` columns, four or more: `12 345`, `12.3k`, `12M`. */
export function abbreviated(value: number | bigint, width: number): string {
  const exact = grouped(value);
  if (exact.length <= width) return exact;
  const texts = UNITS.filter(([, size]) => 1000 * size > value).flatMap(([unit, size]) =>
    [2, 1, 0].map((digits) => `${(Number(value) / size).toFixed(digits)}${unit}`)
  );
  return texts.find((text) => text.length <= width) ?? texts.at(-1) ?? exact;
}

/** `4s`, `3m 20s`, `2h 05m`, `3d 4h`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${two(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h ${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** `0.42 ms`, `12 ms`, `1.3 s`: up to three digits, seven columns. */
export function latency(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return "-".padStart(7);
  const text = milliseconds < 10
    ? `${milliseconds.toFixed(2)} ms`
    : milliseconds < 1000
    ? `${milliseconds.toFixed(0)} ms`
    : `${(milliseconds / 1000).toFixed(1)} s`;
  return text.padStart(7);
}

/** An age in seven columns: `12 ms`, `1.3 s`, `15m 02s`; negative if clocks differ. */
export function age(milliseconds: number): string {
  const size = Math.abs(milliseconds);
  const text = size < 1000
    ? `${size.toFixed(0)} ms`
    : size < 100_000
    ? `${(size / 1000).toFixed(1)} s`
    : duration(size);
  return (milliseconds <= -1 ? `-${text}` : text).padStart(7);
}

/** The name of an enum value in lower case: `partial_fill`; `?7` if unknown. */
export function enumName(schema: DescEnum, value: number): string {
  const name = schema.value[value]?.localName;
  return name === undefined ? `?${value}` : name.toLowerCase();
}

/** Condition codes: `[@ I]`; empty when there are none. */
export function conditions(codes: readonly string[]): string {
  const shown = codes.filter((code) => code.trim() !== "");
  return shown.length === 0 ? "" : `[${shown.join(" ")}]`;
}

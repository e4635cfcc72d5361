/**
 * Command-line arguments: `--name value`, `--name=value`, `--switch`, words.
 *
 * A command describes its flags once; the description is what is read, what
 * `--help` prints and what an error message names. Everything after `--` is a
 * word. Nothing is guessed: an unknown or repeated flag is an error.
 *
 * @module
 */
import { UsageError } from "./usage_error.ts";

/** One flag of a command. */
export interface Flag {
  /** Stands for the value in `--help`; a flag without one is a switch. */
  readonly value?: string;
  /** May be given more than once. */
  readonly repeats?: boolean;
  /** One line for `--help`. */
  readonly help: string;
}

/** The flags of a command by name, without the dashes. */
export type FlagTable = Readonly<Record<string, Flag>>;

/** What stood on the command line. */
export interface Arguments<Name extends string> {
  readonly words: readonly string[];
  /** True when the flag was given. */
  has(name: Name): boolean;
  /** Values in the order they were given; empty when the flag was not. */
  all(name: Name): readonly string[];
  /** The value of a flag that does not repeat. */
  text(name: Name): string | undefined;
  /** The value as a number within `min` and `max`, whole unless said otherwise. */
  number(name: Name, range: NumberRange): number | undefined;
}

/** Which numbers a flag accepts. */
export interface NumberRange {
  readonly min: number;
  readonly max: number;
  readonly fractions?: boolean;
}

/** @throws {UsageError} naming the first argument that cannot be used. */
export function readArguments<T extends FlagTable>(
  args: readonly string[],
  table: T,
): Arguments<keyof T & string> {
  const words: string[] = [];
  const given = new Map<string, string[]>();
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "--") {
      words.push(...args.slice(at + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      words.push(arg);
      continue;
    }
    const { name, flag, inline } = findFlag(arg, table);
    const values = given.get(name) ?? [];
    if (values.length > 0 && !flag.repeats) {
      throw new UsageError(arg, `--${name} may be given only once`);
    }
    const next = args[at + 1];
    if (flag.value !== undefined && inline === undefined) {
      values.push(requireValue({ name, flag, next }));
      at++;
    } else {
      values.push(inline ?? "");
    }
    given.set(name, values);
  }
  return argumentsOf(words, given);
}

function findFlag(
  arg: string,
  table: FlagTable,
): { name: string; flag: Flag; inline: string | undefined } {
  const equals = arg.indexOf("=");
  const spelled = equals < 0 ? arg : arg.slice(0, equals);
  const name = spelled === "-h" ? "help" : spelled.slice(2);
  const flag = spelled === "-h" || spelled.startsWith("--")
    ? Object.hasOwn(table, name) ? table[name] : undefined
    : undefined;
  if (flag === undefined) {
    const known = Object.keys(table).map((one) => `--${one}`).join(", ");
    throw new UsageError(spelled, `the flags are ${known}`);
  }
  const inline = equals < 0 ? undefined : arg.slice(equals + 1);
  if (flag.value === undefined && inline !== undefined) {
    throw new UsageError(arg, `--${name} takes no value`);
  }
  if (inline === "") throw new UsageError(arg, missing(name, flag));
  return { name, flag, inline };
}

function requireValue(
  { name, flag, next }: { name: string; flag: Flag; next: string | undefined },
): string {
  const negative = next !== undefined && /^-[\d.]/.test(next);
  if (next === undefined || next === "" || next.startsWith("-") && !negative) {
    throw new UsageError(`--${name}`, missing(name, flag));
  }
  return next;
}

function missing(name: string, flag: Flag): string {
  return `it needs a value, as in --${name} ${flag.value}`;
}

function argumentsOf<Name extends string>(
  words: readonly string[],
  given: ReadonlyMap<string, readonly string[]>,
): Arguments<Name> {
  return {
    words,
    has: (name) => given.has(name),
    all: (name) => given.get(name) ?? [],
    text: (name) => given.get(name)?.[0],
    number: (name, range) => {
      const text = given.get(name)?.[0];
      return text === undefined ? undefined : readNumber(name, text, range);
    },
  };
}

function readNumber(name: string, text: string, range: NumberRange): number {
  const shape = range.fractions ? /^\d+(\.\d+)?$/ : /^\d+$/;
  const value = shape.test(text) ? Number(text) : NaN;
  if (value >= range.min && value <= range.max) return value;
  const noun = range.fractions ? "a number" : "a whole number";
  throw new UsageError(
    `--${name} ${text}`,
    `it takes ${noun} from ${range.min} to ${range.max}`,
  );
}

/** The flags of a table as aligned lines for `--help`. */
export function describeFlags(table: FlagTable): string {
  const rows = Object.entries(table).map(([name, flag]) => ({
    left: `--${name}${flag.value === undefined ? "" : ` ${flag.value}`}`,
    help: flag.help,
  }));
  const width = Math.max(...rows.map((row) => row.left.length));
  return rows.map((row) => `  ${row.left.padEnd(width)}  ${row.help}`)
    .join("\n");
}

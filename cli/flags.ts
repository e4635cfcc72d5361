/**
 * Command-line arguments: `--name value`, `--name=value`, `--switch`, words.
 *
 * A table describes the flags of a command for parsing, for `--help` and for
 * error messages. Arguments after `--` are words. An unknown or repeated flag
 * is an error.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** Thrown for arguments that cannot be used; its text is for the user. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  /**
   * @param argument as the user typed it
   * @param accepted what is accepted instead, without a full stop
   */
  constructor(argument: string, accepted: string) {
    super(`Cannot use ${argument}: ${accepted}`);
  }
}

/** One flag of a command. */
export interface Flag {
  /** Placeholder of the value in `--help`; a flag without one is a switch. */
  readonly value?: string;
  /** Whether it may be given more than once. */
  readonly repeats?: boolean;
  /** One line for `--help`. */
  readonly help: string;
}

/** The flags of a command by name, without the dashes. */
export type FlagTable = Readonly<Record<string, Flag>>;

/** The parsed command line. */
export interface Arguments<Name extends string> {
  readonly words: readonly string[];
  /** True when the flag was given. */
  has(name: Name): boolean;
  /** Values in the order they were given; empty when the flag was not. */
  all(name: Name): readonly string[];
  /** The value of a flag that does not repeat. */
  text(name: Name): string | undefined;
  /** The value as a number within the range. */
  number(name: Name, range: NumberRange): number | undefined;
}

/** Which numbers a flag accepts. */
export interface NumberRange {
  readonly min: number;
  readonly max: number;
  /** @default whole numbers only */
  readonly fractions?: boolean;
}

/** @throws {UsageError} naming the first argument that cannot be used */
export function readArguments<T extends FlagTable>(
  args: readonly string[],
  table: T,
): Arguments<keyof T & string> {
  const options = Object.entries(table).map(([name, { value }]) => [name, {
    type: value === undefined ? "boolean" as const : "string" as const,
    multiple: true,
    ...(name === "help" && { short: "h" }),
  }]);
  // Not strict: the errors of strict mode do not say what is accepted.
  const { positionals, tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(options),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const values = given.get(token.name) ?? [];
    values.push(checkOption(token, { table, isRepeated: values.length > 0 }));
    given.set(token.name, values);
  }
  return {
    words: positionals,
    has: (name) => given.has(name),
    all: (name) => given.get(name) ?? [],
    text: (name) => given.get(name)?.[0],
    number: (name, range) => {
      const text = given.get(name)?.[0];
      return text === undefined ? undefined : readNumber(name, text, range);
    },
  };
}

/** The value of an option, empty for a switch. */
function checkOption(
  { name, rawName, value, inlineValue }: {
    readonly name: string;
    readonly rawName: string;
    readonly value?: string | undefined;
    readonly inlineValue?: boolean | undefined;
  },
  { table, isRepeated }: {
    readonly table: FlagTable;
    readonly isRepeated: boolean;
  },
): string {
  const flag = Object.hasOwn(table, name) ? table[name] : undefined;
  if (flag === undefined) {
    const known = Object.keys(table).map((one) => `--${one}`).join(", ");
    throw new UsageError(rawName, `the flags are ${known}`);
  }
  if (isRepeated && !flag.repeats) {
    throw new UsageError(rawName, `--${name} may be given only once`);
  }
  if (flag.value === undefined) {
    if (value === undefined) return "";
    throw new UsageError(`${rawName}=${value}`, `--${name} takes no value`);
  }
  // The next argument is taken as the value even if it is another flag.
  const isFlag = !inlineValue && /^-(?![\d.])/.test(value ?? "");
  if (!value || isFlag) {
    throw new UsageError(
      rawName,
      `it needs a value, as in --${name} ${flag.value}`,
    );
  }
  return value;
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

/**
 * What a setting is: its variable, its parser, and where its value goes.
 *
 * @module
 */
import type { Config } from "./config.ts";
import type { Parser } from "./parsers.ts";

/** One variable. */
export interface Setting<T = unknown> {
  /** Name of the environment variable. */
  readonly name: string;
  /** Heading under which the documentation lists it. */
  readonly section: string;
  readonly parser: Parser<T>;
  /** Where the value goes in the configuration; several may share one. */
  readonly paths: readonly [string, ...string[]];
  /** Units of the configuration in one unit of the variable: ms per second. */
  readonly scale: number;
  /** Other names that are accepted for the variable. */
  readonly aliases: readonly string[];
  /** Text that is parsed when it is unset; undefined when there is none. */
  readonly default: string | undefined;
  /** What applies when it is unset and has no fixed default. */
  readonly whenUnset: string | undefined;
  /** One line for users, without a full stop. */
  readonly description: string;
  /** True when its value is never shown. */
  readonly secret: boolean;
}

/** One setting, without what follows from its place in the table. */
type Row<T> = Omit<Setting<T>, "name" | "section" | "scale">;

/** Dotted paths of the parts of a configuration that can hold a `T`. */
type PathOf<T, C = Config> = {
  [K in keyof C & string]-?: [T] extends [C[K]] ? K
    : NonNullable<C[K]> extends readonly unknown[] ? never
    : NonNullable<C[K]> extends object ? `${K}.${PathOf<T, NonNullable<C[K]>>}`
    : never;
}[keyof C & string];

/** Describes one variable: how it is parsed and where its value goes. */
export function row<T>(
  parser: Parser<T>,
  paths: PathOf<T> | readonly [PathOf<T>, ...PathOf<T>[]],
  details: Pick<Row<T>, "description"> & Partial<Row<T>>,
): Row<T> {
  return {
    aliases: [],
    default: undefined,
    whenUnset: undefined,
    secret: false,
    ...details,
    parser,
    paths: typeof paths === "string" ? [paths] : paths,
  };
}

/** The type of the value that a row's parser makes. */
type ValueOf<R> = R extends Row<infer T> ? T : never;

/** What one of each unit is in the configuration. */
const SCALES: Readonly<Record<string, number>> = {
  SECS: 1_000,
  HOURS: 3_600_000,
  KB: 1_024,
  MB: 1_048_576,
};

/** Names the rows of one section by their variables. */
export function section<R extends Record<string, Row<unknown>>>(
  name: string,
  rows: R,
): { readonly [K in keyof R]: Setting<ValueOf<R[K]>> } {
  const settings = Object.entries(rows).map(([variable, details]) => {
    // The configuration has ms and bytes.
    const [, unit = ""] = /_(SECS|HOURS|KB|MB)$/.exec(variable) ?? [];
    const scale = SCALES[unit] ?? 1;
    return [variable, { ...details, name: variable, section: name, scale }];
  });
  return Object.fromEntries(settings);
}

/**
 * What a setting is: its variable, its parser, and where its value goes.
 *
 * @module
 */
import type { Config } from "./config.ts";
import type { Parser } from "./parsers.ts";

/** Headings under which the documentation lists the settings. */
export const SECTIONS = [
  "Credentials",
  "Feeds",
  "Upstream addresses",
  "Listening",
  "Logs and traces",
  "Subscriptions",
  "WebSocket tuning",
  "Limits",
  "Channel capacities",
] as const;

/** One heading of the documentation. */
export type Section = typeof SECTIONS[number];

/** Dotted paths of the parts of a configuration that can hold a `T`. */
export type PathOf<T, C = Config> = {
  [K in keyof C & string]: [T] extends [C[K]] ? K
    : C[K] extends readonly unknown[] ? never
    : C[K] extends object ? `${K}.${PathOf<T, C[K]>}`
    : never;
}[keyof C & string];

/** One setting, without its name. */
export interface Row<T> {
  readonly parser: Parser<T>;
  /** Where the value goes in the configuration; several may share one. */
  readonly paths: readonly [string, ...string[]];
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

/** One variable. */
export interface Setting<T> extends Row<T> {
  /** Name of the environment variable. */
  readonly name: string;
  readonly section: Section;
  /** Units of the configuration in one unit of the variable: ms per second. */
  readonly scale: number;
}

/** Describes one variable: how it is parsed and where its value goes. */
export function row<T>(
  parser: Parser<T>,
  paths: PathOf<T> | readonly [PathOf<T>, ...PathOf<T>[]],
  details:
    & Pick<Row<T>, "description">
    & Partial<
      Pick<Row<T>, "aliases" | "default" | "whenUnset" | "secret">
    >,
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

/** Names the rows of one section by their variables. */
export function section<R extends Record<string, Row<unknown>>>(
  name: Section,
  rows: R,
): { readonly [K in keyof R]: Setting<ValueOf<R[K]>> } {
  const settings: Record<string, Setting<unknown>> = {};
  for (const [variable, details] of Object.entries(rows)) {
    const scale = scaleOf(variable);
    settings[variable] = { ...details, name: variable, section: name, scale };
  }
  return settings as { [K in keyof R]: Setting<ValueOf<R[K]>> };
}

/** By the suffix of the variable; the configuration has ms and bytes. */
function scaleOf(variable: string): number {
  if (variable.endsWith("_SECS")) return 1_000;
  return variable.endsWith("_MB") ? 1_048_576 : 1;
}

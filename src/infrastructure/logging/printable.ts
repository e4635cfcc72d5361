/**
 * Values as they may stand in a log line.
 *
 * Whatever is handed in comes out as plain JSON data of bounded size: errors
 * with their causes, bigints as text, bytes as a count, cycles and depths cut.
 * A log must never throw, and never grow with what it was given.
 *
 * @module
 */

/** Plain JSON data. */
export type Printable =
  | string
  | number
  | boolean
  | null
  | readonly Printable[]
  | { readonly [key: string]: Printable };

const DEEPEST = 6;
const MOST_ITEMS = 50;
const LONGEST_TEXT = 4_096;

/** How a value is made printable. */
export interface PrintOptions {
  /** Rewrites every text, to blot out what must not be shown. */
  readonly clean: (text: string) => string;
  /** True to show where errors were thrown. */
  readonly stacks: boolean;
}

/** Makes any value plain JSON data. */
export function printable(
  value: unknown,
  options: PrintOptions,
  depth = 0,
): Printable {
  switch (typeof value) {
    case "string":
      return text(value, options);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
      return value;
    case "bigint":
    case "symbol":
      return text(String(value), options);
    case "function":
      return "<function>";
    case "undefined":
      return null;
  }
  if (value === null) return null;
  if (depth >= DEEPEST) return "<too deep>";
  return printableObject(value as object, options, depth + 1);
}

function printableObject(
  value: object,
  options: PrintOptions,
  depth: number,
): Printable {
  if (value instanceof Error) return printableError(value, options, depth);
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  if (value instanceof Map || value instanceof Set || Array.isArray(value)) {
    const items = [...value].slice(0, MOST_ITEMS);
    return items.map((item) => printable(item, options, depth));
  }
  try {
    const json = (value as { toJSON?: unknown }).toJSON;
    if (typeof json === "function") {
      return printable(json.call(value), options, depth);
    }
    const entries = Object.entries(value).slice(0, MOST_ITEMS);
    return Object.fromEntries(
      entries.filter(([, item]) => item !== undefined)
        .map(([key, item]) => [
          text(key, options),
          printable(item, options, depth),
        ]),
    );
  } catch {
    return "<unprintable>"; // a getter or a toJSON of a stranger threw
  }
}

function printableError(
  error: Error,
  options: PrintOptions,
  depth: number,
): Printable {
  const code = (error as { code?: unknown }).code;
  return {
    name: text(String(error.name), options),
    message: text(String(error.message), options),
    ...(typeof code === "string" || typeof code === "number"
      ? { code: printable(code, options) }
      : {}),
    ...(error.cause === undefined
      ? {}
      : { cause: printable(error.cause, options, depth) }),
    ...(error instanceof AggregateError
      ? { errors: printable(error.errors, options, depth) }
      : {}),
    ...(options.stacks && error.stack
      ? { stack: text(error.stack, options) }
      : {}),
  };
}

function text(value: string, options: PrintOptions): string {
  // Cleaned before it is cut, or half a secret could be left at the cut.
  const clean = options.clean(value);
  return clean.length > LONGEST_TEXT
    ? `${clean.slice(0, LONGEST_TEXT)}…`
    : clean;
}

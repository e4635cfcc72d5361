/**
 * Converts any value to plain JSON data of bounded size, for a log line: errors
 * with their causes, bigints as text, bytes as a count, cycles and depths cut.
 * It never throws.
 *
 * @module
 */

/** Plain JSON data. */
export type Json = string | number | boolean | null | readonly Json[] | {
  readonly [key: string]: Json;
};

const MAX_DEPTH = 6;
/** More than there are settings, all of which are in the first line. */
const MAX_ITEMS = 200;
const MAX_TEXT = 4_096;

/** How values are serialized. */
interface SerializeOptions {
  /** Replaces what must not be shown in a text. */
  readonly redact: (text: string) => string;
  /** Whether to include the stacks of errors. */
  readonly stacks: boolean;
}

/** Converts a value to plain JSON data. */
export function serialize(value: unknown, options: SerializeOptions, depth = 0): Json {
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
  if (depth >= MAX_DEPTH) return "<too deep>";
  return serializeObject(value as object, options, depth + 1);
}

function serializeObject(value: object, options: SerializeOptions, depth: number): Json {
  if (value instanceof Error) return serializeError(value, options, depth);
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  if (value instanceof Map || value instanceof Set || Array.isArray(value)) {
    const items = [...value].slice(0, MAX_ITEMS);
    return items.map((item) => serialize(item, options, depth));
  }
  try {
    const json = (value as { toJSON?: unknown }).toJSON;
    if (typeof json === "function") {
      return serialize(json.call(value), options, depth);
    }
    const entries = Object.entries(value).slice(0, MAX_ITEMS);
    return Object.fromEntries(
      entries.filter(([, item]) => item !== undefined).map((
        [key, item],
      ) => [text(key, options), serialize(item, options, depth)]),
    );
  } catch {
    return "<unprintable>"; // a getter or a toJSON threw
  }
}

function serializeError(error: Error, options: SerializeOptions, depth: number): Json {
  const code = (error as { code?: unknown }).code;
  return {
    name: text(String(error.name), options),
    message: text(String(error.message), options),
    ...(typeof code === "string" || typeof code === "number"
      ? { code: serialize(code, options) }
      : {}),
    ...(error.cause === undefined ? {} : { cause: serialize(error.cause, options, depth) }),
    ...(error instanceof AggregateError ? { errors: serialize(error.errors, options, depth) } : {}),
    ...(options.stacks && error.stack ? { stack: text(error.stack, options) } : {}),
  };
}

function text(value: string, options: SerializeOptions): string {
  // Redacted before it is cut, or half a secret could remain at the cut.
  const clean = options.redact(value);
  return clean.length > MAX_TEXT ? `${clean.slice(0, MAX_TEXT)}…` : clean;
}

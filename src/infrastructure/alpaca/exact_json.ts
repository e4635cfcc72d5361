/**
 * JSON whose numbers keep every digit.
 *
 * @module
 */

interface Source {
  readonly source: string;
}

const INTEGER = /^-?\d+$/;

/**
 * Like `JSON.parse`, but whole numbers that a double cannot hold become
 * `bigint`. Several times slower: for frames that turned out to need it.
 *
 * @throws SyntaxError
 */
export function parseWithBigInts(text: string): unknown {
  return JSON.parse(text, (_key, value, context?: Source) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const source = context?.source ?? "";
    return INTEGER.test(source) ? BigInt(source) : value;
  });
}

/**
 * Like `JSON.parse`, but every number becomes the text it was written as, for
 * messages whose numbers are money.
 *
 * @throws SyntaxError
 */
export function parseWithNumberText(text: string): unknown {
  return JSON.parse(
    text,
    (_key, value, context?: Source) =>
      typeof value === "number" ? context?.source ?? String(value) : value,
  );
}

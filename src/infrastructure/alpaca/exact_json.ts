/**
 * JSON whose numbers keep every digit.
 *
 * @module
 */

interface Source {
  readonly source: string;
}

/** Integers up to this length; parsing one of megabytes takes seconds. */
const INTEGER = /^-?\d{1,1000}$/;

/**
 * Like `JSON.parse`, but whole numbers of up to 1,000 digits that a double cannot
 * hold become `bigint`. Several times slower: for frames that need it.
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

/**
 * Parses JSON without losing digits of numbers.
 *
 * @module
 */

interface Source {
  readonly source: string;
}

/** An integer of at most 1,000 digits; parsing one of megabytes takes seconds. */
const INTEGER = /^-?\d{1,1000}$/;

/**
 * Like `JSON.parse`, but integers of up to 1,000 digits that a double cannot
 * hold become `bigint`. Several times slower than `JSON.parse`.
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

/** Characters of the longest number of money. */
const MAX_NUMBER_LENGTH = 1_000;
/** Characters from which V8 makes a slice of a part of a string. */
const SLICE_LENGTH = 13;

/**
 * Like `JSON.parse`, but every number becomes its source text, for messages
 * whose numbers are money.
 *
 * @throws SyntaxError
 */
export function parseWithNumberText(text: string): unknown {
  return JSON.parse(
    text,
    (_key, value, context?: Source) =>
      typeof value === "number" ? numberText(context?.source ?? String(value)) : value,
  );
}

/**
 * A copy: the source is a slice that keeps the text of the whole frame. A number
 * that is too long becomes an empty list, which no field accepts.
 */
function numberText(source: string): unknown {
  if (source.length > MAX_NUMBER_LENGTH) return [];
  return source.length < SLICE_LENGTH ? source : ` ${source}`.slice(1);
}

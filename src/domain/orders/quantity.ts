/**
 * Exact arithmetic with quantities and prices, which Alpaca sends as decimal text.
 *
 * @module
 */

/** Decimal places that are kept; Alpaca has at most 9. */
const PLACES = 12;
const ONE = 10n ** BigInt(PLACES);
const DECIMAL = /^(-?)(\d{1,20})(?:\.(\d{1,12})\d{0,20})?$/;

/** A decimal number times 10^12. */
export type Quantity = bigint;

/** Parses decimal text; `undefined` for any other text, 0 for the empty one. */
export function parseQuantity(text: string): Quantity | undefined {
  if (text === "") return 0n;
  const match = DECIMAL.exec(text);
  if (!match) return undefined;
  const [, sign, whole = "0", fraction = ""] = match;
  const value = BigInt(whole) * ONE + BigInt(fraction.padEnd(PLACES, "0"));
  return sign === "-" ? -value : value;
}

/** Returns decimal text without trailing zeros. */
export function quantityText(value: Quantity): string {
  const size = value < 0n ? -value : value;
  const fraction = String(size % ONE).padStart(PLACES, "0").replace(/0+$/, "");
  const text = `${size / ONE}${fraction && `.${fraction}`}`;
  return value < 0n ? `-${text}` : text;
}

/** Multiplies two numbers. */
export function multiply(some: Quantity, other: Quantity): Quantity {
  return some * other / ONE;
}

/** Divides two numbers; `undefined` where the result is not exact. */
export function divide(some: Quantity, other: Quantity): Quantity | undefined {
  if (other === 0n || some * ONE % other !== 0n) return undefined;
  return some * ONE / other;
}

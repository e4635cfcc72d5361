/**
 * Reading the fields of an order request: JSON of unknown shape in, typed
 * values out, one refusal naming the field otherwise. Alpaca takes amounts as
 * text or as numbers; both are read here.
 *
 * @module
 */
import { Decimal, MAX_DECIMAL_PLACES } from "./decimals.ts";
import { invalid, malformed } from "./order_refusal.ts";

/** A JSON object whose fields nobody has looked at yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** The value as a JSON object, or a refusal naming `name`. */
export function objectOf(value: unknown, name: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Fields;
  }
  throw malformed(`${name} must be a JSON object`);
}

/** Text of a field; undefined when absent, null or empty. */
export function optionalText(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw malformed(`${name} must be a string`);
}

/** One of a closed set of words; undefined when absent. */
export function optionalWord<W extends string>(
  fields: Fields,
  name: string,
  words: readonly W[],
): W | undefined {
  const value = optionalText(fields, name);
  if (value === undefined) return undefined;
  const word = words.find((candidate) => candidate === value);
  if (word === undefined) throw invalid(`invalid ${name}: "${value}"`);
  return word;
}

/** One of a closed set of words, which must be there. */
export function requiredWord<W extends string>(
  fields: Fields,
  name: string,
  words: readonly W[],
): W {
  const word = optionalWord(fields, name, words);
  if (word === undefined) throw malformed(`${name} is required`);
  return word;
}

/** A decimal amount of either sign; undefined when absent. */
export function optionalAmount(
  fields: Fields,
  name: string,
): Decimal | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return undefined;
  const text = typeof value === "number" ? String(value) : value;
  if (
    typeof text !== "string" || !/^[+-]?\d+(\.\d*)?$|^[+-]?\.\d+$/.test(text)
  ) {
    throw malformed(`${name} must be a decimal number`);
  }
  const amount = new Decimal(text);
  if (amount.decimalPlaces() > MAX_DECIMAL_PLACES) {
    throw invalid(`${name} must be limited to 9 decimal places`);
  }
  return amount;
}

/** A decimal amount above zero; undefined when absent. */
export function optionalPositive(
  fields: Fields,
  name: string,
): Decimal | undefined {
  const amount = optionalAmount(fields, name);
  if (amount !== undefined && !amount.greaterThan(0)) {
    throw invalid(`${name} must be > 0`);
  }
  return amount;
}

/** A price above zero that respects the sub-penny rule of US equities. */
export function optionalPrice(
  fields: Fields,
  name: string,
): Decimal | undefined {
  const price = optionalPositive(fields, name);
  if (price === undefined) return undefined;
  const allowed = price.greaterThanOrEqualTo(1) ? 2 : 4;
  if (price.decimalPlaces() > allowed) {
    throw invalid(
      `invalid ${name} ${price.toFixed()}. sub-penny increment does not fulfill minimum pricing criteria`,
    );
  }
  return price;
}

/** A boolean; false when absent. */
export function flag(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (value === undefined || value === null) return false;
  if (typeof value === "boolean") return value;
  throw malformed(`${name} must be a boolean`);
}

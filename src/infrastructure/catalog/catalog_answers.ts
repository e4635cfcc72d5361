/**
 * What the bodies of Alpaca's REST answers say. An entry that cannot be read
 * costs that entry; a body of another shape is no answer at all.
 *
 * @module
 */
import { CatalogUnavailable } from "../../application/ports/option_catalog.ts";
import type { OptionContract } from "../../domain/options/contract.ts";
import { dayOfDate } from "../../domain/options/exchange_day.ts";

/** Characters of a symbol, an underlying or a root; OCC symbols have 21. */
const MAX_NAME_LENGTH = 64;

type Fields = Readonly<Record<string, unknown>>;

/** @throws CatalogUnavailable when the body has no such list */
export function listOf(body: unknown, name: string): readonly unknown[] {
  const value = fieldsOf(body)[name];
  // An empty list may be written as null.
  if (value === null) return [];
  if (!Array.isArray(value)) throw unexpected(name);
  return value;
}

/** @throws CatalogUnavailable when the body has no such map */
export function mapOf(body: unknown, name: string): Fields {
  const value = fieldsOf(body)[name];
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw unexpected(name);
  return fieldsOf(value);
}

/** A contract; `undefined` when it lacks what a selection needs. */
export function readContract(item: unknown): OptionContract | undefined {
  const fields = fieldsOf(item);
  const { symbol, underlying_symbol: underlying, root_symbol: root } = fields;
  if (!isName(symbol) || !isName(underlying) || !isName(root)) return undefined;
  const expiryDay = dayOfDate(textOf(fields.expiration_date));
  const strike = Number(textOf(fields.strike_price) || NaN);
  if (expiryDay === undefined) return undefined;
  if (!(strike > 0) || !Number.isFinite(strike)) return undefined;
  const right = fields.type;
  if (right !== "call" && right !== "put") return undefined;
  const interest = Number(textOf(fields.open_interest));
  const openInterest = interest > 0 && interest < Infinity ? interest : 0;
  return { symbol, underlying, root, expiryDay, right, strike, openInterest };
}

/** Middle of a snapshot's quote, USD; `undefined` unless both sides bid. */
export function readMid(item: unknown): number | undefined {
  const { bp, ap } = fieldsOf(fieldsOf(item).latestQuote);
  if (typeof bp !== "number" || typeof ap !== "number") return undefined;
  return bp > 0 && ap >= bp ? (bp + ap) / 2 : undefined;
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_NAME_LENGTH;
}

/** Text of text or a number; of anything else none: converting it can throw. */
function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number"
    ? String(value)
    : "";
}

/** The fields of a map; none of anything else. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? value as Fields : {};
}

function unexpected(name: string): CatalogUnavailable {
  return new CatalogUnavailable(
    `the answer has no "${name}": check the address of the API`,
  );
}

/**
 * What the bodies of Alpaca's REST answers say. An entry that cannot be read
 * costs that entry; a body of another shape is no answer at all.
 *
 * @module
 */
import { CatalogUnavailable } from "../../application/ports/option_catalog.ts";
import type { OptionContract } from "../../domain/options/contract.ts";
import { dayOfDate } from "../../domain/options/exchange_day.ts";

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
  if (typeof symbol !== "string" || typeof underlying !== "string") {
    return undefined;
  }
  const expiryDay = dayOfDate(String(fields.expiration_date));
  const strike = Number(fields.strike_price ?? NaN);
  if (typeof root !== "string" || expiryDay === undefined) return undefined;
  if (!(strike > 0) || !Number.isFinite(strike)) return undefined;
  const right = fields.type;
  if (right !== "call" && right !== "put") return undefined;
  const interest = Number(fields.open_interest ?? 0);
  const openInterest = interest > 0 && interest < Infinity ? interest : 0;
  return { symbol, underlying, root, expiryDay, right, strike, openInterest };
}

/** Middle of a snapshot's quote, USD; `undefined` unless both sides bid. */
export function readMid(item: unknown): number | undefined {
  const { bp, ap } = fieldsOf(fieldsOf(item).latestQuote);
  if (typeof bp !== "number" || typeof ap !== "number") return undefined;
  return bp > 0 && ap >= bp ? (bp + ap) / 2 : undefined;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? value as Fields : {};
}

function unexpected(name: string): CatalogUnavailable {
  return new CatalogUnavailable(
    `the answer has no "${name}": check the address of the API`,
  );
}

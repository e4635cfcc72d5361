/**
 * Messages of the streams and the types of their fields, from Alpaca's tables
 * for stocks and options. The MessagePack encoder needs the types: a price is a
 * float64 even when it is a whole number, and `t` is a timestamp extension.
 *
 * @module
 */
import type { Timestamp } from "./timestamp.ts";

/** A value that the encoders can write. */
export type Encodable =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | Timestamp
  | readonly Encodable[]
  | { readonly [key: string]: Encodable };

/**
 * One message of a market-data stream, generated or sent by a test. `t` is a
 * `Timestamp` or RFC 3339 text; ids beyond 2^53 are bigints.
 */
export interface Message {
  /** Message type: `t`, `q`, `b`, `u`, `d`, `c`, `x`, `l`, `s`, `i` or any. */
  readonly T: string;
  /** The symbol. */
  readonly S: string;
  /** Any other field of Alpaca's tables, or any unknown one. */
  readonly [key: string]: Encodable;
}

const PRICES: Readonly<Record<string, readonly string[]>> = {
  t: ["p"],
  q: ["bp", "ap"],
  b: ["o", "h", "l", "c", "vw"],
  u: ["o", "h", "l", "c", "vw"],
  d: ["o", "h", "l", "c", "vw"],
  c: ["op", "cp"],
  x: ["p"],
  l: ["u", "d"],
  i: ["p"],
};

const PRICE_KEYS = new Map(
  Object.entries(PRICES).map(([type, keys]) => [type, new Set(keys)]),
);
const NO_PRICES: ReadonlySet<string> = new Set();

/** Keys of a message type whose numbers are always float64. */
export function priceKeys(type: string): ReadonlySet<string> {
  return PRICE_KEYS.get(type) ?? NO_PRICES;
}

/** Keys that hold a timestamp, as RFC 3339 text or as a `Timestamp`. */
export const TIME_KEYS: ReadonlySet<string> = new Set([
  "t",
  "r",
  "created_at",
  "updated_at",
]);

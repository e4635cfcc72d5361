/**
 * What the fields of a message element are, from Alpaca's tables for stocks
 * and options. The MessagePack encoder needs this: a price is a float64 even
 * when it is a whole number, `t` is an extension, everything else speaks for
 * itself.
 *
 * @module
 */
import type { Instant } from "./instant.ts";

/** Anything the encoders can write; an Instant stands for a timestamp. */
export type Encodable =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | Instant
  | readonly Encodable[]
  | { readonly [key: string]: Encodable };

/** An element of a stream, ready to be encoded. `T` is its first key. */
export interface Element {
  readonly T: string;
  readonly S?: string;
  readonly [key: string]: Encodable | undefined;
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

/** Keys that hold a point in time, as RFC 3339 text or as an Instant. */
export const TIME_KEYS: ReadonlySet<string> = new Set([
  "t",
  "r",
  "created_at",
  "updated_at",
]);

/** An element to send by hand: `T` and `S`, `t` as RFC 3339 text. */
export interface HandMadeElement {
  readonly T: string;
  readonly S: string;
  readonly [key: string]: Encodable;
}

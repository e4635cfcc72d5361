/**
 * Messages of the streams and the types of their fields, from Alpaca's tables
 * for stocks, options, crypto and news. The MessagePack encoder needs the types: a price is a
 * float64 even when it is a whole number, and `t` is a timestamp extension.
 *
 * @module
 */
import type { StreamKind } from "./endpoints.ts";
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
  /** Message type: `t`, `q`, `b`, `u`, `d`, `c`, `x`, `l`, `s`, `i`, `o` or any. */
  readonly T: string;
  /** The symbol. */
  readonly S: string;
  /** Any other field of Alpaca's tables, or any unknown one. */
  readonly [key: string]: Encodable;
}

/** One message of the news stream: an article, or its latest version. */
export interface NewsArticle {
  /** Message type. */
  readonly T: "n";
  /** Symbols that the article is about; may be empty. Crypto pairs have no slash. */
  readonly symbols: readonly string[];
  /** An article has no single symbol. */
  readonly S?: never;
  /** Any other field of Alpaca's table, or any unknown one. */
  readonly [key: string]: Encodable;
}

/** A message of any market-data or news stream. */
export type StreamMessage = Message | NewsArticle;

/** The symbols whose subscribers receive a message. */
export function symbolsOf(message: StreamMessage): readonly string[] {
  return message.S === undefined ? message.symbols as readonly string[] : [message.S];
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

/** Crypto: sizes and volumes are float64 as well. */
const CRYPTO_NUMBERS: Readonly<Record<string, readonly string[]>> = {
  t: ["p", "s"],
  q: ["bp", "bs", "ap", "as"],
  b: ["o", "h", "l", "c", "v", "vw"],
  u: ["o", "h", "l", "c", "v", "vw"],
  d: ["o", "h", "l", "c", "v", "vw"],
  o: ["p", "s"],
};

const keySets = (table: Readonly<Record<string, readonly string[]>>) =>
  new Map(Object.entries(table).map(([type, keys]) => [type, new Set(keys)]));

const PRICE_KEYS = keySets(PRICES);
const CRYPTO_KEYS = keySets(CRYPTO_NUMBERS);
const NO_KEYS: ReadonlySet<string> = new Set();

/** Keys of a message type whose numbers are always float64, also in its lists of objects. */
export function floatKeys(type: string, kind: StreamKind): ReadonlySet<string> {
  return (kind === "crypto" ? CRYPTO_KEYS : PRICE_KEYS).get(type) ?? NO_KEYS;
}

/** Keys that hold a timestamp, as RFC 3339 text or as a `Timestamp`. */
export const TIME_KEYS: ReadonlySet<string> = new Set([
  "t",
  "r",
  "created_at",
  "updated_at",
]);

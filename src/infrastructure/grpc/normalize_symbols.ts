/**
 * Normalizes symbols of requests to the format that Alpaca uses.
 *
 * Every function takes a trimmed entry and is idempotent. An entry in an unknown
 * format is returned in upper case.
 *
 * @module
 */
import { usualUnderlying } from "../../domain/options/underlying_directory.ts";

const OPTION_PREFIX = /^O:/;
/** Root padded to six characters, then date, right and strike. */
const PADDED_OCC = /^([A-Z0-9]+) +(\d{6}[CP]\d{8})$/;
/** A ticker and the one letter of its class: `BRK/B`, `BRK-B`, `BRK B`. */
const CLASS_SHARE = /^([A-Z]{1,5})[/ -]([A-Z])$/;

/** Normalizes one trimmed entry. */
export type Normalize = (entry: string) => string;

/** Keeps an entry unchanged, for example an order id. */
export const identity: Normalize = (entry) => entry;

/**
 * Normalizes a stock ticker. Alpaca writes a share class with a dot (`BRK.B`);
 * other vendors write a slash, a dash or a space. Longer suffixes (`BTC/USD`,
 * `PSA-PH`) are not share classes and are kept.
 */
export const normalizeStock: Normalize = (entry) =>
  entry.toUpperCase().replace(CLASS_SHARE, "$1.$2");

/**
 * Normalizes the underlying of options: a ticker, with or without the prefix of
 * options. An option root (`SPXW`, `BRKB`, `CSGP1`) resolves to its underlying.
 */
export const normalizeUnderlying: Normalize = (entry) =>
  usualUnderlying(normalizeStock(entry.toUpperCase().replace(OPTION_PREFIX, "")));

/**
 * Normalizes an OCC symbol: removes the `O:` prefix and the padding of the root.
 * Other symbols, including crypto pairs, are kept in upper case.
 */
export const normalizeOption: Normalize = (entry) =>
  entry.toUpperCase().replace(OPTION_PREFIX, "").replace(PADDED_OCC, "$1$2");

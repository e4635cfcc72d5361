/**
 * Normalizes symbols of requests to the format that Alpaca uses, and finds those of which a stream
 * can never receive anything.
 *
 * Normalizing takes a trimmed entry and is idempotent. An entry in an unknown format is returned in
 * upper case. Only what is certain is refused: Alpaca decides whether a name is a symbol.
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
 * Normalizes a stock ticker. Alpaca writes a share class with a dot (`BRK.B`); other vendors write
 * a slash, a dash or a space. Longer suffixes (`BTC/USD`, `PSA-PH`) are not share classes and are
 * kept.
 */
export const normalizeStock: Normalize = (entry) =>
  entry.toUpperCase().replace(CLASS_SHARE, "$1.$2");

/**
 * Normalizes the underlying of options: a ticker, with or without the prefix of options. An option
 * root (`SPXW`, `BRKB`, `CSGP1`) resolves to its underlying.
 */
export const normalizeUnderlying: Normalize = (entry) =>
  usualUnderlying(normalizeStock(entry.toUpperCase().replace(OPTION_PREFIX, "")));

/**
 * Normalizes an OCC symbol: removes the `O:` prefix and the padding of the root. Other symbols,
 * including crypto pairs, are kept in upper case.
 */
export const normalizeOption: Normalize = (entry) =>
  entry.toUpperCase().replace(OPTION_PREFIX, "").replace(PADDED_OCC, "$1$2");

/** Normalizes the symbol of an order: a contract, a stock, or a crypto pair (keeps its slash). */
export const normalizeOrder: Normalize = (entry) => normalizeStock(normalizeOption(entry));

/** Describes why a stream never receives a normalized symbol; undefined when it may. */
export type CheckSymbol = (symbol: string) => string | undefined;

/** Any OCC symbol: a root, a date, the right, and the strike × 1000 in eight digits. */
const CONTRACT = /^[A-Z0-9]{1,6}\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])[CP]\d{8}$/;
const TICKER = /^[A-Z]{1,5}(\.[A-Z]{1,3})?$/;
/** A coin and one of the currencies in which Alpaca quotes coins. */
const CRYPTO_PAIR = /^[A-Z0-9]{2,10}\/(USD|USDC|USDT|BTC)$/;

/** Refuses contracts and crypto pairs on a stock stream. */
export const checkStock: CheckSymbol = (symbol) => {
  if (CONTRACT.test(normalizeOption(symbol))) {
    return "is an option contract; use StreamOptionQuotes or StreamOptionTrades";
  }
  return CRYPTO_PAIR.test(symbol) ? "is a crypto pair; only stocks are streamed here" : undefined;
};

/** Refuses everything but contracts on an option stream. */
export const checkOption: CheckSymbol = (symbol) => {
  if (CONTRACT.test(symbol)) return undefined;
  return TICKER.test(symbol)
    ? "is not a contract such as AAPL270115C00250000; for the contracts of a stock, set underlyings"
    : "is not a contract such as AAPL270115C00250000: root, expiration (YYMMDD), C or P, and the " +
      "strike × 1000 in eight digits";
};

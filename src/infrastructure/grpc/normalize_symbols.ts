/**
 * Normalizes symbols of requests to the format that Alpaca uses, and finds those of which a stream
 * can never receive anything.
 *
 * Normalizing takes a trimmed entry and is idempotent. An entry in an unknown format is returned in
 * upper case. Only what is certain is refused: Alpaca decides whether a name is a symbol.
 *
 * @module
 */
import { dateOfDay, exchangeDay, instantAt } from "../../domain/calendar/exchange_time.ts";
import type { MarketCalendar } from "../../domain/calendar/market_calendar.ts";
import { parseOccSymbol } from "../../domain/market/occ_symbol.ts";
import { lastTradingMoment } from "../../domain/options/last_trading.ts";
import { certainUnderlying, usualUnderlying } from "../../domain/options/underlying_directory.ts";

const MS_PER_MINUTE = 60_000;
const OPTION_PREFIX = /^O:/;
/** Root padded to six characters, then date, right and strike; a dot is refused later. */
const PADDED_OCC = /^([A-Z0-9.]+) +(\d{6}[CP]\d{8})$/;
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

/** Normalizes the root of OCC symbols. */
export const normalizeRoot: Normalize = (entry) => entry.toUpperCase().replace(OPTION_PREFIX, "");

/** Normalizes the symbol of an order: a contract, a stock, or a crypto pair (keeps its slash). */
export const normalizeOrder: Normalize = (entry) => normalizeStock(normalizeOption(entry));

/** A pair with another separator than a slash, or without one. */
const LOOSE_PAIR = /^([A-Z0-9]{2,10}?)[-_ ]?(USDC|USDT|USD|BTC)$/;

/** Normalizes a crypto pair to the form with a slash: `BTC/USD`. */
export const normalizePair: Normalize = (entry) => entry.toUpperCase().replace(LOOSE_PAIR, "$1/$2");

/** Normalizes the symbol of articles: a ticker, or a crypto pair without its slash. */
export const normalizeNews: Normalize = (entry) => {
  const symbol = normalizeStock(entry);
  return CRYPTO_PAIR.test(symbol) ? symbol.replace("/", "") : symbol;
};

/** Describes why a stream never receives a normalized symbol; undefined when it may. */
export type CheckSymbol = (symbol: string) => string | undefined;

/** The shape of an OCC symbol, with any date and strike. */
const CONTRACT = /^[A-Z0-9]{1,6}\d{6}[CP]\d{8}$/;
/** A contract with a wrong number of digits or another letter; no other symbol has this shape. */
const ALMOST_CONTRACT = /^[A-Z]{1,6}\d{4,8}[A-Z]\d{6,}$/;
/** A contract whose root is written like a class share: `BRK.B270115C00400000`. */
const DOTTED_CONTRACT = /^([A-Z]{1,5})\.([A-Z]{1,2}\d?)(\d{6}[CP]\d{8})$/;
const TICKER = /^[A-Z]{1,5}(\.[A-Z]{1,2})?$/;
/** A ticker or root with the suffix of a share class. */
const CLASS_SUFFIX = /^([A-Z]{1,6})\.[A-Z]{1,2}$/;
/** A ticker as other vendors mark an index, a wildcard or a whole chain. */
const MARKED_TICKER = /^(?:[$^]|I:)?([A-Z]{1,6})(?:\*|\.[A-Z]{3,}|\.\*)?$/;
/** A coin and one of the currencies in which Alpaca quotes coins. */
const CRYPTO_PAIR = /^[A-Z0-9]{2,10}\/(USD|USDC|USDT|BTC)$/;

/** Refuses contracts and crypto pairs on a stock stream. */
export const checkStock: CheckSymbol = (symbol) => {
  if (isContract(normalizeOption(symbol))) {
    return "is an option contract; use StreamOptionQuotes or StreamOptionTrades";
  }
  return CRYPTO_PAIR.test(symbol) ? "is a crypto pair; only stocks are streamed here" : undefined;
};

/** What a crypto pair consists of. */
const ANY_PAIR = /^[A-Z0-9]{1,20}\/[A-Z0-9]{1,20}$/;

/** Refuses everything but pairs on a crypto stream. */
export const checkPair: CheckSymbol = (symbol) =>
  ANY_PAIR.test(symbol) ? undefined : "is not a crypto pair such as BTC/USD";

/** Refuses contracts on the news stream. */
export const checkNews: CheckSymbol = (symbol) =>
  isContract(normalizeOption(symbol))
    ? "is an option contract; articles are about stocks and crypto pairs"
    : undefined;

const MALFORMED =
  "is not a contract such as AAPL270115C00250000: root, expiration (YYMMDD), C or P, " +
  "and the strike × 1000 in eight digits";

/** Refuses everything but contracts on an option stream. */
export const checkOption: CheckSymbol = (symbol) =>
  parseOccSymbol(symbol) ? undefined : malformed(symbol);

/**
 * Refuses contracts that do not trade any more.
 *
 * @param now the time in ms
 */
export function checkExpiry(now: number, calendar: MarketCalendar): CheckSymbol {
  const today = exchangeDay(now);
  return (symbol) => {
    const contract = parseOccSymbol(symbol);
    if (contract === undefined) return undefined;
    const { root, expiry } = contract;
    if (expiry < today) return `expired on ${dateOfDay(expiry)}; leave it out`;
    const terms = { root, underlying: usualUnderlying(root), expiryDay: expiry };
    const last = lastTradingMoment(terms, calendar);
    if (now < last) return undefined;
    const day = exchangeDay(last);
    const minutes = (last - instantAt(day, 0)) / MS_PER_MINUTE;
    const time = `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
    return `has not traded since ${time} in New York on ${dateOfDay(day)}; leave it out`;
  };
}

function malformed(symbol: string): string {
  if (CONTRACT.test(symbol)) {
    return "has a date that does not exist or a strike of 0; check the contract's expiration " +
      "(YYMMDD) and strike × 1000";
  }
  const [dotted, root, letter, rest] = DOTTED_CONTRACT.exec(symbol) ?? [];
  if (dotted !== undefined) return `has a dot in its root; use ${root}${letter}${rest}`;
  const ticker = indexOf(symbol) ?? (TICKER.test(symbol) ? symbol : undefined) ??
    MARKED_TICKER.exec(symbol)?.[1];
  if (ticker === undefined) return MALFORMED;
  return "is not a contract such as AAPL270115C00250000; " +
    `for those of ${ticker}, set underlyings to it`;
}

/** What an underlying consists of; no symbol of Alpaca's contracts has other characters. */
const UNDERLYING = /^[A-Z0-9]+(\.[A-Z]{1,2})?$/;

/** Refuses contracts, crypto pairs, and the marks of other vendors, as underlyings. */
export const checkUnderlying: CheckSymbol = (symbol) => {
  if (isContract(symbol)) return "is an option contract; set it in symbols";
  if (symbol.includes("/")) return "contains a slash; underlyings are stocks such as BRK.B";
  const index = indexOf(symbol);
  if (index !== undefined) {
    const root = symbol.replace(".", "");
    const series = certainUnderlying(root) === index ? ` (its root ${root} is set in roots)` : "";
    return `is not an underlying: an index has no share classes; use ${index}${series}`;
  }
  if (UNDERLYING.test(symbol)) return undefined;
  const ticker = MARKED_TICKER.exec(symbol)?.[1];
  return ticker === undefined
    ? "is not an underlying; use its ticker alone, such as SPY, SPX or BRK.B"
    : `is not an underlying; use the ticker alone, ${ticker}`;
};

/** The index that a symbol with a suffix means, as of a class share: `SPX.W`, `SPX.X`. */
function indexOf(symbol: string): string | undefined {
  const [, ticker = ""] = CLASS_SUFFIX.exec(symbol) ?? [];
  const underlying = certainUnderlying(ticker);
  return underlying?.includes(".") ? undefined : underlying;
}

/** Refuses malformed contracts on the order stream, which reports expired ones too. */
export const checkOrder: CheckSymbol = (symbol) => {
  const hasShape = isContract(symbol) || ALMOST_CONTRACT.test(symbol);
  return hasShape && !parseOccSymbol(symbol) ? malformed(symbol) : undefined;
};

/** Whether a symbol has the shape of a contract, also with a dot in its root. */
function isContract(symbol: string): boolean {
  return CONTRACT.test(symbol) || DOTTED_CONTRACT.test(symbol);
}

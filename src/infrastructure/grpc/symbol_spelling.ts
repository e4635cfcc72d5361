/**
 * How clients spell symbols, and how Alpaca does.
 *
 * Every function takes a trimmed entry of a request and gives Alpaca's
 * spelling of it; what it does not know stays as it is, in capitals. Giving
 * the result again changes nothing.
 *
 * @module
 */
import { usualUnderlying } from "../../domain/options/underlying_directory.ts";

const OPTION_PREFIX = /^O:/;
/** Root padded to six characters, then date, right and strike. */
const PADDED_OCC = /^([A-Z0-9]+) +(\d{6}[CP]\d{8})$/;
/** A ticker and the one letter of its class: `BRK/B`, `BRK-B`, `BRK B`. */
const CLASS_SHARE = /^([A-Z]{1,5})[/ -]([A-Z])$/;

/** Turns a trimmed entry into what it is matched by. */
export type Spelling = (entry: string) => string;

/** For what has a spelling of its own, like order ids. */
export const asIs: Spelling = (entry) => entry;

/**
 * For tickers of stocks: a class share is a ticker, a dot and one letter
 * (`BRK.B`), and the same with a slash, a dash or a space means that, because
 * those are how other vendors write it and Alpaca writes nothing else so.
 * Longer suffixes (`BTC/USD`, `PSA-PH`) are not classes and stay.
 */
export const stockSymbol: Spelling = (entry) =>
  entry.toUpperCase().replace(CLASS_SHARE, "$1.$2");

/**
 * For the underlyings of options: tickers, also with the options' prefix. Who
 * names a root (`SPXW`, `BRKB`, `CSGP1`) means what it is written on.
 */
export const underlyingSymbol: Spelling = (entry) =>
  usualUnderlying(
    stockSymbol(entry.toUpperCase().replace(OPTION_PREFIX, "")),
  );

/**
 * For OCC symbols: without the `O:` prefix and the padding of the root. Other
 * symbols, crypto pairs included, stay as they are.
 */
export const optionSymbol: Spelling = (entry) =>
  entry.toUpperCase().replace(OPTION_PREFIX, "").replace(PADDED_OCC, "$1$2");

/**
 * Parses OCC option symbols, from the right.
 *
 * `ROOT` (1 to 6 characters) + `YYMMDD` + `C` or `P` + strike × 1000 in eight digits. Adjusted
 * contracts have a digit in the root (`CSGP1251017P…`), FLEX contracts begin with one (`1SPX…`), so
 * only the fixed width of the rest determines where the root ends.
 *
 * @module
 */
import { dayOfExpiration } from "../calendar/exchange_time.ts";

/** Length of date, right and strike. */
const TAIL = 15;

const COMPACT = /^([A-Z0-9]{1,6})(\d{6})([CP])(\d{8})$/;

/** The parts of an option symbol. */
interface OccSymbol {
  readonly root: string;
  /** The day of the expiration, in days since 1970-01-01. */
  readonly expiry: number;
  readonly right: "C" | "P";
  /** USD × 1000, above 0. */
  readonly strikeMills: number;
}

/**
 * Parses a compact OCC symbol; `undefined` when it is invalid, also when its date does not exist or
 * its strike is 0.
 */
export function parseOccSymbol(symbol: string): OccSymbol | undefined {
  const match = COMPACT.exec(symbol);
  if (match === null) return undefined;
  const [, root = "", expiration = "", right, strike = ""] = match;
  const expiry = dayOfExpiration(expiration);
  const strikeMills = Number(strike);
  if (expiry === undefined || strikeMills === 0) return undefined;
  return { root, expiry, right: right === "C" ? "C" : "P", strikeMills };
}

/**
 * Returns the root of a compact OCC symbol without validating the rest, for symbols received from
 * Alpaca; `""` when the text is too short.
 */
export function occRoot(symbol: string): string {
  return symbol.length > TAIL ? symbol.slice(0, -TAIL) : "";
}

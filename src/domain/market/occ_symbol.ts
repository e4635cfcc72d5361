/**
 * Parses OCC option symbols, from the right.
 *
 * `ROOT` (1 to 6 characters) + `YYMMDD` + `C` or `P` + strike × 1000 in eight digits. Adjusted
 * contracts have a digit in the root (`CSGP1251017P…`), so only the fixed width of the rest
 * determines where the root ends.
 *
 * @module
 */

/** Length of date, right and strike. */
const TAIL = 15;

const COMPACT = /^([A-Z]{1,5}[0-9]?|[A-Z]{1,6})(\d{6})([CP])(\d{8})$/;

/** The parts of an option symbol. */
interface OccSymbol {
  readonly root: string;
  /** `YYMMDD`. */
  readonly expiration: string;
  readonly right: "C" | "P";
  /** USD × 1000. */
  readonly strikeMills: number;
}

/** Parses a compact OCC symbol; `undefined` when it is invalid. */
export function parseOccSymbol(symbol: string): OccSymbol | undefined {
  const match = COMPACT.exec(symbol);
  if (match === null) return undefined;
  const [, root = "", expiration = "", right, strike = ""] = match;
  return {
    root,
    expiration,
    right: right === "C" ? "C" : "P",
    strikeMills: Number(strike),
  };
}

/**
 * Returns the root of a compact OCC symbol without validating the rest, for symbols received from
 * Alpaca; `""` when the text is too short.
 */
export function occRoot(symbol: string): string {
  return symbol.length > TAIL ? symbol.slice(0, -TAIL) : "";
}

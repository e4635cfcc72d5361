/**
 * OCC option symbols, parsed from the right.
 *
 * `ROOT` (1 to 6 characters) + `YYMMDD` + `C` or `P` + strike × 1000 in eight
 * digits. Adjusted contracts carry a digit in the root (`CSGP1251017P…`), so
 * only the fixed-width tail can be trusted to find where the root ends.
 *
 * @module
 */

/** Length of what follows the root: date, right and strike. */
const TAIL = 15;

const COMPACT = /^([A-Z]{1,5}[0-9]?|[A-Z]{1,6})(\d{6})([CP])(\d{8})$/;

/** What an option symbol says. */
export interface OccSymbol {
  readonly root: string;
  /** `YYMMDD`. */
  readonly expiration: string;
  readonly right: "C" | "P";
  /** USD × 1000. */
  readonly strikeMills: number;
}

/** Reads a compact OCC symbol; `undefined` when it is not one. */
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
 * The root of a compact OCC symbol without checking the rest: the cheap form
 * for symbols that upstream sent. Text too short to have a root gives `""`.
 */
export function occRoot(symbol: string): string {
  return symbol.length > TAIL ? symbol.slice(0, -TAIL) : "";
}

/**
 * Compact OCC symbols of option contracts.
 *
 * @module
 */

/** The terms of a contract, as in a compact OCC symbol. */
export interface OptionTerms {
  /** OCC root, up to six characters. */
  readonly root: string;
  /** Expiration day as `YYYY-MM-DD`. */
  readonly expiration: string;
  /** Whether the contract is a call or a put. */
  readonly type: "call" | "put";
  /** Strike price in dollars. */
  readonly strike: number;
}

const OCC = /^([A-Z]{1,5}[0-9]?|[A-Z]{1,6})(\d{2})(\d{2})(\d{2})([CP])(\d{8})$/;

/** Formats a compact OCC symbol: root, YYMMDD, C or P, strike × 1000. */
export function formatOptionSymbol(terms: OptionTerms): string {
  const day = terms.expiration.slice(2).replaceAll("-", "");
  const type = terms.type === "call" ? "C" : "P";
  const strike = String(Math.round(terms.strike * 1000)).padStart(8, "0");
  return `${terms.root}${day}${type}${strike}`;
}

/** Parses a compact OCC symbol; undefined for other text. */
export function parseOptionSymbol(symbol: string): OptionTerms | undefined {
  const parts = OCC.exec(symbol);
  if (!parts) return undefined;
  const [, root = "", year, month, day, type, strike] = parts;
  return {
    root,
    expiration: `20${year}-${month}-${day}`,
    type: type === "C" ? "call" : "put",
    strike: Number(strike) / 1000,
  };
}

/** Whether text is a well-formed compact OCC symbol. */
export function isOptionSymbol(symbol: string): boolean {
  return OCC.test(symbol);
}

/** What a compact OCC symbol says. */
export interface OptionTerms {
  readonly root: string;
  /** `YYYY-MM-DD`. */
  readonly expiration: string;
  readonly type: "call" | "put";
  /** Dollars. */
  readonly strike: number;
}

const OCC = /^([A-Z]{1,5}[0-9]?|[A-Z]{1,6})(\d{2})(\d{2})(\d{2})([CP])(\d{8})$/;

/** Writes a compact OCC symbol: root, YYMMDD, C or P, strike × 1000. */
export function formatOptionSymbol(terms: OptionTerms): string {
  const day = terms.expiration.slice(2).replaceAll("-", "");
  const type = terms.type === "call" ? "C" : "P";
  const strike = String(Math.round(terms.strike * 1000)).padStart(8, "0");
  return `${terms.root}${day}${type}${strike}`;
}

/** Reads a compact OCC symbol; undefined when it is not one. */
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

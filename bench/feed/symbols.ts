/**
 * Names of the instruments of a bench, all of one length, so that the offset of the
 * timestamp in an encoded message is constant.
 *
 * @module
 */

const LETTERS = 26;
const CODE_A = 65;

/** Stock symbol number `index`: `AAAA`, `AAAB`, … (456 976 of them). */
export function stockSymbol(index: number): string {
  let rest = index;
  let text = "";
  for (let i = 0; i < 4; i++) {
    text = String.fromCharCode(CODE_A + rest % LETTERS) + text;
    rest = Math.floor(rest / LETTERS);
  }
  return text;
}

/** OCC symbol number `index`: calls of one underlying at rising strikes. */
export function optionSymbol(index: number): string {
  return `SPY991218C${String(100_000 + index * 500).padStart(8, "0")}`;
}

/** Symbols without quotes. */
export function quietSymbol(index: number): string {
  return `Z${stockSymbol(index)}`;
}

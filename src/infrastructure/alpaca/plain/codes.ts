/**
 * The words of a feed: keys, symbols, codes, and lists of codes.
 *
 * @module
 */
import { WordTable } from "./word_table.ts";

/** Room for 32 768 symbols: all of a market's stocks, or many option chains. */
const SYMBOL_BITS = 15;
/** Room for 1 024 codes or lists of them. */
const CODE_BITS = 10;

/** What a list of codes is that is not there. */
export const NO_CODES: readonly string[] = [];

/** A table of symbols; an empty one is left to the general decoder. */
export function symbolTable(): WordTable<string> {
  return new WordTable((symbol) => symbol || undefined, SYMBOL_BITS);
}

/** A table of codes: exchanges, tapes, conditions. */
export function codeTable(): WordTable<string> {
  return new WordTable((code) => code, CODE_BITS);
}

/** A table of lists of codes by their JSON text; the lists are shared. */
export function codeListTable(): WordTable<readonly string[]> {
  return new WordTable(readCodes, CODE_BITS);
}

function readCodes(text: string): readonly string[] | undefined {
  try {
    const codes: unknown[] = JSON.parse(text);
    return codes.every((code) => typeof code === "string") ? codes : undefined;
  } catch {
    // Cut short by a bracket within a code: the general decoder reads it.
    return undefined;
  }
}

/** A key of one or two letters as the number that cursors read it as. */
export function keyOf(key: string): number {
  return key.length === 1
    ? key.charCodeAt(0)
    : (key.charCodeAt(0) << 8) | key.charCodeAt(1);
}

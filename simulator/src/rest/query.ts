/**
 * Typed reading of query parameters; each bad value is a 400 that names the
 * parameter and what it takes.
 *
 * @module
 */
import { Decimal } from "../trading/decimals.ts";
import { parseInstant } from "../trading/timestamps.ts";
import { badParameter } from "./rest_error.ts";

/** The query parameters of one request. */
export class Query {
  readonly #params: URLSearchParams;

  /** Reads from the parameters of a URL. */
  constructor(params: URLSearchParams) {
    this.#params = params;
  }

  /** The text as given; undefined when absent or empty. */
  text(name: string): string | undefined {
    return this.#params.get(name) || undefined;
  }

  /** A comma list in upper case, as Alpaca's symbol lists; empty when absent. */
  symbols(name: string, { max = Infinity }: { max?: number } = {}): string[] {
    const symbols = (this.text(name) ?? "").split(",")
      .map((symbol) => symbol.trim().toUpperCase())
      .filter((symbol) => symbol !== "");
    if (symbols.length > max) {
      throw badParameter(name, `at most ${max} symbols are allowed`);
    }
    const bad = symbols.find((symbol) => !/^[A-Z0-9./]{1,21}$/.test(symbol));
    if (bad !== undefined) throw badParameter("symbol", bad);
    return [...new Set(symbols)];
  }

  /** A comma list that has to be there. */
  requiredSymbols(name: string, options: { max?: number } = {}): string[] {
    const symbols = this.symbols(name, options);
    if (symbols.length === 0) throw badParameter(name, "it is required");
    return symbols;
  }

  /** One of a closed set of words. */
  word<W extends string>(name: string, words: readonly W[]): W | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) {
      throw badParameter(name, `it must be one of ${words.join(", ")}`);
    }
    return word;
  }

  /** `true` or `false`; false when absent. */
  flag(name: string): boolean {
    return this.word(name, ["true", "false"]) === "true";
  }

  /** A whole number from 1 to `max`. */
  count(name: string, { fallback, max }: { fallback: number; max: number }) {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1 || value > max) {
      throw badParameter(name, `it must be a whole number from 1 to ${max}`);
    }
    return value;
  }

  /** A day as `YYYY-MM-DD`. */
  day(name: string): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^\d{4}-\d{2}-\d{2}$/.test(text) && parseInstant(text) !== undefined) {
      return text;
    }
    throw badParameter(name, "it must be a day as YYYY-MM-DD");
  }

  /** Nanoseconds since the epoch, from RFC 3339 text or a day. */
  instant(name: string): bigint | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const instant = parseInstant(text.replace(" ", "+")); // an unescaped offset
    if (instant !== undefined) return instant;
    throw badParameter(name, "it must be an RFC 3339 time or a day");
  }

  /** A decimal amount. */
  amount(name: string): Decimal | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^\d+(\.\d+)?$/.test(text)) return new Decimal(text);
    throw badParameter(name, "it must be a decimal number");
  }
}
